"""The table in the terminal: 80 columns, with and without colour."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from laptime.report.plain_text import width
from laptime.report.terminal import print_answers, print_table
from tests.report import invented


def printed(situation: str, **options: object) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=80, **options)  # type: ignore[arg-type]
    print_table(invented.SITUATIONS[situation](), console, "go on with:\n  laptime compare")
    return stream.getvalue()


@pytest.mark.parametrize("situation", invented.SITUATIONS)
def test_every_line_fits_eighty_columns(situation: str) -> None:
    for line in printed(situation).splitlines():
        assert width(line) <= 80, line


def test_normal_table() -> None:
    lines = [line.rstrip() for line in printed("normal").splitlines()]
    assert lines[3].startswith("Whole process: LoRA 1.92x faster")
    assert "method  train  total   step tok/s memory trained  saved  loss held-out" in lines
    assert "full   21.5 s 27.9 s 421 ms   660 9.8 GB  1.24 B 2.5 GB 0.112    1.934" in lines
    assert "lora    9.3 s 14.5 s 182 ms 1,527 3.1 GB  11.3 M  45 MB 0.148    1.871" in lines
    assert lines[-1] == "2 findings on fairness and measurement, see the report"


def test_no_escape_codes_without_a_terminal_and_colours_with_one() -> None:
    assert "\x1b" not in printed("normal")
    assert "\x1b[" in printed("normal", force_terminal=True, color_system="standard")
    assert "\x1b[31mred" not in printed("hostile", force_terminal=True, color_system="standard")


def test_badges_and_failures_are_printed() -> None:
    assert "TOY MODEL: for trying the tool only." in printed("toy")
    assert "laptime compare --model meta-llama/Llama-3.2-1B --data your.jsonl" in printed("toy")
    assert "RANDOM WEIGHTS: speed only" in printed("random_weights")
    assert "full-1: out of memory. CUDA ran out of memory" in printed("one_failed")
    assert "did not do the same work: the tokens of step 3" in printed("unequal")
    assert "INCOMPLETE: go on with:\n  laptime compare\n" in printed("unfinished")


def test_a_training_alone_is_compared_with_nothing() -> None:
    shown = printed("single")
    assert shown.splitlines()[1] == "LoRA trained in 9.3 s"
    assert "1 note on the measurement, see the report" in shown
    for word in ("compare", "fairness", "every"):
        assert word not in shown.lower().replace("laptime compare", ""), word


def test_answers_keep_markup_as_text() -> None:
    stream = io.StringIO()
    question = invented.make_questions()[0]
    question.answers["lora"].text = "[bold]x[/bold] [link=http://evil.example]y[/link]"
    print_answers(question, Console(file=stream, width=80))
    text = stream.getvalue()
    assert "[bold]x[/bold] [link=http://evil.example]y[/link]" in text
    assert text.index("reference") < text.index("base") < text.index("full  ") < text.index("lora  ")
    assert "cut at the limit, chrF 8.9" in text
