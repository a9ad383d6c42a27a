"""The same method has the same colour everywhere, and no two rows of a report are alike."""

from __future__ import annotations

import re

import pytest

from laptime.methods.method import find_methods
from laptime.report.colours import NUM_COLOURS, PLACES, assign, number_rows
from laptime.report.style import read_template
from tests.report import invented


def test_a_method_keeps_its_colour_whatever_stands_beside_it() -> None:
    alone, both = invented.make_single(), invented.make_result()
    assert (
        number_rows(alone)["lora"] == number_rows(both)["lora"] == number_rows(invented.make_five())["lora"]
    )


def test_every_method_has_a_place_of_its_own() -> None:
    assert set(PLACES) == set(find_methods())
    assert sorted(PLACES.values()) == list(range(NUM_COLOURS))


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        ([("wide", "lora"), ("lora", "lora")], {"lora": 1, "wide": 2}),
        ([("lora", "lora"), ("lora-2", "lora")], {"lora": 1, "lora-2": 2}),
        ([("a", "of_tomorrow"), ("full", "full")], {"full": 0, "a": 1}),
    ],
)
def test_rows_of_one_method_are_told_apart(rows: list[tuple[str, str]], numbers: dict[str, int]) -> None:
    assert assign(rows) == numbers


def test_more_rows_than_colours_begin_anew() -> None:
    rows = [(f"row{number}", "lora") for number in range(2 * NUM_COLOURS)]
    assert set(assign(rows).values()) == set(range(NUM_COLOURS))


def luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb"."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_colour_stands_out_from_paper_and_track() -> None:
    sheets = read_template("chart.css").split("@media")
    for sheet, paper, track in ((sheets[0], "#ffffff", "#f1eee8"), (sheets[1], "#1d1c1a", "#2a2825")):
        colours = dict(re.findall(r"--(m\d+|mb|p-[\w-]+):(#[0-9a-f]{6})", sheet))
        assert len(colours) == NUM_COLOURS + 1 + 12
        for name, colour in colours.items():
            for ground in (paper, track):
                low, high = sorted((luminance(colour), luminance(ground)))
                assert (high + 0.05) / (low + 0.05) >= 3, (name, ground)


def test_every_number_has_its_rules() -> None:
    charts, page = read_template("chart.css"), read_template("page.css")
    for number in range(NUM_COLOURS):
        for rule in (f".fill.m{number}{{", f".line.m{number},", f".thin.m{number},", f"--m{number}:"):
            assert rule in charts
        assert f".b{number}{{" in page and f".answer.a{number}{{" in page
