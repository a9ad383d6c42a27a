"""What of --device and --precision can be told before torch is imported, which takes seconds."""

from __future__ import annotations

import ast
import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from laptime.errors import UserError
from laptime.hardware.inventory import cpu_flags, cpu_name
from laptime.hardware.precision import Processor, choose_precision

NO_CUDA = "--device cuda: torch sees no CUDA device here; use --device cpu"
DRIVER = "libcuda.so.1"
# Through which a GPU of NVIDIA is reached: a card, one of Windows below Linux, one on a Jetson.
DEVICE_FILES = ("nvidia*", "dxg", "nvhost*", "nvmap", "nvgpu*")
DEVICES = Path("/dev")


def describe_cpu() -> Processor:
    """Return the CPU as far as precision depends on it."""
    return Processor(kind="cpu", name=cpu_name(), cpu_flags=cpu_flags())


def foresee_processor(wanted: str) -> Literal["cpu", "cuda"] | None:
    """Return what --device will mean where that is certain; raises UserError for a GPU that is not there."""
    if wanted == "cpu":
        return "cpu"
    if lacks_cuda():
        if wanted == "cuda":
            raise UserError(NO_CUDA)
        return "cpu"
    return "cuda" if wanted == "cuda" else None


def foresee_format(wanted: str, precision: str) -> str | None:
    """Return the format of a run's arithmetic where it is certain: on a CPU; raises UserError for none."""
    if foresee_processor(wanted) != "cpu":
        return None
    return choose_precision(describe_cpu(), precision).compute


def lacks_cuda() -> bool:
    """Tell whether torch will surely see no CUDA device; False wherever it may see one."""
    build = read_build()
    if "cuda" not in build or build.get("hip") is not None:
        return False  # nothing is known of it, or it is built for other cards under the same name
    if build["cuda"] is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return True
    return sys.platform == "linux" and not has_driver()


def has_driver() -> bool:
    """Tell whether anything of NVIDIA's driver is on this machine."""
    if any(True for pattern in DEVICE_FILES for _ in DEVICES.glob(pattern)):
        return True
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True


def read_build() -> dict[str, Any]:
    """Return what torch's own version.py says that it was built for, {} where that cannot be read."""
    try:
        found = find_spec("torch")
        text = Path(str(found and found.origin)).with_name("version.py").read_text()
        statements = ast.parse(text).body
    except (ImportError, OSError, ValueError, SyntaxError):
        return {}
    told: dict[str, Any] = {}
    for one in statements:
        targets = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", None)]
        value = getattr(one, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                told[target.id] = value.value
    return told
