"""Keeps secrets out of what is printed, logged and handed on: those in variables and those in URLs."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType

HIDDEN = "***"
FEWEST_CHARACTERS = 8  # a shorter value (HF_HUB_DISABLE_IMPLICIT_TOKEN=1) is no secret
_NAME = re.compile(
    r"(^|_)(TOKEN|KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL)S?(_|$)|(TOKEN|SECRET|PASSWORD|APIKEY)$",
    re.IGNORECASE,
)
# https://name:password@host, and https:/name:password@host, which is how a path shows it
_IN_URL = re.compile(r"(?<=://)[^\s/@'\"]{1,500}@|(?<=[a-z]:/)[^\s/@'\":]{1,200}:[^\s/@'\"]{1,300}@")


def is_secret(name: str, value: str) -> bool:
    """Tell whether a variable holds a secret: by a word of its name, or by a URL with a password."""
    return _NAME.search(name) is not None or _IN_URL.search(value) is not None


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold no secret."""
    return {name: value for name, value in environment.items() if not is_secret(name, value)}


def forget_secrets() -> None:
    """Take every secret out of this process's own environment."""
    for name in [name for name, value in os.environ.items() if is_secret(name, value)]:
        del os.environ[name]


def hide(text: str) -> str:
    """Return `text` without the credentials of its URLs and the values of variables that hold a secret."""
    text = _IN_URL.sub(f"{HIDDEN}@", text)
    values = {value.strip() for name, value in os.environ.items() if is_secret(name, value)}
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= FEWEST_CHARACTERS:
            text = text.replace(value, HIDDEN)
    return text


def print_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None = None
) -> None:
    """Print a traceback without secrets; to be used as sys.excepthook."""
    print(hide("".join(traceback.format_exception(kind, error, trace))), file=sys.stderr, end="", flush=True)
