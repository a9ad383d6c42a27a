"""An export from the folder of a run to the folder of the user: written aside, proven, moved into place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from rich.text import Text

from laptime.errors import UserError
from laptime.export.card import Base, Given, find_base_facts, name_base, write_card
from laptime.export.kind import Kind
from laptime.export.kinds import choose_kind
from laptime.export.proof import Proof, make_task, take_evidence
from laptime.export.serving import tell_next
from laptime.export.source import Source
from laptime.export.subject import Subject
from laptime.models.folder import ADAPTER_CONFIG
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.screen import Screen
from laptime.training.saving import files_in, share_as_usual
from laptime.util.atomic import whole_folder
from laptime.util.disk import no_room, show_size

KINDS = ("merged", "ollama", "gguf", "card")
SPARE_BYTES = 50_000_000  # tokenizer, card


class Wish(Struct, kw_only=True):
    """What the user asks for."""

    kind: str
    out: Path
    number_format: str = ""  # of a GGUF, "" for its default
    keeps_adapter: bool = False
    given: Given
    trusts_code: bool = False


def refuse_occupied(out: Path) -> None:
    """Raise UserError where an export would meet something else."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        what = (
            "not empty; give a new folder, so that nothing is overwritten"
            if out.is_dir()
            else "a file; give a folder"
        )
        raise UserError(f"--out {out}: {what}")


def refuse_full_disk(out: Path, num_bytes: int) -> None:
    """Raise UserError where the disk has too little room."""
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if shutil.disk_usage(there).free < num_bytes + SPARE_BYTES:
        raise no_room(f"--out {out}", out, f"the export takes about {show_size(num_bytes + SPARE_BYTES)}")


def export(source: Source, wish: Wish, language: Language, screen: Screen) -> None:
    """Write, prove and move into place. Raises UserError, and leaves nothing then."""
    said: list[str] = []

    def tell(key: str, **values: object) -> str:
        said.append(language.say(key, **values))
        screen.print(Text(said[-1]))
        return said[-1]

    refuse_occupied(wish.out)
    subject = Subject(source, wish.trusts_code)
    kind = choose_kind(wish.kind, subject, wish.number_format, wish.keeps_adapter, tell)
    refuse_unmergeable(kind, subject)
    kind.check()
    refuse_full_disk(wish.out, kind.num_bytes)
    base = find_base_facts(subject, wish.given)
    make_parents(wish.out)
    write(subject, kind, base, wish.out, language, tell, said)
    screen.say(language.say("export.saved", folder=str(wish.out), size=show_size(count_bytes(wish.out))))
    for text in tell_unknown(base, language):
        screen.print(Text(text))
    for text in tell_next(subject, base, wish.out, language):
        screen.say(text)


def refuse_unmergeable(kind: Kind, subject: Subject) -> None:
    """Raise UserError where what was learned can't be put into weights, as the kind would."""
    if kind.merges and subject.is_adapter and not subject.method.merges:
        raise UserError(
            f"{kind.what}: what {subject.method.name} learned can't be put into weights; use --to card, the "
            f"adapter that PEFT loads on the base"
        )


def write(
    subject: Subject,
    kind: Kind,
    base: Base,
    out: Path,
    language: Language,
    tell: Callable[..., str],
    said: list[str],
) -> None:
    """Fill the folder in one move, once what it holds is proven."""
    task = make_task(subject)
    evidence = take_evidence(subject, task, kind.merges, kind.rounding, kind.what)
    try:
        with whole_folder(out) as aside:
            kind.write(aside)
            for number, proof in enumerate(kind.prove(aside, task, evidence)):
                tell_proof(proof, tell, by_llama_cpp=number > 0)
            name_base(subject, base, aside)
            write_card(subject, base, aside, language, said, whole=not (aside / ADAPTER_CONFIG).exists())
            for file in files_in(aside):
                share_as_usual(file)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror or error}; nothing is kept") from None


def tell_proof(proof: Proof, tell: Callable[..., str], by_llama_cpp: bool) -> None:
    """Say how an export was proven."""
    tell(
        "export.proven.llama_cpp" if by_llama_cpp else "export.proven",
        examples=proof.num_examples,
        tokens=quantities.integer(proof.num_tokens),
        difference=f"{proof.difference:.2g}",
        inexact=f"{proof.inexact:.2g}",
        equal=proof.num_equal,
        answers=proof.num_answers,
    )


def make_parents(out: Path) -> None:
    """Make the folders above it."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written to ({error.strerror})") from None


def count_bytes(folder: Path) -> int:
    """Return the bytes of what was written."""
    return sum(file.stat().st_size for file in files_in(folder))


def tell_unknown(base: Base, language: Language) -> list[str]:
    """Return what the card lacks, and how to give it."""
    lacking = [] if base.hub_id else [language.say("export.unknown.base")]
    return lacking + ([] if base.license else [language.say("export.unknown.license")])
