"""The files of a tokenizer: what they must hold, and which of them is at fault where it cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from laptime.errors import UserError, readable
from laptime.spec import tell_invalid

TOKENIZER_FILE, SETTINGS_FILE, TEMPLATE_FILE = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)
# What a tokenizer can be made of, in older models too.
VOCABULARIES = (TOKENIZER_FILE, "*.model", "vocab.*", "merges.txt", "*.tiktoken", "tekken.json")
# Where a chat template may stand beside the settings; mistral-common makes one of its own vocabulary.
TEMPLATES = ("*chat_template*", "tekken.json")
PUT_BACK = "put back the file that came with the model"

Token = str | dict[str, Any] | None
Tokens = list[str | dict[str, Any]] | dict[str, Any] | None


class TokenizerSettings(Struct):
    """What transformers takes for granted in tokenizer_config.json; other keys are its own affair."""

    model_max_length: float | None = None
    tokenizer_class: str | None = None
    bos_token: Token = None
    eos_token: Token = None
    pad_token: Token = None
    unk_token: Token = None
    sep_token: Token = None
    cls_token: Token = None
    mask_token: Token = None
    additional_special_tokens: Tokens = None
    extra_special_tokens: Tokens = None
    model_specific_special_tokens: dict[str, Token] = {}
    added_tokens_decoder: dict[str, dict[str, Any]] = {}
    chat_template: str | list[dict[str, str]] | dict[str, str] | None = None
    padding_side: Literal["left", "right"] = "right"
    truncation_side: Literal["left", "right"] = "right"
    model_input_names: list[str] = []
    split_special_tokens: bool = False


def check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Refuse settings of another kind than transformers expects; raises UserError naming file and key."""
    try:
        msgspec.convert(dict(settings), TokenizerSettings)
    except msgspec.ValidationError as error:
        key, expected = tell_invalid(TokenizerSettings, settings, error)
        raise UserError(f"{path}: {key}: {expected}; {PUT_BACK}") from None


def lacks_chat_template(folder: Path) -> bool:
    """Tell whether the tokenizer in a whole, checked folder surely brings no chat template."""
    if any(file for pattern in TEMPLATES for file in folder.glob(pattern)):
        return False
    try:
        settings = msgspec.json.decode((folder / SETTINGS_FILE).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return False
    return not settings.get("chat_template") and "auto_map" not in settings


def tell_unloadable(folder: Path, model: str, why: str) -> str:
    """Return the line for a tokenizer that cannot be loaded, naming the file at fault where one is."""
    from tokenizers import Tokenizer  # 0.1 s that only this failure needs

    if (file := folder / TOKENIZER_FILE).is_file():
        try:
            Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises no class of its own
            return f"{file}: no tokenizer can be made of it ({readable(error, 160)}); {PUT_BACK}"
    try:
        if (file := folder / TEMPLATE_FILE).is_file():
            file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return f"{file}: invalid UTF-8 at byte {error.start + 1}; {PUT_BACK}"
    if not any(file for pattern in VOCABULARIES for file in folder.glob(pattern)):
        return f"--model {model}: no tokenizer in this folder ({TOKENIZER_FILE}); {PUT_BACK}"
    return (
        f"--model {model}: its tokenizer cannot be loaded ({why}); put back the tokenizer's files that came "
        f"with the model ({TOKENIZER_FILE}, {SETTINGS_FILE})"
    )
