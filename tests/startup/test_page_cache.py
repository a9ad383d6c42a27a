"""Reading ahead reads what the system does not have, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from laptime.startup import page_cache as read_ahead
from laptime.startup.page_cache import BLOCK_BYTES, find_weight_files, is_cached, start_reading


def make_file(path: Path, num_bytes: int) -> Path:
    """Write a file and let the system forget it, where it does."""
    with path.open("wb") as file:
        file.write(os.urandom(num_bytes))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return path


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="needs Linux")
def test_a_forgotten_file_is_read_once(tmp_path: Path) -> None:
    file = make_file(tmp_path / "model.safetensors", BLOCK_BYTES + 12_345)
    with file.open("rb") as opened:
        if is_cached(opened.fileno(), 0):
            pytest.skip("this file system keeps everything in memory")
    first = start_reading(find_weight_files(tmp_path))
    assert first is not None
    first.thread.join()
    assert first.num_bytes_read > BLOCK_BYTES // 2 and first.had_effect()
    with file.open("rb") as opened:
        assert is_cached(opened.fileno(), 0) and is_cached(opened.fileno(), BLOCK_BYTES + 12_000)
    second = start_reading([file])
    assert second is not None
    second.thread.join()
    assert not second.had_effect()


def test_files_are_read_whole_where_the_system_cannot_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "is_cached", lambda descriptor, position: False)
    (tmp_path / "a").write_bytes(bytes(BLOCK_BYTES + 1))
    (tmp_path / "b").write_bytes(bytes(10))
    reading = start_reading([tmp_path / "a", tmp_path / "b"])
    assert reading is not None
    reading.thread.join()
    assert reading.num_bytes_read == BLOCK_BYTES + 11


def test_nothing_to_read_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"12")
    assert start_reading([]) is None
    assert start_reading([tmp_path / "absent"]) is None
    monkeypatch.setattr(read_ahead, "LARGEST_SHARE", 0.0)
    assert start_reading([tmp_path / "a"]) is None, "more than fits the machine's memory"
