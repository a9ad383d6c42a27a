"""Figures as people read them."""

from __future__ import annotations

import math

import pytest

from laptime.report import quantities


@pytest.mark.parametrize(
    ("value", "english", "korean"),
    [
        (9.3, "9.3 s", "9.3초"),
        (9.34, "9.3 s", "9.3초"),
        (1040.0, "17 min 20 s", "17분 20초"),
        (7980.0, "2 h 13 min", "2시간 13분"),
        (360_000.0, "4 d 4 h", "4일 4시간"),
        (359_900.0, "99 h 58 min", "99시간 58분"),
        (59.96, "1 min 0 s", "1분 0초"),
        (3599.7, "1 h 0 min", "1시간 0분"),
        (1.04, "1.04 s", "1.04초"),
        (0.2404, "240 ms", "240ms"),
        (0.0996, "99.6 ms", "99.6ms"),
        (0.0034, "3.4 ms", "3.4ms"),
        (0.9999, "1.00 s", "1.00초"),
        (0.00002, "20 µs", "20µs"),
        (0.0, "0 s", "0초"),
        (None, "–", "–"),
        (math.nan, "–", "–"),
        (math.inf, "–", "–"),
    ],
)
def test_seconds(value: float | None, english: str, korean: str) -> None:
    assert quantities.seconds(value) == english
    assert quantities.seconds(value, "ko") == korean


@pytest.mark.parametrize(
    ("value", "shown"),
    [(512, "512 B"), (45_118_424, "45 MB"), (4_900_000_000, "4.9 GB"), (999_600, "1.0 MB"), (None, "–")],
)
def test_size(value: float | None, shown: str) -> None:
    assert quantities.size(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(512, "512"), (11_272_192, "11.3 M"), (1_235_814_400, "1.24 B"), (45_100, "45.1 k")]
)
def test_count(value: float, shown: str) -> None:
    assert quantities.count(value) == shown


def test_percent_ratio_loss_and_rates() -> None:
    assert quantities.percent(0.00912) == "0.91 %"
    assert quantities.percent(0.00912, "ko") == "0.91%"
    assert quantities.percent(1.0) == "100 %"
    assert [quantities.ratio(value) for value in (2.306, 12.34, 110.2)] == ["2.31x", "12.3x", "110x"]
    assert quantities.ratio(2.306, "ko") == "2.31배"
    assert [quantities.loss(value) for value in (11.762, 1.2345, 0.01234)] == ["11.76", "1.234", "0.0123"]
    assert [quantities.learning_rate(value) for value in (2e-4, 1.5e-5, 0.001)] == ["2e-4", "1.5e-5", "1e-3"]
    assert [quantities.rate(value) for value in (3.42, 51.2, 1234.4)] == ["3.4", "51", "1,234"]


def test_a_small_ratio_keeps_its_digits_and_no_end_of_an_interval_lies_beyond_sense() -> None:
    values = (0.0065, 0.0949, 0.0996, 0.95, 0.999)
    assert [quantities.ratio(value, unit=False) for value in values] == [
        "0.0065", "0.095", "0.10", "0.95", "1.00",
    ]  # fmt: skip
    ends = (0.0, 4e-9, 0.0011, 0.95, 154.6, 999.4, 999.6, 218_482_355.0)
    assert [quantities.bound(value) for value in ends] == [
        "<0.001", "<0.001", "0.0011", "0.95", "155", "999", ">999", ">999",
    ]  # fmt: skip
    assert quantities.bound(5e6, "ko", unit=True) == ">999배"
    assert quantities.bound(None) == quantities.bound(math.inf) == quantities.ABSENT
    assert quantities.difference(5e6) == ">999x"


def test_short_seconds_are_whole_in_korean() -> None:
    shown = [quantities.short_seconds(value, "ko") for value in (0.24, 9.3, 1040, 35_999, 4e5, None)]
    assert shown == ["240ms", "9.3초", "17분20초", "10시간00분", "4일15시간", "–"]


def test_short_seconds_fit_seven_columns() -> None:
    for value in (1e-5, 0.0034, 0.2404, 9.3, 59.94, 59.96, 1040, 35_999, 359_000, 359_999, 360_000, 8e7):
        assert len(quantities.short_seconds(value)) <= 7, quantities.short_seconds(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.95, "95 %"), (0.99, "99 %"), (1 - 0.05 / 3, "98.3 %"), (0.975, "97.5 %"), (1 - 0.01 / 28, "99.96 %"),
     (1 - 0.01 / 300, "99.997 %"), (None, "–"), (1.0, "–"), (float("nan"), "–")],
)  # fmt: skip
def test_a_confidence_is_never_rounded_to_certainty(value: float | None, shown: str) -> None:
    assert quantities.confidence(value) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(1.0042, "0.42 %"), (1.05, "5 %"), (1.051, "5.1 %"), (1 / 1.12, "12 %"), (1.999, "100 %"),
     (3.28, "3.28x"), (1.0, "0 %"), (None, "–"), (0.0, "–")],
)  # fmt: skip
def test_a_difference_is_a_percentage_up_to_twice(ratio: float | None, shown: str) -> None:
    assert quantities.difference(ratio) == shown
