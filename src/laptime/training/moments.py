"""Weights that are kept at moments of a training, and evaluated on the held-out set after the clock.

Evaluating on the way would leave another state of caches and memory to the steps that follow. So what trains
is written to the disk, outside of the training's seconds as a checkpoint is, and read back when the result is
saved; MLPerf's rules allow the same. Nothing of it stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from msgspec.structs import replace
from safetensors import safe_open

from laptime.runs.events import Moment
from laptime.runs.job import MOMENT_FILES, MOMENTS_FOLDER, RunJob
from laptime.runs.record import RecordWriter
from laptime.training.meter import Meter, StepTimer
from laptime.training.run_state import trained_names
from laptime.training.team import Team
from laptime.training.tensor_file import TensorFile, write_tensors
from laptime.util.atomic import remove_files, sync

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SPAN = 12.0  # the last moment comes so many times as late as the first


def choose_moments(num_steps: int, number: int) -> list[int]:
    """Return the steps after which weights are kept: at most `number`, the last one among them.

    Each comes about the same number of times as late as the one before, so that what is read off them is as
    fine early as late.
    """
    shares = (SPAN ** (place / (number - 1) - 1) for place in range(number))
    return sorted({math.ceil(num_steps * share - 1e-9) for share in shares})


class Moments:
    """The moments of one run, from entry to exit: none where its job asks for none."""

    def __init__(self, job: RunJob, record: RecordWriter, meter: Meter, team: Team) -> None:
        self.number = job.moments
        self.record, self.meter, self.team = record, meter, team
        self.home = Path(job.folder) / MOMENTS_FOLDER
        self.steps: list[int] = []
        self.errors: dict[int, Moment] = {}
        self.seconds = 0.0  # that keeping took

    def __enter__(self) -> Moments:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        """Remove what was kept of a run that failed; one that was stopped may go on."""
        if kind is not None and issubclass(kind, Exception):
            self.remove()

    def begin(self, model: PreTrainedModel, timer: StepTimer, num_steps: int, num_done: int) -> None:
        """Learn what is to be kept; what an earlier attempt kept beyond `num_done` steps goes."""
        self.model, self.timer, self.num_steps = model, timer, num_steps
        self.steps = choose_moments(num_steps, self.number) if self.number else []
        if self.team.leads:
            for step in self.steps:
                if step > num_done:
                    self._file(step).unlink(missing_ok=True)

    def keep(self, step: int) -> None:
        """Keep what trains where a moment is due; the end of the training is one without it."""
        if step not in self.steps or step == self.num_steps:
            return
        self.timer.pause()
        seconds = self.meter.phase_seconds()
        with self.meter.aside() as lasted, self.team.aside(), self.team.saving():
            if self.team.leads:
                self._write(step, seconds)
            self.seconds += lasted()

    def _write(self, step: int, train_seconds: float) -> None:
        """Write the weights, or note why that could not be done."""
        file = self._file(step)
        aside = file.with_suffix(".tmp")
        weights = {name: parameter for parameter, name in trained_names(self.model).items()}
        try:
            self.home.mkdir(exist_ok=True)
            aside.unlink(missing_ok=True)
            write_tensors(aside, weights, {"train_seconds": repr(train_seconds)})
            sync(aside)
            aside.replace(file)
        except OSError as error:
            with suppress(OSError):  # a full disk gets its room back
                aside.unlink(missing_ok=True)
            why = error.strerror or str(error)
            self.errors[step] = Moment(step=step, train_seconds=train_seconds, error=why)

    def end_training(self) -> None:
        """Tell the record what keeping took, outside of the training's seconds."""
        if self.seconds:
            self.meter.add_phase("keep", self.seconds)

    def evaluate(self, measure: Callable[[], float], last_loss: float) -> None:
        """Record the held-out loss of every moment, that of the last being `last_loss`; then nothing is kept.

        The model has the weights again that it ended with.
        """
        if not self.steps:
            return
        train_seconds = self.meter.seconds["train"]
        self._write(self.num_steps, train_seconds)  # to be put back
        unkept = self.errors.get(self.num_steps)
        with self.meter.phase("evaluate"):
            for step in self.steps[:-1]:
                self.record.write(
                    self._evaluate(step, measure) if unkept is None else replace(unkept, step=step)
                )
            if unkept is None:
                self._restore(self.num_steps)
        self.record.write(Moment(step=self.num_steps, train_seconds=train_seconds, loss=last_loss))
        self.remove()

    def _evaluate(self, step: int, measure: Callable[[], float]) -> Moment:
        """Return what came of one moment."""
        if failed := self.errors.get(step):
            return failed
        file = self._file(step)
        try:
            with safe_open(file, "pt") as opened:  # type: ignore[no-untyped-call]
                seconds = float(opened.metadata()["train_seconds"])
            num_bytes = file.stat().st_size
            self._restore(step)
        except OSError as error:
            return Moment(step=step, train_seconds=0.0, error=error.strerror or str(error))
        loss = measure()
        if not math.isfinite(loss):
            return Moment(
                step=step, train_seconds=seconds, num_bytes=num_bytes, error="the held-out loss is not finite"
            )
        return Moment(step=step, train_seconds=seconds, num_bytes=num_bytes, loss=loss)

    @torch.no_grad()
    def _restore(self, step: int) -> None:
        """Put the weights of a moment back."""
        kept = TensorFile(self._file(step))
        for parameter, name in trained_names(self.model).items():
            parameter.copy_(kept[name])

    def remove(self) -> None:
        """Remove what was kept."""
        with suppress(OSError):
            remove_files(self.home, MOMENT_FILES)

    def _file(self, step: int) -> Path:
        return self.home / f"step-{step:08d}.safetensors"
