"""Keeps secrets out of what is printed, logged and handed on: those in variables and those in URLs."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from urllib.parse import unquote

HIDDEN = "***"
FEWEST_CHARACTERS = 8  # a shorter value (HF_HUB_DISABLE_IMPLICIT_TOKEN=1) is no secret
_NAME = re.compile(
    r"(^|_)(TOKEN|KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL)S?(_|$)|(TOKEN|SECRET|PASSWORD|APIKEY)$",
    re.IGNORECASE,
)
_SCHEME = r"[a-z][a-z0-9+.-]{1,20}:/+"  # https:/ is how a path shows https://
# In a text: https://name:password@host up to the last @ of the word, whatever stands between; https://token@host;
# a password with spaces up to its @, unless it begins like a port: "http://host:80/ is down, ask me@home".
_IN_TEXT = re.compile(
    rf"({_SCHEME})(?:[^\s/:]*:\S{{0,1000}}@|[^\s/@:]+@"
    r"|[^\s/:]*:(?!\d{1,5}[/\s])(?:(?!://)[^@\n]){1,200}@(?:\S{0,1000}@)?)",
    re.IGNORECASE,
)
# In a value that is an address and nothing else, all up to the last @ is name and password.
_ADDRESS = re.compile(rf"\A\s*+{_SCHEME}(?P<login>[^\s/:]*:.*|[^\s/@:]+)@", re.IGNORECASE | re.DOTALL)
_PROXY = re.compile(r"\A\s*+(?P<login>[^/]*:.*|[^/@]+)@", re.DOTALL)  # may do without https://


def is_secret(name: str, value: str) -> bool:
    """Tell whether a variable holds a secret: by a word of its name, or by a URL with a password."""
    return _NAME.search(name) is not None or _IN_TEXT.search(value) is not None or bool(_login(name, value))


def holds_login(value: str) -> bool:
    """Tell whether a value is an address with a name or a password in it."""
    return _ADDRESS.match(value) is not None


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold no secret."""
    return {name: value for name, value in environment.items() if not is_secret(name, value)}


def _login(name: str, value: str) -> str:
    """Return name and password of an address, or ""."""
    found = _ADDRESS.match(value)
    if not found and name.lower().endswith("_proxy"):
        found = _PROXY.match(value)
    return found["login"] if found else ""


def _secret_texts(name: str, value: str) -> Iterator[str]:
    """Yield what of a secret variable may turn up in a text: itself, or its password whole and in pieces.

    Libraries name the piece that they stumble over: "Port could not be cast to integer value as 'pass'".
    """
    login = _login(name, value)
    yield value.strip() if _NAME.search(name) or not login else login
    password = login.partition(":")[2]
    for text in (password, unquote(password)):
        yield from (text, *re.split(r"[/?#@:\[\]\s]", text))


def forget_secrets() -> None:
    """Take every secret out of this process's own environment."""
    for name in [name for name, value in os.environ.items() if is_secret(name, value)]:
        del os.environ[name]


def hide(text: str) -> str:
    """Return `text` without the credentials of its URLs and the values of variables that hold a secret."""
    secret = [(name, value) for name, value in os.environ.items() if is_secret(name, value)]
    values = {part for name, value in secret for part in _secret_texts(name, value)}
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= FEWEST_CHARACTERS:
            text = text.replace(value, HIDDEN)
    return _IN_TEXT.sub(rf"\1{HIDDEN}@", text)


def print_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None = None
) -> None:
    """Print a traceback without secrets; to be used as sys.excepthook."""
    print(hide("".join(traceback.format_exception(kind, error, trace))), file=sys.stderr, end="", flush=True)
