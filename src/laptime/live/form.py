"""What the form of a new race holds, and the command line that it equals."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from laptime.api import race_spec
from laptime.errors import UserError
from laptime.options.commands import compare_options
from laptime.options.flags import SectionedCommand, gather
from laptime.report.quantities import Lang
from laptime.spec import DataSpec, ModelSpec, as_list, flag
from laptime.util.shell import shell_command

OF_DATA = (*ModelSpec.__struct_fields__, *DataSpec.__struct_fields__)
NOT_OF_PLAN = ("out", "track", "lang", "wait", "against", "ablate")
PREVIEWED = 3  # examples


class Form(Struct, forbid_unknown_fields=True):
    """The fields as they were typed; an empty one stands for the default. `more` holds any other options."""

    model: str = ""
    data: str = ""
    held_out: str = ""
    methods: list[str] = []
    epochs: str = ""
    out: str = ""
    more: str = ""


def make_words(form: Form, out: Path, lang: Lang) -> list[str]:
    """Return the words behind `laptime` that start the race; raises UserError for quotes left open."""
    words = ["compare"]
    for name in ("model", "data", "held_out"):
        if value := getattr(form, name).strip():
            words += [flag(name), value]
    if form.methods:
        words += ["--methods", ",".join(form.methods)]
    if form.epochs.strip():
        words += ["--epochs", form.epochs.strip()]
    try:
        words += shlex.split(form.more)
    except ValueError as error:
        raise UserError(f"more options: {error}; close the quotes") from None
    words += ["--out", str(out)]
    return words + (["--lang", lang] if lang != "en" else [])


def show_command(words: list[str]) -> str:
    """Return the command line that a terminal would take."""
    return shell_command("laptime", *words)


def read_words(words: list[str]) -> dict[str, Any]:
    """Return the values that the words of a race give; raises UserError as the command itself would."""
    command = SectionedCommand("compare", params=[*compare_options()], add_help_option=False)
    try:
        with command.make_context("compare", words[1:]) as context:
            values = gather(context)
    except click.ClickException as error:
        raise UserError(" ".join(error.format_message().split())) from None
    if "against" not in values:
        race_spec(values)
    return values


def preview_words(values: Mapping[str, Any]) -> list[str]:
    """Return the words of `laptime data` that show what such a race would train on."""
    given = {name: value for name, value in values.items() if name in OF_DATA}
    return ["data", *_spell(given), "--examples", str(PREVIEWED), "--json"]


def plan_words(words: list[str]) -> list[str]:
    """Return the words of `laptime plan` for the race of `words`."""
    left_out = {flag(name) for name in NOT_OF_PLAN}
    kept, skips = [], False
    for word in words[1:]:
        name = word.partition("=")[0]
        if skips:
            skips = False
        elif name in left_out:
            skips = "=" not in word and name not in ("--wait", "--ablate")
        else:
            kept.append(word)
    return ["plan", *kept, "--json"]


def _spell(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield values as the words of a command line."""
    for name, value in values.items():
        if value is True:
            yield flag(name)
        elif value is not False:
            for one in as_list(value):
                yield f"{flag(name)}={one}"
