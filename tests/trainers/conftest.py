"""A scripted Python in the place of TRL's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from laptime.trainers.environments import name_environment
from laptime.trainers.trainer import find_trainer

SCRIPT = Path(__file__).parent / "scripted_python.py"


def write_python(folder: Path) -> Path:
    """Return a program in `folder` that behaves as scripted_python.py says."""
    file = folder / "python"
    file.write_text(f"#!{sys.executable}\n{SCRIPT.read_text(encoding='utf-8')}", encoding="utf-8")
    file.chmod(0o755)
    return file


@pytest.fixture(scope="module")
def scripted_trl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """TRL, installed in a cache of this module's own, as far as Laptime can tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache-with-trl")))
        name_environment(find_trainer("trl"), str(write_python(tmp_path_factory.mktemp("bin"))))
        yield
