"""Many examples are encoded by several processes, and come out as by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from laptime.data import bulk_tokens, encoder, processes
from laptime.data.encoding import EncodedData, encode
from laptime.data.examples import Example, ExamplesError, ExampleSet, Message
from laptime.data.processes import map_in_order
from laptime.data.spool import Spool
from laptime.errors import UserError
from laptime.spec import AnswerSpec, DataSpec
from tests.data.test_bulk_tokens import make_texts
from tests.data.tokenizers_made import CHATML, make_tokenizer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


def test_what_is_made_comes_in_order_whoever_is_fast() -> None:
    def wait_and_square(number: int) -> tuple[int, int]:
        time.sleep(0.02 * (number % 3 == 0))
        return number * number, os.getpid()

    made = list(map_in_order(wait_and_square, range(20), 2))
    assert [square for square, _ in made] == [number * number for number in range(20)]
    assert os.getpid() not in {process for _, process in made}


def test_one_process_or_one_item_needs_no_other() -> None:
    assert set(map_in_order(lambda _: os.getpid(), range(3), 1)) == {os.getpid()}
    assert set(map_in_order(lambda _: os.getpid(), [1], 4)) == {os.getpid()}


def test_what_a_process_raises_is_raised_here() -> None:
    def refuse(number: int) -> int:
        if number == 2:
            raise UserError("d:2: no such thing")
        return number

    made = map_in_order(refuse, range(9), 2)
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(UserError, match=r"^d:2: no such thing$"):
        next(made)


def test_where_no_processes_can_be_begun_one_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full /dev/shm, where they wait for one another, is no reason to stop."""

    def refuse(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(processes, "ProcessPoolExecutor", refuse)
    assert set(map_in_order(lambda _: os.getpid(), range(5), 2)) == {os.getpid()}


def test_variables_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    monkeypatch.delenv("RAYON_NUM_THREADS", raising=False)
    asked = list(map_in_order(lambda _: os.environ["TOKENIZERS_PARALLELISM"], range(3), 2))
    assert asked == ["false"] * 3
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true" and "RAYON_NUM_THREADS" not in os.environ


def is_alive(process: int) -> bool:
    """Tell whether a process exists and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_processes_end_with_the_one_that_forked_them(tmp_path: Path) -> None:
    """A killed preparation leaves nobody behind."""
    code = (
        "import os, time\n"
        "from laptime.data.processes import map_in_order\n"
        "def work(_):\n"
        "    os.write(1, f'{os.getpid()}\\n'.encode()); time.sleep(100)\n"
        "list(map_in_order(work, range(9), 2))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        found = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
    end = time.monotonic() + 30
    while any(map(is_alive, found)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(is_alive, found))


def make_examples(number: int) -> list[Example]:
    """Return conversations and pairs of odd texts, some too long, with special tokens in some."""
    texts = make_texts(2 * number)
    return [
        Example(
            source=f"d:{place}",
            prompt=texts[2 * place] * (40 if place % 17 == 5 else 1) + "?",
            completion=texts[2 * place + 1] + ("<|eot_id|>" if place % 11 == 3 else "!"),
        )
        for place in range(number)
    ]


def run(examples: Any, num_processes: int, template: str = "plain", **options: Any) -> EncodedData:
    """Encode examples with a tokenizer of bytes."""
    held_out = make_examples(60)
    made = ExampleSet(name="d", shape="s", examples=examples, held_out=held_out, held_out_name="h")
    spec = DataSpec(template=template, max_length=120, **options)
    tokenizer = make_tokenizer(CHATML if template == "chat" else None)
    asked = AnswerSpec(ask=("What?", examples[250].prompt or "")) if examples[250].prompt else AnswerSpec()
    return encode(made, tokenizer, spec, asked, None, num_processes=num_processes)


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let processes be forked for few examples; returns the list of how many were, for each set."""
    monkeypatch.setattr(bulk_tokens, "LEAST_LETTERS", 500)
    monkeypatch.setattr(encoder, "LETTERS_AT_ONCE", 400)
    monkeypatch.setattr(encoder, "SHARE", 20)
    monkeypatch.setattr(encoder, "LEAST_SHARED", 40)
    forked: list[int] = []
    real = processes._begin_pool

    def count(function: Any, number: int) -> Any:
        forked.append(number)
        return real(function, number)

    monkeypatch.setattr(processes, "_begin_pool", count)
    return forked


def is_same(one: EncodedData, other: EncodedData) -> bool:
    """Tell whether two encodings are the same in all but the time they took."""
    facts = [
        (
            data.digest, data.counts, data.questions, data.stop_ids, data.notes, data.num_special_text,
            list(data.examples), list(data.held_out), list(data.example_notes),
        )
        for data in (one, other)
    ]  # fmt: skip
    return facts[0] == facts[1]


@pytest.mark.parametrize("template", ["plain", "chat"])
@pytest.mark.parametrize("spools", [False, True])
def test_examples_are_the_same_by_one_process_and_by_several(
    template: str, spools: bool, forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laptime.data.spool.IN_MEMORY", 2000)
    examples: Any = make_examples(300)
    if spools:
        spool: Spool[Example] = Spool(Example)
        for example in examples:
            spool.append(example)
        examples = spool
    alone = run(examples, 1, template, skip_bad=True)
    assert not forks and alone.counts.num_skipped and alone.counts.num_special_text and alone.example_notes
    assert is_same(run(examples, 3, template, skip_bad=True), alone)
    assert forks[0] == 3


def test_an_example_that_several_processes_refuse_is_refused_as_by_one(forks: list[int]) -> None:
    examples = make_examples(300)
    examples[200] = Example(source="d:200", messages=[Message("user", "a"), Message("assistant", "")])
    said = []
    for number in (1, 3):
        with pytest.raises((ExamplesError, UserError)) as caught:
            run(examples, number, "plain")
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_a_process_that_is_killed_leaves_the_work_to_one(
    forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = make_examples(300)
    alone = run(examples, 1, skip_bad=True)
    mine, share = os.getpid(), encoder.Encoder._encode_share

    def die(self: Any, chosen: Any, places: range) -> Any:
        if places.start >= 100 and os.getpid() != mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return share(self, chosen, places)

    monkeypatch.setattr(encoder.Encoder, "_encode_share", die)
    assert is_same(run(examples, 3, skip_bad=True), alone)
    assert forks
    with pytest.raises(BrokenProcessPool):
        list(map_in_order(lambda _: os.kill(os.getpid(), signal.SIGKILL), range(4), 2))


def test_what_fastokens_tells_otherwise_in_a_process_encodes_everything_anew(
    forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def disagree(*_: object) -> Any:
        raise bulk_tokens.DisagreementError("they differ")

    examples = make_examples(300)
    alone = run(examples, 1, skip_bad=True)
    monkeypatch.setattr(bulk_tokens.BulkTokens, "_compare", disagree)
    monkeypatch.setattr(bulk_tokens, "_make_fast", lambda backend: object() if backend else None)
    monkeypatch.setattr(bulk_tokens, "_agrees", lambda *_: True)
    monkeypatch.setattr(bulk_tokens, "_encode_fast", disagree)
    found = run(examples, 3, skip_bad=True)
    assert found.digest == alone.digest
    assert found.notes[-1] == "encoded slowly, by tokenizers alone: they differ"
