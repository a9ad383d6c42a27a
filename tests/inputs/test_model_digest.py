"""The digest of a base: what it covers, and that a file which has not changed is read once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from laptime.inputs import model_digest
from laptime.inputs.model_digest import begin_digest, digest_model, hash_once
from laptime.inputs.model_source import ModelSource
from laptime.user_cache import user_cache


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of weights that was written long enough ago, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    file = folder / "model.safetensors"
    file.write_bytes(b"weights")
    settle(file)
    return file


def settle(file: Path) -> None:
    """Date a file back, past the time in which it may change unseen."""
    os.utime(file, (time.time() - 60, time.time() - 60))


def source_of(file: Path) -> ModelSource:
    return ModelSource(name="m", folder=str(file.parent), config={"hidden_size": 4}, toy=False)


def refuse(*arguments: object) -> None:
    raise AssertionError("the file is read again")


def test_a_file_that_has_not_changed_is_read_once(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = hash_once(weights)
    monkeypatch.setattr(model_digest.hashlib, "file_digest", refuse)
    assert hash_once(weights) == first


def test_a_file_that_changed_is_read_again_even_where_its_date_was_set_back(weights: Path) -> None:
    before = weights.stat()
    first = hash_once(weights)
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert weights.stat().st_mtime_ns == before.st_mtime_ns and weights.stat().st_size == before.st_size
    assert hash_once(weights) != first


def test_a_file_written_just_now_is_not_remembered(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.write_bytes(b"fresh")
    hash_once(weights)
    monkeypatch.setattr(model_digest.hashlib, "file_digest", refuse)
    with pytest.raises(AssertionError, match="read again"):
        hash_once(weights)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"/nowhere": 1}', b"\xff"])
def test_a_broken_cache_is_as_good_as_none(weights: Path, content: bytes) -> None:
    first = hash_once(weights)
    (user_cache() / model_digest.FILE_NAME).write_bytes(content)
    assert hash_once(weights) == first


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(hash_once(weights)) == 64


def test_the_thread_gives_the_same_digest_or_the_same_error(weights: Path) -> None:
    assert begin_digest(source_of(weights), False).result() == digest_model(source_of(weights), False)
    weights.unlink()
    weights.symlink_to("nowhere")
    with pytest.raises(OSError, match=r"nowhere|safetensors"):
        begin_digest(source_of(weights), False).result()


def test_a_hub_blob_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ("a" * 64)).write_bytes(b"weights")
    (tmp_path / "model.safetensors").symlink_to(tmp_path / ("a" * 64))
    monkeypatch.setattr(model_digest.hashlib, "file_digest", refuse)
    assert len(digest_model(source_of(tmp_path / "model.safetensors"), False)) == 64
