"""What ms-swift is told, and which of its families a model belongs to."""

from __future__ import annotations

import pytest

from laptime.trainers import ms_swift
from tests.trainers.conftest import MakeRun


def test_it_is_told_the_same_work(make_run: MakeRun) -> None:
    run = make_run(batch_size=3)
    told = ms_swift.settings(run)
    assert run.training_arguments().items() <= told.items() and told["per_device_train_batch_size"] == 3
    assert told["target_modules"] == ["k_proj", "q_proj"] and told["lora_rank"] == 4
    assert told["lora_alpha"] == 16.0 and told["lora_dropout"] == 0.25


@pytest.mark.parametrize(
    ("precision", "method", "loaded", "flags"),
    [
        ("fp32", "lora", "float32", (False, False)),  # told nothing, it would turn fp16 on
        ("bf16", "lora", "bfloat16", (False, True)),
        ("bf16", "full", "float32", (False, True)),
        ("fp16", "lora", "float16", (True, False)),
    ],
)
def test_it_loads_and_computes_in_our_precision(
    make_run: MakeRun, precision: str, method: str, loaded: str, flags: tuple[bool, bool]
) -> None:
    told = ms_swift.settings(make_run(precision=precision, method=method))
    assert told["torch_dtype"] == loaded and (told["fp16"], told["bf16"]) == flags


@pytest.mark.parametrize(
    ("families", "family"),
    [(["yi", "llama"], "llama"), (["yi", "deepseek"], "yi"), ([], None)],
)
def test_a_family_is_named_where_there_are_several(families: list[str], family: str | None) -> None:
    assert ms_swift.choose_family({"model_type": "llama"}, families) == family
