"""What is said of speedups before torch is imported is what they say themselves."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from laptime.memory_estimate import PACKING_NEEDS
from laptime.methods.method import make_method
from laptime.models.config_shape import foresee_shape
from laptime.spec import TrainingSpec
from laptime.speedups import foresight
from laptime.speedups.foresight import Prospect, foresee_no_effect, read_needs
from laptime.speedups.prepacked_weights import PrepackedWeights
from laptime.speedups.speedup import find_speedups
from tests.models.test_config_shape import SIZES

LLAMA = SIZES | {"model_type": "llama"}
KINDS = {kind.name: kind for kind in find_speedups()}


def look(method: str = "lora", options: dict[str, object] | None = None, **changes: object) -> Prospect:
    known = {"config": LLAMA, "device": None, "compute": None, "holds_out": True, "training": TrainingSpec()}
    known |= changes
    shape = foresee_shape(known["config"])  # type: ignore[arg-type]
    return Prospect(method=make_method(method, options or {}), shape=shape, **known)  # type: ignore[arg-type]


def raised_by(name: str) -> set[str]:
    """Return the texts of a speedup's own NoEffects, as its file has them."""
    tree = ast.parse(Path(inspect.getfile(KINDS[name])).read_text())
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "NoEffect")
    return {
        ast.unparse(call.args[0]).removeprefix("f").strip("\"'").replace("{dtype}", "float32")
        for call in calls
    }


def test_what_speedups_work_inside_is_read_from_their_files() -> None:
    assert read_needs() == {name: tuple(kind.needs) for name, kind in KINDS.items()}
    assert PrepackedWeights.needs == PACKING_NEEDS


@pytest.mark.parametrize(
    ("name", "prospect"),
    [
        ("prefix_cache", look()),
        ("prefix_cache", look("full")),
        ("no_padding", look()),
        ("fused_projections", look(options={"lora_dropout": 0.1})),
        ("background_save", look(holds_out=False)),
        ("float32_products", look(device="cpu", compute="float32")),
        *((name, look(device="cuda")) for name in foresight.FOR_CPUS),
    ],
)
def test_the_reason_is_the_own_one(name: str, prospect: Prospect) -> None:
    assert foresee_no_effect(name, prospect) in raised_by(name)


@pytest.mark.parametrize(
    ("name", "prospect"),
    [
        ("prefix_cache", look("lora_top")),
        ("prefix_cache", look(options={"lora_targets": ("model.layers.2.mlp.up_proj",)})),
        ("no_padding", look(training=TrainingSpec(batch_size=2))),
        ("fused_projections", look()),
        ("background_save", look()),
        ("float32_products", look(device="cpu", compute="bfloat16")),
        ("short_attention", look(device="cpu")),
        ("fused_blocks", look()),
        ("fused_blocks", look(config={"model_type": "llama", "auto_map": {}})),
        ("answer_head", look(config={"model_type": "gpt2"})),
    ],
)
def test_nothing_is_said_of_what_may_work(name: str, prospect: Prospect) -> None:
    assert foresee_no_effect(name, prospect) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "gpt2"}, "written for llama, mistral, qwen2, qwen3, not for gpt2"),
        ({"hidden_act": "gelu"}, "its gate is gelu, not silu"),
        ({"attention_dropout": 0.1}, "the model drops attention weights"),
    ],
)
def test_what_stands_inside_another_goes_with_it(changes: dict[str, object], reason: str) -> None:
    prospect = look(config=LLAMA | changes)
    assert foresee_no_effect("fused_blocks", prospect) == reason
    assert foresee_no_effect("answer_rows", prospect) == "works inside fused_blocks, which did not run"
    assert (
        foresee_no_effect("float32_products", prospect) == "works inside fused_projections, which did not run"
    )
