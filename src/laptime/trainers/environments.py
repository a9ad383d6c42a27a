"""A Python of its own for each trainer, in the user's cache: made, found, taken away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from laptime.errors import UserError, check_path, readable
from laptime.trainers.trainer import Trainer
from laptime.util.atomic import find_unused
from laptime.util.sealed_file import read_sealed, write_sealed
from laptime.util.user_cache import user_cache

FILE_NAME = "environment.json"  # written last: without it an environment is not whole
LOG_NAME = "install.log"
VENV = "venv"
ANSWER_SECONDS = 60
PIP_INSTALL = [
    "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off",
]  # fmt: skip
ASK_VERSIONS = """
import json, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


class Environment(Struct, frozen=True, kw_only=True):
    """Where a trainer's Python lies, and the versions of what it was made for."""

    python: str
    versions: Mapping[str, str]
    made_here: bool  # not a user's own, which was only named


def folder_of(name: str) -> Path:
    """Return the folder of the trainer called `name`, which need not exist yet."""
    return user_cache() / "trainers" / name


def find_environment(name: str) -> Environment | None:
    """Return the environment of the trainer called `name`, None where none is installed or it is gone."""
    found = _read(name)
    return found if found and os.access(found.python, os.X_OK) else None


def tell_absence(trainer: Trainer) -> str:
    """Return why there is no environment, and how to get one."""
    add = f"laptime trainers add {trainer.name}"
    if found := _read(trainer.name):
        return f"the Python of {trainer.title}, {found.python}, is gone; put it back, or {add}"
    return f"{trainer.title} is not installed; {add}"


def _read(name: str) -> Environment | None:
    """Return what was written down of an environment."""
    try:
        return read_sealed(folder_of(name) / FILE_NAME, Environment, "an environment", "add it again")
    except (FileNotFoundError, NotADirectoryError):
        return None


def add_environment(trainer: Trainer, say: Callable[[str], None]) -> Environment:
    """Make an environment with the trainer's pinned packages; raises UserError in one line.

    `say` hears how far it has come. The one before it stands until this one is ready; what is left of an
    attempt that fails is removed.
    """
    folder = _own_folder(trainer.name)
    place = find_unused(folder / VENV)
    log = folder / LOG_NAME
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    say(f"{trainer.title}: an environment of its own in {place}")
    try:
        _run([sys.executable, "-m", "venv", str(place)], log, trainer, say)
        say(f"{trainer.title}: installing {', '.join(trainer.packages)}")
        _run([str(python), *PIP_INSTALL, *trainer.packages], log, trainer, say)
        made = _keep(trainer, str(python), ask_versions(str(python), trainer), made_here=True)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    _remove_venvs(folder, but=place)
    return made


def name_environment(trainer: Trainer, python: str) -> Environment:
    """Take a Python that the user has for a trainer; raises UserError where its packages are not there."""
    if not python.strip():
        raise UserError("--python: empty; give the python of an environment, or leave the option out")
    check_path(python, "--python")
    found = shutil.which(Path(python).expanduser())
    if found is None:
        raise UserError(f"--python {readable(python, 200)}: no program; give the python of an environment")
    path = str(Path(found).absolute())  # not resolved: an environment's python is a link to the system's
    versions = ask_versions(path, trainer)
    if (package := _name_packages(trainer)[0]) not in versions:  # the trainer's own
        raise UserError(f"--python {readable(python, 200)}: {package} is not installed there")
    _own_folder(trainer.name)
    return _keep(trainer, path, versions, made_here=False)


def remove_environment(name: str) -> bool:
    """Take away what `add_environment` made, or forget a named Python; tells whether any was there."""
    folder = _own_folder(name)
    had = (folder / FILE_NAME).exists() or any(folder.glob(f"{VENV}*"))
    (folder / FILE_NAME).unlink(missing_ok=True)  # first: half an environment is none
    _remove_venvs(folder)
    return had


def _own_folder(name: str) -> Path:
    """Return the folder of a trainer, which is there then; raises UserError for a link in its place."""
    folder = folder_of(name)
    for place in (folder, folder.parent):
        if place.is_symlink():
            raise UserError(f"{place}: a link, behind which nothing is changed; remove the link")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _remove_venvs(folder: Path, but: Path | None = None) -> None:
    """Remove the environments that were made in a folder, but for one."""
    for place in folder.glob(f"{VENV}*"):
        if place != but and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)


def _keep(trainer: Trainer, python: str, versions: Mapping[str, str], made_here: bool) -> Environment:
    """Write down and return an environment."""
    environment = Environment(python=python, versions=versions, made_here=made_here)
    write_sealed(folder_of(trainer.name) / FILE_NAME, environment)
    return environment


def _name_packages(trainer: Trainer) -> list[str]:
    """Return the names of a trainer's packages, the trainer's own first."""
    return [package.partition("==")[0] for package in trainer.packages]


def ask_versions(python: str, trainer: Trainer) -> dict[str, str]:
    """Return the versions of a trainer's packages that a Python has; raises UserError where none runs."""
    try:
        answer = subprocess.run(
            [python, "-c", ASK_VERSIONS, *sorted(_name_packages(trainer))],
            capture_output=True, text=True, timeout=ANSWER_SECONDS, env=clean_environment(),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        versions: dict[str, str] = json.loads(answer.stdout)
    except subprocess.TimeoutExpired:
        shown = readable(python, 200)
        raise UserError(f"--python {shown}: did not answer within {ANSWER_SECONDS} s") from None
    except (OSError, ValueError):
        raise UserError(f"--python {readable(python, 200)}: is no Python that runs") from None
    return versions


def clean_environment() -> dict[str, str]:
    """Return the variables of this process without those that would lead another Python to our packages."""
    return {name: value for name, value in os.environ.items() if name not in OURS_ALONE}


OURS_ALONE = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP"}


def _run(command: list[str], log: Path, trainer: Trainer, say: Callable[[str], None]) -> None:
    """Run a step of the making, tell its lines, and raise UserError with the one that says what is wrong."""
    lines = []
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=clean_environment(),
        )
        assert process.stdout
        try:
            for line in process.stdout:
                file.write(line)
                lines.append(line.strip())
                if line.startswith("Collecting "):
                    say(f"  {line.strip()}")
                elif line.startswith("Installing collected packages"):
                    say(f"  Installing {line.count(',') + 1} packages")
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
    if process.returncode:
        raise UserError(f"laptime trainers add {trainer.name}: {_tell_failure(lines)}; all of it: {log}")


NO_NETWORK = ("NewConnectionError", "Temporary failure in name resolution", "Network is unreachable")


def _tell_failure(lines: list[str]) -> str:
    """Return what went wrong, from the lines of pip."""
    if any(sign in line for line in lines for sign in NO_NETWORK):
        return "no package index can be reached; try again with a network, or name a Python with --python"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")]
    said = next(iter(errors or lines[-1:]), "pip did not say why")
    return f"could not be installed ({readable(said, 300)})"
