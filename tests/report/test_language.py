"""Both languages say the same things."""

from __future__ import annotations

import re
import string

import pytest

from laptime.comparison.result import Finding
from laptime.report import language_en, language_ko
from laptime.report.findings import say_finding
from laptime.report.language import _FILES, Language, Word
from laptime.speedups.speedup import speedup_names


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    english, korean = Language("en").strings, Language("ko").strings
    assert list(english) == list(korean)
    for key, text in english.items():
        assert _placeholders(text) == _placeholders(korean[key]), key
    for files in zip(*_FILES.values(), strict=True):
        assert files[0].__name__.replace("_en", "_ko") == files[1].__name__
        assert list(files[0].STRINGS) == list(files[1].STRINGS)
    assert sum(len(file.STRINGS) for file in _FILES["en"]) == len(english), "a key stands in one file alone"


def test_words_for_one_training_stand_in_the_place_of_others() -> None:
    keys = [key for key in Language("en").strings if ".single" in key and key != "time.single"]
    assert keys and all(key.replace(".single", "") in Language("en").strings for key in keys)
    for code in ("en", "ko"):
        several, one = Language(code), Language(code, single=True)
        assert several.say("findings.none") != one.say("findings.none")
        assert several.say("findings.wrong") == one.say("findings.wrong")
    assert Language("en", single=True).plural("terminal.findings", 1).startswith("1 note on")
    assert Language("en", single=True).plural("terminal.findings", 2).startswith("2 notes on")


def test_every_speedup_is_described() -> None:
    described = {key.removeprefix("speedup.") for key in language_en.STRINGS if key.startswith("speedup.")}
    assert described == set(speedup_names())


def test_particles_name_the_form_after_a_final_consonant_first() -> None:
    particles = set(re.findall(r"\{\w+:([^}]*)\}", "".join(Language("ko").strings.values())))
    assert particles <= {"이/가", "은/는", "과/와", "을/를", "으로/로", "이었습니다/였습니다"}


@pytest.mark.parametrize(
    ("word", "particles", "expected"),
    [
        ("LoRA", "이/가", "LoRA가"),
        ("전체 파인튜닝", "이/가", "전체 파인튜닝이"),
        ("전체 파인튜닝", "과/와", "전체 파인튜닝과"),
        ("full", "은/는", "full은"),
        ("IA3", "을/를", "IA3을"),
        ("모델", "으로/로", "모델로"),
        ("2.31배", "은/는", "2.31배는"),
        ("Llama-3.2-1B", "을/를", "Llama-3.2-1B를"),
        ("web", "을/를", "web을"),
        ("3.1 GB", "을/를", "3.1 GB를"),
        ("512 B", "을/를", "512 B를"),
        ("1,127만", "을/를", "1,127만을"),
        ("", "은/는", "는"),
    ],
)
def test_particles(word: str, particles: str, expected: str) -> None:
    assert format(Word(word), particles) == expected


@pytest.mark.parametrize(
    ("code", "values", "english", "korean"),
    [
        (
            "spread",
            {"method": "full", "percent": 12.3},
            "The training times of full fine-tuning lie up to 12 % of their median apart.",
            "전체 파인튜닝의 학습 시간 변동 폭(최대−최소)이 중앙값의 12%입니다.",
        ),
        (
            "load",
            {"run": "full-2", "load_average": 3.4, "cores": 2},
            "During full-2 the machine was busy: load 3.4 on 2 cores.",
            "full-2 실행 중 시스템에 다른 부하가 있었습니다: 코어 2개에 평균 부하(load average) 3.4.",
        ),
        (
            "different_work",
            {"methods": "full, lora", "option": "the data"},
            "The batches differ between full fine-tuning and LoRA: their digests show other tokens or "
            "another order. There is no ratio between them.",
            "전체 파인튜닝, LoRA의 배치가 서로 다릅니다. 다이제스트를 보면 토큰이나 순서가 같지 않으므로 "
            "배율을 제시하지 않습니다.",
        ),
        ("one_round", {}, language_en.STRINGS["finding.one_round"], language_ko.STRINGS["finding.one_round"]),
        ("of_tomorrow", {}, "Plain text.", "Plain text."),
        ("spread", {}, "Plain text.", "Plain text."),
    ],
)
def test_findings(code: str, values: dict[str, object], english: str, korean: str) -> None:
    finding = Finding(level="flag", code=code, text="Plain text.", values=values)
    assert say_finding(finding, Language("en")) == english
    assert say_finding(finding, Language("ko")) == korean


def test_a_name_behind_a_colon_keeps_its_letters() -> None:
    english = Language("en", names=["Mine"])
    for sentence, within in (
        ("GaLore took 3 s", "GaLore took 3 s"),
        ("LoRA, which won", "LoRA, which won"),
        ("Mine took 3 s", "Mine took 3 s"),
        ("Of all rows it is the fastest", "of all rows it is the fastest"),
        ("Full fine-tuning took 3 s", "full fine-tuning took 3 s"),
    ):
        assert english.within(sentence) == within
