"""What a plan says, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from laptime.hardware.processors import Threads
from laptime.report.language import Language
from laptime.report.plan_lines import (
    IN_ENGLISH,
    list_cells,
    tell_comparison,
    tell_grounds,
    tell_ratios,
    tell_threads,
)
from laptime.spec import CompareSpec
from tests.forecast.test_crossover import make_forecast

KOREAN = Language("ko")
NO_ROOM: dict[str, Any] = {
    "fits": False,
    "estimated_bytes": 20_400_000_000,
    "would_fit": ["--optimizer adamw8bit (13.5 GB)", "lora instead of full (3.8 GB)"],
}


def test_what_does_not_fit_takes_no_time() -> None:
    cells = list(list_cells(make_forecast(**NO_ROOM), 2.0, "en"))
    assert cells == ["50", "–", "–", "–", "–", "20.4 GB", "0.0 kB", "–"]
    assert list(list_cells(make_forecast(), 3600.0, "en"))[1:5] == [
        "200 ms",
        "11.0 s",
        "9.0s-13.0s",
        "15.0 s",
    ]


def test_it_is_told_what_would_fit_and_nothing_of_its_past() -> None:
    (line,) = tell_grounds([make_forecast("full", **NO_ROOM)], IN_ENGLISH)
    assert line == (
        "full: does not fit (20.4 GB needed by estimate); would fit: --optimizer adamw8bit (13.5 GB), "
        "lora instead of full (3.8 GB)"
    )
    (line,) = tell_grounds([make_forecast("full", **NO_ROOM)], KOREAN)
    assert line.endswith("--optimizer adamw8bit (13.5 GB), full 대신 lora (3.8 GB)")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_runs": 0}, "no past run with such threads is known"),
        ({}, "lora: by 1 run of this method on this machine"),
        ({"num_runs": 3, "of_method": False}, "lora: by 3 runs of other methods on this machine"),
        ({"num_runs": 3, "nearest": 2.0}, "none of them of a job like this; --probe makes"),
    ],
)
def test_a_plan_says_what_it_stands_on(changes: dict[str, Any], said: str) -> None:
    (line,) = tell_grounds([make_forecast(**changes)], IN_ENGLISH)
    assert said in line
    (line,) = tell_grounds([make_forecast(**changes)], KOREAN)
    assert not re.search(r"[a-z]{3}", re.sub(r"lora|--probe", "", line)), "no English but names"


def test_what_stands_on_the_same_is_told_once() -> None:
    rows = [make_forecast("full"), make_forecast("lora"), make_forecast("dora", num_runs=0)]
    same, other = tell_grounds(rows, IN_ENGLISH)
    assert same.startswith("full, lora: by 1 run of this method on this machine")
    assert other.startswith("dora: no past run")


def test_many_are_set_beside_full_fine_tuning_in_one_line() -> None:
    seconds = {"dora": 44.0, "full": 22.0, "lora": 11.0, "ia3": 5.5}
    rows = [make_forecast(name, train_seconds=value) for name, value in seconds.items()]
    told = "as fast in training as full, about: ia3 4.00x, lora 2.00x, dora 0.50x"
    assert list(tell_ratios(rows, IN_ENGLISH)) == [told]
    assert list(tell_ratios(rows, KOREAN)) == [
        "full 대비 예상 학습 속도: ia3 4.00배, lora 2.00배, dora 0.50배"
    ]
    without = [make_forecast(name) for name in ("a", "b", "c", "d")]
    assert next(tell_ratios(without, IN_ENGLISH)).startswith("as fast in training as a, about: b 1.00x")


def test_ratios_and_the_comparison_leave_out_what_does_not_fit() -> None:
    rows = [
        make_forecast("full", train_seconds=22.0),
        make_forecast("lora"),
        make_forecast("dora", **NO_ROOM),
    ]
    assert list(tell_ratios(rows, IN_ENGLISH)) == ["lora is to train 2.00x as fast as full"]
    assert list(tell_ratios(rows, KOREAN)) == ["lora는 full보다 2.00배 빠르게 학습할 것으로 예상됩니다"]
    spec = CompareSpec(rounds=2)
    assert tell_comparison(rows, spec).startswith("a comparison: 4 runs, about 1 min 0 s beside evaluation")
    assert tell_comparison(rows, spec, KOREAN).startswith("비교: 실행 4회, 평가와 답변을 빼고 약 1분 0초")
    assert tell_comparison([rows[2]], spec, KOREAN) == "비교: 메모리에 맞는 것이 하나도 없습니다"


@pytest.mark.parametrize("why", ["asked", "environment", "free", "quota", "busy", "before"])
@pytest.mark.parametrize("cores", [1, 4])
def test_threads_are_told_as_everywhere(why: Any, cores: int) -> None:
    threads = Threads(number=1, cores=cores, free=1, why=why)
    assert tell_threads(threads, IN_ENGLISH) == str(threads)
    assert "스레드 1개(" in tell_threads(threads, KOREAN)
