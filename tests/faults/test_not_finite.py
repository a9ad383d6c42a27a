"""A loss or a gradient that is not finite: told with its step and its examples, before any update."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from laptime.data.batches import Batch, TrainStep, make_steps
from laptime.data.encoded import EncodedExample
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.spec import TrainingSpec
from laptime.speedups.speedup import Setup, apply_all
from laptime.training.failure import describe_failure
from laptime.training.loop import train
from laptime.training.meter import MAX_SKIPPED_STEPS, NotFiniteError, StepTimer, join_sources
from laptime.training.optimizer import Optimizer
from tests.comparison.scripted import write_scripted_run
from tests.speedups.jobs import NAMED, Job
from tests.speedups.ours import set_up

CPU = torch.device("cpu")
SPOILT_TOKEN = 2  # random examples hold none below 3
CULPRIT = 3  # the example that is spoilt, at line 4
METHODS = [NAMED["full_untied"], NAMED["ragged"], NAMED["top"]]
State = list[torch.Tensor]

pytestmark = pytest.mark.usefixtures("single_thread")


class SnapshotOptimizer(Optimizer):
    """Keeps a copy of everything that an update changes, from before each step."""

    before: State

    def step(
        self, learning_rate: float, loss: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Copy as long as nothing has gone wrong, then step."""
        if loss is None or not self._stopped:
            self.before = self.state()
        return super().step(learning_rate, loss)

    def state(self) -> State:
        """Copy weights, masters, moments and step counts."""
        tensors = [p for chunk in self.chunks for p in (*chunk.parameters, *chunk.masters)]
        moments = [
            value for chunk in self.chunks for state in chunk.rule.state.values() for value in state.values()
        ]
        return [tensor.detach().clone() for tensor in (*tensors, *moments)]


class LateTimer(StepTimer):
    """Learns of a step when two more have begun, as on a GPU."""

    def write_arrived(self, wait: bool = False) -> None:
        """Wait for two more."""
        if wait or len(self._pending) > 2:
            super().write_arrived(wait=True)


class Spoilt:
    """A job of six examples in which something goes wrong with the fourth."""

    def __init__(
        self, job: Job, folder: Path, plain: bool, batch_size: int = 1, accumulation: int = 1
    ) -> None:
        self.folder = folder
        self.training = TrainingSpec(
            epochs=2, batch_size=batch_size, gradient_accumulation=accumulation, plain=plain
        )
        native = frozenset({"float32"})
        self.setup: Setup = set_up(job, self.training, torch.float32, native, folder)
        apply_all(self.setup)

    def make_steps(self) -> Sequence[TrainStep]:
        """Lay out the examples, named by line."""
        examples = []
        for place, example in enumerate(NAMED["ragged"].make_examples()):
            token_ids = example.token_ids
            token_ids[0] = SPOILT_TOKEN if place == CULPRIT else token_ids[0]
            examples.append(EncodedExample(token_ids, example.trained, f"train.jsonl:{place + 1}"))
        return make_steps(examples, self.training, seed=1, packed=self.setup.packs_examples)

    def spoil_weights(self) -> None:
        """Make the embedding of one token NaN."""
        with torch.no_grad():
            self.setup.model.get_input_embeddings().weight[SPOILT_TOKEN] = float("nan")

    def spoil_losses(self, spoil: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Change the loss of the batches that hold the culprit."""
        sum_loss = self.setup.forward.sum_loss

        def spoilt(batch: Batch, factor: torch.Tensor) -> torch.Tensor:
            loss = sum_loss(batch, factor)
            return spoil(loss) if SPOILT_TOKEN in batch.token_ids_BT else loss

        self.setup.forward.sum_loss = spoilt  # type: ignore[method-assign]

    def run(self, timer_type: type[StepTimer] = StepTimer, loss_scaling: bool = False) -> list[dict]:
        """Train; returns the recorded steps."""
        method: Any = self.setup.method
        groups = method.parameter_groups(self.setup.model)
        fused = self.setup.fuses_optimizer
        self.optimizer = SnapshotOptimizer(groups, self.training, loss_scaling, fused)
        writer = RecordWriter(self.folder)
        timer = timer_type(writer, CPU, loss_scaling)
        try:
            steps = method.prepare(self.setup.model, self.make_steps())
            train(self.setup.forward, method, steps, self.optimizer, 1e-2, self.training, timer)
        finally:
            self.setup.forward.end_training()
            writer.close()
        return self.read_steps()

    def read_steps(self) -> list[dict]:
        """Read what was recorded."""
        return [json.loads(line) for line in (self.folder / FILE_NAME).read_text().splitlines()]

    def assert_nothing_was_updated(self) -> None:
        """The weights and the optimizer are those from before the step that failed."""
        now, before = self.optimizer.state(), self.optimizer.before
        for one, other in zip(now, before, strict=False):
            assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))
        assert not any(moment.any() for moment in now[len(before) :]), "in the first step they begin at 0"


def nan_gradient(loss: torch.Tensor) -> torch.Tensor:
    """Leave the loss as it is and make its gradient NaN."""
    loss.register_hook(lambda gradient: gradient * float("nan"))
    return loss


FAULTS: dict[str, tuple[Callable[[Spoilt], None], str]] = {
    "nan_weight": (Spoilt.spoil_weights, "loss"),
    "inf_loss": (lambda job: job.spoil_losses(lambda loss: loss + float("inf")), "loss"),
    "nan_gradient": (lambda job: job.spoil_losses(nan_gradient), "gradient"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("plain", "timer_type"),
    [(True, StepTimer), (False, StepTimer), (False, LateTimer)],
    ids=["plain", "fast", "fast_and_late"],
)
@pytest.mark.parametrize("job", METHODS, ids=lambda job: job.method)
def test_it_stops_before_the_update_and_names_the_example(
    job: Job, plain: bool, fault: str, timer_type: type[StepTimer], tmp_path: Path
) -> None:
    spoilt = Spoilt(job, tmp_path, plain)
    spoil, what = FAULTS[fault]
    spoil(spoilt)
    place = next(n for n, step in enumerate(spoilt.make_steps()) if "train.jsonl:4" in step.sources)
    with pytest.raises(NotFiniteError) as error:
        spoilt.run(timer_type)
    assert str(error.value) == f"step {place + 1}: {what} is not finite; examples train.jsonl:4"
    spoilt.assert_nothing_was_updated()
    assert [row["skipped"] for row in spoilt.read_steps()] == [False] * place + [True]
    assert place > 0, "there were updates before"


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "fast"])
@pytest.mark.parametrize(
    ("fault", "named"), [("nan_weight", "loss"), ("inf_loss", "loss"), ("nan_gradient", "gradient")]
)
def test_accumulated_batches_are_told_apart_by_their_loss(
    plain: bool, fault: str, named: str, tmp_path: Path
) -> None:
    spoilt = Spoilt(METHODS[0], tmp_path, plain, batch_size=2, accumulation=2)
    FAULTS[fault][0](spoilt)
    step = next(step for step in spoilt.make_steps() if "train.jsonl:4" in step.sources)
    place = step.sources.index("train.jsonl:4")
    whole = join_sources(step.sources)
    batch = join_sources(step.sources[place // 2 * 2 : place // 2 * 2 + 2])
    with pytest.raises(NotFiniteError) as error:
        spoilt.run()
    # A gradient is summed over the batches: nobody knows any more whose it was.
    examples = batch if named == "loss" else whole
    assert str(error.value) == f"step {step.step}: {named} is not finite; examples {examples}"
    assert whole != batch
    spoilt.assert_nothing_was_updated()


def test_a_loss_scale_backs_off_and_the_training_goes_on(tmp_path: Path) -> None:
    spoilt = Spoilt(METHODS[0], tmp_path, plain=False)
    left = [3]

    def overflow(loss: torch.Tensor) -> torch.Tensor:
        left[0] -= 1
        return nan_gradient(loss) if left[0] >= 0 else loss

    sum_loss = spoilt.setup.forward.sum_loss
    spoilt.setup.forward.sum_loss = lambda *words: overflow(sum_loss(*words))  # type: ignore[method-assign]
    rows = spoilt.run(loss_scaling=True)
    assert [row["skipped"] for row in rows] == [True] * 3 + [False] * 9
    assert spoilt.optimizer.loss_scale == 2.0**13


def test_no_loss_scale_mends_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    spoilt = Spoilt(METHODS[0], tmp_path, plain=False)
    spoilt.spoil_losses(lambda loss: loss + float("inf"))
    with pytest.raises(NotFiniteError, match=r"loss is not finite; examples train.jsonl:4$"):
        spoilt.run(LateTimer, loss_scaling=True)
    spoilt.assert_nothing_was_updated()


def test_an_overflow_at_every_scale_ends_the_run(tmp_path: Path) -> None:
    spoilt = Spoilt(METHODS[0], tmp_path, plain=False)
    spoilt.training = replace(spoilt.training, epochs=20)
    sum_loss = spoilt.setup.forward.sum_loss
    spoilt.setup.forward.sum_loss = lambda *words: nan_gradient(sum_loss(*words))  # type: ignore[method-assign]
    before = deepcopy(spoilt.setup.model.state_dict())
    with pytest.raises(NotFiniteError) as error:
        spoilt.run(loss_scaling=True)
    assert f"step {MAX_SKIPPED_STEPS + 1}: gradient at any loss scale is not finite" in str(error.value)
    after = spoilt.setup.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


ADVICE = [
    (1, "float32", "", "before any update: look at the examples named"),
    (1, "bfloat16", "", "before any update: look at the examples named, or try --precision fp32"),
    (5, "float32", "", "try --learning-rate 0.00043 (a tenth), and look at the examples named"),
    (
        5,
        "bfloat16",
        "id",
        "try --learning-rate lora=0.00043 (a tenth), --precision fp32, and look at the examples named",
    ),
]


@pytest.mark.parametrize(("step", "dtype", "comparison", "advice"), ADVICE)
def test_it_says_what_to_try(tmp_path: Path, step: int, dtype: str, comparison: str, advice: str) -> None:
    """In a comparison the rate of the one method; none where no update was made yet."""
    model = {"compute_dtype": dtype, "learning_rate": 0.0043}
    write_scripted_run(tmp_path, "lora", unfinished=True, model=model, comparison=comparison)
    failed = describe_failure(NotFiniteError(step, "loss", ["a.jsonl:4"]), RecordWriter(tmp_path))
    assert (failed.reason, failed.step) == ("not_finite", step)
    assert failed.message == f"step {step}: loss is not finite; examples a.jsonl:4; {advice}"


@pytest.mark.parametrize(("name", "rate"), [("wide", "0.00043"), ("lora-2", "lora=0.00043")])
def test_a_contestant_has_a_rate_of_its_own(tmp_path: Path, name: str, rate: str) -> None:
    model = {"compute_dtype": "float32", "learning_rate": 0.0043}
    write_scripted_run(tmp_path, "lora", unfinished=True, model=model, comparison="id", contestant=name)
    failed = describe_failure(NotFiniteError(5, "loss", ["a.jsonl:4"]), RecordWriter(tmp_path))
    assert f"try --learning-rate {rate} (a tenth)" in failed.message


def test_examples_are_named_by_file_and_line() -> None:
    assert join_sources(["train.jsonl:17", "train.jsonl:903"]) == "train.jsonl:17,903"
    assert join_sources(["a.csv:2", "b.parquet row 5", "a.csv:9"]) == "a.csv:2,9, b.parquet row 5"
    assert join_sources(["of the held-out set"]) == "of the held-out set"
    many = join_sources([f"a.jsonl:{line}" for line in range(1, 31)])
    assert many.endswith(",19,20 and 10 more")
