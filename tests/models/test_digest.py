"""The digest of a base: what it covers, and that a file which has not changed is read once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from laptime.models import digest as model_digest
from laptime.models.digest import begin_digest, describe_base, find_change, hash_once
from laptime.models.source import ModelSource
from laptime.util.user_cache import user_cache


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of weights that was written long enough ago, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    file = folder / "model.safetensors"
    file.write_bytes(b"weights")
    wait(monkeypatch)
    return file


def wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time pass in which a file that was just written may change unseen."""
    now = time.time() + 60
    monkeypatch.setattr(model_digest.time, "time", lambda: now)


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
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(weights.parent / "cache"))
    weights.write_bytes(b"fresh")
    os.utime(weights, (0, 0))  # an old date says nothing: the next change may be dated back too
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
    expected = describe_base(weights.parent, False)
    assert begin_digest(source_of(weights), False).result() == expected
    weights.unlink()
    weights.symlink_to("nowhere")
    with pytest.raises(OSError, match=r"nowhere|safetensors"):
        begin_digest(source_of(weights), False).result()


def link_to(weights: Path, name: str) -> Path:
    """Put a link to a blob, as the hub's cache does, in the place of the weights."""
    blob = weights.parents[1] / "blobs" / name
    blob.parent.mkdir()
    weights.rename(blob)
    weights.symlink_to(blob)
    return blob


def test_a_hub_blob_is_not_read_until_it_changes(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = link_to(weights, "a" * 64)
    with monkeypatch.context() as patch:
        patch.setattr(model_digest.hashlib, "file_digest", refuse)
        assert hash_once(weights) == "a" * 64
    blob.write_bytes(b"Weights")
    assert hash_once(weights) != "a" * 64


def test_a_long_name_is_no_digest(weights: Path) -> None:
    first = hash_once(weights)
    blob = link_to(weights, f"{'a' * 52}.safetensors")
    assert len(blob.name) == 64 and hash_once(weights) == first


def test_a_file_that_is_as_it_was_is_not_read_to_see_that(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = describe_base(weights.parent, False)
    (weights.parents[1] / "cache").rename(weights.parents[1] / "gone")
    monkeypatch.setattr(model_digest.hashlib, "file_digest", refuse)
    assert find_change(weights.parent, files, False) == ""


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"]
)
def test_a_change_of_any_file_of_the_base_is_named(weights: Path, name: str) -> None:
    folder, file = weights.parent, weights.parent / name
    if not file.exists():
        before = describe_base(folder, False)
        file.write_bytes(b"{}")
        assert find_change(folder, before, False) == f"{name} is new"
    files = describe_base(folder, False)
    assert find_change(folder, files, False) == ""
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert find_change(folder, files, False) == f"{name} has changed"
    file.write_bytes(content)
    assert find_change(folder, files, False) == ""
    (folder / "notes.txt").write_bytes(b"of no base")
    file.unlink()
    assert find_change(folder, files, False) == f"{name} is gone"
