"""The table in the terminal: 80 columns, with and without colour."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from laptime.report.plain_text import width
from laptime.report.terminal import print_answers, print_table
from tests.report import invented


def printed(situation: str, width: int = 80, **options: object) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, **options)  # type: ignore[arg-type]
    print_table(invented.SITUATIONS[situation](), console, "go on with:\n  laptime compare")
    return stream.getvalue()


@pytest.mark.parametrize("situation", invented.SITUATIONS)
def test_every_line_fits_eighty_columns(situation: str) -> None:
    for line in printed(situation).splitlines():
        assert width(line) <= 80, line


@pytest.mark.parametrize("columns", [40, 60])
@pytest.mark.parametrize("situation", invented.SITUATIONS)
def test_short_lines_show_every_figure_whole(situation: str, columns: int) -> None:
    """A table whose columns would be cut stands one figure a line; only commands are longer than the line."""
    shown = printed(situation, columns)
    for line in shown.splitlines():
        assert width(line) <= columns or line.startswith("  laptime "), line
    if situation != "hostile":
        assert "\N{HORIZONTAL ELLIPSIS}" not in shown.partition("\nQ ")[0]


def test_a_block_a_method_where_the_table_does_not_fit() -> None:
    lines = printed("normal", 40).splitlines()
    first = lines.index("full")
    assert lines[first + 1 : first + 4] == ["  train  21.5 s", "  total  27.9 s", "  step  421 ms"]
    assert lines[lines.index("lora") + 9] == "  held-out  1.871"


def test_what_is_not_complete_is_wrapped_but_for_its_command() -> None:
    stream = io.StringIO()
    why = f"{'runs/' * 20}record.jsonl:3: it does not match its checksum; the run is done anew"
    command = f"  laptime compare --out {'long/' * 20}"
    print_table(invented.SITUATIONS["unfinished"](), Console(file=stream, width=80), f"{why}\n{command}")
    lines = stream.getvalue().splitlines()
    assert command in lines
    assert f"{'runs/' * 20}record.jsonl:3:" in lines
    assert "it does not match its checksum; the run is done anew" in lines


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


def test_banners_and_failures_are_printed() -> None:
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


def test_an_answer_of_newlines_takes_no_lines() -> None:
    stream = io.StringIO()
    question = invented.make_questions()[0]
    question.answers["lora"].text = "first" + 400 * "\n" + "last" + 400 * "\n"
    print_answers(question, Console(file=stream, width=80))
    assert [line.strip() for line in stream.getvalue().splitlines()][-3:] == ["first", "", "last"]
