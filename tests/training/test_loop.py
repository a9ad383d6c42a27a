"""The loop against plain transformers and PEFT: same losses, same gradients, same final weights."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

from laptime.data.batches import Batch, TrainStep, make_batch, make_steps
from laptime.data.encoding import EncodedExample
from laptime.methods.method import Method, find_lacking, find_methods, make_method
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.spec import TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.loop import evaluate, train
from laptime.training.meter import NotFiniteError, StepTimer
from laptime.training.optimizer import Optimizer, scheduled_rate
from tests.tiny import make_tiny_model

RATE = 1e-2
SEED = 3
OFTEN: dict[str, Any] = {"lisa": {"lisa_interval": 1}}  # so that every layer has its turn


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), attention_bias=True)  # for bitfit


def ragged_examples() -> list[EncodedExample]:
    """Seven examples of 4 to 40 tokens; the second has a single trained token."""
    generator = torch.Generator().manual_seed(0)
    examples = []
    for number, length in enumerate([40, 4, 17, 23, 9, 31, 12]):
        ids = torch.randint(0, 256, (length,), generator=generator).tolist()
        first_trained = length - 1 if number == 1 else length // 2
        examples.append(EncodedExample(ids, [i >= first_trained for i in range(length)], f"r{number}"))
    return examples


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def labels_of(batch: Batch) -> torch.Tensor:
    """Return the batch's targets as transformers wants them: -100 where nothing is trained."""
    labels_BT = torch.full_like(batch.token_ids_BT, -100)
    labels_BT.view(-1)[batch.positions_N + 1] = batch.targets_N
    return labels_BT


def run_ours(
    folder: Path, method: Method, steps: Sequence[TrainStep], training: TrainingSpec, out: Path
) -> tuple[Any, list[dict]]:
    """Train with our loop; returns the model and the recorded steps."""
    model = load(folder).requires_grad_(False)
    torch.manual_seed(SEED)
    model = method.attach(model)
    record = RecordWriter(out)
    optimizer = Optimizer(method.parameter_groups(model), training, loss_scaling=False)
    timer = StepTimer(record, torch.device("cpu"), False)
    steps = method.prepare(model, steps)
    train(Forward(model), method, steps, optimizer, RATE, training, timer)
    record.close()
    return model, [json.loads(line) for line in (out / FILE_NAME).read_text().splitlines()]


def run_plain(
    folder: Path, peft_config: LoraConfig | None, steps: Sequence[TrainStep], training: TrainingSpec
) -> tuple:
    """The same training as one would write it with transformers, PEFT and torch alone."""
    model = load(folder)
    torch.manual_seed(SEED)
    if peft_config:
        model = get_peft_model(model, peft_config)
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    arguments = TrainingArguments(
        str(folder / "trainer"), weight_decay=training.weight_decay, use_cpu=True, report_to=[]
    )
    with torch.random.fork_rng():  # it seeds anew; what it gives leaves norms and biases out of the decay
        optimizer = Trainer(model, arguments).create_optimizer()
    losses = []
    for step in steps:
        optimizer.zero_grad()
        total = 0.0
        for batch in step.batches:
            labels = labels_of(batch)
            loss = model(
                input_ids=batch.token_ids_BT,
                attention_mask=batch.attention_mask_BT,
                labels=labels,
                num_items_in_batch=torch.tensor(step.num_trained_tokens),
            ).loss
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(trained, training.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = scheduled_rate(RATE, step.step, len(steps), training)
        optimizer.step()
        losses.append(total)
    return model, losses


@pytest.mark.parametrize(
    ("name", "options", "peft_config"),
    [
        ("full", {}, None),
        ("lora", {"lora_rank": 4}, {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}),
        (
            "lora",
            {"lora_rank": 2, "lora_alpha": 5.0, "lora_targets": ("q_proj", "v_proj"), "lora_dropout": 0.25},
            {"r": 2, "lora_alpha": 5.0, "target_modules": ["q_proj", "v_proj"], "lora_dropout": 0.25},
        ),
    ],
)
@pytest.mark.parametrize(("batch_size", "accumulation"), [(1, 1), (3, 1), (2, 2)])
def test_training_equals_plain_transformers_and_peft(
    tiny_model: Path,
    tmp_path: Path,
    name: str,
    options: dict,
    peft_config: dict | None,
    batch_size: int,
    accumulation: int,
) -> None:
    training = TrainingSpec(
        epochs=2, batch_size=batch_size, gradient_accumulation=accumulation, weight_decay=0.01
    )
    steps = make_steps(ragged_examples(), training, seed=1)
    ours, recorded = run_ours(tiny_model, make_method(name, options), steps, training, tmp_path)
    config = LoraConfig(task_type="CAUSAL_LM", **peft_config) if peft_config else None
    plain, losses = run_plain(tiny_model, config, steps, training)
    assert [row["loss"] for row in recorded] == pytest.approx(losses, rel=2e-5)
    expected = dict(plain.named_parameters())
    for parameter_name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter, expected[parameter_name], rtol=1e-4, atol=2e-5)


def test_gradients_equal_plain_transformers(tiny_model: Path) -> None:
    ours, plain = load(tiny_model), load(tiny_model)
    batch = make_batch(ragged_examples()[:4])
    (Forward(ours).sum_loss(batch) / len(batch.targets_N)).backward()
    labels = labels_of(batch)
    plain(input_ids=batch.token_ids_BT, attention_mask=batch.attention_mask_BT, labels=labels).loss.backward()
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["full", "lora"])
def test_recomputed_activations_change_nothing(tiny_model: Path, tmp_path: Path, name: str) -> None:
    batch = make_batch(ragged_examples()[:3])
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(SEED)
        model = make_method(name, {}).attach(load(tiny_model).requires_grad_(False)).train()
        if recompute:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        Forward(model).sum_loss(batch).backward()
        gradients.append([p.grad for p in model.parameters() if p.requires_grad])
    for kept, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, recomputed, rtol=1e-6, atol=1e-8)


def test_padding_changes_nothing(tiny_model: Path) -> None:
    forward = Forward(load(tiny_model, torch.float64))
    examples = ragged_examples()
    together, num_tokens = evaluate(forward, [make_batch(examples)])
    one_by_one, _ = evaluate(forward, [make_batch([example]) for example in examples])
    assert together == pytest.approx(one_by_one, rel=1e-6)
    assert num_tokens == sum(sum(example.trained) for example in examples)


@pytest.mark.parametrize("name", [name for name in find_methods() if not find_lacking(name)])
def test_every_method_changes_what_it_trains_and_nothing_else(
    tiny_model: Path, tmp_path: Path, name: str
) -> None:
    training = TrainingSpec(epochs=1)
    method = make_method(name, OFTEN.get(name, {}))
    before = dict(method.hold_base(load(tiny_model)).named_parameters())
    if method.changes_base:  # before the training, of which the resume tests tell
        pytest.skip("its adapters begin with a part of the base")
    model, recorded = run_ours(
        tiny_model, method, make_steps(ragged_examples(), training, 0), training, tmp_path
    )
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    for parameter_name, parameter in bare.named_parameters():
        original = before.get(parameter_name.replace(".base_layer", ""))
        if parameter.requires_grad and original is not None:
            assert not torch.equal(parameter, original), parameter_name
        elif original is not None:
            assert torch.equal(parameter, original), parameter_name
    assert len(recorded) == len(ragged_examples())


def test_a_loss_that_is_not_finite_stops_before_the_update(tiny_model: Path, tmp_path: Path) -> None:
    training = TrainingSpec(epochs=1)
    steps = make_steps(ragged_examples(), training, seed=1)
    model = load(tiny_model)
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    before = model.model.layers[0].mlp.up_proj.weight.clone()
    optimizer = Optimizer([{"params": list(model.parameters())}], training, loss_scaling=False)
    timer = StepTimer(RecordWriter(tmp_path), torch.device("cpu"), False)
    with pytest.raises(NotFiniteError) as error:
        train(Forward(model), make_method("full", {}), steps, optimizer, RATE, training, timer)
    assert str(error.value) == f"step 1: loss is not finite; examples {steps[0].sources[0]}"
    assert torch.equal(model.model.layers[0].mlp.up_proj.weight, before)


def test_steps_account_for_every_second_and_token(tiny_model: Path, tmp_path: Path) -> None:
    training = TrainingSpec(epochs=2, batch_size=2)
    steps = make_steps(ragged_examples(), training, seed=1)
    _, recorded = run_ours(tiny_model, make_method("full", {}), steps, training, tmp_path)
    assert [row["digest"] for row in recorded] == [step.digest for step in steps]
    assert sum(row["tokens"] for row in recorded) == 2 * sum(len(r.token_ids) for r in ragged_examples())
    assert all(row["padded_tokens"] >= row["tokens"] > row["trained_tokens"] > 0 for row in recorded)
    for row in recorded:
        assert set(row["parts"]) == {"data", "forward", "backward", "optimizer"}
        assert sum(row["parts"].values()) == pytest.approx(row["seconds"])


def test_steps_come_one_by_one_and_train_what_they_train_all_at_once(
    tiny_model: Path, tmp_path: Path
) -> None:
    training = TrainingSpec(epochs=8, batch_size=2, gradient_accumulation=2)
    method = make_method("lora", {})
    steps = make_steps(ragged_examples(), training, 3)
    others = [one for one in gc.get_objects() if isinstance(one, TrainStep)]  # that earlier tests have left
    alive: list[int] = []

    def count(model: Any, step: int) -> None:
        alive.append(sum(isinstance(one, TrainStep) for one in gc.get_objects()) - len(others))

    method.after_step = count  # type: ignore[method-assign]
    lazy, rows = run_ours(tiny_model, method, steps, training, tmp_path / "lazy")
    whole, same = run_ours(tiny_model, make_method("lora", {}), list(steps), training, tmp_path / "whole")
    assert len(alive) == len(steps) == len(rows) == 16
    assert max(alive) <= 3, "the one that trains, the next, and one on its way out"
    assert [row["digest"] for row in rows] == [row["digest"] for row in same]
    assert [row["loss"] for row in rows] == [row["loss"] for row in same]
    for one, other in zip(lazy.parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_step_that_cannot_be_made_ends_the_training(tiny_model: Path, tmp_path: Path) -> None:
    """What goes wrong beside the training is raised in it, and nothing is left running."""

    class Fading(list[EncodedExample]):
        def __getitem__(self, place: Any) -> Any:
            if place == 2:
                raise OSError("the file is gone")
            return super().__getitem__(place)

    training = TrainingSpec(epochs=1)
    steps = make_steps(Fading(ragged_examples()), training, 3)
    with pytest.raises(OSError, match="the file is gone"):
        run_ours(tiny_model, make_method("lora", {}), steps, training, tmp_path)
    assert not [one.name for one in threading.enumerate() if one.name.startswith("ThreadPoolExecutor")]


def test_a_head_that_makes_its_gradient_at_once_is_told_the_loss_scale(tmp_path: Path) -> None:
    """Else float16 makes the gradient of the plain sum, whose small numbers are gone when it is scaled."""
    model = load(make_tiny_model(tmp_path / "model"))
    training = TrainingSpec(epochs=1, batch_size=2, gradient_accumulation=2)
    setup = Forward(model)
    steps, told, pulls = make_steps(ragged_examples(), training, seed=1), [], []

    class Told(torch.autograd.Function):
        """Keeps the factor, and what comes in its backward pass."""

        @staticmethod
        def forward(ctx: Any, hidden_ND: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
            told.append(float(factor))
            return hidden_ND.sum() * 0

        @staticmethod
        def backward(ctx: Any, *grads: torch.Tensor) -> Any:
            pulls.append(float(grads[0]))
            return grads[0] * torch.zeros(()), None

    setup.head_loss = lambda hidden_ND, targets_N, factor: Told.apply(hidden_ND.mean(), factor)
    method = make_method("full", {})
    optimizer = Optimizer(method.parameter_groups(model), training, loss_scaling=True)
    timer = StepTimer(RecordWriter(tmp_path / "run"), torch.device("cpu"), loss_scaling=True)
    method.attach(model)
    train(setup, method, steps, optimizer, RATE, training, timer)
    assert told == pulls
    expected = [2.0**16 / step.num_trained_tokens for step in steps for _ in step.batches]
    assert told == pytest.approx(expected, rel=1e-6)
