"""What records hold in English is Korean on a Korean page: all that the source can write is known."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import laptime
from laptime.hardware.precision import Processor, choose_precision
from laptime.options.left_out import tell_left_out
from laptime.report.language import Language
from laptime.report.plain_text import width
from laptime.report.recorded import say_recorded
from laptime.report.recorded_ko import PHRASES
from laptime.report.terminal import print_table
from laptime.runs.devices import tell_devices
from laptime.spec import RunSpec, TrainingSpec
from tests.report import invented

SOURCE = Path(laptime.__file__).parent
KOREAN = Language("ko")
# Where phrases are made: a file, and the functions of it whose texts are phrases ("" for all NoEffects).
MAKERS = {
    "speedups": ("apply", "reason_against_c", "reason_against_c_products", "reason_of_trial", "works_inside"),
    "data/templates.py": (),
    "hardware/precision.py": ("_best",),
    "models/config_shape.py": ("find_unknown_part",),
    "training/spread_vocabulary.py": ("tell_why_gathered",),
    "methods/initialised.py": ("notes",),
    "methods/qlora.py": ("notes",),
    "methods/lora.py": ("notes",),
    "data/side_columns.py": ("_note_reasoning", "_note_score", "_note_label", "_note_weight"),
}
PARTS = {"; ", "{left}", "s"}  # of phrases that are put together


def show(text: ast.expr) -> str:
    """Return a text with a number or a word in the place of each value."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    if not isinstance(text, ast.JoinedStr):
        return ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else fill(part) for part in text.values)


def fill(part: ast.expr) -> str:
    """Return something that may stand in the place of a value."""
    source = ast.unparse(part)
    if source == "{left}":
        return ""
    if re.search(
        r"len\(|num_|\bcount|known|packed|longest|LONGEST|out_features|rank|words|tokens|bytes|[:]", source
    ):
        return "12"
    return "something"


def find_phrases() -> Iterator[str]:
    """Yield every phrase of the makers."""
    for place, functions in MAKERS.items():
        path = SOURCE / place
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            yield from find_phrases_of(ast.parse(file.read_text(encoding="utf-8")), functions)


def find_phrases_of(tree: ast.Module, functions: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "NoEffect":
            yield show(node.args[0])
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            for child in ast.walk(node):
                if isinstance(child, ast.Return) and child.value is not None:
                    values = (
                        child.value.elts if isinstance(child.value, (ast.Tuple, ast.List)) else [child.value]
                    )
                    yield from (text for value in values if " " in (text := show(value)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("make_template", "Template"):
            reasons = [key.value for key in node.keywords if key.arg == "reason"] + node.args[2:3]
            yield from (text for value in reasons if " " in (text := show(value)))


PHRASES_FOUND = sorted({text for text in find_phrases() if text not in PARTS and text})


def test_there_are_many() -> None:
    assert len(PHRASES_FOUND) > 60


@pytest.mark.parametrize("text", PHRASES_FOUND)
def test_every_phrase_has_its_korean(text: str) -> None:
    assert say_recorded(text, Language("en")) == text
    assert re.search("[가-힣]", say_recorded(text, KOREAN)), text


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("tried on this model: a step takes 49.6 ms in bfloat16, 93.3 ms in float32",
         "이 모델로 재 본 스텝당 시간: bfloat16 49.6ms, float32 93.3ms"),
        ("the 4 lowest of 5 layers; 3 of 10 examples were cached by an earlier run",
         "레이어 5개 중 아래쪽 4개, 레코드 10개 중 3개는 이전 실행의 캐시 사용"),
        ("activations are recomputed: 1.0 GB of activations beside 23.3 GB of all else do not fit 24.4 GB",
         "활성값을 다시 계산함: 활성값 1.0 GB와 나머지 23.3 GB가 24.4 GB에 들어가지 않음"),
        ("questions and answers (question from prompt, answer from completion, system text from role)",
         "질문과 답변(질문은 prompt 열, 답변은 completion 열, 시스템 텍스트는 role 열)"),
        ("held out: 'score' is left out: every example counts alike; leave out those that should not be "
         "learnt: 3 examples (a.jsonl:3 and 2 more)",
         "평가용: 'score' 열은 쓰지 않고 모든 레코드를 똑같이 다루므로, 학습하지 않을 레코드는 빼야 함: "
         "레코드 3개(a.jsonl:3 외 2개)"),
        ("RAPL, idle not subtracted", "RAPL, 유휴 전력 포함"),
        ("bfloat16 is native here", "이 컴퓨터는 bfloat16을 직접 지원"),
        ("words of tomorrow, 3 of them", "words of tomorrow, 3 of them"),
        ("{0.__class__} {x}", "{0.__class__} {x}"),
    ],
)  # fmt: skip
def test_phrases_with_figures_and_within_phrases(english: str, korean: str) -> None:
    assert say_recorded(english, KOREAN) == korean


def test_reasons_of_precision_are_known() -> None:
    processors = [
        Processor(kind="cpu", name="x"),
        Processor(kind="cpu", name="x", cpu_flags=frozenset({"avx512_bf16"})),
        *(Processor(kind="cuda", name="x", capability=version) for version in ((5, 0), (7, 5), (8, 0))),
    ]
    for processor in processors:
        reason = choose_precision(processor, "auto").reason
        assert re.search("[가-힣]", say_recorded(reason, KOREAN)), reason


def test_what_is_left_out_is_said_in_korean() -> None:
    for values in ({"methods": ["b*", "lora"]}, {"methods": ["all"], "trainers": "laptime,trl"}):
        for line in tell_left_out(values):
            korean = say_recorded(line, KOREAN)
            assert korean.startswith("제외한 방법: "), korean
            assert not re.search("left out|has|biases|needs", korean), korean


@pytest.mark.parametrize(
    ("method", "training", "korean"),
    [
        ("full", {}, "full: 가중치, 그래디언트, 모멘트를 장치 3개에 나눔"),
        ("lora", {"batch_size": 4}, "lora: 스텝의 레코드를 장치 3개가 나누어 계산"),
        ("lora", {"batch_size": 2}, "lora는 장치 3개 중 2개로 학습: 레코드 2개인 스텝은"),
        ("lora", {"batch_size": 1}, "lora는 장치 3개 중 1개로 학습: 레코드 1개인 스텝은"),
    ],
)
def test_what_devices_do_is_said_in_korean(method: str, training: dict[str, Any], korean: str) -> None:
    spec = RunSpec(method=method, training=TrainingSpec(device="cpu", devices="3", **training))
    manifest = SimpleNamespace(gpus=[], data={"num_records": 10})
    (line,) = tell_devices([spec], manifest)  # type: ignore[arg-type]
    assert say_recorded(line, KOREAN).startswith(korean)


def test_places_are_the_same_in_both() -> None:
    for english, korean in PHRASES.items():
        places = set(re.findall(r"\{(\w+)", english))
        assert places == set(re.findall(r"\{(\w+)", korean)), english


def test_a_long_text_of_somebody_else_costs_nothing() -> None:
    text = "1 of 2 examples " * 100_000
    assert say_recorded(text, KOREAN) is text


WORD = re.compile(r"(?<![A-Za-z0-9_/.-])[A-Za-z][A-Za-z0-9_./-]*")
NAMES = re.compile(
    r"laptime|lora\S*|full\S*|base\S*|LoRA\S*|Llama\S*|meta-llama\S*|chrF|VmHWM|CPU|GPU|AMD|EPYC|9R45|cpu|cuda|UTC|Holm|"
    r"torch|transformers|peft|Python|Linux\S*|held-out|bf16|bfloat16|float16|float32|qa-ko|ten_korean\S*|linear|auto|import|"
    r"load|average|comparison.json|sha256|RAG|OOM|[A-Z_]+_[A-Z_]+|[kMG]?B|ms|[a-z]+_[a-z0-9_]+|plain|llama|fp32|fp16|NaN|"
    r"precision|method|Laptime|LlamaForCausalLM|Tesla|T4|CUDA|config|json|spec.json|compare|train|model|jsonl|resume|out|data"
)


def find_english(text: str) -> set[str]:
    """Return the words of Latin letters that are no names of a thing."""
    text = text.replace("too large", "")  # the message of an error
    return {word for found in WORD.findall(text) if not NAMES.fullmatch(word := found.rstrip("./-"))}


@pytest.mark.parametrize("situation", ["normal", "ablated", "explained", "tuned", "devices", "reference_job"])
def test_a_korean_page_holds_no_english_but_names(render: Callable[..., Path], situation: str) -> None:
    page = (render(situation, "ko") / "report.html").read_text(encoding="utf-8")
    for hidden in ("style", "script", "code", "pre"):
        page = re.sub(rf"<{hidden}\b.*?</{hidden}>", "", page, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", "\n", page)
    assert "방법" in text and find_english(text) == set()


@pytest.mark.parametrize("situation", ["normal", "ablated", "explained", "tuned", "devices", "unfinished"])
def test_a_korean_terminal_holds_no_english_but_names(situation: str) -> None:
    stream = io.StringIO()
    print_table(invented.SITUATIONS[situation](), Console(file=stream, width=80), lang="ko")
    shown = stream.getvalue()
    assert all(width(line) <= 80 for line in shown.splitlines())
    assert "학습" in shown and find_english(shown) == set()
