"""`laptime export`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from laptime.cli.group import FolderPath
from laptime.options.commands import LANGUAGES
from laptime.options.flags import OnceCommand

KINDS = ("merged", "ollama", "gguf", "card")
FORMATS = ("f16", "q8_0")


@click.command("export", cls=OnceCommand)
@click.argument("run", metavar="RUN", type=FolderPath())
@click.option(
    "--to", "kind", type=click.Choice(KINDS), required=True, help="merged: one model; ollama: with a "
    "Modelfile; gguf: one file for llama.cpp; card: as it was saved, with a model card.",
)  # fmt: skip
@click.option("--out", metavar="FOLDER", type=FolderPath(), required=True, help="A new folder for it.")
@click.option("--format", "number_format", type=click.Choice(FORMATS), help="Of the weights in a GGUF [f16].")
@click.option("--keep-adapter", is_flag=True, help="Ollama: the adapter beside its base, not merged.")
@click.option("--base-id", metavar="ID", default="", help="The base on the hub, where its name does not say.")
@click.option("--license", metavar="ID", default="", help="Of the base [as its card says].")
@click.option(
    "--lang", type=click.Choice(LANGUAGES), default="en", help="Language of card and messages [en]."
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads [as many as cores are free].")
@click.option("--trust-remote-code", is_flag=True, help="Run the Python code that the model brings along.")
def export_command(run: Path, **options: Any) -> None:
    """Make a result ready for others, proven to be what was trained.

    RUN is the folder of `laptime train`, or that of a comparison with the name of a contestant behind it.
    Logits and greedy answers of what was written are held against base plus adapter; where they differ by
    more than rounding, nothing is kept.

    \b
    Examples:
      laptime export laptime-run --to merged --out my-model
      laptime export race/lora --to gguf --format q8_0 --out my-gguf
    """
    export_result(run, **options)


def export_result(
    run: Path,
    kind: str,
    out: Path,
    number_format: str | None,
    keep_adapter: bool,
    base_id: str,
    license: str,
    lang: Any,
    threads: int | None,
    trust_remote_code: bool,
) -> None:
    """Find the result and export it, line by line."""
    from laptime.errors import UserError
    from laptime.export.source import find_source
    from laptime.hardware.processors import Look, check_threads
    from laptime.report.language import Language
    from laptime.report.screen import console
    from laptime.util.untrusted import told_in_one_line

    if number_format and kind not in ("gguf", "ollama"):
        raise UserError(f"--format {number_format}: for --to gguf alone; leave it out")
    if keep_adapter and kind != "ollama":
        raise UserError("--keep-adapter: for --to ollama alone; --to card leaves the adapter as it is")
    if base_id and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", base_id, re.ASCII):
        raise UserError(f"--base-id {base_id}: no id of the hub; give one as meta-llama/Llama-3.2-1B")
    check_threads(threads)
    look = Look()
    with told_in_one_line(run):
        source = find_source(run)
    from laptime.startup.imports import defer_imports

    defer_imports()
    from laptime.export.card import Given
    from laptime.export.exporting import Wish, export
    from laptime.interview import use_threads

    use_threads(look.choose(threads).number)
    wish = Wish(
        kind=kind, out=out, number_format=number_format or "", keeps_adapter=keep_adapter,
        given=Given(base=base_id, license=license), trusts_code=trust_remote_code,
    )  # fmt: skip
    export(source, wish, Language(lang), console())


def command() -> click.Command:
    """Return the command."""
    return export_command
