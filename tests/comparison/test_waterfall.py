"""Where the seconds went: parts that add up, two runs side by side, and what can't be split."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from laptime.comparison.waterfall import Waterfall, find_records, make_waterfall, refuse_unlike
from laptime.errors import UserError
from laptime.hardware.measurements import Measured, ProductRate, keep_measurement
from laptime.report.waterfall_lines import draw_waterfall, set_side_by_side
from laptime.runs.past_runs import count_flops
from laptime.runs.record import read_record
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.records import edit_record

LINES = [
    "lora-r1: 14.0 s in all, 4 steps",
    "  imports                     1.00 s    7 %  ██",
    "  loading the base             2.0 s   14 %    ████",
    "  preparing                   250 ms    2 %        █",
    "  training                    10.0 s   71 %         █████████████████████",
    "    first step                 4.0 s   29 %         █████████",
    "    forward                   1.50 s   11 %                  ███",
    "    backward                   3.0 s   21 %                     ██████",
    "    optimizer                 1.50 s   11 %                           ███",
    "  saving                      750 ms    5 %                              ██",
    "  beside that, not counted: held-out loss 3.0 s",
    "  its products are 0.320 MFLOP; laptime doctor has measured no float32 with 2 threads on such a "
    "processor",
]


@pytest.fixture
def race(tmp_path: Path) -> Path:
    """Full fine-tuning against LoRA, in two rounds."""
    return write_scripted_comparison(tmp_path / "race", {"full": [20.0, 22.0], "lora": [10.0, 12.0]})


def total_of(waterfall: Waterfall, depth: int) -> float:
    """Return the seconds of all parts of a depth."""
    return sum(part.seconds for part in waterfall.parts if part.depth == depth)


def test_the_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    record = read_record(write_scripted_run(tmp_path, "lora"))
    waterfall = make_waterfall(record)
    assert total_of(waterfall, 0) == waterfall.total_seconds == record.total_seconds == 14.0
    assert total_of(waterfall, 1) == pytest.approx(record.train_seconds)
    lines = [*draw_waterfall(record, waterfall)]
    assert lines == LINES


def test_steps_that_nobody_split_are_one_part(tmp_path: Path) -> None:
    write_scripted_run(tmp_path, "lora")
    edit_record(tmp_path, lambda content: re.sub(rb'"parts":{[^}]+}', b'"parts":{}', content))
    waterfall = make_waterfall(read_record(tmp_path))
    assert [part.name for part in waterfall.parts if part.depth] == ["first_step", "unsplit"]
    assert total_of(waterfall, 1) == pytest.approx(10.0)


def test_two_rows_stand_side_by_side_by_a_round_that_both_have(race: Path) -> None:
    first, second = find_records(race, ["full", "lora"])
    assert first.started.round == second.started.round
    refuse_unlike(race, first, second)
    one, other = make_waterfall(first), make_waterfall(second)
    header, *lines, total = set_side_by_side(one, other)
    assert header.split() == [first.started.run, second.started.run, "difference"]
    assert total.split() == ["in", "all", "24.0", "s", "14.0", "s", "-10.0", "s"]
    assert [line.split()[0] for line in lines][:4] == ["imports", "loading", "preparing", "training"]
    differences = [other.seconds_of(part.name) - part.seconds for part in one.parts if not part.depth]
    assert sum(differences) == pytest.approx(-10.0)


def test_rows_and_runs_are_found_by_name(race: Path) -> None:
    assert [record.started.run for record in find_records(race, [])] == ["full-r1", "lora-r1"]
    assert [record.started.run for record in find_records(race, ["lora-r2"])] == ["lora-r2"]
    with pytest.raises(UserError, match=r"lroa: neither a row nor a run of .*; there are full, lora$"):
        find_records(race, ["lroa"])
    single = race / "runs" / "lora-r1"
    assert find_records(single, [])[0].started.run == "lora-r1"
    with pytest.raises(UserError, match="is a single run; leave the name out"):
        find_records(single, ["lora"])


def test_what_did_other_work_is_not_set_side_by_side(tmp_path: Path) -> None:
    folder = write_scripted_comparison(
        tmp_path, {"full": [20.0], "lora": [10.0]}, {"lora-r1": {"other_work_at": 3}}
    )
    with pytest.raises(UserError, match=r"did not do the same work: step 3 of round 1 trains other tokens"):
        refuse_unlike(folder, *find_records(folder, ["full", "lora"]))
    folder = write_scripted_comparison(
        tmp_path / "b", {"full": [20.0], "lora": [10.0]}, {"lora-r1": {"facts": {"cpu": "Other CPU"}}}
    )
    with pytest.raises(UserError, match="different machine"):
        refuse_unlike(folder, *find_records(folder, ["full", "lora"]))


def test_what_has_not_ended_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has not come to its end"):
        make_waterfall(read_record(write_scripted_run(tmp_path / "a", "lora", unfinished=True)))
    folder = write_scripted_comparison(tmp_path / "b", {"full": [1.0], "lora": [1.0]}, skip=["lora-r1"])
    with pytest.raises(UserError, match="no run of lora has come to its end yet"):
        find_records(folder, ["lora"])


def test_the_limit_is_what_the_doctor_measured_of_the_same_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = {"shape": {"hidden_size": 10, "vocabulary_size": 20}, "parameters": 10_000}
    record = read_record(write_scripted_run(tmp_path / "run", "lora", model=model))
    assert count_flops(record) == 4000 * 80 - 4 * 10 * 20 * (80 - 32)
    waterfall = make_waterfall(record)
    assert "laptime doctor has measured no" in [*draw_waterfall(record, waterfall)][-1]
    for name, processor, width, rate in (
        ("a", "Test CPU", 10, 56_320.0),
        ("b", "Test CPU", 64, 1.0),
        ("c", "x", 10, 1.0),
    ):
        rates = [
            ProductRate(dtype="float32", num_tokens=8, inputs=width, outputs=width, flops_per_second=rate)
        ]
        keep_measurement(name, Measured(device="cpu", processor=processor, threads=2, products=rates))
    *_, rate_line, share = draw_waterfall(record, waterfall)
    assert "which laptime doctor measured for float32 on this Test CPU, 5.0 s" in rate_line
    assert share == "  the steps took 10.0 s: 50 % of what is possible; the whole run 36 %"
