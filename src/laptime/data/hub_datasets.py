"""Data sets of the hub: which files hold the split, and where they lie here.

A repository without files that can be read directly is taken from the Parquet copy that the hub keeps
of every data set (revision refs/convert/parquet).
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from laptime.data.files import TEXT, choose_files, is_data, names_split, suffix_of
from laptime.errors import UserError
from laptime.util.hub import check_reachable, hub_errors, is_unreachable

CONVERTED = "refs/convert/parquet"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(/[\w./=-]+)?")
_PREFERRED = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")


def is_hub_id(name: str) -> bool:
    """Tell `organisation/name` (or `organisation/name/configuration`) from a path."""
    if name.startswith((".", "/", "~")) or is_data(name):
        return False
    return HUB_ID.fullmatch(name) is not None


def fetch_dataset(name: str, split: str) -> list[Path]:
    """Return local copies of the files that hold `split` of the data set `name`.

    `name` may end with a configuration: openai/gsm8k/main. Raises UserError for a data set that is
    absent, gated, out of reach, or without files for the split.
    """
    organisation, repository, *rest = name.split("/", 2)
    repo_id, configuration = f"{organisation}/{repository}", "".join(rest).strip("/")
    page = f"https://huggingface.co/datasets/{repo_id}"
    with hub_errors(f"--data {name}", "data set", "file or folder", page):
        try:
            check_reachable()
            return _download(name, repo_id, configuration, split)
        except Exception as error:
            if not is_unreachable(error):
                raise
            return _find_cached(name, repo_id, configuration, split, error)


def _download(name: str, repo_id: str, configuration: str, split: str) -> list[Path]:
    """List the repository, choose its files and bring them here (or take them from the cache)."""
    import huggingface_hub as hub

    revision = None
    listed = _list_files(repo_id, None)
    names = _choose(name, listed, configuration, split)
    if not names:
        revision = CONVERTED
        converted = _list_files(repo_id, CONVERTED)
        names = _choose(name, converted, configuration, split)
        listed = converted or listed
    if not names:
        raise UserError(f"--data {name}: no file for --split {split}{_tell_splits(listed)}")
    return [
        Path(hub.hf_hub_download(repo_id, file, repo_type="dataset", revision=revision)) for file in names
    ]


def _list_files(repo_id: str, revision: str | None) -> list[str]:
    """List a repository's files; a revision that is not there has none."""
    import huggingface_hub as hub
    from huggingface_hub import errors

    try:
        return list(hub.HfApi().list_repo_files(repo_id, repo_type="dataset", revision=revision))
    except (errors.RevisionNotFoundError, errors.EntryNotFoundError):
        return []


def _choose(name: str, listed: list[str], configuration: str, split: str) -> list[str]:
    """Choose the files of the split; of several formats of the same data one, of configurations none."""
    inside = [file for file in listed if not configuration or file.startswith(configuration + "/")]
    # A repository holds texts of many kinds: those are data that are named so.
    inside = [file for file in inside if suffix_of(file) != TEXT or names_split(file, split)]
    chosen = choose_files(inside, split)
    suffix = next((s for s in _PREFERRED if any(suffix_of(file) == s for file in chosen)), "")
    chosen = [file for file in chosen if suffix_of(file) == suffix]
    folders = sorted({PurePosixPath(file).parts[0] for file in chosen if "/" in file} - {"data", split})
    if configuration or len(folders) < 2:
        return chosen
    if "default" in folders:
        return [file for file in chosen if file.startswith("default/")]
    raise UserError(
        f"--data {name}: several configurations ({', '.join(folders[:8])}); "
        f"name one: --data {name}/{folders[0]}"
    )


def _tell_splits(listed: list[str]) -> str:
    """List the data files that there are, so that the user can name another split."""
    data = [file for file in listed if is_data(file)]
    shown = ", ".join(data[:5]) + (", ..." if len(data) > 5 else "")
    return f"; its data files: {shown}" if data else "; it has no data files that can be read"


def _find_cached(name: str, repo_id: str, configuration: str, split: str, error: BaseException) -> list[Path]:
    """Return the files of an earlier download when the hub can't be reached; raises `error` without one."""
    from huggingface_hub import constants

    root = Path(constants.HF_HUB_CACHE) / ("datasets--" + repo_id.replace("/", "--"))
    for revision in ("main", CONVERTED):
        try:
            commit = (root / "refs" / revision).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        folder = root / "snapshots" / commit
        files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
        if names := _choose(name, files, configuration, split):
            return [folder / file for file in names]
    raise error
