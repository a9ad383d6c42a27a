"""LISA: what is drawn, what trains meanwhile, and which moments are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from transformers import AutoModelForCausalLM

from laptime.data.batches import make_steps
from laptime.data.encoding import EncodedExample
from laptime.errors import UserError
from laptime.memory_estimate import MemoryEstimate
from laptime.methods.method import make_method
from laptime.models.module_shape import measure_shape
from laptime.models.shape import layer_of
from laptime.runs.record import RecordWriter
from laptime.spec import TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.loop import train
from laptime.training.meter import StepTimer
from laptime.training.optimizer import Optimizer
from tests.tiny import make_tiny_model

OPTIONS = {"lisa_layers": 2, "lisa_interval": 3}
NUM_LAYERS, NUM_STEPS = 5, 12


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), num_hidden_layers=NUM_LAYERS)


def load(base: Path, dtype: torch.dtype = torch.float32) -> Any:
    return AutoModelForCausalLM.from_pretrained(base, dtype=dtype).requires_grad_(False)


def test_layers_are_drawn_by_the_seed_and_the_step_alone() -> None:
    method: Any = make_method("lisa", OPTIONS)
    draws = [method.draw(NUM_LAYERS, step) for step in range(1, 61)]
    assert all(len(drawn) == 2 and drawn < set(range(NUM_LAYERS)) for drawn in draws)
    turns = [draws[step] for step in range(0, 60, 3)]
    assert draws == [turn for turn in turns for _ in range(3)], "kept for an interval"
    assert len({frozenset(turn) for turn in turns}) > 5 and set().union(*turns) == set(range(NUM_LAYERS))
    again: Any = make_method("lisa", OPTIONS)
    assert [again.draw(NUM_LAYERS, step) for step in range(60, 0, -1)] == draws[::-1]
    again.seed = 1
    assert [again.draw(NUM_LAYERS, step) for step in range(1, 61)] != draws


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_only_drawn_layers_change_and_keep_moments(base: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    """In each step; between two of them every parameter is shown as one that trains."""
    method: Any = make_method("lisa", OPTIONS)
    torch.manual_seed(4)
    model = method.attach(load(base, dtype))
    assert method.seed == 4
    optimizer = Optimizer(method.parameter_groups(model), TrainingSpec(), loss_scaling=False)
    layers = {name: layer_of(name) for name, _ in model.named_parameters()}
    names = {parameter: name for name, parameter in model.named_parameters()}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    own, steps_seen = method.after_step, []

    def look(model: Any, step: int) -> None:
        own(model, step)
        drawn = method.draw(NUM_LAYERS, step)
        assert all(parameter.requires_grad for parameter in model.parameters())
        changed = {layers[n] for n, p in model.named_parameters() if not torch.equal(p, before[n])}
        assert changed == {-1} | drawn
        before.update({name: p.detach().clone() for name, p in model.named_parameters()})
        state = optimizer.capture(names)
        counts = {
            key.removeprefix("step."): int(one) for key, one in state.items() if key.startswith("step.")
        }
        assert {layers[name] for name in counts} == {-1} | drawn
        newly = drawn - method.draw(NUM_LAYERS, max(1, step - 3))
        for name, count in counts.items():
            if layers[name] < 0:
                assert count == step, "what always trains"
            elif step > 3 and layers[name] in newly:
                assert count == (step - 1) % 3 + 1, "a layer that was left begins anew"
        steps_seen.append(step)

    method.after_step = look
    examples = [EncodedExample([256, 65 + i, 66, 67, 257], [False] + 4 * [True], "x") for i in range(4)]
    training = TrainingSpec(epochs=3, warmup_ratio=0.0)
    timer = StepTimer(RecordWriter(tmp_path), torch.device("cpu"), False)
    train(Forward(model), method, make_steps(examples, training, 0), optimizer, 1e-2, training, timer)
    assert steps_seen == list(range(1, NUM_STEPS + 1))


def test_memory_is_counted_of_what_trains_at_a_time(base: Path) -> None:
    shape = measure_shape(load(base))
    lisa, full = make_method("lisa", OPTIONS), make_method("full", {})
    cost = lisa.cost(shape, 2)
    beside = shape.num_parameters - sum(shape.layer_parameters)
    assert cost.updated_parameters == cost.moments == beside + 2 * shape.layer_parameters[0]
    fixed = [
        MemoryEstimate(shape=shape, method=one, element_bytes=2, batch_size=1, longest=8).fixed_bytes
        for one in (full, lisa)
    ]
    assert fixed[0] - fixed[1] == 3 * shape.layer_parameters[0] * (2 + 8), "gradients and moments of the rest"


def test_what_it_cannot_draw_is_refused(base: Path) -> None:
    shape = measure_shape(load(base))
    with pytest.raises(UserError, match=r"^--lisa-layers 6: this model has 5 layers$"):
        make_method("lisa", {"lisa_layers": 6}).cost(shape, 4)
    with pytest.raises(UserError, match=r"^lisa: LlamaForCausalLM has no numbered layers; use full$"):
        make_method("lisa", {}).cost(replace(shape, layer_parameters=()), 4)
    deep: Any = make_method("lisa", {})
    assert [deep.count_drawn(number) for number in (1, 5, 8, 32)] == [1, 1, 2, 2]
