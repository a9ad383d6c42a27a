"""Axes, scales and fewer points."""

from __future__ import annotations

import itertools

import pytest

from laptime.report.drawing import Drawing, Scale, downsample, log_ticks, nice_ticks, shorten, text_width
from laptime.report.plots import PLOT_HEIGHT, PLOT_TOP, spread_apart


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (0, 0.5, [0, 0.1, 0.2, 0.3, 0.4, 0.5]), (3, 3, [3])],
)
def test_nice_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_log_ticks_and_scale() -> None:
    assert log_ticks(1, 1000) == [1, 10, 100, 1000]
    assert log_ticks(9, 30) == [10, 20]
    scale = Scale(1, 100, 0, 200, log=True)
    assert [scale(value) for value in (1, 10, 100)] == pytest.approx([0, 100, 200])
    assert Scale(2, 2, 0, 200)(2) == 100


def test_downsampling_keeps_peaks_and_gaps() -> None:
    points: list[tuple[float, float | None]] = [(float(x), 1.0) for x in range(5000)]
    points[2500] = (2500.0, 99.0)
    points[1000:1100] = [(float(x), None) for x in range(1000, 1100)]
    kept = downsample(points)
    assert len(kept) <= 320
    assert (2500.0, 99.0) in kept
    assert any(y is None for _, y in kept)
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)


def test_labels_are_apart_and_within_the_plot() -> None:
    places = spread_apart([100.0, 101.0, 102.0, PLOT_TOP + PLOT_HEIGHT])
    assert all(after - before >= 15.9 for before, after in itertools.pairwise(places))
    low = spread_apart([230.0, 231.0, 232.0])
    assert low[-1] <= PLOT_TOP + PLOT_HEIGHT
    assert all(after - before >= 15.9 for before, after in itertools.pairwise(low))


def test_text_is_escaped_and_cut() -> None:
    drawing = Drawing(10)
    drawing.text(0, 0, "<b>&\x00")
    assert "&lt;b&gt;&amp;\ufffd" in drawing.shapes[0]
    assert text_width("한글") > text_width("ab")
    assert shorten("W" * 300, 60).endswith("…")
    assert text_width(shorten("W" * 300, 60)) <= 60
