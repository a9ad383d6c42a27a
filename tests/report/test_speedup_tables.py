"""What ran for each method and what each speedup gives, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from laptime.comparison.result import SpeedupResult
from laptime.report.language import Language
from laptime.report.speedup_tables import (
    group_speedups,
    make_ablation,
    make_speedups,
    tell_methods,
    tell_speedups,
)
from tests.report import invented
from tests.report.test_terminal import printed


def test_every_speedup_has_a_row_with_what_became_of_it_in_each_method() -> None:
    rows = make_speedups(invented.make_result(), Language("en"))
    assert [row.name for row in rows] == ["answer_head", "fused_blocks", "prepacked_weights", "prefix_cache"]
    packed = rows[2]
    assert packed.cells == [
        (False, "no weight is both frozen and multiplied as it is stored"),
        (True, "112 layers"),
    ]
    assert packed.claims == "result equal but for rounding"
    assert packed.summary


def test_a_speedup_of_tomorrow_and_a_method_that_never_began_have_cells_too() -> None:
    result = invented.make_one_failed()
    result.methods[1].speedups[0].name = "of_tomorrow"
    rows = {row.name: row for row in make_speedups(result, Language("ko"))}
    assert rows["of_tomorrow"].summary == ""
    assert [ran for ran, _ in rows["of_tomorrow"].cells] == [False, True]


def test_no_record_tells_of_speedups_so_nothing_is_shown(render: Callable[..., Path]) -> None:
    assert make_speedups(invented.make_all_failed(), Language("en")) == []
    assert "Speedups" not in (render("all_failed") / "report.md").read_text(encoding="utf-8")


def test_what_is_shown_to_pay_stands_first_and_all_of_them_last() -> None:
    full, lora = make_ablation(invented.make_ablated(), Language("en"))
    assert [row.name for row in lora.rows] == [
        "fused_blocks", "prepacked_weights", "short_attention", "answer_head", "all: the plain path",
    ]  # fmt: skip
    assert [row.verdict for row in lora.rows] == [
        "pays", "not settled", "costs time here", "lora-r1-without-x: out of memory. too large",
        "pays",
    ]  # fmt: skip
    assert (lora.step, lora.rows[0].step, lora.rows[0].ratio, lora.rows[0].interval) == (
        "182 ms", "420 ms", "2.31x", "2.19 to 2.43",
    )  # fmt: skip
    assert lora.rows[0].also_off.startswith("and with it fused_projections, no_padding")
    assert [(row.ratio, row.interval, row.verdict) for row in full.rows] == [
        ("1.40x", "", "one round, no interval"), ("–", "", "unequal work, no ratio"),
    ]  # fmt: skip


def test_a_failed_round_is_named_beside_the_ratio_of_the_others_and_wide_intervals_end() -> None:
    result = invented.make_ablated()
    packed = result.ablation[1].variants[0]
    packed.failures = result.ablation[1].variants[4].failures
    packed.interval = (1e-9, 1e9)
    row = make_ablation(result, Language("en"))[1].rows[1]
    assert row.verdict == "not settled; lora-r1-without-x: out of memory. too large"
    assert row.interval == "<0.001 to >999"


@pytest.mark.parametrize(("lang", "word"), [("en", "costs time here"), ("ko", "여기서는 오히려 느림")])
def test_page_and_markdown_hold_both_tables(render: Callable[..., Path], lang: str, word: str) -> None:
    folder = render("ablated", lang)
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(word) == 1
        reason = "the lowest layer trains" if lang == "en" else "맨 아래 레이어도 학습함"
        assert text.count(reason) == 2, "once for each method"


def test_what_works_inside_one_that_did_not_run_is_told_with_it() -> None:
    idle = [
        SpeedupResult(name=name, claims="rounding", ran=False, note=note, rounds_ran=[])
        for name, note in [
            ("fused_blocks", "for CPUs only"),
            ("answer_rows", "works inside fused_blocks, which did not run"),
            ("compiled_loss", "works inside answer_head, which did not run"),
        ]
    ]
    assert tell_speedups(idle, False, Language("en")) == [
        "fused_blocks and what works inside it (for CPUs only)",
        "compiled_loss (works inside answer_head, which did not run)",  # nothing is told of what is around it
    ]
    assert tell_speedups(idle[:1], False, Language("ko")) == ["fused_blocks(CPU 전용)"]


@pytest.mark.parametrize(
    ("number", "names", "told"),
    [
        (3, ["full", "a", "b"], "full, a, b"),
        (4, ["full", "a", "b", "c"], "all"),
        (4, ["full", "b", "c"], "all but a"),
        (4, ["full", "b"], "full, b"),
    ],
)
def test_most_of_many_rows_are_told_by_those_that_are_not_meant(
    number: int, names: list[str], told: str
) -> None:
    result = invented.make_result()
    rows = [replace(result.methods[0], name=name) for name in ("full", "a", "b", "c")[:number]]
    assert tell_methods(names, replace(result, methods=rows), Language("en")) == told


def test_terminal_names_equal_ones_once() -> None:
    assert group_speedups(invented.make_result(), True, Language("en")) == [
        (["full", "lora"], ["answer_head", "fused_blocks"]),
        (["lora"], ["prepacked_weights"]),
    ]
    lines = [line.rstrip() for line in printed("ablated").splitlines()]
    assert "speedups  full, lora: answer_head, fused_blocks" in lines
    assert "          lora: prepacked_weights" in lines
    assert "not run   full, lora: prefix_cache (the lowest layer trains)" in lines
    assert any(line.startswith("          full: prepacked_weights (no weight is both") for line in lines)
    assert "fused_blocks          420 ms 2.31x 2.19 to 2.43 pays" in lines
