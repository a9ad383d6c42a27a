"""The error that a held-out set leaves: by resampling it is the same, and few groups have none."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import stdev

import pytest
from msgspec.structs import replace

from laptime.comparison.collection import collect
from laptime.comparison.held_out import average, compare_held_out, compare_two
from laptime.comparison.result import HeldOutDifference
from laptime.comparison.rows import MethodRuns
from laptime.report.language import Language
from laptime.report.quality_sentences import write_quality
from laptime.runs.events import Evaluation
from laptime.runs.record import read_record
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.report import invented

NAMES = ("full", "lora")


def test_the_error_is_that_of_drawing_other_examples() -> None:
    draw = random.Random(1)
    counts = [draw.randint(5, 60) for _ in range(200)]
    second = [count * draw.uniform(1.0, 3.0) for count in counts]
    first = [one + count * draw.gauss(0.1, 0.4) for one, count in zip(second, counts, strict=True)]
    found = compare_two(NAMES, first, second, counts)
    assert found.difference == pytest.approx((sum(first) - sum(second)) / sum(counts))
    resampled = []
    for _ in range(2000):
        places = draw.choices(range(200), k=200)
        gap = sum(first[n] - second[n] for n in places)
        resampled.append(gap / sum(counts[n] for n in places))
    assert found.standard_error == pytest.approx(stdev(resampled), rel=0.1)


def test_what_is_hard_for_both_drops_out() -> None:
    counts = [10] * 20
    second = [10.0 * place for place in range(20)]
    found = compare_two(NAMES, [one + 1.0 for one in second], second, counts)
    assert found.difference == pytest.approx(0.1)
    assert found.standard_error == pytest.approx(0.0, abs=1e-12)


def test_few_groups_have_no_error() -> None:
    assert compare_two(NAMES, [1.0] * 4, [2.0] * 4, [3] * 4).standard_error is None


def make_runs(folder: Path, name: str, *evaluations: Evaluation) -> MethodRuns:
    records = []
    for number, one in enumerate(evaluations, 1):
        record = read_record(write_scripted_run(folder / f"{name}-{number}", name, number))
        records.append(replace(record, evaluations=[one]))
    return MethodRuns(name=name, method=name, folder=folder, records=records)


def make_evaluation(sums: list[float], counts: list[int]) -> Evaluation:
    return Evaluation(
        when="after", loss=sum(sums) / sum(counts), num_tokens=sum(counts), sums=sums, counts=counts
    )


def test_rounds_are_averaged_and_other_groups_tell_nothing(tmp_path: Path) -> None:
    counts = [2] * 6
    one, other = make_evaluation([2.0] * 6, counts), make_evaluation([4.0] * 6, counts)
    full = make_runs(tmp_path / "a", "full", one, other)
    assert average(full) == ([3.0] * 6, counts)
    lora = make_runs(tmp_path / "b", "lora", one, one)
    (found,) = compare_held_out([full, lora])
    assert (found.first, found.second, found.difference, found.num_groups) == ("full", "lora", 0.5, 6)
    cut = make_runs(tmp_path / "c", "dora", make_evaluation([4.0] * 3, [4] * 3))
    assert compare_held_out([full, cut]) == []
    old = make_runs(tmp_path / "d", "old", Evaluation(when="after", loss=1.0, num_tokens=3))
    assert average(old) is None and compare_held_out([full, old]) == []


def test_a_record_without_groups_gives_no_difference(tmp_path: Path) -> None:
    folder = write_scripted_comparison(tmp_path, {"full": [10.0], "lora": [5.0]})
    assert collect(folder).held_out_differences == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (0.01, "Over 20 parts of the held-out set LoRA is better than full fine-tuning by 0.063"),
        (
            0.05,
            "Between LoRA and full fine-tuning there is no difference beyond twice the held-out set's own",
        ),
        (None, "20 parts of a held-out set are too few to tell how far a difference holds."),
    ],
)
def test_what_is_within_the_error_is_no_difference(error: float | None, said: str) -> None:
    difference = HeldOutDifference(
        first="full", second="lora", difference=0.063, standard_error=error, num_groups=20
    )
    result = replace(invented.make_result(), held_out_differences=[difference])
    (quality,) = write_quality(result, Language("en"))
    assert said in quality.text
    assert write_quality(result, Language("ko"))[0].text
