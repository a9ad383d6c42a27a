"""Chat templates that a user gives with `--chat-template`: two that are well known, or one in a file.

What is given takes the place of the tokenizer's own, in training, in asking and in what is saved.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from laptime.errors import UserError, suggest
from laptime.util.text_files import check_regular, read_text

_CHATML = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
_LLAMA3 = (
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{- message['content'] | trim + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)
BUILT_IN = {"chatml": _CHATML, "llama3": _LLAMA3}
BEGIN = "{{- bos_token }}"  # before a built-in one, where the tokenizer puts it before every text
MOST_BYTES = 1_000_000
_MARKER = re.compile(r"<\|[\w /.-]{1,60}\|>|\[/?INST\]|<(?:start|end)_of_turn>|</?s>")


class GivenTemplate(NamedTuple):
    """A template for one tokenizer: its text, how it was given, and what to say of it; empty for none."""

    text: str = ""
    name: str = ""
    notes: Sequence[str] = ()


def check_chat_template(given: str | None, template: str) -> None:
    """Raise UserError for a `--chat-template` that cannot be read, or that `--template` leaves unused."""
    if given is None:
        return
    if template not in ("auto", "chat"):
        raise UserError(
            f"--chat-template {given}: --template {template[:30]} leaves it unused; give one of the two"
        )
    text = read_template(given)
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"])
    try:
        # transformers knows this mark beside what Jinja knows.
        environment.parse(re.sub(r"\{%-?\s*(end)?generation\s*-?%\}", "", text))
    except TemplateSyntaxError as error:
        raise UserError(f"{Path(given).name}:{error.lineno}: no chat template ({error.message})") from None
    if "messages" not in text:
        raise UserError(f"{Path(given).name}: no chat template: it does not write the messages")


def read_template(given: str) -> str:
    """Return the text of a built-in template or of a file; raises UserError."""
    if given in BUILT_IN:
        return BUILT_IN[given]
    path = Path(given)
    if not path.exists():
        raise UserError(f"--chat-template {given}: no such template or file{suggest(given, BUILT_IN)}")
    check_regular(path, path.name)
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{path.name}: more than {MOST_BYTES // 10**6} MB; give a file with a chat template")
    return read_text(path, path.name)


def add_to_identity(digest: str, given: str | None) -> str:
    """Return the digest of examples that become text by a given template: another one makes other inputs."""
    if given is None:
        return digest
    return hashlib.sha256(f"{digest}\n{read_template(given)}".encode()).hexdigest()


def fit_template(given: str, special: set[str], begins: bool) -> GivenTemplate:
    """Return the template for a tokenizer with these `special` tokens; `begins`: it puts BOS before a text.

    Raises UserError where a built-in one needs special tokens that the tokenizer has not.
    """
    text = read_template(given)
    if given in BUILT_IN and begins:
        text = BEGIN + text
    missing = [mark for mark in dict.fromkeys(_MARKER.findall(text)) if mark not in special]
    if missing and given in BUILT_IN:
        fitting = [name for name, other in BUILT_IN.items() if set(_MARKER.findall(other)) <= special]
        other = f"; --chat-template {fitting[0]} fits it" if fitting else ""
        raise UserError(
            f"--chat-template {given}: this tokenizer has no special token {', '.join(missing)}{other}"
            f"{'; or' if other else ';'} give a file with a template of tokens that it has"
        )
    if given in BUILT_IN:
        return GivenTemplate(text, given)
    lack = f"{', '.join(missing)} of the chat template: no special token of this tokenizer, but ordinary text"
    return GivenTemplate(text, Path(given).name, [lack] if missing else [])


def put_template(tokenizer: Any, text: str, turn_end: str = "") -> Any:
    """Give a tokenizer a chat template and, where one is named, the token that ends a turn; returns it."""
    if text:
        tokenizer.chat_template = text
        if turn_end:
            tokenizer.eos_token = turn_end
    return tokenizer
