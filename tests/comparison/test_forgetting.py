"""What a row forgets of its base: the loss on general texts before and after, with its error."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from laptime.comparison.forgetting import compare_general
from laptime.comparison.result import Forgetting
from laptime.comparison.rows import MethodRuns
from laptime.report.language import Language
from laptime.report.quality_sentences import write_forgetting
from laptime.runs.events import General, GeneralAnswer
from laptime.runs.record import read_record
from tests.comparison.scripted import write_scripted_run
from tests.report import invented

COUNTS = [10, 20, 10, 10, 30, 20]


def make_runs(folder: Path, name: str, losses: list[float] | None, counts: list[int] = COUNTS) -> MethodRuns:
    record = read_record(write_scripted_run(folder / name, name))
    if losses:
        sums = [loss * count for loss, count in zip(losses, counts, strict=True)]
        record.general = General(name="builtin", loss=sum(sums) / sum(counts), sums=sums, counts=counts)
    return MethodRuns(name=name, method=name, folder=folder, records=[record])


def test_each_row_stands_beside_the_base(tmp_path: Path) -> None:
    base = make_runs(tmp_path, "base", [2.0, 3.0, 2.5, 2.0, 3.0, 2.0])
    full = make_runs(tmp_path, "full", [2.5, 3.5, 3.0, 2.5, 3.5, 2.5])
    lora = make_runs(tmp_path, "lora", [2.1, 2.9, 2.6, 1.9, 3.1, 1.9])
    other = make_runs(tmp_path, "other", [2.0], [7])
    found = compare_general(base, [full, lora, other, make_runs(tmp_path, "none", None)])
    assert [one.contestant for one in found] == ["full", "lora"]
    assert found[0].difference == pytest.approx(0.5) and found[0].standard_error == pytest.approx(
        0.0, abs=1e-9
    )
    assert abs(found[1].difference) < 2 * (found[1].standard_error or 0.0)
    assert found[0].loss - found[0].base_loss == pytest.approx(0.5)
    assert compare_general(None, [full]) == compare_general(make_runs(tmp_path, "b2", None), [full]) == []


def test_answers_are_set_beside_those_of_the_base(tmp_path: Path) -> None:
    def answer(row: MethodRuns, *texts: str) -> MethodRuns:
        row.records[0].general_answers = [
            GeneralAnswer(question=f"q{number}", text=text, num_tokens=3, stopped="length")
            for number, text in enumerate(texts)
        ]
        return row

    losses = [2.0, 3.0, 2.5, 2.0, 3.0, 2.0]
    words = ("Paris", "red, green", "서울입니다", "to rest", "꽃", "100")
    base = answer(make_runs(tmp_path, "base", losses), *words)
    full = answer(make_runs(tmp_path, "full", losses), *words)
    lora = answer(make_runs(tmp_path, "lora", losses), *words[:4], "xyz", "")
    few = answer(make_runs(tmp_path, "few", losses), "Paris", "blue")
    none = make_runs(tmp_path, "none", losses)
    found = {one.contestant: one for one in compare_general(base, [full, lora, few, none])}
    assert (found["full"].answer_distance, found["full"].answer_error) == (0.0, 0.0)
    assert found["lora"].answer_distance == pytest.approx(200 / 6) and found["lora"].num_questions == 6
    assert found["lora"].answer_error == pytest.approx(21.0819, abs=1e-3)
    assert found["few"].num_questions == 2 and found["few"].answer_error is None
    assert found["none"].answer_distance is None
    result = replace(invented.make_result(), forgetting=[found["full"], found["lora"]])
    (sentence,) = write_forgetting(result, Language("en"))
    assert sentence.text.endswith(
        "Their answers to 6 questions of that kind lie apart from the base's by 0.0 with full fine-tuning "
        "and 33.3 with LoRA, from 0 (the same) to 100."
    )
    assert "답변이 기본 모델의 답변과 다른 정도는" in write_forgetting(result, Language("ko"))[0].text


def test_a_change_within_its_error_is_none() -> None:
    def forget(name: str, difference: float, error: float | None) -> Forgetting:
        return Forgetting(
            contestant=name, texts="builtin", base_loss=3.0, loss=3.0 + difference, difference=difference,
            standard_error=error,
        )  # fmt: skip

    result = replace(
        invented.make_result(), forgetting=[forget("full", 0.39, 0.05), forget("lora", 0.04, 0.03)]
    )
    (sentence,) = write_forgetting(result, Language("en"))
    assert sentence.text == (
        "On general texts, which have nothing to do with the data, the base has a loss of 3.000; it became "
        "3.390 with full fine-tuning (+0.390 ± 0.0500) and 3.040 with LoRA (no change beyond twice its "
        "error, ± 0.0300). A rise means that the model moves away from what it was."
    )
    assert "망각" not in write_forgetting(result, Language("ko"))[0].text
    few = replace(result, forgetting=[replace(forget("full", -0.1, None), texts="mine.txt")])
    assert "the texts of mine.txt" in write_forgetting(few, Language("en"))[0].text
    assert "(−0.100)" in write_forgetting(few, Language("en"))[0].text
    assert write_forgetting(invented.make_result(), Language("en")) == []
