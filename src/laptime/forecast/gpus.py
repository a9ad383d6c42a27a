"""GPUs that are not here: what a plan takes them to do.

Peaks are the makers' (dense, half precision); what is sustained is taken to be 70 % of them where nobody has
told better. Nothing of this was measured by Laptime, so forecasts for them have the widest range.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.forecast.calibration import Speed

SUSTAINED = 0.7  # of a peak
PCIE = 8e9  # bytes a second and direction between two cards without a link of their own
FORMAT = "name, memory_gb, precision (bf16, fp16, fp32), sustained_tflops, memory_gb_per_second, count"


class GpuModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of GPU and how many there are; as a file gives it too."""

    name: str
    memory_gb: float
    precision: Literal["bf16", "fp16", "fp32"]
    sustained_tflops: float
    memory_gb_per_second: float
    count: int = 1

    @property
    def dtype(self) -> str:
        """The format of its arithmetic."""
        return {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}[self.precision]

    @property
    def speed(self) -> Speed:
        """What it does at most."""
        return Speed(
            flops_per_second=1e12 * self.sustained_tflops,
            bytes_per_second=1e9 * self.memory_gb_per_second,
            exchanged_per_second=PCIE,
        )


def make(name: str, memory_gb: float, peak: float, bandwidth: float, sustained: float = 0.0) -> GpuModel:
    """Return one of the known ones: its memory as torch sees it, peak TFLOP/s and GB/s."""
    return GpuModel(
        name=name, memory_gb=memory_gb, precision="fp16" if name == "Tesla T4" else "bf16",
        sustained_tflops=sustained or SUSTAINED * peak, memory_gb_per_second=SUSTAINED * bandwidth,
    )  # fmt: skip


T4 = make("Tesla T4", 15.8, 65, 320, sustained=24)  # at its 70 W
GPUS = {
    "t4": T4,
    "t4x2": replace(T4, count=2),
    "l4": make("L4", 23.7, 121, 300),
    "a10g": make("A10G", 23.8, 70, 600),
    "l40s": make("L40S", 47.7, 362, 864),
    "a100-40": make("A100 40 GB", 42.4, 312, 1555),
    "a100-80": make("A100 80 GB", 85.1, 312, 2039),
    "h100": make("H100", 85.0, 989, 3350),
    "h200": make("H200", 150.0, 989, 4800, sustained=790),
}


def find_gpu(text: str) -> GpuModel:
    """Return a GPU by its name, or as a file tells it (TOML or JSON); raises UserError."""
    if text.lower() in GPUS:
        return GPUS[text.lower()]
    file = Path(text)
    if not (file.suffix in (".toml", ".json") or file.exists()):
        known = f"there are {', '.join(GPUS)}, or a file (TOML, JSON) with {FORMAT}"
        raise UserError(f"--gpu {text}: not known; {known}")
    return read_gpu(file)


def read_gpu(file: Path) -> GpuModel:
    """Read a file of one; raises UserError that names what is wrong with it."""
    try:
        content = file.read_text(encoding="utf-8")
        values = tomllib.loads(content) if file.suffix == ".toml" else msgspec.json.decode(content)
        gpu = msgspec.convert(values, GpuModel)
    except OSError as error:
        raise UserError(f"--gpu {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UserError(f"--gpu {file}: {error}; it holds {FORMAT}") from None
    numbers = ("memory_gb", "sustained_tflops", "memory_gb_per_second", "count")
    if small := [name for name in numbers if not getattr(gpu, name) > 0]:
        raise UserError(f"--gpu {file}: {small[0]}: must be above 0")
    return gpu
