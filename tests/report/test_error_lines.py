"""Error lines in Korean: every clause that the source can write is known, and none says less than it did."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import islice, product
from pathlib import Path

import pytest

import laptime
from laptime.cli.main import wants_korean
from laptime.report.error_lines import find_phrases, say_error

SOURCE = Path(laptime.__file__).parent
RAISED = {"UserError", "RowError", "ExampleError", "ExamplesError", "UnknownShapeError"}
NOBODY_SEES = {"live/", "trackers/parts/"}  # in the user's language already, or told by what calls them
SUGGESTS = re.compile(r"^_?(suggest|tell_value|tell_file)")  # what may stand behind a line, or nothing
BEFORE = {"place", "source", "given_by"}  # what stands before a line, with a colon
TURN = "turn 12 of 'something'"  # before what is said of a turn
FILLED = ("12", "something")  # in the place of a value
MOST = 256  # ways to fill a line
# Lines whose parts are phrases of their own, as they really read.
READ = [
    "--against old: race was begun without --against; give a new --out, or leave --against out",
    "--data x.jsonl: other examples than in --against old; put back what was there, or leave --against out",
    "x.jsonl: columns answer and output could both be meant; choose with --completion-column",
    "turn 2 of 'messages' is text, expected an object with role and content",
    "x.doc: cannot read '.doc' files; expected .jsonl, .ndjson, .json, .csv, .tsv, .parquet or .txt, or all "
    "but Parquet packed as .gz",
    "--model m: m: config.json has changed since race was begun; put it back as it was, or begin anew with "
    "another --out",
    "x.jsonl: nothing left to train on: all 2 examples are bad; x.jsonl:1: 'completion' is blank",
    "x.jsonl:3: 'tools' holds what JSON cannot",
    "x.csv: duplicate column 'answer' in the header",
    "--methods: 'q*' means qlora, which needs bitsandbytes; install it with pip install 'laptime[qlora]'",
    "--epochs: expected a whole number >= 1 (got 0)",
    "--epochs: expected a whole number (got 'x')",
    "race.toml: contestant 1: name: expected text (got 1); put it in quotes",
    "race: locked by pid 7 since 12:00; two measurements at once would falsify both; --wait waits for it",
    "--trainers: no trainer 'trk'; did you mean 'trl'? there are laptime, trl",
    "no temporary file can be written (No space left on device); set TMPDIR to a folder",
]
HANGUL = re.compile("[가-힣]")


def write_texts(node: ast.expr, module: str) -> list[str]:
    """Return what an expression may say, its values filled in; [] where it is computed elsewhere."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return [*write_texts(node.body, module), *write_texts(node.orelse, module)]
    if isinstance(node, ast.BinOp):
        return combine([write_texts(node.left, module), write_texts(node.right, module)])
    if isinstance(node, ast.JoinedStr):
        return combine([
            fill(part.value, module) if isinstance(part, ast.FormattedValue) else write_texts(part, module)
            for part in node.values
        ])  # fmt: skip
    return []


def combine(parts: list[list[str]]) -> list[str]:
    """Return every way to put parts one behind the other, up to so many."""
    return ["".join(one) for one in islice(product(*parts), MOST)]


def fill(value: ast.expr, module: str) -> list[str]:
    """Return what may stand in the place of a value: a constant of the module, one of two, or anything."""
    if isinstance(value, ast.Name) and value.id in BEFORE:
        return ["something: ", "something"]
    if isinstance(value, ast.Name) and value.id.isupper():
        constant = getattr(import_module(module), value.id, None)
        return [constant] if isinstance(constant, str) else list(FILLED)
    if isinstance(value, ast.IfExp) and (told := write_texts(value, module)):
        return told
    if isinstance(value, ast.Call) and SUGGESTS.match(ast.unparse(value.func).rpartition(".")[2]):
        return [""]
    return list(FILLED)


def find_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield where a line is made, and the ways it may read."""
    for file in sorted(SOURCE.rglob("*.py")):
        place = file.relative_to(SOURCE).as_posix()
        if place.startswith(tuple(NOBODY_SEES)):
            continue
        module = ".".join(["laptime", *file.relative_to(SOURCE).with_suffix("").parts])
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                name = ast.unparse(node.exc.func)
                texts = write_texts(node.exc.args[-1 if name == "RowError" else 0], module)
                texts = [TURN + text if text[:1] in (" ", ":") else text for text in texts]
                if name in RAISED and texts:
                    yield f"{place}:{node.lineno}", texts


def is_known(line: str) -> bool:
    """Tell whether all clauses of a line are put into Korean; one of values alone needs nothing."""
    return all(is_clause_known(one) for one in line.split("; ")) or bool(
        HANGUL.search(said := say_error(line, "ko")) and not has_words(said)
    )


def is_clause_known(clause: str) -> bool:
    return bool(HANGUL.search(say_error(clause, "ko"))) or not has_words(clause)


def has_words(text: str) -> bool:
    """Tell whether a text has English in it that is neither a name nor a value."""
    bare = re.sub(r"--[\w-]+|'[^']*'|\S+\.\w+|[A-Z]\w*|something|\{\w*\}", " ", text)
    return len(re.findall(r"\b[a-z]{2,}\b", bare)) > 1


LINES = dict(find_lines())


def test_there_are_many() -> None:
    assert len(LINES) > 300


@pytest.mark.parametrize("place", LINES)
def test_every_line_has_its_korean(place: str) -> None:
    texts = LINES[place]
    pattern = "|".join(re.escape(text).replace("something", ".*") for text in texts)
    texts = [*texts, *(line for line in READ if re.fullmatch(pattern, line))]
    assert any(map(is_known, texts)), [(text, say_error(text, "ko")) for text in texts[-4:]]


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        (
            "--data gone.jsonl: no such file or folder; did you mean 'done.jsonl'?",
            "--data gone.jsonl: 그런 파일이나 폴더가 없습니다; 혹시 'done.jsonl'인가요?",
        ),
        (
            "train.jsonl:17: 'completion' is blank",
            "train.jsonl:17: 'completion' 값이 공백뿐입니다",
        ),
        (
            "--contestant x: a name has at most 20 characters, of a-z, A-Z, 0-9, '.', '_' and '-', and "
            "begins and ends with a letter or a digit",
            "--contestant x: 이름은 a-z, A-Z, 0-9, '.', '_', '-'로 최대 20자이고, 영문자나 숫자로 시작하고 "
            "끝나야 합니다",
        ),
        (
            "--virtual-tokens: none of the methods lora has this option",
            "--virtual-tokens: lora 중에는 이 옵션이 있는 방법이 없습니다",
        ),
        ("--threads 999: this machine has 2 cores", "--threads 999: 이 컴퓨터의 코어는 2개입니다"),
        ("--speedups all: no speedup 'all'", "--speedups all: 'all' 가속 기능이 없습니다"),
        ("--x: what nobody wrote; leave it out", "--x: what nobody wrote; 빼세요"),
        ("{0.__class__}: {x}", "{0.__class__}: {x}"),
    ],
)
def test_lines_are_put_into_korean_clause_by_clause(english: str, korean: str) -> None:
    assert say_error(english, "ko") == korean
    assert say_error(english, "en") == english


def test_a_long_line_is_left_as_it_is() -> None:
    line = "x: no such folder; " * 10_000
    assert say_error(line, "ko") is line


def test_a_folder_with_a_korean_report_is_told_of_in_korean(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text('<!doctype html><html lang="ko"><!-- laptime report -->')
    assert wants_korean(["ask", str(tmp_path), "x"])
    assert not wants_korean(["show", str(tmp_path), "--lang", "en"])
    assert not wants_korean(["show", str(tmp_path / "other")]) and not wants_korean(["--lang"])
    assert wants_korean(["compare", "--lang=ko", "--data", ""])


def test_places_are_the_same_in_both() -> None:
    for english, korean in find_phrases().items():
        places = re.compile(r"(?<!\{)\{(\w+)")
        assert set(places.findall(english)) >= set(places.findall(korean)), english


def test_no_phrase_lacks_its_korean() -> None:
    known = find_phrases().items()
    lacking = [english for english, korean in known if has_words(english) and not HANGUL.search(korean)]
    assert all(" ms in " in english or "torch" in english for english in lacking), lacking


def test_the_command_says_it_in_korean(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "laptime", "compare", "--data", "gone.jsonl"]
    done = subprocess.run([*words, "--lang", "ko"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "laptime: 오류: --data gone.jsonl: 그런 파일이나 폴더가 없습니다\n"
    done = subprocess.run(
        [*words, "--lang=ko", "--rounds", "x"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("laptime: 오류: ") and HANGUL.search(
        done.stderr.removeprefix("laptime: 오류")
    )
