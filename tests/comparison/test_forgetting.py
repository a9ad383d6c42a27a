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
from laptime.runs.events import General
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
