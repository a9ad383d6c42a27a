"""Every malformed file is answered with its exact line, exit code 2, before anything is loaded."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from laptime.cli import data as data_command
from laptime.cli import main as cli
from laptime.cli import running
from laptime.util import text_files
from tests.commands import run_command
from tests.data.malformed import CONFIGS, DATA, PAIR, TEMPLATES, Case, line


@pytest.fixture(scope="module", autouse=True)
def commands() -> None:
    """Build the commands once: it takes longer than all the rest."""
    cli.build_commands()


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, with nothing behind the checks: whatever gets past them fails the test."""

    def got_past(*_: object, **__: object) -> NoReturn:
        raise AssertionError("not refused")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "build_commands", lambda: None)
    monkeypatch.setattr(data_command, "show_encoded", got_past)
    monkeypatch.setattr(running, "run_session", got_past)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """Return what the command line prints and the one line with which it refuses, in this process."""
    arguments, sys.argv = sys.argv, ["laptime", *words]
    try:
        with pytest.raises(SystemExit) as end:
            cli.main()
    finally:
        sys.argv = arguments
    assert end.value.code == 2
    printed = capsys.readouterr()
    (message,) = printed.err.splitlines()
    return printed.out, message.removeprefix("laptime: error: ")


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the one line alone."""
    return refused(capsys, *words)[1]


def named(case: Case) -> str:
    """Return the name of a test."""
    return case.name.replace(" ", "-")


def check_refused(capsys: pytest.CaptureFixture[str], case: Case) -> None:
    """Assert that a file is refused as it should be; many bad rows are listed."""
    printed, message = refused(capsys, "data", case.file, *case.options)
    first, _, others = case.message.partition(" (and ")
    if not others:
        assert message == case.message
        return
    count = int(others.split()[0]) + 1
    assert message == f"{case.file}: {count} examples refused; mend them, or --skip-bad leaves them out"
    assert printed.splitlines()[:2] == [f"refused   {count} examples:", first]


@pytest.mark.parametrize("case", DATA, ids=named)
def test_data(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case) -> None:
    case.write(tmp_path)
    check_refused(capsys, case)


@pytest.mark.parametrize("case", DATA, ids=named)
def test_data_read_in_small_pieces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    """Wherever one piece of a file ends and the next begins, the line is the same."""
    monkeypatch.setattr(text_files, "PIECE_BYTES", 7)
    case.write(tmp_path)
    check_refused(capsys, case)


@pytest.mark.parametrize("case", CONFIGS, ids=named)
def test_config_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case) -> None:
    case.write(tmp_path)
    assert refusal(capsys, "compare", "--config", case.file) == case.message


@pytest.mark.parametrize(("template", "message"), TEMPLATES)
def test_templates(tmp_path: Path, capsys: pytest.CaptureFixture[str], template: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(PAIR)
    assert refusal(capsys, "data", "a.jsonl", "--template", template) == message


def test_the_data_command_lists_the_bad_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jsonl").write_bytes(line(prompt="a", completion="") * 25)
    shown, message = refused(capsys, "data", "a.jsonl")
    assert message == "a.jsonl: 25 examples refused; mend them, or --skip-bad leaves them out"
    assert shown.splitlines() == [
        "refused   25 examples:",
        *(f"a.jsonl:{number}: 'completion' is empty" for number in range(1, 21)),
        "... and 5 more; --all lists them",
    ]
    shown, _ = refused(capsys, "data", "a.jsonl", "--all")
    assert shown.splitlines()[-1] == "a.jsonl:25: 'completion' is empty"


def test_there_are_enough_of_them() -> None:
    assert len({(case.file, case.content) for case in DATA}) >= 40
    assert len({case.name for case in DATA}) == len(DATA)


def test_what_may_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the system's answer is played."""

    def refusing(original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(path: Path, *arguments: Any, **settings: Any) -> Any:
            if tmp_path not in (path.absolute(), path.absolute().parent):
                return original(path, *arguments, **settings)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        return refuse

    (tmp_path / "train").mkdir()
    for name in ("a.jsonl", "a.parquet"):
        (tmp_path / name).write_bytes(PAIR)
    for name in ("read_bytes", "open", "iterdir"):
        monkeypatch.setattr(Path, name, refusing(getattr(Path, name)))
    for name, message in (
        ("a.jsonl", "a.jsonl: cannot be read (Permission denied)"),
        ("a.parquet", "a.parquet: cannot be read (Permission denied)"),
        ("train", "--data train: cannot be read (Permission denied)"),
    ):
        assert refusal(capsys, "data", name) == message


PROCESSES: list[tuple[str, list[Any]]] = [
    ("compare", [c for c in DATA if c.name == "two bad rows"]),
    ("data", [c for c in DATA if c.name in ("a pipe", "brackets in an array", "a truncated Parquet")]),
    ("train", [c for c in DATA if c.name in ("UTF-16", "a split of a file")]),
]


TALK = (
    b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, '
    b'{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}\n'
)
WITH_TOKENIZER = [
    Case(
        "a conversation for a tokenizer without a chat template",
        "a.jsonl",
        TALK,
        "--template: the data holds conversations and this tokenizer has no chat template; give one with "
        "--chat-template (chatml, llama3, or a file), or for single turns name a template (--template qa-en)",
    ),
    Case(
        "a prompt that leaves nothing to train",
        "a.jsonl",
        PAIR,
        "a.jsonl:1: nothing left to train: the prompt alone has 12 tokens, an example holds 5; shorten it, "
        "or raise --max-length as far as the model goes",
        ("--max-length", "5"),
    ),
]
PROCESSES += [("data", WITH_TOKENIZER[:1]), ("compare", WITH_TOKENIZER[1:])]


@pytest.mark.parametrize(
    ("command", "case"),
    [(command, case) for command, cases in PROCESSES for case in cases],
    ids=lambda value: value if isinstance(value, str) else named(value),
)
def test_a_real_process(tmp_path: Path, command: str, case: Case) -> None:
    case.write(tmp_path)
    words = [command, "--data", case.file, *case.options]
    if case in WITH_TOKENIZER:  # which imports transformers
        done = run_command(words, tmp_path, os.environ)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "laptime", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (2, f"laptime: error: {case.message}\n")
    assert [path.name for path in tmp_path.iterdir()] == [case.file], "a refusal leaves nothing behind"
