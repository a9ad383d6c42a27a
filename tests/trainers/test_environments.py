"""Environments of trainers: made, half made, named, removed; and the lines of what goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.trainers import environments
from laptime.trainers.environments import (
    FILE_NAME,
    add_environment,
    find_environment,
    folder_of,
    name_environment,
    remove_environment,
    tell_absence,
)
from laptime.trainers.listing import add, list_trainers, remove
from laptime.trainers.trainer import Trainer, find_trainer, find_trainers
from tests.trainers.conftest import write_python

PYTHON = sys.executable  # before a test lets another one take its place
# Plays `python -m venv FOLDER`: the Python that it makes plays pip and tells versions.
VENV = """#!{python}
import pathlib, sys
if sys.argv[2] == "venv":
    file = pathlib.Path(sys.argv[3]) / "bin" / "python"
    file.parent.mkdir(parents=True)
    file.write_text(pathlib.Path(__file__).read_text())
    file.chmod(0o755)
elif sys.argv[1] == "-c":
    print('{{"trl": "1.16.0"}}')
else:
    print("Collecting trl==1.16.0")
    print({says!r})
    sys.exit({code})
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache without trainers."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def trl() -> Trainer:
    """TRL."""
    return find_trainer("trl")


def play_pip(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: int) -> None:
    """Let a script make environments, in which pip says something and ends with a code."""
    file = folder / "python"
    file.write_text(VENV.format(python=PYTHON, says=says, code=code), encoding="utf-8")
    file.chmod(0o755)
    monkeypatch.setattr(environments.sys, "executable", str(file))


def test_an_environment_is_made_with_progress_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trl: Trainer
) -> None:
    play_pip(tmp_path, monkeypatch, "Installing collected packages: a, b, c", 0)
    said: list[str] = []
    add_environment(trl, said.append)
    assert [line for line in said if line.startswith("  ")] == [
        "  Collecting trl==1.16.0",
        "  Installing 3 packages",
    ]
    found = find_environment("trl")
    assert found and found.made_here and found.versions == {"trl": "1.16.0"}
    assert any("trl 1.16.0" in line for line in list_trainers())
    assert remove("trl") == f"TRL is removed from {folder_of('trl')}"
    assert find_environment("trl") is None and not Path(found.python).exists()


@pytest.mark.parametrize(
    ("says", "line"),
    [
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError(...)'",
            "no package index can be reached; try again with a network",
        ),
        ("ERROR: No matching distribution found for trl==1.16.0", "(No matching distribution found for trl"),
    ],
)
def test_what_cannot_be_installed_is_one_line_and_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trl: Trainer, says: str, line: str
) -> None:
    play_pip(tmp_path, monkeypatch, says, 1)
    with pytest.raises(UserError) as error:
        add_environment(trl, lambda _: None)
    assert line in str(error.value) and "\n" not in str(error.value)
    assert says in (folder_of("trl") / "install.log").read_text()
    assert find_environment("trl") is None


def test_the_environment_before_stands_until_the_new_one_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trl: Trainer
) -> None:
    python = write_python(tmp_path)
    name_environment(trl, str(python))
    (tmp_path / "pip").mkdir()
    play_pip(tmp_path / "pip", monkeypatch, "ERROR: no", 1)
    with pytest.raises(UserError):
        add_environment(trl, lambda _: None)
    found = find_environment("trl")
    assert found and found.python == str(python)
    assert not list(folder_of("trl").glob("venv*"))  # nothing half made is left
    play_pip(tmp_path / "pip", monkeypatch, "", 0)
    for _ in range(2):
        made = add_environment(trl, lambda _: None)
        assert find_environment("trl") == made
    assert len(list(folder_of("trl").glob("venv*"))) == 1


def test_behind_a_link_nothing_is_changed(tmp_path: Path, trl: Trainer) -> None:
    theirs = tmp_path / "theirs" / "venv"
    theirs.mkdir(parents=True)
    folder_of("trl").parent.mkdir(parents=True)
    folder_of("trl").symlink_to(tmp_path / "theirs")
    for change in (lambda: remove("trl"), lambda: name_environment(trl, str(write_python(tmp_path)))):
        with pytest.raises(UserError, match="a link, behind which nothing is changed; remove the link"):
            change()
    assert theirs.exists()


def test_half_an_environment_is_none_and_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trl: Trainer
) -> None:
    left = folder_of("trl") / "venv" / "bin"
    left.mkdir(parents=True)
    (left / "half").touch()
    assert find_environment("trl") is None
    play_pip(tmp_path, monkeypatch, "", 0)
    add_environment(trl, lambda _: None)
    assert find_environment("trl") and not (left / "half").exists()


def test_a_python_of_the_user_is_taken_and_never_removed(tmp_path: Path, trl: Trainer) -> None:
    python = write_python(tmp_path)
    name_environment(trl, str(python))
    found = find_environment("trl")
    assert found and found.python == str(python) and not found.made_here
    remove("trl")
    assert find_environment("trl") is None and python.exists()


def test_a_python_that_is_gone_is_no_environment(tmp_path: Path, trl: Trainer) -> None:
    python = write_python(tmp_path)
    name_environment(trl, str(python))
    python.unlink()
    assert find_environment("trl") is None
    assert (
        tell_absence(trl) == f"the Python of TRL, {python}, is gone; put it back, or laptime trainers add trl"
    )
    assert remove_environment("trl")
    assert tell_absence(trl) == "TRL is not installed; laptime trainers add trl"


def test_a_damaged_environment_is_named(tmp_path: Path, trl: Trainer) -> None:
    name_environment(trl, str(write_python(tmp_path)))
    file = folder_of("trl") / FILE_NAME
    file.write_text(file.read_text().replace("0.1", "0.2"))
    with pytest.raises(UserError, match="damaged: it does not match its digest; add it again"):
        find_environment("trl")


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("/nope/python", "--python /nope/python: no program"),
        (" ", "--python: empty; give the python of an environment"),
        ("a\nb", r"--python: a path with \\n in it"),
        ("a\udcfe", r"--python: a path with \\udcfe in it"),
        ("/bin/true", "--python /bin/true: is no Python that runs"),
        (sys.executable, "trl is not installed there"),
    ],
)
def test_a_python_without_the_trainer_is_refused(trl: Trainer, python: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        name_environment(trl, python)


def test_who_cannot_be_added_is_told() -> None:
    for name, message in (
        ("lunch", "laptime trainers: no trainer 'lunch'; there are laptime, "),
        ("laptime", "laptime itself is always there"),
    ):
        with pytest.raises(UserError, match=message):
            add(name, None, lambda _: None)
    with pytest.raises(UserError, match="laptime trainers remove trl: not installed"):
        remove("trl")


def test_every_trainer_says_what_it_is() -> None:
    for trainer in find_trainers().values():
        assert trainer.title and trainer.summary and trainer.file.exists()
        if trainer.name == "laptime":
            assert trainer.methods is None and trainer.packages == ()
        else:
            assert trainer.methods and set(trainer.methods) <= {"full", "lora"}
            assert all("==" in package for package in trainer.packages)  # pinned
            assert trainer.packages[0].partition("==")[0].replace("-", "_") == trainer.name
    assert next(iter(find_trainers())) == "laptime"
