"""Several questions at once have the answers that each has by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from laptime.data.encoding import Question
from laptime.models.shape import FAMILIES
from laptime.runs.events import Answer, Answering
from laptime.training import generate
from laptime.training.generate import (
    answer_questions,
    cache_bytes_per_token,
    cut_at_stop,
    group_questions,
    knows_padding,
)

SMALL = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
}  # fmt: skip


def make_model(family: str, **changes: Any) -> Any:
    """Return a random model of a family in float32."""
    from transformers import AutoConfig

    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SMALL | changes)).eval()


def make_questions(number: int, longest: int = 20) -> list[Question]:
    """Return questions of random tokens and lengths."""
    chance = torch.Generator().manual_seed(2)
    lengths = torch.randint(1, longest, (number,), generator=chance).tolist()
    return [
        Question(f"q{place}", torch.randint(3, 97, (length,), generator=chance).tolist(), None, "asked")
        for place, length in enumerate(lengths)
    ]


class Decoder:
    """A tokenizer whose text is the numbers of the tokens."""

    def decode(self, token_ids: list[int], **_: object) -> str:
        """Return them as text."""
        return " ".join(map(str, token_ids))


def ask(model: Any, questions: list[Question], stop_ids: list[int], most: int = 24) -> list[Answer]:
    """Return the answers of a model."""
    events = ask_and_hear(model, questions, stop_ids, most)
    return [event for event in events if isinstance(event, Answer)]


def ask_and_hear(
    model: Any, questions: list[Question], stop_ids: list[int], most: int = 24
) -> list[Answer | Answering]:
    """Return the answers of a model, and what is said before they are there."""
    events: list[Answer | Answering] = []
    answer_questions(model, Decoder(), questions, stop_ids, most, events.append)
    return events


def test_the_head_gets_states_of_their_own() -> None:
    """Of a slice torch would copy the vocabulary's matrix once for every prompt: 5 GB for ten at 1.24 B."""
    model = make_model("llama")
    given: list[bool] = []
    hook = model.get_output_embeddings().register_forward_hook(
        lambda _, states, logits: given.append(states[0].is_contiguous())
    )
    ask(model, make_questions(3), [1], most=2)
    hook.remove()
    assert given == [True, True]
    assert not model.get_output_embeddings()._forward_pre_hooks, "nothing stays behind"


def test_how_far_the_answering_has_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five questions of which three have room at once."""
    model, questions = make_model("llama"), make_questions(5, longest=4)
    monkeypatch.setattr(generate, "PACE_SECONDS", 0.0)
    monkeypatch.setattr(generate, "CACHE_BYTES", 3 * 7 * cache_bytes_per_token(model.config))
    events = ask_and_hear(model, questions, [1], most=4)
    told = [
        (one.answered, one.together, one.tokens, one.most_tokens)
        for one in events
        if isinstance(one, Answering)
    ]
    assert told[:4] == [(0, 3, tokens, 4) for tokens in (1, 2, 3, 4)]
    assert told[4:] == [(3, 2, tokens, 4) for tokens in (1, 2, 3, 4)]
    assert isinstance(events[4], Answer), "the first three come together"
    monkeypatch.setattr(generate, "PACE_SECONDS", 60.0)
    assert len(ask_and_hear(model, questions, [1], most=4)) == 5


def test_answers_are_heard_as_they_grow() -> None:
    model, questions = make_model("llama"), make_questions(3)
    heard: list[tuple[int, list[list[int]]]] = []
    found: list[Any] = []
    answer_questions(model, Decoder(), questions, [2], 5, found.append, lambda *told: heard.append(told))
    answers = [event for event in found if isinstance(event, Answer)]
    assert {first for first, _ in heard} == {0} and len(heard) == max(one.num_tokens for one in answers)
    grown = [[cut_at_stop(rows[place], [2]) for _, rows in heard] for place in range(3)]
    for lengths, answer in zip(grown, answers, strict=True):
        assert [len(one) for one in lengths] == [min(n, answer.num_tokens) for n in range(1, len(heard) + 1)]


def tell(answers: list[Answer]) -> list[tuple[str, str, int, str]]:
    """Return answers without the time at which they were written."""
    return [(one.question, one.text, one.num_tokens, one.stopped) for one in answers]


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("adapted", [False, True])
def test_together_they_are_what_each_is_alone(
    family: str, adapted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(family)
    if adapted:
        model = get_peft_model(
            model, LoraConfig(target_modules=["q_proj", "down_proj"], init_lora_weights=False)
        )
    questions = make_questions(9)
    sizes = count_prompts(model, monkeypatch)
    free = ask(model, questions, [1])
    common = max(set(" ".join(one.text for one in free).split()), key=[*free[0].text.split()].count)
    stop_ids = [1, int(common)]  # so that some answers end in the middle
    together = ask(model, questions, stop_ids)
    assert {one.stopped for one in together} == {"end_of_sequence", "length"} and set(sizes) == {9}
    monkeypatch.setattr(generate, "knows_padding", lambda model: False)
    sizes.clear()
    assert tell(ask(model, questions, stop_ids)) == tell(together)
    assert sizes == [1] * 9


def count_prompts(model: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list to which every call of a model's `generate` adds how many prompts it was given."""
    sizes: list[int] = []
    real = model.generate

    def count(**words: Any) -> Any:
        sizes.append(len(words["input_ids"]))
        return real(**words)

    monkeypatch.setattr(model, "generate", count)
    return sizes


def test_who_would_leave_the_positions_is_asked_alone() -> None:
    """The answer of a long prompt is cut where the model's positions end, those of others are not."""
    model = make_model("llama")
    questions = make_questions(3)
    long = Question("long", list(range(3, 63)), None, "asked")
    questions.insert(1, long)
    groups = [[one.question for one in group] for group in group_questions(model, questions, 24)]
    assert groups == [["q0"], ["long"], ["q1", "q2"]]
    answers = ask(model, questions, [1])
    assert [one.num_tokens for one in answers] == [24, 4, 24, 24]


def test_as_many_are_asked_at_once_as_memory_is_given_for(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model("llama")
    questions = [Question(str(n), [3] * 10, None, "asked") for n in range(7)]
    assert cache_bytes_per_token(model.config) == 2 * 4 * 2 * 2 * 8
    monkeypatch.setattr(generate, "CACHE_BYTES", 3 * (10 + 24) * cache_bytes_per_token(model.config))
    assert [len(group) for group in group_questions(model, questions, 24)] == [3, 3, 1]
    monkeypatch.setattr(generate, "CACHE_BYTES", 1)
    assert [len(group) for group in group_questions(model, questions, 24)] == [1] * 7


def test_who_has_no_room_together_is_asked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model, questions = make_model("llama"), make_questions(4)
    together = tell(ask(model, questions, [1]))
    real = generate.generate

    def run_short(model: Any, prompts: Any, *words: Any) -> Any:
        if len(prompts) > most:
            raise torch.OutOfMemoryError("no room")
        return real(model, prompts, *words)

    monkeypatch.setattr(generate, "generate", run_short)
    most = 1
    assert tell(ask(model, questions, [1])) == together
    most = 0
    with pytest.raises(torch.OutOfMemoryError):
        ask(model, questions, [1])


def test_whose_padding_is_not_known_is_asked_one_by_one() -> None:
    other = SimpleNamespace(config=SimpleNamespace(model_type="mamba"))
    assert not knows_padding(other)  # type: ignore[arg-type]
    own = type("LlamaForCausalLM", (), {"config": SimpleNamespace(model_type="llama")})
    own.__module__ = "transformers_modules.somebody.modeling"
    assert not knows_padding(own())  # code that a repository brings along may do anything
    assert knows_padding(make_model("llama"))


@pytest.mark.parametrize(
    ("ids", "expected"), [([], []), ([5, 6], [5, 6]), ([5, 1, 1], [5, 1]), ([2, 5], [2]), ([5, 2, 1], [5, 2])]
)
def test_an_answer_ends_with_its_first_stop(ids: list[int], expected: list[int]) -> None:
    assert cut_at_stop(ids, [1, 2]) == expected


def test_nothing_is_asked_where_there_is_no_question() -> None:
    assert ask(make_model("llama"), [], [1]) == []
