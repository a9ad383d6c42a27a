"""The same training through Laptime's own parts, with the speedups that the options leave on."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import torch

from laptime.data.batches import TrainStep, make_batch, make_steps
from laptime.data.encoded import digest_tokens
from laptime.methods.method import make_method
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.spec import TrainingSpec
from laptime.speedups.forward import Forward
from laptime.speedups.speedup import Outcome, Setup, apply_all
from laptime.training.loop import evaluate, train
from laptime.training.meter import StepTimer
from laptime.training.optimizer import Optimizer
from tests.speedups.jobs import NAMED, Job, fill_adapters
from tests.speedups.plain import RATE, SEED, Trained, copy_gradients, trained_weights

CPU = torch.device("cpu")


def train_ours(
    job: Job, training: TrainingSpec, dtype: torch.dtype, native: frozenset[str], folder: Path
) -> tuple[Trained, dict[str, Outcome]]:
    """Train as a run does; returns what came out and what became of each speedup."""
    setup = set_up(job, training, dtype, native, folder)
    outcomes = {outcome.name: outcome for outcome in apply_all(setup)}
    steps = make_steps(job.make_examples(), training, seed=1, packed=setup.packs_examples)
    before = trained_weights(setup.model)
    torch.manual_seed(SEED)
    losses, gradients = take_steps(setup, steps, folder)
    changes = {name: weight - before[name] for name, weight in trained_weights(setup.model).items()}
    setup.forward.end_training()
    loss, _ = evaluate(setup.forward, [make_batch(job.make_examples()[:3], packed=setup.packs_examples)])
    return Trained(losses, gradients, changes, loss), outcomes


def set_up(
    job: Job, training: TrainingSpec, dtype: torch.dtype, native: frozenset[str], folder: Path
) -> Setup:
    """Load the base, attach the method, and gather what the speedups may look at."""
    model = deepcopy(make_model(job.name, dtype)).train()
    if job.recomputes:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    method = make_method(job.method, job.options)
    own_VD = method.own_tokens(model)
    return Setup(
        model=model,
        method=method,
        training=training,
        device=CPU,
        compute=str(dtype).removeprefix("torch."),
        native_formats=native,
        longest=max(job.lengths) + (0 if own_VD is None else len(own_VD)),
        batch_tokens=max(job.lengths) * job.batch_size,
        is_ragged=job.batch_size > 1 and len(set(job.lengths)) > 1,
        recomputes=job.recomputes,
        example_keys={digest_tokens(example.token_ids) for example in job.make_examples()},
        cache_folder=folder / "cache",
        evaluates=True,
        forward=Forward(model, own_VD),
    )


@cache
def make_model(name: str, dtype: torch.dtype) -> Any:
    """Make the base and attach the method; to be copied, since PEFT takes long."""
    job = NAMED[name]
    model = job.make_model(dtype).requires_grad_(False)
    torch.manual_seed(SEED)
    return fill_adapters(make_method(job.method, job.options).attach(model))


class WatchedOptimizer(Optimizer):
    """Keeps a copy of the gradients that the first step gets."""

    gradients: dict[str, torch.Tensor] | None = None
    model: Any = None

    def step(
        self, learning_rate: float, loss: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Copy, then step."""
        self.gradients = self.gradients or copy_gradients(self.model)
        return super().step(learning_rate, loss)


def take_steps(
    setup: Setup, steps: list[TrainStep], folder: Path
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Run the loop; returns the losses that the record holds and the first gradients."""
    method: Any = setup.method
    record = RecordWriter(folder)
    optimizer = WatchedOptimizer(
        method.parameter_groups(setup.model), setup.training, loss_scaling=False, fused=setup.fuses_optimizer,
        kernels=setup.optimizer_kernels,
    )  # fmt: skip
    optimizer.model = setup.model
    timer = StepTimer(record, CPU, False)
    steps = method.prepare(setup.model, steps)
    train(setup.forward, method, steps, optimizer, RATE, setup.training, timer)
    record.close()
    rows = [json.loads(line) for line in (folder / FILE_NAME).read_text().splitlines()]
    return torch.tensor([row["loss"] for row in rows], dtype=torch.float64), optimizer.gradients or {}
