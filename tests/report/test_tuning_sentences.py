"""What came of the learning rates that were tried, in words and as a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from laptime.report.language import Language
from laptime.report.tuning_sentences import make_rates, write_tuning
from tests.report import invented
from tests.report.test_terminal import printed


def test_what_was_chosen_and_what_it_cost_is_said() -> None:
    (sentence,) = write_tuning(invented.make_tuned(), Language("en"))
    assert sentence.topic == "tuning" and sentence.warning
    assert sentence.text == (
        "Before the race 5 learning rates were tried of each row that was given none, on one grid about its "
        "own default, and chosen by held-out loss: full fine-tuning 0.0002 (10.0x its default of 2e-05) and "
        "LoRA its default of 0.0002. That took 2 min 2 s, which stands in no time of a row. The same held-"
        "out examples chose and judge, which flatters all rows a little. The best of full fine-tuning is "
        "the lowest or highest that was tried: another may be better still."
    )


def test_a_row_without_any_loss_races_with_its_default() -> None:
    result = invented.make_tuned()
    result.tuning = [replace(one, chosen=None, is_bracketed=False) for one in result.tuning]
    (sentence,) = write_tuning(result, Language("en"))
    assert sentence.text.startswith("No rate of full fine-tuning and LoRA led to a loss")
    assert write_tuning(replace(result, complete=False), Language("en")) == [], "not yet"
    assert write_tuning(invented.make_result(), Language("en")) == []


def test_rates_stand_with_their_losses() -> None:
    full, lora = make_rates(invented.make_tuned(), Language("en"))
    assert full.title == "Full fine-tuning"
    assert [chosen for _, _, chosen in full.cells] == [False, False, False, False, True]
    assert lora.cells[2] == ("0.0002", "1.870", True) and lora.cells[4][1] == "–"


@pytest.mark.parametrize(
    ("lang", "word"), [("en", "Learning rates that were tried"), ("ko", "시도한 학습률")]
)
def test_page_markdown_and_terminal_hold_it(render: Callable[..., Path], lang: str, word: str) -> None:
    folder = render("tuned", lang)
    for name in ("report.html", "report.md"):
        assert word in (folder / name).read_text(encoding="utf-8")
    assert "Before the race 5 learning rates" in " ".join(printed("tuned").split())
