"""Texts that have nothing to do with what is trained on: how far a result has moved away from its base.

A few passages come with us; a user's own file holds a text a line, or JSON lines with a `text`. A few
questions of the same kind come with us too, to see how far the answers have moved.
"""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import Struct

from laptime.errors import UserError, check_path
from laptime.spec import BUILTIN
from laptime.util.sealed_file import read_sealed, write_sealed

FILE_NAME = "general.json"
NONE = "none"
MOST_BYTES = 16 << 20
MOST_TEXTS, MOST_CHARACTERS = 200, 4_000  # more only takes time: the error is told
OWN_FILE = Path(__file__).parents[1] / "builtin" / "general.jsonl"
QUESTIONS_FILE = OWN_FILE.with_name("general_questions.jsonl")


class GeneralTexts(Struct, kw_only=True):
    """The texts, and how they are called; `questions` are ours, whoever's the texts are."""

    name: str
    texts: list[str]
    questions: list[str] = []
    version: int = 2


def read_general(option: str) -> GeneralTexts | None:
    """Return the texts that --general names, None for none; raises UserError."""
    if option == NONE:
        return None
    file = OWN_FILE if option == BUILTIN else Path(option)
    check_path(option, "--general")
    if file.exists() and not file.is_file():
        raise UserError(f"--general {option}: no file; give a file of texts, or none")
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UserError(f"--general {option}: larger than {MOST_BYTES >> 20} MiB; a few texts will do")
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"--general {option}: no UTF-8 text; give a text file, or JSONL as for --data"
        ) from None
    except OSError as error:
        raise UserError(f"--general {option}: {error.strerror}; give a file of texts, or none") from None
    texts = [read_line(line, f"{option}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not texts:
        raise UserError(f"--general {option}: holds no text; give a text a line, or none")
    name = file.name if option != BUILTIN else BUILTIN
    return GeneralTexts(name=name, texts=texts[:MOST_TEXTS], questions=read_questions())


def read_questions() -> list[str]:
    """Return the questions that have nothing to do with any data, in English and Korean."""
    lines = QUESTIONS_FILE.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines]


def read_line(line: str, place: str) -> str:
    """Return the text of a line, which may be a JSON object with one; raises UserError."""
    if not line.lstrip().startswith("{"):
        return line.strip()[:MOST_CHARACTERS]
    try:
        value = json.loads(line)
    except ValueError:
        raise UserError(f"--general {place}: no JSON, though it begins like it") from None
    text = value.get("text")
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"--general {place}: has no 'text'")
    return text[:MOST_CHARACTERS]


def write_general(inputs: Path, option: str) -> None:
    """Keep the texts for all runs; nothing where there are none."""
    if texts := read_general(option):
        write_sealed(inputs / FILE_NAME, texts)


def find_general(inputs: Path) -> GeneralTexts | None:
    """Return the texts of a comparison's runs, None where there are none; raises UserError for damage."""
    if not (inputs / FILE_NAME).is_file():
        return None
    return read_sealed(inputs / FILE_NAME, GeneralTexts, "general texts", "begin anew with another --out")
