"""Flags on measurements: raised where they must be, silent on a quiet machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.noise import (
    find_in_progress,
    find_in_rounds,
    find_in_runs,
    find_in_speedups,
    loss_fell,
)
from laptime.comparison.rows import MethodRuns, summarise
from laptime.runs.events import Memory
from laptime.runs.record import read_record
from tests.comparison.scripted import make_speedups, write_scripted_run


def findings(folder: Path, *runs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the findings on rounds of lora, values by code."""
    records = [
        read_record(write_scripted_run(folder / str(number), "lora", number, **run))
        for number, run in enumerate(runs, start=1)
    ]
    row = MethodRuns(name="lora", method="lora", folder=folder, records=records)
    found = [*find_in_rounds([row]), *find_in_runs({"lora": records})]
    assert all(one.level == "flag" and one.text for one in found)
    return {one.code: one.values for one in found}


def seconds(*values: float) -> Sequence[dict[str, Any]]:
    """Return runs that took `values` seconds."""
    return [{"train_seconds": value} for value in values]


def test_quiet_back_to_back_runs_raise_nothing(tmp_path: Path) -> None:
    """The load that a run finds is what its forerunner left: up to one task a core, and the observer."""
    assert (
        findings(tmp_path, *({"train_seconds": 10.0, "load": {"load_average": 2.4}} for _ in range(3))) == {}
    )


def test_spread_and_drift(tmp_path: Path) -> None:
    """Ten percent and more are flagged; noise that goes up and down is no drift."""
    assert findings(tmp_path / "a", *seconds(10, 12, 10.5)) == {"spread": {"method": "lora", "percent": 19.0}}
    assert findings(tmp_path / "b", *seconds(10, 10.5, 11.5)) == {
        "spread": {"method": "lora", "percent": 14.3},
        "drift": {"method": "lora", "percent": 15.0},
    }
    assert findings(tmp_path / "c", *seconds(10, 10.4, 10.9)) == {}


def test_machine(tmp_path: Path) -> None:
    """Other load, swapping and throttling are flagged at their run."""
    busy = {"load": {"load_average": 3.14}}
    assert findings(tmp_path / "a", busy) == {"load": {"run": "lora-r1", "load_average": 3.1, "cores": 2}}
    swapped = {"load_after": {"swapped_pages": 8, "throttle_count": 1}}
    assert findings(tmp_path / "b", swapped) == {"swap": {"run": "lora-r1"}, "throttled": {"run": "lora-r1"}}
    unknown = {
        "load": {"load_average": None, "swapped_pages": None, "throttle_count": None, "clock_mhz": None}
    }
    assert findings(tmp_path / "c", unknown) == {}


def test_clock_drift(tmp_path: Path) -> None:
    """The clock after training counts, not that of a machine at rest."""
    slower = {"load": {"clock_mhz": 3000.0}, "load_after": {"clock_mhz": 2600.0}}
    assert findings(tmp_path / "a", {}, {}, slower) == {"clock_drift": {"percent": -13.3}}
    resting = {"load": {"clock_mhz": 800.0}, "load_after": {"clock_mhz": 3000.0}}
    assert findings(tmp_path / "b", {}, {}, resting) == {}


@pytest.mark.parametrize(
    ("losses", "epochs", "fell"),
    [
        ((4.0, 3.0, 2.0, 1.0), 2, True),
        ((2.0, 2.0, 2.0, 2.0), 2, False),
        ((1.0, 1.0, 5.0, 0.5), 2, False),
        ((4.0, 3.0, 2.0, 1.0), 1, True),
        ((1.0, 2.0, 3.0, 4.0), 1, False),
        ((4.0, 3.0, None, None), 2, False),
        ((4.0,), 1, True),
    ],
)
def test_learned(tmp_path: Path, losses: Sequence[float | None], epochs: int, fell: bool) -> None:
    """The last epoch's mean must lie below the first's; one step tells nothing."""
    record = read_record(write_scripted_run(tmp_path, "lora", losses=losses, epochs=epochs))
    assert loss_fell(record) is fell


def test_what_weakens_the_result(tmp_path: Path) -> None:
    """No learning, skipped steps and cut answers are flagged."""
    run = {"losses": (1.0, 1.0, 2.0, 2.0), "skipped": 2, "stopped": "length"}
    assert findings(tmp_path, run) == {
        "not_learned": {"method": "lora"},
        "skipped_steps": {"method": "lora", "number": 2},
        "answer_cut": {"method": "lora", "number": 2},
    }


def test_steps_cut_otherwise_from_round_to_round(tmp_path: Path) -> None:
    def find(*sizes: int) -> list[dict[str, Any]]:
        records = []
        for number, size in enumerate(sizes, 1):
            folder = tmp_path / f"{sizes}-{number}"
            record = read_record(write_scripted_run(folder, "lora", number, training={"batch_size": 8}))
            record.memory = Memory(
                device="cpu", available_bytes=9, needed_bytes=8, fixed_bytes=1, micro_batch=size
            )
            records.append(record)
        row = MethodRuns(name="lora", method="lora", folder=tmp_path, records=records)
        assert summarise(row).fixed_bytes == 1, "for the chart of the peak by part"
        return [one.values for one in find_in_rounds([row]) if one.code == "cuts_differ"]

    assert find(0, 0, 0) == find(2, 2, 2) == []
    assert find(0, 2, 2) == [{"method": "lora", "sizes": "8, 2, 2"}]


def test_progress(tmp_path: Path) -> None:
    """One round, runs to come and runs begun again."""
    record = read_record(write_scripted_run(tmp_path, "lora"))
    found = find_in_progress({"lora": [record], "full": []}, 1, ["full-r1"], ["lora-r1"])
    assert [(finding.code, finding.values) for finding in found] == [
        ("one_round", {}),
        ("unfinished", {"runs": "full-r1"}),
        ("retried", {"run": "lora-r1"}),
    ]
    assert find_in_progress({"lora": [record]}, 3, [], []) == []


def speedup_flags(folder: Path, *runs: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the findings on the speedups of rounds of lora, in order."""
    records = [
        read_record(write_scripted_run(folder / str(number), "lora", number, **run))
        for number, run in enumerate(runs, start=1)
    ]
    return [(finding.code, finding.values) for finding in find_in_speedups({"lora": records})]


def test_speedups(tmp_path: Path) -> None:
    """What was switched off, reused or not the same in every round is said; what simply ran is not."""
    usual = {"speedups": make_speedups(["head", "cache"], ["rows"])}
    assert speedup_flags(tmp_path / "a", usual, usual) == []
    fewer = {"speedups": make_speedups(["head"], ["cache", "rows"])}
    differ = [("speedups_differ", {"method": "lora", "names": "cache"})]
    assert speedup_flags(tmp_path / "b", usual, fewer) == differ
    reused = {"speedups": make_speedups(["cache"], reused=7)}
    found = speedup_flags(tmp_path / "c", {"speedups": make_speedups(["cache"])}, reused)
    assert found == [("reused", {"run": "lora-r2", "number": 7, "name": "cache"})]
    without = {"training": {"without": ["head", "rows"]}}
    assert speedup_flags(tmp_path / "d", without) == [("switched_off", {"names": "head, rows"})]
    assert speedup_flags(tmp_path / "e", {"training": {"plain": True}}) == [("plain", {})]
