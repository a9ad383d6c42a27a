"""What happens where the C parts can't be built, and that nothing of another's is loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from laptime.kernels import build
from laptime.kernels.build import NotBuiltError, build_library, find_library, library_file, read_reason

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="built on Linux only")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    return tmp_path


def give_compiler(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a shell script the only compiler."""
    file = folder / "cc"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setenv("CC", str(file))
    return file


def test_it_is_built_once_and_found_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if build.find_compiler() is None:
        pytest.skip("no C compiler")
    build_library()
    found = find_library()
    assert found.parent == cache / "laptime" / "kernels" and [*found.parent.iterdir()] == [found]
    monkeypatch.setattr(build, "compile_sources", lambda folder: pytest.fail("built twice"))
    build_library()


def test_other_sources_are_another_library(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = library_file()
    (tmp_path / "new.c").write_text("int a;")
    monkeypatch.setattr(build, "list_sources", lambda: [tmp_path / "new.c"])
    assert library_file() != before


def test_without_a_compiler_the_reason_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_compiler", lambda: None)
    build_library()
    with pytest.raises(NotBuiltError, match="no C compiler"):
        find_library()


def test_a_compiler_that_fails_is_named_and_asked_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    give_compiler(
        tmp_path, f"echo x >> {calls}\necho 'parts.c:1: error: no such thing' >&2\nexit 1", monkeypatch
    )
    build_library()
    made = calls.read_text()
    build_library()
    assert calls.read_text() == made
    assert read_reason(library_file()) == "cc: parts.c:1: error: no such thing"


def test_a_newer_compiler_is_tried(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = give_compiler(tmp_path, "exit 1", monkeypatch)
    build_library()
    assert build.has_failed(library_file())
    newer = library_file().with_suffix(".txt").stat().st_mtime + 10
    os.utime(file, (newer, newer))
    assert not build.has_failed(library_file())


def test_a_library_that_dies_is_not_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the compiler knows an instruction that the processor has not."""
    dies = tmp_path / "dies.py"
    dies.write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    monkeypatch.setattr(build, "compile_sources", lambda folder: folder / "kernels.so")
    monkeypatch.setattr(build.sys, "executable", str(give_compiler(tmp_path, "kill -ILL $$", monkeypatch)))
    build_library()
    with pytest.raises(NotBuiltError, match="does not run here"):
        find_library()


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_library_that_others_may_write_is_not_loaded(cache: Path, mode: int) -> None:
    file = library_file()
    file.parent.mkdir(parents=True)
    file.touch()
    file.chmod(mode)
    with pytest.raises(NotBuiltError, match="may be written by others"):
        find_library()


def test_a_cache_that_can_not_be_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "laptime").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build_library()
    with pytest.raises(NotBuiltError, match="not built"):
        find_library()
