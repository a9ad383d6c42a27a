"""What was measured of a machine's speed, and where it is kept for later; no torch is needed to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from laptime.errors import UserError
from laptime.util.sealed_file import read_sealed, write_sealed
from laptime.util.user_cache import user_cache


class ProductRate(Struct, kw_only=True):
    """How fast a product of the model's layers goes: `num_tokens` x `inputs` by `inputs` x `outputs`."""

    dtype: str
    num_tokens: int
    inputs: int
    outputs: int
    flops_per_second: float


class Measured(Struct, kw_only=True):
    """What was timed on a device, with the threads that a training would get."""

    device: str
    processor: str  # its name, or that of the GPU
    threads: int
    products: list[ProductRate] = []
    not_measured: int = 0  # products that the time did not suffice for
    memory_bytes_per_second: float | None = None  # read and written, of the device
    to_device_bytes_per_second: float | None = None
    from_device_bytes_per_second: float | None = None
    seconds: float = 0.0
    time: float = 0.0  # when

    def rates_of(self, dtype: str) -> list[ProductRate]:
        """Return the rates in one format."""
        return [rate for rate in self.products if rate.dtype == dtype]


def join_rates(rates: Sequence[ProductRate]) -> float:
    """Return the FLOP/s of products that are done one after another."""
    work = [2.0 * rate.num_tokens * rate.inputs * rate.outputs for rate in rates]
    return sum(work) / sum(one / rate.flops_per_second for one, rate in zip(work, rates, strict=True))


def measurement_file(name: str) -> Path:
    """Return where the measurement called so is kept."""
    return user_cache() / "doctor" / f"{name}.json"


def read_measurement(name: str) -> Measured | None:
    """Return what is kept under a name, None for nothing."""
    with suppress(UserError, OSError):
        return read_sealed(measurement_file(name), Measured, "a measurement", "remove it")
    return None


def keep_measurement(name: str, measured: Measured) -> None:
    """Keep a measurement, where that is possible."""
    file = measurement_file(name)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(file, measured)


def list_measurements() -> Iterator[Measured]:
    """Yield what is kept, the newest first."""
    files = measurement_file("").parent.glob("*.json")
    found = [one for file in files if (one := read_measurement(file.stem))]
    yield from sorted(found, key=lambda one: -one.time)


def find_rate(processor: str, threads: int, dtype: str, width: int) -> float | None:
    """Return the FLOP/s of products on a processor by so many threads, None where nobody measured them.

    Those of a model of the same `width` come first.
    """
    known = [
        one.rates_of(dtype)
        for one in list_measurements()
        if one.processor == processor and (one.threads == threads or one.device != "cpu")
    ]
    known = [rates for rates in known if rates]
    same = [rates for rates in known if any(width in (rate.inputs, rate.outputs) for rate in rates)]
    return join_rates((same or known)[0]) if known else None
