"""The records of one method to its row of the table: medians over its finished rounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal

from msgspec import Struct, field

from laptime.comparison import scores
from laptime.comparison.devices import RankResult, count_devices
from laptime.comparison.result import CheckResult, Failure, MethodResult, Score, SpeedupResult
from laptime.comparison.statistics import median_by_key, median_of
from laptime.runs.events import Check, RankUse, Step
from laptime.runs.record import RunRecord

CPU_COUNTER = "vm_hwm"
CUDA_COUNTER = "cuda_allocated"
NOT_MEASURED = "not measured"

Status = Literal["finished", "partly_failed", "failed", "unfinished"]


class MethodRuns(Struct, kw_only=True):
    """What lies on disk of one contestant: its records in order of rounds, and records that can't be read.

    `folder` is the comparison's; what a method saved is named relative to it. `common` are the rounds that
    are compared, None for all.
    """

    name: str
    method: str
    folder: Path
    summary: str = ""
    spec: dict[str, Any] = {}  # of its runs, as plain values
    differs: dict[str, Any] = {}  # its own options, in which it is not as the rest of the comparison
    records: list[RunRecord] = field(default_factory=list)
    unreadable: list[Failure] = field(default_factory=list)
    common: frozenset[int] | None = None

    def trains_as(self, other: MethodRuns) -> bool:
        """Tell whether the runs of both are the same but for their names."""
        keys = ("training", "method_options", "trainer", "as_it_comes")
        ours, theirs = ({key: one.spec.get(key) for key in keys} for one in (self, other))
        return self.method == other.method and ours == theirs

    @property
    def finished(self) -> list[RunRecord]:
        """The records of the runs that did all they should."""
        return [record for record in self.records if record.status == "finished"]

    @property
    def whole(self) -> list[RunRecord]:
        """The finished records that lack no figure; where all lack some, all finished ones."""
        return [r for r in self.finished if r.total_seconds is not None] or self.finished

    @property
    def compared(self) -> list[RunRecord]:
        """The records of the rounds that are compared; none where the method did not finish all of them."""
        if self.common is None:
            return self.finished
        records = [record for record in self.finished if record.started.round in self.common]
        return records if len(records) == len(self.common) else []

    @property
    def figured(self) -> list[RunRecord]:
        """The records that figures are made of which are not set against each other."""
        return self.compared or self.finished

    @property
    def failures(self) -> list[Failure]:
        """The runs that failed, each with its reason."""
        failed = [
            Failure(
                run=r.started.run, round=r.started.round, reason=r.failed.reason, message=r.failed.message
            )
            for r in self.records
            if r.failed and r.status == "failed"  # one that was stopped goes on where it stands
        ]
        return sorted([*failed, *self.unreadable], key=lambda failure: failure.round)

    @property
    def status(self) -> Status:
        """How the method's runs have ended so far."""
        if self.finished:
            return "partly_failed" if self.failures else "finished"
        return "failed" if self.failures else "unfinished"


def summarise(runs: MethodRuns) -> MethodResult:
    """Return the row of one method; figures that no finished run holds are None.

    Times are of the rounds that are compared, and of no others: they stand beside those of other methods.
    """
    figured = runs.figured
    return MethodResult(
        name=runs.name,
        method=runs.method,
        summary=runs.summary,
        status=runs.status,
        rounds=[record.started.round for record in runs.finished],
        failures=runs.failures,
        **_times(runs.compared),
        **_memory(figured),
        **_model_facts(figured or runs.records),
        **_saved(figured, runs),
        **_losses(figured),
        **_energy(runs.compared),
        method_options=_method_options(runs),
        differs=runs.differs,
        speedups=_speedups(figured),
        checks=_checks(runs.finished),
        memorisation=_score(figured, "trained"),
        generalisation=_score(figured, "held_out"),
        ranks=_ranks(figured),
    )


def _times(finished: Sequence[RunRecord]) -> dict[str, Any]:
    """Return seconds and throughput."""
    train = [record.train_seconds for record in finished if record.train_seconds is not None]
    total = [record.total_seconds for record in finished if record.total_seconds is not None]
    return {
        "train_seconds": median_of(train),
        "train_seconds_by_round": train,
        "total_seconds": median_of(total),
        "total_seconds_by_round": total,
        "phase_seconds": median_by_key(record.phase_seconds() for record in finished),
        "step_part_seconds": median_by_key(step.parts for r in finished for step in r.steps if step.step > 1),
        "first_step_seconds": median_of(s.seconds for r in finished for s in r.steps[:1] if s.step == 1),
        "steady_step_seconds": median_of(steady_step_seconds(record) for record in finished),
        "tokens_per_second": median_of(tokens_per_second(record) for record in finished),
    }


def steady_step_seconds(record: RunRecord) -> float | None:
    """Return the median seconds of all steps but the first."""
    return median_of(step.seconds for step in record.steps if step.step > 1)


def tokens_per_second(record: RunRecord) -> float | None:
    """Return tokens without padding per second of training, data wait included."""
    seconds = record.train_seconds
    if not seconds or not record.steps or record.lacks_steps:
        return None
    return sum(step.tokens for step in record.steps) / seconds


def _memory(finished: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the peak by the counter that fits the device, and every counter."""
    counters = median_by_key(dict(r.finished.peak_bytes) for r in finished if r.finished)
    rounded = {name: round(value) for name, value in counters.items()}
    kind = peak_counter(finished[0]) if finished else CPU_COUNTER
    return {
        "peak_bytes": rounded.get(kind),
        "peak_bytes_kind": kind if kind in rounded else NOT_MEASURED,
        "peak_bytes_all": rounded,
        "peak_bytes_by_round": [
            r.finished.peak_bytes[kind] for r in finished if r.finished and kind in r.finished.peak_bytes
        ],
        "fixed_bytes": next((record.memory.fixed_bytes for record in finished if record.memory), None),
    }


def _ranks(records: Sequence[RunRecord]) -> list[RankResult]:
    """Return each rank over the rounds that were trained on the same devices as the first one."""
    if not records:
        return []
    counter = peak_counter(records[0])
    alike = [record for record in records if count_devices(record.ranks) == count_devices(records[0].ranks)]
    by_rank = zip(*(record.ranks for record in alike), strict=False)
    return [
        RankResult(
            rank=of_rank[0].rank,
            device=of_rank[0].device,
            name=of_rank[0].name,
            host=of_rank[0].host,
            train_seconds=median_of(use.train_seconds for use in of_rank),
            compute_seconds=median_of(use.compute_seconds for use in of_rank),
            exchange_seconds=median_of(use.exchange_seconds for use in of_rank),
            parameters=of_rank[0].parameters,
            peak_bytes=round(peak) if (peak := _peak(of_rank, counter)) else None,
        )
        for of_rank in by_rank
    ]


def _peak(uses: Sequence[RankUse], counter: str) -> float | None:
    """Return the median of the peaks of a rank by one counter."""
    return median_of(use.peak_bytes.get(counter) for use in uses)


def peak_counter(record: RunRecord) -> str:
    """Name the memory counter that counts for the device of a run."""
    return CUDA_COUNTER if record.model and record.model.device.startswith("cuda") else CPU_COUNTER


def _model_facts(records: Sequence[RunRecord]) -> dict[str, Any]:
    """Return what is trained and in which precision; a failed run may know it too."""
    model = next((record.model for record in records if record.model), None)
    names = ["trainable_parameters", "parameters", "learning_rate", "compute_dtype", "trained_dtype"]
    names += ["precision_reason", "flops_per_token"]
    return {name: getattr(model, name, None) for name in names} | {
        "notes": list(model.notes) if model else []
    }


def flops_per_token(runs: MethodRuns) -> float | None:
    """Return the arithmetic of a method, from any of its records: a run that failed may know it too."""
    return next((record.model.flops_per_token for record in runs.records if record.model), None)


def _saved(figured: Sequence[RunRecord], runs: MethodRuns) -> dict[str, Any]:
    """Return what the user keeps, with the paths of all finished rounds relative to the folder."""
    saved = [record.saved for record in figured if record.saved]
    paths = [record.folder / record.saved.path for record in runs.finished if record.saved]
    return {
        "saved_bytes": round(median(event.num_bytes for event in saved)) if saved else None,
        "saved_kind": saved[0].kind if saved else None,
        "saved_paths": [path.relative_to(runs.folder).as_posix() for path in paths],
    }


def _losses(finished: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the losses by step of every round, and their ends."""
    trained = [record for record in finished if record.steps]
    held_out = [loss for record in finished if (loss := held_out_loss(record)) is not None]
    return {
        "train_losses": _losses_by_step(trained[0].steps) if trained else [],
        "step_seconds": _step_seconds(trained[0]) if trained else [],
        "train_losses_by_round": {r.started.round: _losses_by_step(r.steps) for r in trained},
        "final_train_loss": median_of(_last_epoch_loss(r.steps) for r in trained if not r.lacks_steps),
        "held_out_loss": median_of(held_out),
        "held_out_loss_by_round": held_out,
    }


def _losses_by_step(steps: Sequence[Step]) -> list[float | None]:
    """Return the loss of every step up to the last; None too where the line on a step is lost."""
    losses = {step.step: step.loss for step in steps}
    last = min(steps[-1].step, 2 * len(steps) + 1000)  # whoever wrote the record may name any number
    return [losses.get(number) for number in range(1, last + 1)]


def _step_seconds(record: RunRecord) -> list[float]:
    """Return the seconds of every step, none where those of one are lost."""
    return [] if record.lacks_steps else [step.seconds for step in record.steps]


def _last_epoch_loss(steps: Sequence[Step]) -> float | None:
    """Return the mean loss over the steps of the last epoch; None where one is not a number."""
    losses = [step.loss for step in steps if step.epoch == steps[-1].epoch]
    numbers = [loss for loss in losses if loss is not None]
    return fmean(numbers) if len(numbers) == len(losses) else None


def held_out_loss(record: RunRecord) -> float | None:
    """Return the held-out loss of what a run leaves: after training, or the base's only one."""
    is_base = record.started.role == "base"
    losses = [evaluation.loss for evaluation in record.evaluations if is_base or evaluation.when == "after"]
    return losses[-1] if losses else None


def _energy(finished: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the median energy and its source, or why there is none."""
    events = [record.energy for record in finished if record.energy]
    measured = [event for event in events if event.joules is not None]
    source = next((event.source for event in [*measured, *events]), NOT_MEASURED)
    return {"energy_joules": median_of(event.joules for event in measured), "energy_source": source}


def _method_options(runs: MethodRuns) -> dict[str, Any]:
    """Return the resolved options of the method from a record, else what the plan holds."""
    specs = [record.started.spec.get("method_options") for record in runs.finished or runs.records]
    return next((dict(options) for options in specs if options), runs.spec.get("method_options", {}))


def _speedups(records: Sequence[RunRecord]) -> list[SpeedupResult]:
    """Return what became of each speedup in the first finished run, and in how many it ran."""
    told = [record for record in records if record.speedups]
    return [
        SpeedupResult(
            name=one.name,
            claims=one.claims,
            ran=one.ran,
            note=one.note,
            rounds_ran=[r.started.round for r in told for s in r.speedups if s.name == one.name and s.ran],
        )
        for one in (told[0].speedups if told else [])
    ]


def _checks(finished: Sequence[RunRecord]) -> list[CheckResult]:
    """Return each self-check as the worst run had it: failed before not made before passed."""
    made: dict[str, list[Check]] = {}
    for check in (check for record in finished for check in record.checks):
        made.setdefault(check.name, []).append(check)
    return [_worst(checks) for checks in made.values()]


def _worst(checks: Sequence[Check]) -> CheckResult:
    """Return what the worst of some runs found, the one that looked at the fewest examples."""
    gravity = {True: 0, None: 1, False: 2}
    worst = max(checks, key=lambda one: (gravity[one.passed], -one.values.get("records", 0)))
    examples = int(worst.values.get("records", 0))
    return CheckResult(name=worst.name, passed=worst.passed, note=worst.note, records=examples)


def _score(finished: Sequence[RunRecord], source: str) -> Score | None:
    """Return the score of the answers of one source, over all finished rounds that have some."""
    answers = [answer for record in finished for answer in record.answers if answer.source == source]
    pairs = [(answer.text, answer.reference) for answer in answers if answer.reference is not None]
    questions = {answer.question for answer in answers if answer.reference is not None}
    return scores.score(pairs, len(questions))
