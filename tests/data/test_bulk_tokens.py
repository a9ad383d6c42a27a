"""Many texts get the tokens that tokenizers gives them, whichever library made them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy
import pytest

from laptime.data import bulk_tokens
from laptime.data.assembly import EncodedBatch, Frame
from laptime.data.bulk_tokens import BulkTokens, DisagreementError, Ids
from laptime.data.encoded import TRAINED
from laptime.data.encoding import encode
from laptime.data.examples import Example, ExampleSet
from laptime.data.tokens import Tokens
from laptime.errors import UserError
from laptime.models.loading import load_tokenizer
from laptime.models.source import locate_model
from laptime.spec import AnswerSpec, DataSpec, ModelSpec
from tests.data.tokenizers_made import CHATML, make_tokenizer
from tests.report.hostile_strings import hostile_strings

fastokens = pytest.importorskip("fastokens")

PIECES = [
    *(
        "Hello",
        " world",
        "  two",
        "\n\n",
        "\t",
        "don't",
        "1234567",
        " 3.14",
        "...",
        "!!!",
        "_",
        "\x7f",
        "\r\n",
    ),
    *(
        "한국어",
        " 안녕하세요",
        "日本語",
        "\u1100\u1161",
        "e\u0301",
        "\u00e9",
        "\u0130",
        "ß",
        "\ufb01",
        "हि",
        "¼",
    ),
    *("👩\u200d👩\u200d👧", "🇰🇷", "\u00a0", "\u200b", "\u3000", "\ufffd", "𝕏", "\u0627\u0644", "Ⅷ"),
    *("<s>", "<|eot_id|>", "</s>", "▁", "Ġ"),
]


def make_texts(number: int, seed: int = 0) -> list[str]:
    """Return texts of odd pieces, none empty."""
    chance = random.Random(seed)
    return ["".join(chance.choices(PIECES, k=chance.randint(1, 12))) for _ in range(number)]


def is_text(text: str) -> bool:
    """Tell what data may hold from half characters, which are refused when they are read."""
    return bool(text) and not any("\ud800" <= letter <= "\udfff" for letter in text)


def all_tokenizers(shared_data: Path) -> dict[str, Any]:
    """Return every tokenizer at hand."""
    from transformers import AutoTokenizer

    made = {"bytes": make_tokenizer(), "letters": make_tokenizer(alphabet="abc Ġ")}
    builtin = locate_model(ModelSpec())
    made["built in"] = load_tokenizer(ModelSpec(), builtin)
    for path in sorted(shared_data.glob("models/*/tokenizer.json")):
        made[path.parent.name] = AutoTokenizer.from_pretrained(path.parent)
    return made


def test_odd_texts_have_the_same_tokens_under_every_tokenizer(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where fastokens refuses a tokenizer, tokenizers goes on; where it takes one, nothing differs."""
    monkeypatch.setattr(bulk_tokens, "LEAST_LETTERS", 1)
    monkeypatch.setattr(bulk_tokens, "COMPARED_ONE_IN", 1)
    texts = [*filter(is_text, hostile_strings()), *make_texts(2000)]
    names = []
    for tokenizer in all_tokenizers(shared_data).values():
        tokens = Tokens(tokenizer)
        tokens.bulk.encode(["Hello"])
        found = tokens.bulk.encode(texts)  # compares every one of them
        assert found.lists() == tokens._encode_plain(texts)
        names.append(tokens.bulk.name)
    assert "fastokens" in names


def test_a_small_data_set_needs_tokenizers_alone() -> None:
    tokens = Tokens(make_tokenizer())
    tokens.bulk.encode(make_texts(50))
    tokens.bulk.encode(make_texts(50))
    assert tokens.bulk.name == "tokenizers"


class Lying:
    """A fastokens that gives another token for one letter."""

    def __init__(self, letter: str) -> None:
        self.letter = letter

    def encode_batch_flat(self, texts: list[str], **_: object) -> tuple[bytes, bytes]:
        ids = Ids.of_lists([[one + (self.letter in text) for one in text.encode()] for text in texts])
        return ids.flat.tobytes(), ids.begins.astype(numpy.uint64).tobytes()


def make_bulk(letter: str, monkeypatch: pytest.MonkeyPatch) -> BulkTokens:
    """Return BulkTokens of bytes whose fast side lies about a letter."""
    monkeypatch.setattr(bulk_tokens, "LEAST_LETTERS", 1)
    monkeypatch.setattr(bulk_tokens, "_make_fast", lambda _: Lying(letter))
    return BulkTokens(lambda texts: [list(text.encode()) for text in texts], backend=object())


def test_one_that_differs_on_the_first_texts_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    bulk = make_bulk("b", monkeypatch)
    assert bulk.encode(["abc"]).lists() == [[97, 98, 99]]
    assert bulk.encode(["b"]).lists() == [[98]] and bulk.name == "tokenizers"


def test_every_letter_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bulk = make_bulk("한", monkeypatch)
    bulk.encode(["abc"])
    assert bulk.encode(["a", "b", "c"] * 100).lists() and bulk.name == "fastokens"
    with pytest.raises(DisagreementError, match="x한"):
        bulk.encode(["a", "b"] * 40 + ["x한"] + ["a"] * 10)


def test_one_text_in_a_hundred_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    bulk = make_bulk("ba", monkeypatch)  # letters in this order alone
    bulk.encode(["ab"])
    assert bulk.encode(["a", *["ba"] * 99]).lists(), "the hundred's first is honest"
    with pytest.raises(DisagreementError):
        bulk.encode(["a"] * 100 + ["ba"])


def test_one_that_fails_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    bulk = make_bulk("x", monkeypatch)
    for _ in range(2):
        bulk.encode(["ab"])
    monkeypatch.setattr(Lying, "encode_batch_flat", lambda *_, **__: 1 / 0)
    with pytest.raises(DisagreementError, match=r"fastokens fails \(division by zero\)"):
        bulk.encode(["ab"])


def test_a_difference_found_late_encodes_everything_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class OneMore:
        def __init__(self, honest: Any) -> None:
            self.honest = honest

        def encode_batch_flat(self, texts: list[str], **options: object) -> Any:
            flat, begins = self.honest.encode_batch_flat(texts, **options)
            changed = numpy.frombuffer(flat, numpy.uint32) + any("z" in text for text in texts)
            return changed.astype(numpy.uint32).tobytes(), begins

    real = bulk_tokens._make_fast
    monkeypatch.setattr(bulk_tokens, "LEAST_LETTERS", 1)
    monkeypatch.setattr("laptime.data.encoder.LETTERS_AT_ONCE", 40)
    words = ["seven letters", "a", "and more of them", "nothing", "zero"]
    examples = [Example(source=f"d:{n}", prompt=word, completion="b c") for n, word in enumerate(words)]
    made = ExampleSet(name="d", shape="s", examples=examples)
    spec = DataSpec(template="plain")
    honest = encode(made, make_tokenizer(), spec, AnswerSpec(), None)
    monkeypatch.setattr(bulk_tokens, "_make_fast", lambda backend: OneMore(real(backend)))
    found = encode(made, make_tokenizer(), spec, AnswerSpec(), None)
    assert found.digest == honest.digest and not honest.notes
    assert found.notes == [
        "encoded slowly, by tokenizers alone: fastokens and tokenizers differ on 'nothing'"
    ]


@pytest.mark.parametrize("template", ["plain", "chat"])
def test_examples_are_the_same_with_and_without_fastokens(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = make_texts(600)
    examples = [
        Example(source=f"d:{n}", prompt=texts[2 * n] + "?", completion=texts[2 * n + 1] + "!")
        for n in range(300)
    ]
    made = ExampleSet(name="d", shape="s", examples=examples)
    spec, limit = DataSpec(template=template, max_length=160), None
    tokenizer = make_tokenizer(CHATML if template == "chat" else None)
    asked = AnswerSpec(max_questions=300)

    def run() -> Any:
        return encode(made, tokenizer, spec, asked, limit)

    slow = run()
    monkeypatch.setattr(bulk_tokens, "LEAST_LETTERS", 1)
    monkeypatch.setattr("laptime.data.encoder.LETTERS_AT_ONCE", 400)
    fast = run()
    assert (fast.digest, fast.counts, fast.questions) == (slow.digest, slow.counts, slow.questions)
    assert list(fast.examples) == list(slow.examples) and list(fast.example_notes) == list(slow.example_notes)


def assemble_plainly(parts: list[tuple[list[int], bool]], frame: Frame) -> tuple[list[int], int, list[int]]:
    """Return the words of an example, how many were cut and its prompt, in the plainest way."""
    first = parts[0][0]
    words = [] if frame.lead and first[: len(frame.lead)] == frame.lead else list(frame.lead)
    prompt: list[int] = []
    for ids, is_answer in parts:
        if is_answer:
            prompt = [word & ~TRAINED for word in words]
        words += [one | TRAINED if is_answer or frame.trains_all else one for one in ids]
    if frame.end is not None:
        words.append(frame.end | TRAINED)
    words[0] &= ~TRAINED
    return words[: frame.max_length], max(0, len(words) - frame.max_length), prompt


@pytest.mark.parametrize("seed", range(40))
def test_parts_put_together_are_what_plain_lists_give(seed: int) -> None:
    chance = random.Random(seed)
    lead = chance.choice([[], [1], [1, 2]])
    frame = Frame(lead, chance.choice([None, 9]), chance.random() < 0.3, chance.choice([3, 8, 100]))
    examples = []
    for _ in range(20):
        parts = [
            ([chance.randint(1, 5) for _ in range(chance.randint(0, 5))], chance.random() < 0.5)
            for _ in range(chance.randint(1, 4))
        ]
        examples.append([*parts, ([3], chance.random() < 0.7)])
    batch = EncodedBatch(
        [Example(source=str(n), text="x") for n in range(20)],
        Ids.of_lists([ids for parts in examples for ids, _ in parts]),
        [len(parts) for parts in examples],
        [is_answer for parts in examples for _, is_answer in parts],
        frame,
    )
    counts = batch.to_piece([*range(20)], "").count_tokens(3)
    for index, parts in enumerate(examples):
        words, cut, prompt = assemble_plainly(parts, frame)
        begin, end = batch.begins[index : index + 2]
        assert batch.words[begin:end].tolist() == words
        assert batch.cuts[index] == cut and batch.prompt_ids(index) == prompt
        assert batch.is_lost[index] == (not any(ids for ids, is_answer in parts if is_answer))
        assert batch.num_trained[index] == sum(word >= TRAINED for word in words)
        assert counts[index] == sum(word & ~TRAINED == 3 for word in words)


def test_examples_that_a_template_cannot_hold_are_refused_while_encoding() -> None:
    from laptime.data.examples import Message

    told = Example(source="d:3", prompt="q", completion="a", before=[Message("system", "s")])
    good = Example(source="d:1", prompt="q", completion="a")
    made = ExampleSet(name="d", shape="s", examples=[good, told])
    with pytest.raises(UserError, match="d:3: a system text beside the question"):
        encode(made, make_tokenizer(), DataSpec(template="qa-en"), AnswerSpec(), None)
