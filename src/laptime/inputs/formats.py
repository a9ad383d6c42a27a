"""From what `--data` names (a file, a folder, a hub data set, the built-in records) to checked records.

Everything that is wrong with the data is found here, before any tokenizer or model is loaded.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from laptime.errors import UserError, readable, suggest
from laptime.inputs.columns import Layout, read_record, recognise, with_context
from laptime.inputs.conversations import RowError
from laptime.inputs.files import SUFFIXES, choose_files, find_unreadable, read_rows
from laptime.inputs.hub import fetch_dataset, is_hub_id
from laptime.inputs.records import (
    SHOWN_SOURCES,
    Message,
    Record,
    RecordsDigest,
    RecordsError,
    RecordSet,
    Remark,
    digest_of,
    name_sources,
)
from laptime.inputs.rows import Row
from laptime.inputs.spool import IN_MEMORY, Chosen, Spool, join_spools
from laptime.inputs.templates import check_template
from laptime.spec import BUILTIN, DataSpec

__all__ = ["Message", "Record", "RecordSet", "check_records", "digest_of", "read_records"]

LARGE_BYTES = 64 << 20
CHECKED_ROWS = 10_000  # of each large file, before anything heavy is imported
MOST_LETTERS = 4_000_000  # of a record: more tokens than any model holds, and a tokenizer takes a while


def read_records(spec: DataSpec, seed: int = 0) -> RecordSet:
    """Read the data set and its held-out set; `seed` chooses which records a fraction holds out.

    Raises UserError, one line that names file and line or the flag, for whatever cannot be trained on.
    """
    return _read(spec, seed, keeps=True)


def check_records(spec: DataSpec, seed: int = 0, everything: bool = True) -> str:
    """Check all that `read_records` reads and return its digest, keeping as little as that takes.

    Without `everything`, of large data the beginning is checked alone, and "" returned: whoever prepares them
    reads them to the end anyway.
    """
    if not everything and _is_large(spec):
        _read(spec, seed, keeps=False, most_rows=CHECKED_ROWS)
        return ""
    # Which records a fraction holds out is known when all of them are read.
    return _read(spec, seed, keeps=spec.held_out is not None and _is_number(spec.held_out)).digest


def _is_large(spec: DataSpec) -> bool:
    """Tell whether reading the data takes seconds."""
    if spec.data == BUILTIN:
        return False
    files = _locate(spec.data, spec.split, "--data")
    return sum(file.stat().st_size for file in files if file.is_file()) > LARGE_BYTES


def _read(spec: DataSpec, seed: int, keeps: bool, most_rows: int | None = None) -> RecordSet:
    """Read the data set and its held-out set; of what it does not keep the first records are there.

    With `most_rows` no more are read of a file, and nothing is held out.
    """
    check_template(spec.template)
    held_out = spec.held_out
    if spec.data == BUILTIN:
        _refuse_split(spec.split, f"--data {BUILTIN}")
        folder = Path(str(resources.files("laptime"))) / "builtin"
        found = _read_files([folder / "ten_records.jsonl"], spec, BUILTIN, keeps)
        own = folder / "held_out.jsonl"
        held_out = str(own) if held_out is None and own.exists() else held_out
    else:
        found = _read_files(_locate(spec.data, spec.split, "--data"), spec, spec.data, keeps, most_rows)
    if held_out is not None and most_rows is None:
        _hold_out(found, held_out, spec, seed, keeps)
    return found


def _refuse_split(split: str, what: str) -> None:
    """Refuse a split of what has none: the whole would be read without a word."""
    if split != "train":
        raise UserError(f"--split {split}: {what} has no splits; leave the option out")


def _locate(name: str, split: str, option: str) -> list[Path]:
    """Return the files that `name` stands for; raises UserError when there are none."""
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path's own raises for a user that is not there
    if path.is_dir():
        return _choose_inside(path, split, f"{option} {name}")
    if path.exists():
        if option == "--data":
            _refuse_split(split, f"the file {path.name}")
        return [path]
    if path.is_symlink():
        raise UserError(f"{option} {name}: a link that leads to no file")
    if is_hub_id(name):
        return fetch_dataset(name, split)
    raise UserError(f"{option} {name}: no such file or folder{_suggest_file(path)}")


def _choose_inside(folder: Path, split: str, option: str) -> list[Path]:
    """Return the files of a folder that hold the split; raises UserError when there are none."""
    try:
        any(folder.iterdir())  # rglob leaves out without a word what may not be read
    except OSError as error:
        raise UserError(f"{option}: cannot be read ({error.strerror})") from None
    # What is called like data and is none (a pipe, a link to nothing) is refused when it is read.
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()]
    for name in find_unreadable(names, split):
        raise UserError(f"{option}: {readable(name)} is packed; unpack it, or take it out of the folder")
    if chosen := choose_files(names, split):
        return [folder / file for file in chosen]
    data = sorted(file for file in names if file.lower().endswith(SUFFIXES))
    if not data:
        what = "no data file in this folder" if names else "an empty folder"
        raise UserError(f"{option}: {what}; expected {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    raise UserError(
        f"{option}: no data file for --split {split} in this folder; its data files: {name_sources(data)}"
    )


def _suggest_file(path: Path) -> str:
    """Name the file in the same folder whose name is nearest."""
    if not path.parent.is_dir():
        return f" (nor a folder {path.parent})"
    names = [file.name for file in path.parent.iterdir() if file.suffix.lower() in SUFFIXES or file.is_dir()]
    near = suggest(path.name, names) if names else ""
    return near if "did you mean" in near else ""


def _read_files(
    files: list[Path], spec: DataSpec, name: str, keeps: bool, most_rows: int | None = None
) -> RecordSet:
    """Read all rows of `files` as one data set; the first bad row is named, the others are counted."""
    _check_room(files, name)
    collected = _Collected(spec, keeps)
    names = name_apart(files)
    for file, shown in zip(files, names, strict=True):
        collected.add(shown, islice(read_rows(file, shown), most_rows))
    collected.refuse_bad()
    if not collected.records or collected.layout is None:
        raise UserError(f"{names[0]}: no record in it")
    used = collected.layout.used
    notes = [f"read from {len(files)} files: {name_sources(names)}"] if len(files) > 1 else []
    return RecordSet(
        name=name,
        shape=collected.layout.sentence,
        records=collected.records,
        ignored_columns=[column for column in collected.columns if column not in used],
        notes=[*notes, *_sum_up(collected.remarks)],
        remarks=collected.remarks,
        digest=collected.digest.finish(),
    )


def _check_room(files: list[Path], name: str) -> None:
    """Raise UserError where the records would not fit among the temporary files, before they are read."""
    needed = sum(file.stat().st_size for file in files if file.is_file())
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if needed > max(IN_MEMORY, free):
        raise UserError(
            f"{tempfile.gettempdir()}: {free / 1e9:.1f} GB free, and the records of {name} need about "
            f"{needed / 1e9:.1f} GB there while they are prepared; set TMPDIR to another folder"
        )


def name_apart(files: list[Path]) -> list[str]:
    """Return the names of files, with their folders where two files are called the same."""
    names = [file.name for file in files]
    if len(set(names)) == len(names):
        return names
    root = os.path.commonpath([file.parent for file in files])
    return [file.relative_to(root).as_posix() for file in files]


def _sum_up(remarks: Iterable[Remark]) -> Iterator[str]:
    """Yield one sentence for each kind of remark, with the first records that it is about."""
    first: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for remark in remarks:
        counts[remark.text] += 1
        if counts[remark.text] <= SHOWN_SOURCES:
            first.setdefault(remark.text, []).append(remark.source)
    for text, sources in first.items():
        count = f"{counts[text]} record{'s'[: counts[text] > 1]}"
        yield f"{text}: {count} ({name_sources(sources, count=counts[text])})"


class _Collected:
    """Records so far, or with `keeps` False only the first of them, and the rows that are none."""

    def __init__(self, spec: DataSpec, keeps: bool) -> None:
        self.spec = spec
        self.keeps = keeps
        self.records = Spool(Record)
        self.kind = ""
        self.digest = RecordsDigest()
        self.layout: Layout | None = None
        self.layouts: dict[tuple[str, ...], Layout] = {}  # by the columns of a row
        self.columns: dict[str, None] = {}
        self.remarks = Spool(Remark)
        self.bad = Spool(Remark)

    def add(self, file: str, rows: Iterable[Row]) -> None:
        """Turn `rows` into records; the first good row decides how columns are understood."""
        for row in rows:
            if row.values is None:
                self.bad.append(Remark(row.source, row.fault))
                continue
            columns = tuple(row.values)
            layout = self.layouts.get(columns) or self._lay_out(columns, row.values, file)
            try:
                self._keep(read_record(row.values, layout, row.source))
            except RowError as error:
                self.bad.append(Remark(row.source, str(error)))

    def refuse_bad(self) -> None:
        """Raise RecordsError when there is a bad row."""
        if not self.bad:
            return
        first, more = self.bad[0], len(self.bad) - 1
        others = f" (and {more} more bad row{'s'[: more > 1]}; laptime data lists them)" if more else ""
        raise RecordsError(f"{first.source}: {first.text}{others}", self.bad)

    def _keep(self, record: Record) -> None:
        """Add a record; raises RowError for one of another kind, and for one that no training could hold."""
        self.kind = self.kind or record.kind
        if record.kind != self.kind:
            raise RowError(f"holds {record.kind}, the rows before it {self.kind}")
        if (num_letters := record.num_letters) > MOST_LETTERS:
            raise RowError(
                f"{num_letters:,} letters in one record, more than the {MOST_LETTERS:,} that are "
                f"read; split it into several records"
            )
        self.digest.add(record)
        if self.keeps or not self.records:
            self.records.append(record)
        if record.remark:
            self.remarks.append(Remark(record.source, record.remark))

    def _lay_out(self, columns: tuple[str, ...], values: dict[str, Any], file: str) -> Layout:
        """Say how rows with these columns are read; the first row's shape holds for all."""
        if self.layout is None:
            self.layout = recognise(values, self.spec, file)
        layout = self.layouts[columns] = with_context(self.layout, values)
        self.layout = layout
        self.columns.update(dict.fromkeys(columns))
        return layout


def _hold_out(found: RecordSet, held_out: str, spec: DataSpec, seed: int, keeps: bool) -> None:
    """Fill the held-out set from a file or from a share of the records; marks prompts in both sets."""
    fraction = _as_fraction(held_out)
    remarks = found.remarks
    if fraction is None:
        files = _locate(held_out, "test", "--held-out")
        other = _read_files(files, spec, held_out, keeps)
        if other.kind != found.kind:
            raise UserError(f"--held-out {held_out}: holds {other.kind}, the data to train on {found.kind}")
        found.held_out, found.held_out_name = other.records, Path(held_out).name
        found.notes += [f"held out: {note}" for note in other.notes]
        remarks = join_spools(Remark, remarks, other.remarks)
    else:
        _split(found, fraction, seed)
    both = _find_in_both(found) if keeps else []
    if both:
        found.notes.append(
            f"{len(both)} of {len(found.held_out)} held-out records have a question that is also trained on"
        )
    told = (Remark(source, "held out, its question is also trained on") for source in both)
    found.remarks = join_spools(Remark, remarks, told)


def _find_in_both(found: RecordSet) -> Spool[str]:
    """Return the sources of the held-out records whose question, or text, is trained on too."""
    held_out = {_digest_question(record) for record in found.held_out}
    trained = {digest for record in found.records if (digest := _digest_question(record)) in held_out}
    both = Spool(str)
    for record in found.held_out:
        if _digest_question(record) in trained:
            both.append(record.source)
    return both


def _digest_question(record: Record) -> bytes:
    """Return what stands for a question or a text, which itself would take more room."""
    asked = "\0" + record.question if record.text is None else record.text
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


def _split(found: RecordSet, fraction: float, seed: int) -> None:
    """Move a seeded share of the records to the held-out set; both sides keep their order."""
    count = len(found.records)
    if count < 2:
        raise UserError(f"--held-out {fraction:g}: one record cannot be split; give a file")
    chosen_count = min(max(1, round(fraction * count)), count - 1)
    chosen = set(random.Random(f"held-out-{seed}").sample(range(count), chosen_count))
    assert isinstance(found.records, Spool)
    whole: Spool[Record] = found.records
    found.held_out = Chosen(whole, sorted(chosen))
    found.records = Chosen(whole, [index for index in range(count) if index not in chosen])
    found.held_out_name = f"{chosen_count} of {count} records (fraction {fraction:g}, seed {seed})"
    found.digest = digest_of(found.records)
