"""A full disk is told from other errors: what it ended is tried again once there is room."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors import SafetensorError

from laptime.data import room as room_module
from laptime.data import spool as spool_module
from laptime.data.input_manifest import InputJob
from laptime.data.room import Room, room_for, tell_full
from laptime.data.spool import Chosen, Heap, join_spools
from laptime.errors import UserError
from laptime.runs.exit_reason import explain
from laptime.runs.process import tell_preparation
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.training import preprocess
from laptime.training.failure import classify
from laptime.training.preprocess import prepare, refuse_full
from laptime.training.saving import UnsavedError
from laptime.util.atomic import write_pieces
from tests.tiny import make_tiny_model

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


GONE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
GIVE = "make room, or use another disk"


def leave(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    """Leave so many bytes on every disk."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=num_bytes))


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Half of it would fill the disk, and leave no room to say so."""

    def pieces() -> Iterator[bytes]:
        yield bytes(1000)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as error:
        write_pieces(tmp_path / "encoded.bin", pieces())
    assert error.value.filename == str(tmp_path / "encoded.bin")
    assert list(tmp_path.iterdir()) == []


def test_encoded_examples_are_told_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "inputs" / "encoded.bin"
    file.parent.mkdir()
    leave(monkeypatch, 6_000_000)
    with pytest.raises(UserError) as error, room_for(file, 100_000_000):
        raise AssertionError("nothing is written")
    assert str(error.value) == (
        f"--out {tmp_path}: too little room: the encoded examples need 100.0 MB; 6.0 MB are free; {GIVE}"
    )
    with pytest.raises(UserError) as error, room_for(file, 1_000_000):
        raise GONE  # a quota that nobody could ask for
    assert str(error.value) == (
        f"--out {tmp_path}: the disk is full (No space left on device): the encoded examples need 1.0 MB; "
        f"6.0 MB are free; {GIVE}"
    )
    with pytest.raises(PermissionError), room_for(file, 1):
        raise PermissionError(errno.EACCES, "no")


def test_too_little_room_is_foreseen_from_the_first_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = "x" * 9_000, "x" * 1_000
    spool = join_spools(str, [long, short])
    room = Room(spool, tmp_path / "inputs")
    leave(monkeypatch, 600)
    with pytest.raises(
        UserError, match=r"--out .*: the encoded examples need about 1\.0 kB; 0\.6 kB are free"
    ):
        room.look(900, 1)  # nine tenths of the bytes are done, not half of the examples
    leave(monkeypatch, 960)
    room.look(900, 1)
    assert Chosen(spool, [0, 1]).share_before(1) == spool.share_before(1) == pytest.approx(0.9, abs=0.001)
    monkeypatch.setattr(room_module, "IN_MEMORY", 100)
    leave(monkeypatch, 40)
    with pytest.raises(UserError, match=r"need about 1\.0 kB while they are made; .* set TMPDIR to another"):
        Room(spool, None).look(900, 1)
    Room([1, 2], None).look(40, 1)


def test_a_preparation_says_that_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it writes, and where something else does; what is in its way then is taken away."""
    done = tell_full(
        OSError(errno.EDQUOT, "Disk quota exceeded", str(tmp_path / "inputs" / "x")), tmp_path / "inputs"
    )
    assert done.startswith(f"--out {tmp_path}: the disk is full (Disk quota exceeded): ")
    elsewhere = tell_full(OSError(errno.ENOSPC, "No space", "/cache/x"), tmp_path / "inputs")
    assert elsewhere.startswith("/cache/x: the disk is full (No space): ") and elsewhere.endswith(GIVE)
    with pytest.raises(SystemExit) as ended:
        refuse_full(GONE, tmp_path / "inputs")
    assert ended.value.code == 2
    refuse_full(PermissionError(errno.EACCES, "no"), tmp_path / "inputs")


def test_so_does_who_waits_for_one_that_could_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (inputs / "log.txt").touch()
    assert tell_preparation(inputs, 1) == "the inputs could not be prepared: no output"
    leave(monkeypatch, 4096)
    assert tell_preparation(inputs, 1).startswith(f"--out {tmp_path}: too little room: ")
    assert "4.1 kB are free" in tell_preparation(inputs, 2)
    (inputs / "log.txt").write_text("--data: none\n")
    assert tell_preparation(inputs, 2) == "--data: none"


def test_the_preparation_writes_only_what_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_tiny_model(tmp_path / "model")
    job = InputJob(
        model=ModelSpec(model=str(model)), data=DataSpec(), answers=AnswerSpec(), training=TrainingSpec(),
        folder=str(tmp_path / "out" / "inputs"),
    )  # fmt: skip
    leave(monkeypatch, 100)
    with pytest.raises(
        UserError, match=rf"^--out {tmp_path}/out: too little room: the encoded examples need about"
    ):
        prepare(job)
    leave(monkeypatch, 1 << 40)
    monkeypatch.setattr(preprocess, "write_encoded", lambda *_: (_ for _ in ()).throw(GONE))
    with pytest.raises(
        UserError, match=rf"^--out {tmp_path}/out: the disk is full \(No space left on device\)"
    ):
        prepare(job)


def test_a_spool_gives_its_room_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "IN_MEMORY", 10)
    monkeypatch.setattr(spool_module, "AT_ONCE", 10)
    heap = Heap()
    heap.append(bytes(50))
    kept: Any = heap._file
    descriptor = os.dup(kept.fileno())
    monkeypatch.setattr(kept, "write", lambda content: (_ for _ in ()).throw(GONE), raising=False)
    with pytest.raises(UserError, match=r"the examples need more than the 0\.1 kB that they have there"):
        heap.append(bytes(50))
    assert os.fstat(descriptor).st_size == 0
    os.close(descriptor)
