"""The training's template as an export has it: the tokenizer's chat template, and the Modelfile."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from laptime.errors import UserError
from laptime.export.go_template import write_modelfile
from laptime.export.subject import Subject
from laptime.export.turn_format import TurnFormat, find_format, write_jinja
from laptime.models.tokenizer_files import SETTINGS_FILE

MODELFILE = "Modelfile"
PROBE = "What is 2+2?"
Tell = Callable[..., str]


def find_served_format(subject: Subject) -> TurnFormat:
    """Return the pieces of the training's template, held against the tokens of questions."""
    found = find_format(subject.tokenizer, subject.template)
    begin = subject.tokenizer.bos_token_id if found.begins else None
    template = subject.template
    for question in ("a", PROBE, *(one.question for one in subject.encoded.questions[:5])):
        ids = subject.tokenizer(found.render("", [question]), add_special_tokens=False)["input_ids"]
        ids = ids if begin is None else [begin, *ids]
        if ids != subject.encode_question(question, template):
            raise UserError(
                "the template of this training is encoded piece by piece, which Ollama would do otherwise; "
                "use --to merged"
            )
    return found


def with_template(subject: Subject, tell: Tell) -> Any:
    """Return the tokenizer with a chat template that writes the training's prompts, where it can."""
    tokenizer = deepcopy(subject.tokenizer)
    if subject.template.kind == "chat":
        return tokenizer
    found = find_format(tokenizer, subject.template)
    tokenizer.chat_template = write_jinja(found, tokenizer.bos_token or "", tokenizer.eos_token or "")
    turns = [{"role": "user", "content": PROBE}]
    ids = list(tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False))
    if ids != subject.encode_question(PROBE, subject.template):
        tokenizer.chat_template = None
        tell("export.template.inexact", name=shorten(subject.encoded.template))
        return tokenizer
    tell("export.template.written", name=shorten(subject.encoded.template))
    return tokenizer


def tell_bos(folder: Path, begins: bool) -> None:
    """Let Ollama's converter know whether the beginning of sequence goes before a text; it asks this file."""
    file = folder / SETTINGS_FILE
    settings = json.loads(file.read_bytes()) | {"add_bos_token": begins}
    file.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def put_modelfile(subject: Subject, folder: Path, model: str, found: TurnFormat, adapter: str = "") -> None:
    """Write the Modelfile."""
    stops = subject.tokenizer.convert_ids_to_tokens(subject.encoded.stop_ids)
    notes = [f"The template and the stops of the training ({shorten(subject.encoded.template)})."]
    if not found.has_turns:
        notes.append("Without turns, as in the training: every question stands alone.")
    if not found.takes_system:
        notes.append("Without a place for a system text, as in the training.")
    positions = subject.config.get("max_position_embeddings")
    text = write_modelfile(model, found, stops, positions, notes, adapter)
    (folder / MODELFILE).write_text(text, encoding="utf-8")


def shorten(template: str) -> str:
    """Return the name of a template, or the beginning of one that a user wrote, on one line."""
    line = template.replace("\n", "\\n")
    return line if len(line) <= 40 else f"{line[:37]}..."
