"""Rows that were trained on several devices: a column, a table of each, no waiting taken for arithmetic."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from laptime.comparison.result import ComparisonResult
from laptime.report.conclusion import write_conclusion
from laptime.report.device_sentences import explain_devices, find_slowest
from laptime.report.language import choose_language
from laptime.report.terminal import print_table
from tests.report import invented


def say(result: ComparisonResult, topic: str, lang: Any = "en") -> str:
    sentences = write_conclusion(result, choose_language(lang, result))
    return " ".join(sentence.text for sentence in sentences if sentence.topic == topic)


def printed(result: ComparisonResult, width: int = 80) -> str:
    stream = io.StringIO()
    print_table(result, Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize(("lang", "column"), [("en", "Devices"), ("ko", "장치")])
def test_the_table_has_devices_only_where_a_row_has_several(render: Any, lang: str, column: str) -> None:
    for situation, number in (("devices", 1), ("normal", 0)):
        folder: Path = render(situation, lang)
        html, markdown = ((folder / name).read_text("utf-8") for name in ("report.html", "report.md"))
        assert markdown.count(f"\n| {column} |") == number
        assert html.count(f'data-label="{column}"') == 2 * number
        assert ("2× Tesla T4" in html, "2× Tesla T4" in markdown) == (number == 1, number == 1)
    shown = [
        line for line in printed(invented.make_devices()).splitlines() if line.startswith(("full ", "lora "))
    ]
    assert [line.split()[-2:] for line in shown[:2]] == [["2×", "GPU"], ["1.871", "1"]]
    assert "2× Tesla T4" in printed(invented.make_devices(), 100)
    assert "devices" not in printed(invented.make_result())


def test_each_device_has_a_line_on_every_page(render: Any) -> None:
    cells = ["1", "cuda:1 (Tesla T4)", "9.9 GB", "618 M", "21.4 s", "20.4 s", "1.00 s"]
    folder: Path = render("devices")
    markdown, html = ((folder / name).read_text("utf-8") for name in ("report.md", "report.html"))
    assert f"| Full fine-tuning | {' | '.join(cells)} |" in markdown
    assert "".join(f"<td>{cell}</td>" for cell in cells) in html
    for text in (markdown, html):
        assert "it is not timed apart" in text and "that of its fullest GPU" in text
    assert "fullest of 2 devices" in markdown
    assert "Of several GPUs it is that of the fullest;" in markdown
    lines = [line.split() for line in printed(invented.make_devices(), 100).splitlines()]
    assert ["full", *" ".join(cells).split()] in lines


def test_a_training_alone_shows_its_devices_too() -> None:
    result = invented.make_single()
    result.methods = [replace(result.methods[0], ranks=invented.make_ranks(1_250_000_000))]
    assert say(result, "devices").startswith("It trained on 2× Tesla T4.")
    assert "2× Tesla T4" in printed(result, 100) and "cuda:1" in printed(result, 100)


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "en",
            "The rows trained on different devices (full fine-tuning on 2× Tesla T4 and LoRA on 1): a ratio",
        ),
        ("ko", "행마다 학습한 장치가 다르므로(전체 파인튜닝 2× Tesla T4, LoRA 1)"),
    ],
)
def test_different_devices_are_said_in_the_conclusion(lang: str, said: str) -> None:
    assert say(invented.make_devices(), "devices", lang).startswith(said)
    assert say(invented.make_result(), "devices", lang) == ""


def test_what_is_exchanged_is_told_of_whole_models_and_not_of_spread_ones() -> None:
    result = invented.make_devices()
    assert "Exchanging" not in say(result, "devices"), "most of it lies within the passes"
    full = result.methods[0]
    full.ranks = [replace(rank, device="cpu", name="") for rank in full.ranks]
    assert "Exchanging" in say(result, "devices"), "processors gather in time of their own"
    explained = " ".join(explain_devices(result, choose_language("en", result)))
    assert full.is_spread and "gathers a layer" in explained and "not timed apart" not in explained
    for row in result.methods:
        row.ranks = invented.make_ranks(1_250_000_000)
    assert say(result, "devices") == (
        "All trained on 2× Tesla T4. Exchanging, and waiting for the other devices, took up to 4.7 % of the "
        "training with full fine-tuning and up to 4.7 % of the training with LoRA."
    )


def test_waiting_is_no_arithmetic() -> None:
    result = invented.make_devices()
    told = "they differ in their devices (LoRA on 1 and full fine-tuning on 2× Tesla T4)."
    assert f"Beside their operations {told}" in say(result, "arithmetic")
    source = say(result, "source")
    assert "exchange 0 s against 60 ms" in source
    assert "With full fine-tuning forward and backward hold what it takes to gather the weights" in source
    for row in result.methods:
        row.ranks = invented.make_ranks(1_250_000_000)
    assert "What devices give each other, and wait for, is no arithmetic." in say(result, "arithmetic")
    assert "devices" not in say(invented.make_result(), "arithmetic")


def test_options_that_both_have_are_no_difference() -> None:
    result = invented.make_devices()
    for row in result.methods:
        row.differs = {"devices": "2", "threads": 1}
    assert "--threads" not in say(result, "arithmetic") and "--devices" not in say(result, "arithmetic")
    result.methods[1].differs = {"devices": "1", "threads": 2}
    assert "Beside their operations they differ in --threads 2, --threads 1." in say(result, "arithmetic")


def test_memory_says_which_device_it_is_of() -> None:
    told = say(invented.make_devices(), "memory")
    assert "full fine-tuning held 9.8 GB (the fullest of 2 devices) and LoRA held 3.1 GB" in told


def test_the_memory_of_processes_on_a_processor_adds_up() -> None:
    result = invented.make_devices()
    full = result.methods[0]
    full.ranks = [replace(rank, device="cpu", name="", peak_bytes=9_000_000_000) for rank in full.ranks]
    told = say(result, "memory")
    assert "full fine-tuning held 18 GB (2 processes together) and LoRA held 3.1 GB" in told
    assert "Full fine-tuning needs 5.86x as much" in told
    assert "18 GB" in printed(result)
    full.ranks = [replace(rank, host=f"node{rank.rank}") for rank in full.ranks]
    assert full.held_bytes == 9_000_000_000, "each machine has a memory of its own"


def test_the_slowest_is_named_where_the_others_are_far_from_it() -> None:
    ranks = invented.make_ranks(1_250_000_000)
    assert find_slowest(ranks) is None
    ranks[1].compute_seconds = 2 * (ranks[0].compute_seconds or 0.0)
    assert find_slowest(ranks) == 1
    result = invented.make_devices()
    result.methods[0].ranks = ranks
    text = " ".join(explain_devices(result, choose_language("en", result)))
    assert "With full fine-tuning process 1 computed longest: the others waited for it." in text
    assert "each device holds the whole model" in text and "spread" not in text
