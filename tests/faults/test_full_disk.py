"""A full disk is told from other errors: what it ended is tried again once there is room."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors import SafetensorError

from laptime.runs.exit_reason import explain
from laptime.training.failure import classify
from laptime.training.saving import UnsavedError

WORDS = "Error while serializing: I/O error: No space left on device (os error 28)"


def unsaved(error: Exception) -> Exception:
    try:
        raise UnsavedError(error) from error
    except UnsavedError as raised:
        return raised


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "disk_full"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "disk_full"),
        (unsaved(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))), "disk_full"),
        (unsaved(SafetensorError(WORDS)), "disk_full"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "error"),
        (ValueError("No space left on device"), "error"),
    ],
)
def test_the_reason_is_the_disk(error: Exception, reason: str) -> None:
    assert classify(error)[0] == reason


def test_so_it_is_where_the_run_could_not_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.txt").write_text("something broke\n")
    assert explain(tmp_path, 1, None, {}, None) == ("error", "ended with code 1: something broke")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    assert explain(tmp_path, 1, None, {}, None) == ("disk_full", "ended with code 1: the disk is full")
