"""Energy comes from a counter or not at all."""

from __future__ import annotations

from pathlib import Path

import torch

from laptime.hardware.energy import EnergyCounter

CPU = torch.device("cpu")


def set_counter(folder: Path, microjoules: int) -> None:
    package = folder / "intel-rapl:0"
    package.mkdir(exist_ok=True)
    (package / "energy_uj").write_text(f"{microjoules}\n")


def test_the_difference_of_the_counter_is_the_energy(tmp_path: Path) -> None:
    set_counter(tmp_path, 5_000_000)
    counter = EnergyCounter([CPU], tmp_path)
    set_counter(tmp_path, 905_000_000)
    energy = counter.finish(seconds=12.0)
    assert (energy.joules, energy.source) == (900.0, "RAPL, idle not subtracted")


def test_processes_on_one_processor_share_its_counter(tmp_path: Path) -> None:
    set_counter(tmp_path, 5_000_000)
    counter = EnergyCounter([CPU, CPU], tmp_path)
    set_counter(tmp_path, 905_000_000)
    energy = counter.finish(seconds=12.0)
    assert (energy.joules, energy.source) == (900.0, "RAPL, idle not subtracted")


def test_short_windows_wrapped_and_absent_counters_give_no_figure(tmp_path: Path) -> None:
    assert EnergyCounter([CPU], tmp_path).finish(60.0).source.startswith("not measured: no energy counter")
    set_counter(tmp_path, 5_000_000)
    counter = EnergyCounter([CPU], tmp_path)
    assert counter.finish(9.9).joules is None
    set_counter(tmp_path, 1)
    wrapped = counter.finish(60.0)
    assert (wrapped.joules, wrapped.source) == (None, "not measured: the counter wrapped around")
