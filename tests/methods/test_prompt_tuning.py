"""Prompt tuning: its tokens stand before each example, in losses, answers, memory and operations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from laptime.data.encoding import Question
from laptime.errors import UserError
from laptime.memory_estimate import MemoryEstimate
from laptime.methods.method import make_method
from laptime.models.folder import check_saved
from laptime.models.module_shape import measure_shape
from laptime.training.generate import count_positions, generate, group_questions
from tests.methods.families import FAMILIES

NAMED = {family.name: family for family in FAMILIES}
OWN = 6


def attach(name: str = "llama") -> tuple[Any, Any]:
    method = make_method("prompt_tuning", {"virtual_tokens": OWN})
    torch.manual_seed(0)
    return method, method.attach(NAMED[name].make_model().requires_grad_(False)).eval()


@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral", "qwen3"])
def test_answers_are_those_of_the_logits(name: str) -> None:
    """Token by token through the cache as all at once, after prompts of several lengths."""
    _, model = attach(name)
    assert count_positions(model) == 64 - OWN
    for prompt in ([256, 10, 20, 30], [256, 40]):
        ids = list(prompt)
        for _ in range(8):
            with torch.no_grad():
                ids.append(int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
        assert generate(model, [prompt], [259], 8)[0] == ids[len(prompt) :]


def test_questions_are_asked_one_by_one() -> None:
    """PEFT does not say where padded prompts begin."""
    _, model = attach()
    questions: list[Any] = [Question("q", [256, 10], None, "x") for _ in range(3)]
    assert [len(group) for group in group_questions(model, questions, 8)] == [1, 1, 1]
    assert [len(group) for group in group_questions(model.get_base_model(), questions, 8)] == [3]


def test_examples_must_leave_room() -> None:
    method, model = attach("gpt2")
    method.check_longest(model, 58)
    with pytest.raises(UserError) as error:
        method.check_longest(model, 59)
    assert str(error.value) == (
        "prompt_tuning: 6 tokens before an example of 59 are more than the 64 that the model holds; use "
        "--max-length 58"
    )


def test_its_tokens_count() -> None:
    method, _ = attach()
    shape = measure_shape(NAMED["llama"].make_model())
    cost = method.cost(shape, 4)
    assert cost.count_operations(100, 3) == (100 + 3 * OWN) * 4.0 * shape.num_matmul_weights
    sizes = [
        MemoryEstimate(shape=shape, method=method, element_bytes=4, batch_size=2, longest=longest)
        .activation_bytes(False)
        for longest in (OWN, 3 * OWN)
    ]  # fmt: skip
    assert sizes[1] == 2 * sizes[0], "of 2 and of 4 times as many"


@pytest.mark.parametrize(
    "change", [{"prompt_tuning_init": "TEXT"}, {"tokenizer_name_or_path": "somewhere/else"}]
)
def test_a_saved_prompt_that_names_a_tokenizer_is_not_ours(tmp_path: Path, change: dict[str, str]) -> None:
    method, model = attach()
    method.save(model, tmp_path)
    check_saved(tmp_path, "adapter")
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(UserError, match=r"adapter_config.json: names a tokenizer elsewhere; not ours$"):
        check_saved(tmp_path, "adapter")
