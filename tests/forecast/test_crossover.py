"""How times grow with the examples, and where one method overtakes another."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from laptime.errors import UserError
from laptime.forecast.crossover import COUNTS, MOST, Growth, Stretch, find_growths, list_fastest
from laptime.forecast.forecast import Forecast
from laptime.report.crossover_chart import (
    draw_crossover,
    make_growth_table,
    refuse_foreign,
    round_count,
    tell_fastest,
    write_crossover,
)
from laptime.report.plan_lines import IN_ENGLISH
from laptime.spec import CompareSpec, TrainingSpec

LORA = Growth(name="lora", fixed_seconds=6.0, example_seconds=0.1)
FULL = Growth(name="full", fixed_seconds=2.0, example_seconds=0.5)
TOP = Growth(name="top", fixed_seconds=60.0, example_seconds=0.02)


def make_forecast(name: str = "lora", **changes: Any) -> Forecast:
    values: dict[str, Any] = {
        "name": name, "method": name, "num_steps": 50, "step_seconds": 0.2, "train_seconds": 11.0,
        "train_range": (9.0, 13.0), "total_seconds": 15.0, "total_range": (12.0, 18.0), "phase_seconds": {},
        "memory_bytes": 1, "estimated_bytes": 1, "saved_bytes": 1, "fits": True, "num_runs": 1,
        "of_method": True,
    }  # fmt: skip
    return Forecast(**(values | changes))


def test_a_run_grows_by_its_steps_alone() -> None:
    spec = CompareSpec(training=TrainingSpec(epochs=5, batch_size=2, gradient_accumulation=2))
    (growth,) = find_growths([make_forecast()], spec)
    assert growth.fixed_seconds == pytest.approx(15.0 - 50 * 0.2)
    assert growth.example_seconds == pytest.approx(0.2 * 5 / 4)
    assert growth.seconds(40) == pytest.approx(15.0)  # as many as make those 50 steps


def test_what_does_not_fit_and_what_max_steps_ends_grow_by_nothing() -> None:
    assert find_growths([make_forecast(fits=False)], CompareSpec()) == []
    assert find_growths([make_forecast()], CompareSpec(training=TrainingSpec(max_steps=50))) == []
    assert find_growths([make_forecast()], CompareSpec(training=TrainingSpec(max_steps=51))), "ends nothing"


def test_each_stretch_has_its_fastest() -> None:
    assert list_fastest([LORA, FULL, TOP]) == [
        Stretch(name="full", first=1, last=10),
        Stretch(name="lora", first=11, last=675),
        Stretch(name="top", first=676, last=MOST),
    ]
    for one in list_fastest([LORA, FULL, TOP]):
        for number in (one.first, one.last):
            seconds = {growth.name: growth.seconds(number) for growth in (LORA, FULL, TOP)}
            assert seconds[one.name] == pytest.approx(min(seconds.values()))


@pytest.mark.parametrize(
    ("growths", "names"),
    [
        ([], []),
        ([LORA], ["lora"]),
        ([LORA, Growth(name="same", fixed_seconds=6.0, example_seconds=0.1)], ["lora"]),
        ([FULL, Growth(name="never", fixed_seconds=3.0, example_seconds=0.6)], ["full"]),
        ([Growth(name="late", fixed_seconds=0.0, example_seconds=1.0), FULL], ["late", "full"]),
    ],
)
def test_the_stretches_cover_all_numbers_once(growths: list[Growth], names: list[str]) -> None:
    stretches = list_fastest(growths)
    assert [one.name for one in stretches] == names
    if growths:
        assert (stretches[0].first, stretches[-1].last) == (1, MOST)
    for one, other in pairwise(stretches):
        assert other.first == one.last + 1


def test_it_is_told_with_two_digits() -> None:
    assert list(tell_fastest(list_fastest([LORA, FULL, TOP]), IN_ENGLISH)) == [
        "full is to be the fastest up to about 10 examples",
        "lora is to be the fastest up to about 680 examples",
        "top is to be the fastest from about 680 examples on",
    ]
    assert list(tell_fastest(list_fastest([LORA]), IN_ENGLISH)) == [
        "lora is to be the fastest by these figures, however many examples there are"
    ]


def test_counts_have_two_digits_and_no_places() -> None:
    assert [round_count(number) for number in (1, 7, 18, 675, 12_345)] == ["1", "7", "18", "680", "12,000"]


def test_the_table_has_a_column_for_each_number() -> None:
    table = make_growth_table([LORA, FULL], IN_ENGLISH)
    assert [column.header for column in table.columns][1:] == [f"{count:,}" for count in COUNTS]
    assert list(table.columns[2].cells) == ["16.0 s", "52.0 s"]


def test_the_chart_has_a_line_for_each_and_is_a_file_of_its_own(tmp_path: Path) -> None:
    chart = draw_crossover([LORA, FULL], list_fastest([LORA, FULL]), IN_ENGLISH)
    assert sum('class="line' in shape for shape in chart.drawing.shapes) == 2
    assert chart.figures.startswith("full is to be the fastest up to about 10 examples")
    file = tmp_path / "chart.svg"
    for _ in range(2):  # its own it writes anew
        write_crossover(file, [LORA, FULL], list_fastest([LORA, FULL]), IN_ENGLISH)
    text = file.read_text(encoding="utf-8")
    assert (
        text.startswith("<!-- laptime report ")
        and "<svg" in text
        and "<style" in text
        and text.count("lora") >= 1
    )


def test_what_is_a_users_stays(tmp_path: Path) -> None:
    file = tmp_path / "mine.svg"
    file.write_text("<svg/>")
    with pytest.raises(UserError, match="not written by laptime, or changed since; give another name"):
        refuse_foreign(file)
    folder = tmp_path / "folder.svg"
    folder.mkdir()
    for place, said in (
        (tmp_path / "chart.png", "give a name that ends with .svg"),
        (tmp_path / "none" / "chart.svg", "expected a file in a folder that is there"),
        (folder, "not written by laptime"),
        (tmp_path / ("long" * 100 + ".svg"), "File name too long"),
    ):
        with pytest.raises(UserError, match=said):
            refuse_foreign(place)
    assert file.read_text() == "<svg/>"


def test_a_chart_that_was_edited_stays(tmp_path: Path) -> None:
    file = tmp_path / "chart.svg"
    write_crossover(file, [LORA, FULL], list_fastest([LORA, FULL]), IN_ENGLISH)
    edited = file.read_text(encoding="utf-8").replace("lora", "mine")
    file.write_text(edited, encoding="utf-8")
    with pytest.raises(UserError, match="changed since"):
        write_crossover(file, [LORA, FULL], list_fastest([LORA, FULL]), IN_ENGLISH)
    assert file.read_text(encoding="utf-8") == edited
