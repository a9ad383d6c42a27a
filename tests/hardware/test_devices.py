"""What is said of a GPU before torch is imported: nothing that torch would not say."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch

from laptime.errors import UserError
from laptime.hardware import devices
from laptime.hardware.machine import choose_device, describe_processor

CUDA, CPU, ROCM = "cuda: Optional[str] = '13.0'\n", "cuda: Optional[str] = None\n", "cuda = None\n"
NO_HIP, HIP = "hip: Optional[str] = None\n", "hip = '7.0'\n"


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, version: str | None) -> None:
    """Have a torch in `folder` that was built for what `version` says."""
    if version is not None:
        (folder / "version.py").write_text(f"from typing import Optional\n{version}")
    found = ModuleSpec("torch", None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr(devices, "find_spec", lambda name: found)
    monkeypatch.setattr(devices, "DEVICES", folder / "dev")
    monkeypatch.setattr(devices, "DRIVER", "libnothing-of-that-name.so.1")
    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        (CPU + NO_HIP, True),
        (CPU, True),
        (CUDA + NO_HIP, True),  # no driver
        (ROCM + HIP, False),  # cards of another maker, which torch calls cuda
        ("", False),
        ("cuda = (", False),
        (None, False),
    ],
)
def test_a_gpu_is_absent_where_nothing_could_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, lacks: bool
) -> None:
    install(monkeypatch, tmp_path, version)
    assert devices.lacks_cuda() is lacks


@pytest.mark.parametrize("name", ["nvidia0", "nvidiactl", "dxg", "nvhost-gpu", "nvmap"])
def test_any_trace_of_a_driver_leaves_it_to_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    install(monkeypatch, tmp_path, CUDA + NO_HIP)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / name).touch()
    assert not devices.lacks_cuda()
    assert devices.foresee_processor("cuda") == "cuda"
    assert devices.foresee_processor("auto") is None
    assert devices.foresee_format("auto", "fp16") is None
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert devices.lacks_cuda()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert not devices.lacks_cuda()


def test_so_does_a_driver_that_can_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, CUDA + NO_HIP)
    monkeypatch.setattr(devices, "DRIVER", None)  # this process itself: it can be opened
    assert not devices.lacks_cuda()
    monkeypatch.setattr(devices, "DRIVER", "libnothing-of-that-name.so.1")
    monkeypatch.setattr(devices.sys, "platform", "win32")
    assert not devices.lacks_cuda()


def test_the_early_word_is_the_late_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path, CPU + NO_HIP)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = []
    for choose in (choose_device, devices.foresee_processor):
        with pytest.raises(UserError) as error:
            choose("cuda")
        said.append(str(error.value))
    assert said == ["--device cuda: torch sees no CUDA device here; use --device cpu"] * 2
    assert devices.describe_cpu() == describe_processor(torch.device("cpu"))
    assert devices.foresee_processor("auto") == devices.foresee_processor("cpu") == "cpu"
    with pytest.raises(UserError, match="--precision fp16: GPUs alone"):
        devices.foresee_format("auto", "fp16")


def test_this_torch_says_what_it_was_built_for() -> None:
    build = devices.read_build()
    assert (build["cuda"], build["hip"]) == (torch.version.cuda, torch.version.hip)
    if devices.lacks_cuda():
        assert not torch.cuda.is_available()
