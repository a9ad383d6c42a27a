"""A conversation: every contestant has a history of its own, where the training's template has turns."""

from __future__ import annotations

import io
import signal
from pathlib import Path

import pytest

from laptime.cli.ask import chat, command
from laptime.conversation import Conversation
from laptime.errors import UserError
from laptime.interview import Interviewer
from laptime.session import gather_result
from tests.data.tokenizers_made import CHATML
from tests.export.runs import make_run


def talk(run: Path, system: str | None = None) -> Conversation:
    return Conversation(Interviewer(run, gather_result(run), 3), system)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path, chat_template=CHATML)


def test_each_remembers_its_own_answers(run: Path) -> None:
    conversation = talk(run, "be brief")
    first = {turn.name: turn.text for turn in conversation.ask("a")}
    assert list(first) == ["base", "lora"] and first["base"] != first["lora"]
    list(conversation.ask("and b"))
    decode = conversation.interviewer.tokenizer.decode
    for name, history in conversation.histories.items():
        assert [turn.content for turn in history][:3] == ["a", first[name], "and b"]
        text = decode(conversation.encode(history[:3]))
        assert text.startswith("<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\na<|im_end|>\n")
        assert text.endswith("user\nand b<|im_end|>\n<|im_start|>assistant\n")


def test_the_oldest_turns_give_way(run: Path) -> None:
    conversation = talk(run)
    notes = [turn.note for question in ("a" * 150, "b" * 60) for turn in conversation.ask(question)]
    assert [note for note in notes if note] == [
        "base: the oldest turns have no room any more and are left out",
        "lora: the oldest turns have no room any more and are left out",
    ]
    assert len(conversation.histories["lora"]) == 2
    (turn,) = conversation.ask("c" * 300)
    assert turn.note.startswith("too long: ") and len(conversation.histories["base"]) == 2


def test_a_template_without_turns_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    conversation = talk(run)
    assert "has no turns: every question stands alone" in conversation.notes[1]
    once = [turn.text for turn in conversation.ask("a")]
    assert [turn.text for turn in conversation.ask("a")] == once
    with pytest.raises(UserError, match=r"^--system: .*\(qa-en\) has no place for a system text"):
        talk(run, "be brief")


def test_the_end_of_what_is_typed_ends_it(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\nsecond\n"))
    chat(run, ("first",), None, 2, threads=1)
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line.startswith("> ")] == ["> first", "> second"]
    assert len([line for line in printed if line.startswith("   lora  ")]) == 2


def test_an_interrupt_ends_it(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: signal.raise_signal(signal.SIGINT))
    chat(run, (), None, 2, threads=1)


def test_questions_are_needed_without_a_conversation() -> None:
    for words, said in ((["x"], "QUESTION: missing"), (["x", "q", "--system", "s"], "--system: for a conv")):
        with pytest.raises(UserError, match=said):
            command().main(words, standalone_mode=False)
