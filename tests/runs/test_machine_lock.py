"""Comparisons keep off each other's processors; trainings are told."""

from __future__ import annotations

import os
import re
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.hardware.inventory import list_gpus
from laptime.runs.lock import Owner
from laptime.runs.machine_lock import find_owner, machine_lock, make_room, name_gpu
from laptime.spec import TrainingSpec

FIRST, SECOND = "GPU-11111111-aaaa", "GPU-22222222-bbbb"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of two equal GPUs, with locks of its own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("laptime.hardware.inventory.PROC", tmp_path / "proc")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    set_gpus(tmp_path, (FIRST, "T4"), (SECOND, "T4"))
    return tmp_path


def set_gpus(folder: Path, *gpus: tuple[str, str]) -> None:
    """Let the driver show these GPUs."""
    for number, (uuid, model) in enumerate(gpus):
        place = folder / "proc" / "driver" / "nvidia" / "gpus" / f"0000:0{number}:00.0"
        place.mkdir(parents=True, exist_ok=True)
        (place / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 38\nGPU UUID: \t {uuid}\n")


def lock(visible: str | None, device: str = "auto") -> ExitStack:
    """Hold the lock of a comparison with CUDA_VISIBLE_DEVICES."""
    stack = ExitStack()
    with pytest.MonkeyPatch.context() as patch:
        if visible is not None:
            patch.setenv("CUDA_VISIBLE_DEVICES", visible)
        stack.enter_context(machine_lock(device))
    return stack


@pytest.mark.parametrize(
    ("first", "second"),
    [("0", "1"), (None, "1"), (FIRST, SECOND), ("GPU-111", "1"), ("MIG-a", "MIG-b"), ("0,1", "1,0")],
)
def test_two_gpus_run_two_comparisons(first: str | None, second: str) -> None:
    with lock(first), lock(second):
        pass


@pytest.mark.parametrize(
    ("first", "second"), [("0", "0"), (None, "0"), (FIRST, "0"), (SECOND[:8], "1"), ("MIG-a", "MIG-a")]
)
def test_one_gpu_runs_one(first: str | None, second: str) -> None:
    message = rf"this GPU: locked by pid {os.getpid()} since [\d:]+; two .* both; --wait waits for it"
    with lock(first), pytest.raises(UserError, match=message):
        lock(second)
    with lock(second):
        pass


@pytest.mark.parametrize(("first", "second"), [("cpu", "auto"), ("auto", "cpu"), ("cpu", "cpu")])
def test_the_processor_is_for_one_alone(first: str, second: str) -> None:
    """It also drives the GPUs."""
    with lock("0", first), pytest.raises(UserError, match=rf"this machine: locked by pid {os.getpid()} "):
        lock("1", second)


def test_gpus_that_cannot_be_told_apart_count_as_the_machine(machine: Path) -> None:
    set_gpus(machine, (FIRST, "T4"), (SECOND, "H100"))
    with lock("0"), pytest.raises(UserError, match="this machine: locked"):
        lock("1")
    with lock(FIRST), lock(SECOND):
        pass


@pytest.mark.parametrize(
    ("visible", "device", "expected"),
    [
        (None, "auto", f"gpu-{FIRST}"),
        ("1", "cuda", f"gpu-{SECOND}"),
        ("GPU-2", "cuda", f"gpu-{SECOND}"),
        ("GPU-", "cuda", ""),
        ("7", "cuda", ""),
        ("", "auto", ""),
        ("-1", "auto", ""),
        ("0", "cpu", ""),
        (f"MIG-{FIRST}/1/0", "auto", f"gpu-MIG-{FIRST}-1-0"),
        ("MIG-../../x", "auto", "gpu-MIG-------x"),
    ],
)
def test_a_gpu_is_named_by_its_uuid(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, device: str, expected: str
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert name_gpu(device) == expected


def test_the_order_of_the_bus_tells_different_gpus_apart(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_gpus(machine, (FIRST, "T4"), (SECOND, "H100"))
    assert list_gpus() == {FIRST: "T4", SECOND: "H100"}
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert name_gpu("auto") == f"gpu-{FIRST}"


@contextmanager
def held_for_a_while():
    """Hold the lock of the processor in another thread until a waiting one has been told so."""
    held, told = threading.Event(), threading.Event()

    def hold() -> None:
        with machine_lock("cpu"):
            held.set()
            told.wait(200)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    yield told
    thread.join()


def test_who_waits_gets_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with held_for_a_while() as told:

        def say(line: str, **_: object) -> None:
            said.append(line)
            told.set()

        monkeypatch.setattr("builtins.print", say)
        with machine_lock("cpu", waits=True):
            pass
    (line,) = said
    assert re.fullmatch(rf"waiting: this machine is locked by pid {os.getpid()} since [\d:]+", line)


def test_a_training_is_told_and_waits_only_where_it_shall() -> None:
    said: list[str] = []
    assert make_room(TrainingSpec(device="cpu"), False, said.append) == said == []
    with held_for_a_while() as told:
        said += make_room(TrainingSpec(device="cpu"), False, said.append)
        make_room(TrainingSpec(device="cpu"), True, lambda line: (said.append(line), told.set()))  # type: ignore[func-returns-value]
    assert [line.partition(f"pid {os.getpid()} since")[0] for line in said] == ["note: ", "waiting for "]
    assert find_owner("cpu") is None


def test_a_training_on_one_gpu_is_not_told_of_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with lock("0"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        assert find_owner("auto") is None
        owner = find_owner("cpu")
        assert owner and owner.pid == os.getpid()
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
        assert find_owner("auto") == owner


def test_a_long_comparison_is_named_with_its_day() -> None:
    owner = Owner(laptime="0", pid=1, host="elsewhere", since=time.time() - 3 * 86400)
    assert re.fullmatch(r"pid 1 on elsewhere since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", str(owner))


@pytest.mark.parametrize("devices", ["2", "1", "0,1", "1,"])
def test_several_gpus_count_as_the_machine(devices: str) -> None:
    assert bool(name_gpu("auto", ("auto", "1"))) and name_gpu("auto") == name_gpu("auto", ("cpu",))
    assert bool(name_gpu("auto", ("auto", devices))) == (devices == "1")
