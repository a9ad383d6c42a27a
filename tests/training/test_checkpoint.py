"""Checkpoints that are killed, starved and damaged: at every file operation, in every file."""

from __future__ import annotations

import ast
import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from laptime.errors import UserError
from laptime.runs.job import CHECKPOINT_NAMES
from laptime.training.checkpoint import (
    FILES,
    MANIFEST_FILE,
    PARTS,
    STATE_FILE,
    Manifest,
    SavedState,
    State,
    digest_manifest,
    encode,
    find_newest,
    list_checkpoints,
    open_checkpoint,
    prune,
    read_manifest,
    write_checkpoint,
)
from laptime.training.random_state import capture_random, restore_random
from laptime.training.tensor_file import TensorFile, write_tensors
from laptime.util.atomic import remove_leftovers, whole_folder
from tests.conftest import REPOSITORY

OPERATIONS = ("open", "write", "fsync", "close", "mkdir", "rename", "replace", "unlink", "rmdir")


class Died(BaseException):
    """The process is gone: nothing that it would still do happens."""


@contextmanager
def breaking(monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> Iterator[list[str]]:
    """Let the file operation number `at` (from 1) fail; gives the names of all that were tried.

    After Died every later one fails too; a write that dies leaves half of its bytes.
    """
    tried: list[str] = []

    def broken(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            tried.append(name)
            if len(tried) == at or (len(tried) > at and isinstance(error, Died)):
                if name == "write" and len(tried) == at:
                    real(arguments[0], bytes(arguments[1][: len(arguments[1]) // 2]))
                raise error
            return real(*arguments, **options)

        return operation

    with monkeypatch.context() as patches:
        for name in OPERATIONS:
            patches.setattr(os, name, broken(name, getattr(os, name)))
        yield tried


CPU = torch.device("cpu")


def make_state(step: int, **changes: Any) -> State:
    fields: dict[str, Any] = {
        "step": step,
        "spec": {"method": "lora"},
        "data_digest": "d",
        "model_digest": "m",
        "train_seconds": 1.5,
        "compute_dtype": "float32",
        "recomputes": False,
        "threads": 1,
    }
    return State(**fields | changes)


def make_tensors(step: int) -> dict[str, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(step)
    weight = torch.randn(5, 3, generator=generator)
    half = torch.randn(7, generator=generator).bfloat16()
    return {
        "weights": {"odd": half, "wide": weight},
        "optimizer": {"step.wide": torch.tensor(float(step)), "exp_avg.wide": weight.square()},
        "random": capture_random(CPU),
    }


def assert_whole(found: SavedState | None, step: int) -> None:
    """Every tensor of the checkpoint is that of `step`, to the bit."""
    assert found is not None and found.state == make_state(step)
    expected = make_tensors(step)
    for part in ("weights", "optimizer"):
        tensors = found.tensors(part)
        assert tensors.keys() == expected[part].keys()
        assert all(torch.equal(tensors[name], tensor) for name, tensor in expected[part].items())


def save(home: Path, step: int, keep: int = 2) -> None:
    write_checkpoint(home, make_state(step), make_tensors(step))
    prune(home, step, keep)


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here waits for the disk; that it is asked to sync is counted all the same."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the checkpoints of steps 1 and 2."""
    save(tmp_path / "checkpoints", 1)
    save(tmp_path / "checkpoints", 2)
    return tmp_path / "checkpoints"


def count_operations(monkeypatch: pytest.MonkeyPatch, folder: Path, keep: int) -> int:
    """Return how many file operations the third save takes."""
    save(folder, 1, keep)
    save(folder, 2, keep)
    with breaking(monkeypatch, 10**9, Died()) as tried:
        save(folder, 3, keep)
    assert {"open", "write", "fsync", "rename", "mkdir", "unlink", "rmdir"} <= set(tried)
    return len(tried)


def test_the_format_is_safetensors_and_json(home: Path) -> None:
    folder = home / "step-00000002"
    assert {file.name for file in folder.iterdir()} == {*FILES, MANIFEST_FILE}
    for part, tensors in make_tensors(2).items():
        with safe_open(folder / f"{part}.safetensors", framework="pt") as file:
            assert set(file.keys()) == tensors.keys()
            if part != "random":
                assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())
    state = json.loads((folder / STATE_FILE).read_text())
    assert state["step"] == 2
    assert not {"rank", "world_size", "is_spread"} & state.keys(), "of several processes alone"
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((folder / STATE_FILE).stat().st_mode) == 0o666 & ~mask


def test_no_pickle_is_read_or_written_anywhere_in_the_package() -> None:
    package = REPOSITORY / "src" / "laptime"
    for file in {*package.rglob("*.py")} - {*(package / "trainers" / "peer").glob("*.py")}:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [name.name for name in getattr(node, "names", []) if isinstance(node, ast.Import)]
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "dill", "shelve", "joblib"} & {name.split(".")[0] for name in modules}, file
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                named = f"{node.value.id}.{node.attr}"
                assert named not in {"torch.save", "torch.load", "numpy.load", "np.load"}, file


def test_tensors_of_any_kind_come_back(tmp_path: Path) -> None:
    tensors = {
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "turned": torch.arange(6.0).reshape(2, 3).t(),
        "odd": torch.arange(3, dtype=torch.uint8),
        "half": torch.arange(5).half(),
        "long": torch.arange(5),
        "double": torch.tensor([1e300], dtype=torch.float64),
    }
    write_tensors(tmp_path / "file", tensors)
    found = TensorFile(tmp_path / "file")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_random_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    import random

    import numpy as np

    def draw() -> list[float]:
        numbers = [random.gauss(0, 1), random.random(), float(np.random.randn()), float(np.random.rand())]
        return numbers + torch.randn(3).tolist()

    draw()  # an odd number of normal numbers: the generators keep the second of a pair
    write_tensors(tmp_path / "random", capture_random(CPU))
    expected = [draw(), draw()]
    restore_random(TensorFile(tmp_path / "random"), CPU)
    assert [draw(), draw()] == expected


def test_no_gpu_but_the_one_in_use_is_asked_for_its_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask one opens a context there: half a gigabyte of somebody else's memory."""
    states, touched = {index: torch.tensor([index]) for index in range(4)}, []

    def read(device: torch.device) -> torch.Tensor:
        touched.append(device.index)
        return states[device.index]

    def write(state: torch.Tensor, device: torch.device) -> None:
        touched.append(device.index)
        states[device.index] = state

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(
        torch.cuda, "get_rng_state_all", lambda: [read(torch.device("cuda", i)) for i in range(4)]
    )
    monkeypatch.setattr(torch.cuda, "get_rng_state", read)
    monkeypatch.setattr(torch.cuda, "set_rng_state", write)
    tensors = capture_random(torch.device("cuda", 2))
    assert [name for name in tensors if name.startswith("cuda")] == ["cuda_2"]
    states[2] = torch.tensor([0])
    restore_random(tensors | {"cuda_1": torch.tensor([7])}, torch.device("cuda", 2))
    assert {index: int(state) for index, state in states.items()} == {0: 0, 1: 1, 2: 2, 3: 3}
    capture_random(CPU)
    restore_random(tensors, CPU)
    assert touched == [2, 2]


@pytest.mark.parametrize("keep", [1, 2])
def test_a_kill_at_any_file_operation_leaves_a_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: int
) -> None:
    number = count_operations(monkeypatch, tmp_path / "counted", keep)
    steps = []
    for at in range(1, number + 1):
        folder = tmp_path / str(at)
        save(folder, 1, keep)
        save(folder, 2, keep)
        with breaking(monkeypatch, at, Died()), pytest.raises(Died):
            save(folder, 3, keep)
        remove_leftovers(folder, CHECKPOINT_NAMES)  # as the next start does
        found, unusable = find_newest(folder)
        assert found is not None and unusable == []
        assert_whole(found, found.state.step)
        steps.append(found.state.step)
        save(folder, 4, keep)  # and it goes on
        assert list_checkpoints(folder)[0].name == "step-00000004"
        assert len(list(folder.iterdir())) == min(keep, len(list_checkpoints(folder)))
        shutil.rmtree(folder)
    assert set(steps) == {2, 3}, "before the move it is the one before, after it the new one"
    assert steps == sorted(steps)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("keep", [1, 2])
def test_a_disk_that_fails_at_any_operation_costs_no_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: int, number: int
) -> None:
    for at in range(1, count_operations(monkeypatch, tmp_path / "counted", keep) + 1):
        folder = tmp_path / str(at)
        save(folder, 1, keep)
        save(folder, 2, keep)
        with breaking(monkeypatch, at, OSError(number, os.strerror(number))) as tried:
            try:
                save(folder, 3, keep)
            except OSError as error:
                assert error.errno == number
        found, unusable = find_newest(folder)
        assert found is not None and unusable == [], tried[at - 1]
        assert_whole(found, found.state.step)
        hidden = [path.name for path in folder.iterdir() if path.name.endswith(".aside")]
        assert hidden == [] or tried[at - 1] in {"open", "unlink", "rmdir"}, "nothing half is left"
        shutil.rmtree(folder)


def damages(folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Give ten ways to damage each of the five files: 50 in all."""
    for name in sorted([*FILES, MANIFEST_FILE]):
        file = folder / name
        content = file.read_bytes()
        places = [0, 7, len(content) // 3, len(content) // 2, len(content) - 1]
        for place in places:
            flipped = bytearray(content)
            flipped[place] ^= 1 << (place % 7)
            yield name, lambda file=file, flipped=flipped: file.write_bytes(flipped)
        for size in (0, 1, len(content) - 1):
            yield name, lambda file=file, size=size: os.truncate(file, size)
        yield name, lambda file=file, content=content: file.write_bytes(content + b"\0")
        yield name, file.unlink


def test_every_damage_to_any_file_is_named_and_the_checkpoint_before_is_used(
    home: Path, tmp_path: Path
) -> None:
    folder = home / "step-00000002"
    shutil.copytree(folder, tmp_path / "sound")
    named = 0
    for name, damage in damages(folder):
        damage()
        found, unusable = find_newest(home)
        assert_whole(found, 1)
        (reason,) = unusable
        assert reason.startswith(f"step-00000002: {name} "), reason
        named += 1
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "sound", folder)
    assert named == 50
    assert_whole(find_newest(home)[0], 2)


@pytest.mark.parametrize("name", sorted([*FILES, MANIFEST_FILE]))
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "is a pipe"),
        (os.mkdir, "is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device"),
        (lambda path: path.symlink_to("/proc/kmsg"), "is a file of the system"),
    ],
    ids=["pipe", "folder", "device", "kernel"],
)
def test_what_is_no_file_is_damage_and_is_not_waited_for(
    home: Path, name: str, make: Callable[[Path], object], what: str
) -> None:
    place = home / "step-00000002" / name
    place.unlink()
    make(place)
    found, unusable = find_newest(home)
    assert_whole(found, 1)
    assert unusable == [f"step-00000002: {name} {what}"]


def test_without_a_whole_checkpoint_there_is_none_and_every_one_is_named(home: Path) -> None:
    for folder in list_checkpoints(home):
        (folder / "weights.safetensors").unlink()
    found, unusable = find_newest(home)
    assert found is None
    assert unusable == [f"step-0000000{n}: weights.safetensors is missing" for n in (2, 1)]
    assert find_newest(home / "nowhere") == (None, [])


def test_a_link_to_a_checkpoint_elsewhere_is_none(home: Path, tmp_path: Path) -> None:
    (home / "step-00000002").rename(tmp_path / "elsewhere")
    (home / "step-00000002").symlink_to(tmp_path / "elsewhere")
    found, unusable = find_newest(home)
    assert_whole(found, 1)
    assert unusable == ["step-00000002: is a link"]


def test_a_damaged_newer_one_neither_counts_nor_stays(home: Path) -> None:
    save(home, 7)
    (home / "step-00000007" / STATE_FILE).unlink()
    save(home, 3, keep=1)
    assert [folder.name for folder in list_checkpoints(home)] == ["step-00000003"]


def test_a_damaged_one_of_the_same_step_is_replaced(home: Path) -> None:
    (home / "step-00000002" / STATE_FILE).unlink()
    save(home, 2)
    assert_whole(find_newest(home)[0], 2)


def test_another_version_of_the_format_is_refused_in_one_line(home: Path) -> None:
    folder = home / "step-00000002"
    files = read_manifest(folder).files
    manifest = Manifest(version=3, files=files, digest=digest_manifest(3, files))
    (folder / MANIFEST_FILE).write_bytes(encode(manifest))
    with pytest.raises(UserError, match="checkpoint of version 3; this laptime reads 1 and 2"):
        open_checkpoint(folder)


def test_a_manifest_cannot_name_a_file_elsewhere(home: Path) -> None:
    folder = home / "step-00000002"
    files = read_manifest(folder).files
    files["../outside"] = files.pop(STATE_FILE)
    manifest = Manifest(version=1, files=files, digest=digest_manifest(1, files))
    (folder / MANIFEST_FILE).write_bytes(encode(manifest))
    _, unusable = find_newest(home)
    assert unusable == [f"step-00000002: {MANIFEST_FILE} names other files"]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `saved/` is written with: a kill leaves the old folder or the new one."""

    def write(content: str) -> None:
        with whole_folder(tmp_path / "saved") as aside:
            for name in ("a", "b"):
                (aside / name).write_text(content)

    write("old")
    with breaking(monkeypatch, 10**9, Died()) as tried:
        write("old")
    outcomes = set()
    for at in range(1, len(tried) + 1):
        write("old")
        with breaking(monkeypatch, at, Died()), pytest.raises(Died):
            write("new")
        remove_leftovers(tmp_path, "saved")
        contents = [file.read_text() for file in (tmp_path / "saved").iterdir()]
        assert contents in (["old"] * 2, ["new"] * 2)
        assert [path.name for path in tmp_path.iterdir()] == ["saved"]
        outcomes |= set(contents)
    assert outcomes == {"old", "new"}


def test_each_part_is_one_file() -> None:
    assert {f"{part}.safetensors" for part in PARTS} | {STATE_FILE} == FILES
