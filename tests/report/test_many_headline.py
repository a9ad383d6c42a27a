"""The headline of many rows: who learned best, who cannot be told from it, and who of them is fast."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from laptime.comparison.result import ComparisonResult, HeldOutDifference
from laptime.report.headline import write_headline
from laptime.report.language import Language
from laptime.report.many_headline import is_many
from tests.report import invented

LOSSES = {"full": 2.0, "lora": 1.5, "lora_top": 1.52, "dora": 1.7}


def make_many(
    losses: dict[str, float] = LOSSES, error: float | None = 0.02, **changes: Any
) -> ComparisonResult:
    """Return the invented five, of which four finished, with held-out losses and their errors."""
    result = invented.make_five()
    for row in result.methods:
        if row.rounds:
            row.held_out_loss = losses[row.name]
    gaps = [
        HeldOutDifference(
            first=one, second=other, difference=losses[one] - losses[other], standard_error=error,
            num_groups=40,
        )
        for place, one in enumerate(losses) for other in list(losses)[place + 1 :]
    ]  # fmt: skip
    return replace(result, held_out_differences=gaps, **changes)


def say(result: ComparisonResult, code: Any = "en") -> tuple[str, str]:
    headline = write_headline(result, Language(code))
    return headline.text, headline.total


def test_the_fastest_is_looked_for_among_the_best_alone() -> None:
    text, total = say(make_many())
    assert text == (
        "Lowest held-out loss: LoRA (1.500); within the held-out set's error of it: LoRA on the top layers. "
        "Of these LoRA on the top layers trained fastest, 1.52x faster than LoRA, the next (95 % interval "
        "1.45 to 1.60, 3 rounds)"
    )
    assert total == (
        "Whole process: of these LoRA on the top layers is the fastest, 1.30x faster than LoRA, the next "
        "(1.20 to 1.40)"
    )


def test_what_is_not_settled_among_the_best_is_said() -> None:
    text, _ = say(make_many(LOSSES | {"lora_top": 1.9, "dora": 1.53}))
    assert text == (
        "Lowest held-out loss: LoRA (1.500); within the held-out set's error of it: DoRA. Of these LoRA "
        "trained in the least time (9.3 s), but that is not settled against DoRA (3 rounds)"
    )
    korean, _ = say(make_many(LOSSES | {"lora_top": 1.9, "dora": 1.53}), "ko")
    assert korean == (
        "평가 손실이 가장 낮은 것은 LoRA(1.500)이고, DoRA와의 차이는 평가 데이터의 오차 이내입니다. 이 "
        "중에서 LoRA의 학습 시간이 가장 짧지만(9.3초), DoRA보다 빠른지는 아직 판단할 수 없습니다 (3라운드)"
    )


def test_a_row_that_is_best_alone_stands_beside_the_fastest_of_all() -> None:
    text, total = say(make_many(LOSSES | {"full": 1.0}))
    assert text == (
        "Lowest held-out loss: full fine-tuning (1.000), below all others beyond the held-out set's error. "
        "It trained in 21.5 s; the fastest, LoRA on the top layers, in 6.1 s, 3.52x faster (95 % interval "
        "3.36 to 3.71, 3 rounds)"
    )
    assert total == (
        "Whole process: full fine-tuning took 27.9 s, LoRA on the top layers 11.3 s, 1.30x faster "
        "(1.20 to 1.40)"
    )


def test_the_best_that_is_also_the_fastest_is_set_against_all() -> None:
    text, _ = say(make_many(LOSSES | {"lora_top": 1.0}))
    assert text.endswith(
        "Of all rows LoRA on the top layers trained fastest, 1.52x faster than LoRA, the next (95 % interval "
        "1.45 to 1.60, 3 rounds)"
    )


def test_without_held_out_losses_it_speaks_of_time_alone() -> None:
    result = make_many()
    result.model["random_weights"] = True
    assert say(result)[0].startswith("Of all rows LoRA on the top layers trained fastest")


@pytest.mark.parametrize("error", [None, 0.02])
def test_an_error_that_is_not_known_leaves_nobody_out(error: float | None) -> None:
    text, _ = say(make_many(error=error))
    assert ("with an error that is not known" in text) == (error is None)
    assert ("Of all rows" in text) == (error is None)


def test_many_names_are_counted() -> None:
    losses = {f"wide{number}": 1.5 for number in range(8)}
    rows = [invented.make_method(name, 9.0 + place, method="lora") for place, name in enumerate(losses)]
    pairs = [
        invented.make_pair(1.1, "not_settled", faster=one, slower=other)
        for place, one in enumerate(losses) for other in list(losses)[place + 1 :]
    ]  # fmt: skip
    gaps = [
        HeldOutDifference(first="wide0", second=name, difference=0.0, standard_error=0.1, num_groups=9)
        for name in list(losses)[1:]
    ]
    result = invented.make_result(methods=rows, pairs=pairs, held_out_differences=gaps)
    text = write_headline(result, Language("en", names=losses)).text
    assert "not settled against wide1, wide2, wide3, wide4 and 3 more (3 rounds)" in text


def test_the_page_sets_quality_large_and_time_below(render: Callable[..., Path]) -> None:
    folder = render("five")
    page = re.sub(r"</?span[^>]*>", "", (folder / "report.html").read_text(encoding="utf-8"))
    first, _, time = say(invented.make_five())[0].partition(". ")
    assert f"<h1>{first}</h1>" in page and f'<p class="total">{time}</p>' in page
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert markdown.splitlines()[1].startswith("# Lowest held-out loss: LoRA (1.871)")


def test_other_questions_keep_the_ratio_of_two() -> None:
    assert is_many(make_many())
    assert not is_many(invented.make_result())
    unequal = make_many()
    unequal.pairs[0].verdict = "unequal_work"
    assert not is_many(unequal)
    trainers = make_many()
    trainers.methods[2].method, trainers.methods[2].differs = "lora", {"trainer": "trl"}
    assert not is_many(trainers)
