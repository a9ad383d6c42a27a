"""From what `--data` names (files, folders, hub data sets, the built-in examples) to checked examples.

Everything that is wrong with the data is found here, before any tokenizer or model is loaded.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from laptime.data.chat_templates import add_to_identity, check_chat_template
from laptime.data.collected import CollectedRows
from laptime.data.data_files import DataFiles, locate, locate_data, name_apart, refuse_twins
from laptime.data.examples import Example, ExampleNote, ExamplesError, ExampleSet, Message, digest_of
from laptime.data.files import read_rows
from laptime.data.spool import IN_MEMORY, Chosen, Spool, join_spools
from laptime.data.templates import check_template
from laptime.errors import UserError, name_sources
from laptime.spec import DataSpec
from laptime.util.disk import show_size
from laptime.util.packed_files import SUFFIX as GZIP
from laptime.util.temporary import no_temporary_room, temporary_folder

__all__ = [
    "Example",
    "ExampleSet",
    "Message",
    "check_examples",
    "digest_of",
    "has_held_out",
    "list_files",
    "read_examples",
]

LARGE_BYTES = 64 << 20
CHECKED_ROWS = 10_000  # of each large file, before anything heavy is imported


def read_examples(spec: DataSpec, seed: int = 0) -> ExampleSet:
    """Read the data set and its held-out set; `seed` chooses which examples a fraction holds out.

    Raises UserError, one line that names file and line or the flag, for whatever cannot be trained on.
    """
    return _read(spec, seed, keeps=True)


def check_examples(spec: DataSpec, seed: int = 0, everything: bool = True) -> str:
    """Check all that `read_examples` reads and return its digest, keeping as little as that takes.

    Without `everything`, of large data the beginning is checked alone, and "" returned: whoever prepares them
    reads them to the end anyway.
    """
    if not everything and _is_large(spec):
        _read(spec, seed, keeps=False, most_rows=CHECKED_ROWS)
        return ""
    # Which examples a fraction holds out is known when all of them are read.
    return _read(spec, seed, keeps=spec.held_out is not None and _is_number(spec.held_out)).digest


def _is_large(spec: DataSpec) -> bool:
    """Tell whether reading the data takes seconds."""
    files = [file for part in _locate_all(spec) for file in part.files]
    return sum(_size_unpacked(file) for file in files if file.is_file()) > LARGE_BYTES


def list_files(spec: DataSpec) -> list[Path]:
    """Return every file that `read_examples` reads; raises UserError."""
    parts = _locate_all(spec)
    found = [file for part in parts for file in (*part.files, *part.held_out)]
    if spec.held_out and _as_fraction(spec.held_out) is None:
        found += locate(spec.held_out, "test", "--held-out")
    return found


def count_bytes(spec: DataSpec) -> int:
    """Return about how many bytes of text all files hold; raises UserError where there are none."""
    return _count_unpacked(list_files(spec))


def has_held_out(spec: DataSpec) -> bool:
    """Tell whether anything will be held out of the data; raises UserError where there are none."""
    return bool(spec.held_out) or any(part.held_out for part in _locate_all(spec))


def _locate_all(spec: DataSpec) -> list[DataFiles]:
    """Return the files of each `--data`; raises UserError for a file that is named twice."""
    parts = [locate_data(name, spec.split, spec.held_out is None) for name in spec.sources]
    refuse_twins(file for part in parts for file in part.files)
    return parts


def _read(spec: DataSpec, seed: int, keeps: bool, most_rows: int | None = None) -> ExampleSet:
    """Read the data set and its held-out set; of what it does not keep the first examples are there.

    With `most_rows` no more are read of a file, and nothing is held out.
    """
    check_template(spec.template)
    check_chat_template(spec.chat_template, spec.template)
    parts = _locate_all(spec)
    found = _read_files(parts, spec, spec.named, keeps, most_rows)
    beside = [file for part in parts for file in part.held_out]
    if most_rows is None and (beside or spec.held_out is not None):
        _hold_out(found, beside, spec, seed, keeps)
    found.digest = add_to_identity(found.digest, spec.chat_template)
    return found


def _read_files(
    parts: list[DataFiles], spec: DataSpec, name: str, keeps: bool, most_rows: int | None = None
) -> ExampleSet:
    """Read all rows of all files as one data set; the first bad row is named, the others are counted."""
    files = [file for part in parts for file in part.files]
    _check_room(files, name)
    collected = CollectedRows(spec, keeps, is_whole=most_rows is None)
    names = name_apart(files)
    notes = [note for part in parts for note in part.notes]
    shown = dict(zip(files, names, strict=True))
    for part in parts:
        collected.begin()
        for file in part.files:
            rows = read_rows(file, shown[file], notes.append)
            collected.add(shown[file], islice(rows, most_rows))
    collected.finish()
    if not collected.num_good and not collected.bad:
        raise UserError(f"{names[0]}: no example in it")
    if len(files) > 1:
        notes.insert(0, f"read from {len(files)} files: {name_sources(names)}")
    return ExampleSet(
        name=name,
        shape=collected.shape,
        examples=collected.examples,
        ignored_columns=collected.ignored(),
        notes=[*notes, *collected.tell()],
        example_notes=collected.all_notes(),
        digest=collected.digest.finish(),
        num_skipped=len(collected.bad),
    )


def _check_room(files: list[Path], name: str) -> None:
    """Raise UserError where the examples would not fit among the temporary files, before they are read."""
    needed = _count_unpacked(files)
    if needed > max(IN_MEMORY, shutil.disk_usage(temporary_folder()).free):
        needs = f"the examples of {name} need about {show_size(needed)} there while they are prepared"
        raise no_temporary_room(needs)


def _count_unpacked(files: list[Path]) -> int:
    """Return about how many bytes of text those of `files` hold that are files."""
    return sum(_size_unpacked(file) for file in files if file.is_file())


def _size_unpacked(file: Path) -> int:
    """Return about how many bytes a file holds; text packed with gzip is often a fourth of itself."""
    return file.stat().st_size * (4 if file.suffix.lower() == GZIP else 1)


def _hold_out(found: ExampleSet, beside: list[Path], spec: DataSpec, seed: int, keeps: bool) -> None:
    """Fill the held-out set from files or from a share of the examples; marks prompts in both sets.

    `beside`: files that lie there to be held out, where the user names none.
    """
    fraction = _as_fraction(spec.held_out) if spec.held_out else None
    example_notes = found.example_notes
    if fraction is None:
        files = locate(spec.held_out, "test", "--held-out") if spec.held_out else beside
        name = spec.held_out or ", ".join(name_apart(files))
        with _told_how_to_choose(not spec.held_out):
            other = _read_files([DataFiles(name, files)], spec, name, keeps)
        if other.kind != found.kind:
            raise UserError(f"--held-out {name}: holds {other.kind}, the data to train on {found.kind}")
        found.held_out, found.held_out_name = other.examples, Path(name).name if spec.held_out else name
        found.notes += [f"held out: {note}" for note in other.notes]
        found.num_held_out_skipped = other.num_skipped
        example_notes = join_spools(ExampleNote, example_notes, other.example_notes)
    else:
        _split(found, fraction, seed)
    both = _find_in_both(found) if keeps else []
    if both:
        found.notes.append(
            f"{len(both)} of {len(found.held_out)} held-out examples have a question that is also trained on"
        )
    told = (ExampleNote(source, "held out, its question is also trained on") for source in both)
    found.example_notes = join_spools(ExampleNote, example_notes, told)


@contextmanager
def _told_how_to_choose(is_found: bool) -> Iterator[None]:
    """Add to what is wrong with a held-out set how to choose another, where the user has named none."""
    advice = (
        "; found beside the data: choose with --held-out, or name the file to train on" if is_found else ""
    )
    try:
        yield
    except ExamplesError as error:
        raise ExamplesError(f"{error}{advice}", error.example_notes) from None
    except UserError as error:
        raise UserError(f"{error}{advice}") from None


def _find_in_both(found: ExampleSet) -> Spool[str]:
    """Return the sources of the held-out examples whose question, or text, is trained on too."""
    held_out = {_digest_question(example) for example in found.held_out}
    trained = {digest for example in found.examples if (digest := _digest_question(example)) in held_out}
    both = Spool(str)
    for example in found.held_out:
        if _digest_question(example) in trained:
            both.append(example.source)
    return both


def _digest_question(example: Example) -> bytes:
    """Return what stands for a question or a text, which itself would take more room."""
    asked = "\0" + example.question if example.text is None else example.text
    return hashlib.blake2b(asked.encode(errors="surrogatepass"), digest_size=16).digest()


def _is_number(held_out: str) -> bool:
    """Tell what `--held-out` gives as a number from what can only be a file."""
    try:
        float(held_out.strip())
    except ValueError:
        return False
    return True


def _as_fraction(held_out: str) -> float | None:
    """Return the fraction that `--held-out` gives, or None for a file."""
    try:
        fraction = float(held_out.strip())
    except ValueError:
        if held_out.strip().endswith("%"):
            raise UserError(
                f"--held-out {held_out}: give a fraction between 0 and 1 (0.1), or a file"
            ) from None
        return None
    if Path(held_out).exists():
        return None
    if not 0 < fraction < 1:
        raise UserError(f"--held-out {held_out}: a fraction lies between 0 and 1 (0.1)")
    return fraction


def _split(found: ExampleSet, fraction: float, seed: int) -> None:
    """Move a seeded share of the examples to the held-out set; both sides keep their order."""
    count = len(found.examples)
    if count < 2:
        raise UserError(f"--held-out {fraction:g}: one example cannot be split; give a file")
    chosen_count = min(max(1, round(fraction * count)), count - 1)
    chosen = set(random.Random(f"held-out-{seed}").sample(range(count), chosen_count))
    assert isinstance(found.examples, Spool)
    whole: Spool[Example] = found.examples
    found.held_out = Chosen(whole, sorted(chosen))
    found.examples = Chosen(whole, [index for index in range(count) if index not in chosen])
    if chosen_count != round(fraction * count):
        found.notes.append(
            f"--held-out {fraction:g} of {count} examples would be {round(fraction * count)}: "
            f"{chosen_count} held out instead ({100 * chosen_count / count:.2g} %)"
        )
    found.held_out_name = f"{chosen_count} of {count} examples (fraction {fraction:g}, seed {seed})"
    found.digest = digest_of(found.examples)
