"""What a reader is told of an older comparison, in both languages: page, Markdown, terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import replace
from rich.console import Console

from laptime.comparison.result import Change, ComparisonResult, NoRatio, write_result
from laptime.report.against_sentences import write_against
from laptime.report.headline import write_headline
from laptime.report.language import choose_language
from laptime.report.page import render_report
from laptime.report.terminal import print_table
from tests.report.invented import CHANGES, HOSTILE, SITUATIONS, make_beside, make_row


def say(result: ComparisonResult, code: Any = "en") -> list[str]:
    return [sentence.text for sentence in write_against(result, choose_language(code, result))]


@pytest.mark.parametrize(
    ("changes", "english", "korean"),
    [
        (
            {},
            "LoRA is slower than before: it takes 1.12x as long to train (95 % interval 1.08 to 1.16; 10.4 "
            "s in 5 rounds then, 11.6 s in 3 now). Whole process: 1.05x (1.01 to 1.09), slower, shown.",
            "LoRA는 이전보다 느립니다. 학습 시간이 이전의 1.12배입니다 (95% 신뢰 구간 1.08~1.16, 그때 "
            "5라운드에 10.4초, 지금 3라운드에 11.6초). 전체 과정: 1.05배 (1.01~1.09), 유의하게 느림.",
        ),
        (
            {"ratio": 0.89, "verdict": "faster", "total_verdict": "not_settled"},
            "LoRA is faster than before: it takes 0.89x as long to train (95 % interval 0.86 to 0.93; 10.4 "
            "s in 5 rounds then, 11.6 s in 3 now). Whole process: 1.05x (1.01 to 1.09), not settled.",
            "LoRA는 이전보다 빠릅니다. 학습 시간이 이전의 0.89배입니다 (95% 신뢰 구간 0.86~0.93, 그때 "
            "5라운드에 10.4초, 지금 3라운드에 11.6초). 전체 과정: 1.05배 (1.01~1.09), 아직 판단할 수 없음.",
        ),
        (
            {"ratio": 1.01, "width": 1.02, "verdict": "about_the_same", "total_ratio": None},
            "LoRA takes about as long to train as before, within 5 %: 1.01x (95 % interval 0.99 to 1.03; "
            "10.4 s in 5 rounds then, 11.6 s in 3 now).",
            "LoRA의 학습 시간은 5% 이내로 이전과 거의 같습니다: 1.01배 (95% 신뢰 구간 0.99~1.03, 그때 "
            "5라운드에 10.4초, 지금 3라운드에 11.6초).",
        ),
        (
            {"width": 1.2, "verdict": "not_settled", "total_ratio": None},
            "Not settled for LoRA: it takes 0.93 to 1.34 times as long to train as before (95 % interval; "
            "10.4 s in 5 rounds then, 11.6 s in 3 now).",
            "LoRA는 아직 판단할 수 없습니다. 학습 시간이 이전의 0.93~1.34배 사이입니다 (95% 신뢰 구간, 그때 "
            "5라운드에 10.4초, 지금 3라운드에 11.6초).",
        ),
        (
            {"train_interval": None, "total_interval": None, "verdict": "one_round"},
            "LoRA takes 1.12x as long to train as before (10.4 s then, 11.6 s now). One round on a side has "
            "no interval: no difference is shown. Whole process: 1.05x, no interval.",
            "LoRA의 학습 시간은 이전의 1.12배입니다 (그때 10.4초, 지금 11.6초). 어느 한쪽이라도 "
            "1라운드뿐이면 신뢰 구간이 없으므로 차이가 확인된 것은 아닙니다. 전체 과정: 1.05배, 신뢰 구간 "
            "없음.",
        ),
        (
            {"ratio": None, "reason": "other_work", "verdict": "unequal_work"},
            "The steps of LoRA train other tokens than then: no ratio.",
            "LoRA의 스텝이 그때와 다른 토큰을 학습하므로 배율을 제시하지 않습니다.",
        ),
        (
            {"ratio": None, "verdict": "not_measured"},
            "The times of LoRA cannot be set beside those of then: no ratio.",
            "LoRA의 시간은 그때와 나란히 놓을 수 없어 배율을 제시하지 않습니다.",
        ),
    ],
)
def test_a_sentence_a_contestant(changes: dict[str, Any], english: str, korean: str) -> None:
    result = make_beside(make_row(**changes))
    assert (say(result)[0], say(result, "ko")[0]) == (english, korean)
    (sentence, _) = write_against(result, choose_language("en", result))
    assert sentence.warning == bool(changes.get("reason"))


@pytest.mark.parametrize("code", ["en", "ko"])
def test_every_reason_has_its_sentence(code: Any) -> None:
    reasons = [reason for reason in get_args(NoRatio) if reason]
    said = [say(make_beside(make_row(ratio=None, reason=reason)), code)[0] for reason in reasons]
    assert len(set(said)) == len(reasons) == 7


def test_from_when_the_older_one_is_and_what_has_changed() -> None:
    result = make_beside(make_row("full"), make_row("lora"), changes=CHANGES)
    assert say(result)[-1] == (
        "The older comparison, old, was begun 2023-11-14 22:13 UTC with laptime 0.1.0. Its rounds and these "
        "did not take turns: whatever else the machine did then or does now is in the ratio too. Changed "
        "since: torch 2.12.0, now 2.13.0; threads 4, now 2 (LoRA); OMP_NUM_THREADS none, now 2 (LoRA); "
        "fused_blocks ran, now did not run."
    )
    assert say(result, "ko")[-1].endswith(
        "그 뒤로 바뀐 것: torch 2.12.0, 지금은 2.13.0; 스레드 4, 지금은 2 (LoRA); OMP_NUM_THREADS 없음, "
        "지금은 2 (LoRA); fused_blocks 적용됨, 지금은 적용 안 됨."
    )
    assert say(make_beside(make_row()))[-1].endswith(
        "No version, no fact of the machine and no speedup on record has changed."
    )
    gone = make_beside(make_row(ratio=None, reason="not_finished"))
    assert say(gone)[-1].endswith("is in the ratio too."), "of what has not run nothing is known"


@pytest.mark.parametrize(
    ("lang", "label", "part"),
    [("en", "Before and now", "slower than before"), ("ko", "이전과 비교", "이전보다 느립니다")],
)
def test_page_markdown_and_terminal_say_it(tmp_path: Path, lang: Any, label: str, part: str) -> None:
    result = make_beside(make_row(), changes=CHANGES)
    write_result(tmp_path, result)
    render_report(tmp_path, lang)
    page, markdown = ((tmp_path / name).read_text("utf-8") for name in ("report.html", "report.md"))
    assert f"<dt>{label}</dt>" in page and part in page
    assert f"**{label}**: " in markdown and part in markdown
    stream = io.StringIO()
    print_table(result, Console(file=stream, width=80))
    printed = re.sub(r"\s+", " ", stream.getvalue())
    assert "LoRA is slower than before: it takes 1.12x as long to train" in printed
    assert "Changed since: torch 2.12.0, now 2.13.0;" in printed


def test_one_method_alone_is_set_beside_itself() -> None:
    alone = SITUATIONS["one_method"]() if "one_method" in SITUATIONS else SITUATIONS["normal"]()
    alone = replace(alone, methods=alone.methods[-1:], pairs=[])
    headline = write_headline(alone, choose_language("en", alone)).text
    assert headline.endswith("there is nothing to compare it with")
    beside = replace(alone, against=make_beside(make_row()).against)
    assert write_headline(beside, choose_language("en", beside)).text == headline.partition(";")[0]


def test_texts_of_a_foreign_folder_are_shown_as_they_are(tmp_path: Path) -> None:
    change = Change(name=HOSTILE, before=HOSTILE, now={"a": HOSTILE}, contestants=[HOSTILE])
    write_result(tmp_path, make_beside(make_row(), changes=[change], folder=HOSTILE, laptime=HOSTILE))
    render_report(tmp_path)
    page, markdown = ((tmp_path / name).read_text("utf-8") for name in ("report.html", "report.md"))
    assert page.count("<script>") == 1 and "<img" not in page and "\x1b" not in page + markdown
    assert not re.search(r"(?<!\\)<script|(?<!\\)\]\(http", markdown)


def test_without_an_older_one_nothing_is_said() -> None:
    result = SITUATIONS["normal"]()
    assert result.against is None and write_against(result, choose_language("en", result)) == []
