"""How an example becomes text: the built-in templates, the user's own, and which one is taken.

Importing this loads no tokenizer: a bad `--template` is answered at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from laptime.data.examples import Example, ExampleError, ExampleSet
from laptime.errors import UserError, suggest

PATTERNS = {
    "qa-ko": "### 질문:\n{prompt}\n\n### 답변:\n{completion}",
    "qa-en": "### Question:\n{prompt}\n\n### Answer:\n{completion}",
    "alpaca": (
        "Below is an instruction that describes a task. Write a response that appropriately completes the "
        "request.\n\n### Instruction:\n{prompt}\n\n### Response:\n{completion}"
    ),
    "plain": "{prompt}{completion}",
}
# https://github.com/tatsu-lab/stanford_alpaca (train.py, PROMPT_DICT)
ALPACA_WITH_CONTEXT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{prompt}\n\n### Input:\n{context}\n\n### Response:\n{completion}"
)
NAMES = ("auto", "qa-ko", "qa-en", "alpaca", "plain", "chat")
_FIELDS = ("prompt", "completion", "context", "system")
_FIELD = re.compile(r"\{(\w+)\}")
_NO_SYSTEM = re.compile(r"\{system\}\s*")  # the blank behind it separates it from the rest
# Jinja's {{ prompt }} and { prompt }, which a person could take for the same.
_OTHER_BRACES = re.compile(r"\{[{ ]+(prompt|completion|context|system)[ }]*\}")
# A prompt that ends like this asks for its answer itself: "### 답변:", "Answer:", "<|assistant|>".
_CUE = re.compile(
    r"(^|\n)(#{1,6} ?[^\n]{1,40}:?|(Answer|Response|Output|Assistant|A|답변|답|응답|출력) ?[:：]"
    r"|<\|[^\n]{1,40}>)\s*$",
    re.IGNORECASE,
)
_JUDGED = 1000  # examples looked at to choose a template


class Template(Struct, frozen=True, kw_only=True):
    """A chosen template: `name` gives it again, `reason` is one sentence for the user.

    `kind` is "pattern" (with `pattern`, `with_context`), "chat" (the tokenizer's own) or "text" (none).
    """

    name: str
    kind: Literal["pattern", "chat", "text"]
    reason: str
    pattern: str = ""
    with_context: str = ""  # the pattern for examples that have context, where it differs

    def fill(self, prompt: str, context: str = "", system: str = "") -> str:
        """Return all that stands before the completion; the texts are put in as they are.

        Where there is no system text, its place goes with the blank behind it.
        """
        pattern = self.with_context if context and self.with_context else self.pattern
        if context and "{context}" not in pattern:
            prompt, context = f"{prompt}\n\n{context}", ""
        values = {"prompt": prompt, "context": context, "system": system, "completion": ""}
        texts, fields = _take_apart(pattern, bool(system))
        return texts[0] + "".join(
            [values[field] + text for field, text in zip(fields, texts[1:], strict=True)]
        )

    @property
    def holds_system(self) -> bool:
        """Tell whether the pattern has a place for a system text."""
        return "{system}" in self.pattern


@lru_cache(64)
def _take_apart(pattern: str, with_system: bool) -> tuple[list[str], list[str]]:
    """Return the texts of a pattern, and the fields between them."""
    pieces = _FIELD.split(pattern if with_system else _NO_SYSTEM.sub("", pattern))
    return pieces[::2], pieces[1::2]


def check_template(name: str) -> None:
    """Raise UserError for a name that is no template and for a string that can't be one."""
    if "{" not in name:
        if name not in NAMES:
            raise UserError(f"--template {name}: no such template{suggest(name, NAMES)}")
        return
    if found := _OTHER_BRACES.search(name):
        raise UserError(f"--template: {found[0]}: write {{{found[1]}}}; braces around anything else are text")
    for field in _FIELD.findall(name):
        if field not in _FIELDS:
            raise UserError(f"--template: unknown field {{{field}}}{suggest(field, _FIELDS)}")
    for field in ("prompt", "completion"):
        if name.count(f"{{{field}}}") != 1:
            raise UserError(f"--template: a template string holds {{{field}}} exactly once")
    if not name.endswith("{completion}"):
        raise UserError(
            "--template: a template string ends with {completion}; the end of sequence is added to it"
        )


def choose_template(name: str, examples: ExampleSet, has_chat_template: bool, given: str = "") -> Template:
    """Return the template for `examples`: the named one, or with "auto" the one that fits them.

    `given` names the chat template that was given in the place of the tokenizer's own. Raises UserError where
    the template can't hold such examples or the tokenizer has none of its own. Whether it holds each of them,
    `check_fits` tells.
    """
    check_template(name)
    kind = examples.kind
    if given and kind == "text":
        raise UserError(f"--chat-template {given}: the data is plain text, which takes no template")
    if given:
        return make_template("chat", True, f"the chat template given with --chat-template {given}")
    if kind == "text":
        if name not in ("auto", "plain"):
            raise UserError(f"--template {name}: the data is plain text, which takes no template")
        return Template(name="plain", kind="text", reason="plain text is trained as it stands")
    if name == "auto":
        return _choose_fitting(examples, has_chat_template)
    return make_template(name, has_chat_template)


def make_template(name: str, has_chat_template: bool, reason: str = "") -> Template:
    """Return the template that `name` gives (not "auto", which depends on the data)."""
    check_template(name)
    if name == "chat":
        if not has_chat_template:
            raise UserError(
                "--template chat: this tokenizer has no chat template; give one with --chat-template "
                "(chatml, llama3, or a file), or name another template (--template qa-en)"
            )
        return Template(name=name, kind="chat", reason=reason or "chosen with --template")
    assert name != "auto", "auto depends on the data: choose_template"
    pattern = PATTERNS.get(name) or name.replace("\\n", "\n").replace("\\t", "\t")
    return Template(
        name=name,
        kind="pattern",
        reason=reason or "chosen with --template",
        pattern=pattern,
        with_context=ALPACA_WITH_CONTEXT if name == "alpaca" else "",
    )


def as_pair(example: Example, template: Template) -> tuple[str, str, str, str]:
    """Return (prompt, context, system, completion) of a pair or of a single-turn conversation.

    The system turn of a conversation stands before its question where the template has no place for it.
    """
    if not example.messages:
        before = example.before
        system = "".join([turn.content for turn in before if turn.role == "system"]) if before else ""
        return example.prompt or "", example.context, system, example.completion or ""
    *before, answer = example.messages
    system = before[0].content if before[0].role == "system" and template.holds_system else ""
    question = before[1:] if system else before
    return "\n\n".join(message.content for message in question), "", system, answer.content


def check_fits(example: Example, template: Template) -> None:
    """Raise ExampleError for one that a pattern has no place for: many turns, a system text, tools."""
    if example.messages:
        _check_single_turn(example, template.name)
    if not (example.tools or example.before or example.messages):
        return  # a plain pair, as most are
    name = _short(template.name)
    if example.tools or any(message.beside for message in (*example.before, *example.messages)):
        raise ExampleError(
            example.source,
            f"tools beside the question; --template {name} has no place for them; use a chat template "
            f"(--chat-template gives one)",
        )
    roles = {message.role for message in example.before}
    if not roles:
        return
    if roles - {"system"}:
        raise ExampleError(
            example.source,
            f"earlier turns beside the question; --template {name} holds one question and one answer, more "
            f"turns need a chat template (--chat-template gives one)",
        )
    if not template.holds_system:
        raise ExampleError(
            example.source,
            f"a system text beside the question, which --template {name} has no place for; give a string "
            f"with {{system}}, {{prompt}} and {{completion}}, or a chat template (--chat-template gives one)",
        )


def _choose_fitting(examples: ExampleSet, has_chat_template: bool) -> Template:
    """Choose for "auto"."""
    if has_chat_template:
        return make_template("chat", True, "the tokenizer brings its own chat template")
    if examples.kind == "conversations":
        raise UserError(
            "--template: the data holds conversations and this tokenizer has no chat template; give one "
            "with --chat-template (chatml, llama3, or a file), or for single turns name a template "
            "(--template qa-en)"
        )
    judged = examples.examples[:_JUDGED]
    if all(_CUE.search(example.prompt or "") for example in judged):
        return make_template("plain", False, "the prompts bring their own headings")
    if _is_korean(judged):
        return make_template("qa-ko", False, "no chat template in the tokenizer, and the prompts are Korean")
    return make_template("qa-en", False, "no chat template in the tokenizer, and the prompts are not Korean")


def _is_korean(examples: Sequence[Example]) -> bool:
    """Tell whether most letters of the prompts are Hangul."""
    letters = [letter for example in examples for letter in example.prompt or "" if letter.isalpha()]
    return 2 * sum("가" <= letter <= "힣" for letter in letters) > len(letters)


def _check_single_turn(example: Example, name: str) -> None:
    """Refuse a conversation that a template of one question and one answer can't hold."""
    roles = [message.role for message in example.messages]
    if roles not in (["user", "assistant"], ["system", "user", "assistant"]):
        raise ExampleError(
            example.source,
            f"a conversation of {len(roles)} turns; --template {_short(name)} holds one question and one "
            f"answer, more turns need a chat template (--chat-template gives one)",
        )


def _short(name: str) -> str:
    """Return a name or the beginning of a template string, on one line."""
    name = name.replace("\n", "\\n")
    return name if len(name) <= 30 else name[:27] + "..."
