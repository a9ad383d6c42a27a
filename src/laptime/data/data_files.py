"""Which files `--data` and `--held-out` name: a file, those of a folder's split, or of a hub data set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from msgspec import Struct

from laptime.data.files import (
    EXPECTED,
    TEXT,
    choose_files,
    find_unreadable,
    is_data,
    names_split,
    suffix_of,
)
from laptime.data.hub_datasets import fetch_dataset, is_hub_id
from laptime.errors import UserError, name_sources, readable, suggest
from laptime.spec import BUILTIN
from laptime.util.packed_files import SUFFIX as GZIP

# How people call what is held out of the training while it goes on; a test set serves where there is none.
HELD_OUT_NAMES = ("validation", "valid", "val", "dev", "eval", "held_out", "heldout")


class DataFiles(Struct):
    """The files of one `--data`: to train on, beside them those to be held out, and what to say of both."""

    name: str
    files: list[Path]
    held_out: list[Path] = []
    notes: list[str] = []


def locate_data(name: str, split: str, wants_held_out: bool) -> DataFiles:
    """Return the files that `--data` names, with `wants_held_out` also the held-out set in its folder.

    Raises UserError when there are none.
    """
    if name == BUILTIN:
        _refuse_split(split, f"--data {BUILTIN}")
        folder = Path(str(resources.files("laptime"))) / "builtin"
        own = [folder / "held_out.jsonl"] if wants_held_out and (folder / "held_out.jsonl").exists() else []
        return DataFiles(name, [folder / "ten_records.jsonl"], own)
    path = _path_of(name)
    if not path.is_dir():
        return DataFiles(name, locate(name, split, "--data"))
    names = _list_folder(path, split, f"--data {name}")
    chosen = _choose_inside(names, split, f"--data {name}")
    found = DataFiles(name, [path / file for file in chosen])
    if texts := _passed_over(names, chosen):
        found.notes.append(f"not read: {name_sources(texts)} (text files beside files of examples)")
    if wants_held_out and split == "train":
        held_out, note = _find_held_out(names, chosen)
        found.held_out = [path / file for file in held_out]
        found.notes += [note] if note else []
    return found


def locate(name: str, split: str, option: str) -> list[Path]:
    """Return the files that `name` stands for; raises UserError when there are none."""
    path = _path_of(name)
    if path.is_dir():
        chosen = _choose_inside(_list_folder(path, split, f"{option} {name}"), split, f"{option} {name}")
        return [path / file for file in chosen]
    if path.exists():
        if option == "--data":
            _refuse_split(split, f"the file {path.name}")
        return [path]
    if path.is_symlink():
        raise UserError(f"{option} {name}: a link that leads to no file")
    if is_hub_id(name):
        return fetch_dataset(name, split)
    raise UserError(f"{option} {name}: no such file or folder{_suggest_file(path)}")


def refuse_twins(files: Iterable[Path]) -> None:
    """Raise UserError for a file that is named twice: its examples would count twice without a word."""
    seen: set[Path] = set()
    for file in files:
        if (real := file.resolve()) in seen:
            raise UserError(f"--data: {file} is named twice; name it once")
        seen.add(real)


def name_apart(files: list[Path]) -> list[str]:
    """Return the names of files, with their folders where two files are called the same."""
    names = [file.name for file in files]
    if len(set(names)) == len(names):
        return names
    whole = [file.absolute() for file in files]
    root = os.path.commonpath([file.parent for file in whole])
    return [file.relative_to(root).as_posix() for file in whole]


def _path_of(name: str) -> Path:
    """Return the path that a user means."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 - Path's own raises for a user that is not there


def _refuse_split(split: str, what: str) -> None:
    """Refuse a split of what has none: the whole would be read without a word."""
    if split != "train":
        raise UserError(f"--split {split}: {what} has no splits; leave the option out")


def _list_folder(folder: Path, split: str, option: str) -> list[str]:
    """Return the names of the files in a folder; raises UserError where some of them cannot be told."""
    try:
        any(folder.iterdir())  # rglob leaves out without a word what may not be read
    except OSError as error:
        raise UserError(f"{option}: cannot be read ({error.strerror})") from None
    # What is called like data and is none (a pipe, a link to nothing) is refused when it is read.
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()]
    for name in find_unreadable(names, split):
        raise UserError(f"{option}: {readable(name)} is packed; unpack it, or take it out of the folder")
    return names


def _choose_inside(names: Sequence[str], split: str, option: str) -> list[str]:
    """Return those of a folder's files that hold the split; raises UserError when there are none."""
    if chosen := choose_files(names, split):
        for name in chosen:
            if name + GZIP in chosen:
                raise UserError(
                    f"{option}: {readable(name)} lies there twice, once packed; take one of them away"
                )
        return chosen
    data = sorted(file for file in names if is_data(file))
    if not data:
        what = "no data file in this folder" if names else "an empty folder"
        raise UserError(f"{option}: {what}; {EXPECTED}")
    raise UserError(
        f"{option}: no data file for --split {split} in this folder; its data files: {name_sources(data)}"
    )


def _passed_over(names: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """Return the text files that would be read if files of examples did not lie beside them."""
    texts = [name for name in names if suffix_of(name) == TEXT]
    return [name for name in choose_files(texts, "train") if name not in chosen] if chosen else []


def _find_held_out(names: Sequence[str], chosen: Sequence[str]) -> tuple[list[str], str]:
    """Return the files of a folder's held-out set, and what to say of them; none where it is ambiguous."""
    others = [name for name in names if name not in chosen and not names_split(name, "train")]
    sets = {split: _files_of(others, split) for split in (*HELD_OUT_NAMES, "test")}
    found = {split: files for split, files in sets.items() if files}
    if len(found) > 1:
        found.pop("test", None)
    if len(found) > 1:
        both = " and ".join(found)
        return [], f"held out: nothing, for {both} could both be meant; choose one with --held-out"
    for split, files in found.items():
        test = sets["test"] if split != "test" else []
        unread = f"; {name_sources(test)} is not read" if test else ""
        return (
            files,
            f"held out: {name_sources(files)}, which lies beside {name_sources(list(chosen))}{unread}",
        )
    return [], ""


def _files_of(names: Sequence[str], split: str) -> list[str]:
    """Return the data files that are named after a split."""
    named = [name for name in names if names_split(name, split)]
    return choose_files(named, split) if named else []


def _suggest_file(path: Path) -> str:
    """Name the file in the same folder whose name is nearest."""
    if not path.parent.is_dir():
        return f" (nor a folder {path.parent})"
    names = [file.name for file in path.parent.iterdir() if is_data(file.name) or file.is_dir()]
    near = suggest(path.name, names) if names else ""
    return near if "did you mean" in near else ""
