"""One run in one process: from its spec to its record; the one place where the pieces meet.

    python -m laptime.training.run JOB.json

What fails ends as a `failed` line in the record, with its reason; the traceback goes to the run's log.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import torch
from msgspec.structs import replace

from laptime.credentials import print_traceback
from laptime.data.batches import Share, TrainStep, make_steps, plan_steps
from laptime.hardware.device_memory import available_bytes
from laptime.hardware.energy import EnergyCounter
from laptime.hardware.machine import read_load
from laptime.methods.method import Method, make_method, name_libraries
from laptime.models.loading import quiet_libraries
from laptime.runs.events import Energy, Failed, Finished, Load, SpeedupRun
from laptime.runs.given_ranks import given_rank
from laptime.runs.heartbeats import State
from laptime.runs.job import SAVED_FOLDER, RunJob, start_of
from laptime.runs.record import RecordWriter
from laptime.spec import learning_rate_of, read_interval
from laptime.speedups.forward import Forward
from laptime.speedups.speedup import Setup, apply_all
from laptime.startup.imports import hide_libraries
from laptime.startup.speedup_switches import is_wanted
from laptime.training.base_run import run_base
from laptime.training.checkpoint_schedule import SavePoints, StoppedError
from laptime.training.description import describe_data, describe_model
from laptime.training.failure import (
    describe_estimate,
    describe_failure,
    estimate_memory,
    or_any,
    refuse_what_cannot_fit,
)
from laptime.training.fit import Fit, find_fit
from laptime.training.judging import (
    ask_questions,
    evaluate_held_out,
    measure_general,
    measure_held_out,
)
from laptime.training.loop import Collect, train
from laptime.training.loss_scale import calibrate_loss_scale
from laptime.training.meter import Meter, StepTimer
from laptime.training.moments import Moments
from laptime.training.opening import Opened, open_run
from laptime.training.optimizer import Optimizer
from laptime.training.rank_use import tell_ranks
from laptime.training.result import Result
from laptime.training.run_state import Checkpoints
from laptime.training.self_checks import Subject, check_result
from laptime.training.setup import make_setup
from laptime.training.sharding import Sharding
from laptime.training.spread_vocabulary import SpreadVocabulary, tell_why_gathered
from laptime.training.team import LeftAloneError, Team
from laptime.training.update_rules import assign_rules

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# What total_seconds adds up.
WAITED_FOR = ("import", "load", "prepare", "warm_up", "train", "checkpoint", "save")


class Loaded(msgspec.Struct, frozen=True):
    """The base with its method attached; `notes` are what a user should know of both."""

    method: Method
    model: PreTrainedModel
    fit: Fit
    notes: list[str]
    sharding: Sharding | None = None  # where the model is spread over several processes


class Prepared(msgspec.Struct, frozen=True):
    """The way of the forward pass, and what it will go through."""

    setup: Setup
    steps: Sequence[TrainStep]
    learning_rate: float


def run(job: RunJob, record: RecordWriter, team: Team | None = None) -> None:
    """Do all of one run, or a process's part of it; the record tells how far it came."""
    meter = Meter(record, job.spawned)
    quiet_libraries()
    import_seconds = meter.wall_seconds()
    if job.role == "base":
        finish(record, meter, run_base(job, record, meter, import_seconds))
    else:
        team = team or Team()
        with Moments(job, record, meter, team) as moments:
            run_training(job, record, meter, import_seconds, team, moments)


def run_training(
    job: RunJob, record: RecordWriter, meter: Meter, import_seconds: float, team: Team, moments: Moments
) -> None:
    """Load, prepare and train; save, evaluate, ask and check where it leads; as far as the job goes."""
    training = job.spec.training
    if is_wanted("light_imports", msgspec.structs.asdict(training)):
        hide_libraries(name_libraries(job.spec.method, training.optimizer))
    checkpoints = Checkpoints(job, record, meter, team)
    with meter.phase("load"):
        opened = open_run(job, record, meter, import_seconds, checkpoints, team)
        loaded = load(opened, checkpoints, record)
    with meter.phase("prepare"):
        prepared, optimizer = prepare(opened, loaded, checkpoints, record)
        team.begin_training()
    if job.until == "preparation":
        finish(record, meter, meter.peak_bytes())
        return
    interval = read_interval(job.spec.training.save_every)
    with SavePoints(
        interval, len(prepared.steps), checkpoints.save, team.agree_on, moments.keep
    ) as save_points:
        train_timed(opened, loaded, prepared, optimizer, checkpoints, save_points, moments, record, meter)
        # Read here whatever follows: some options save beside what comes next, others before it; and
        # evaluation and answers never count as training's memory.
        seconds = meter.seconds["train"] - checkpoints.seconds_before
        peak_bytes = tell_ranks(opened, count_held(loaded), seconds, record, meter.peak_bytes())
        begun = time.perf_counter()
        if loaded.sharding and job.until in ("saving", "end"):
            loaded = gather(opened, loaded, prepared)
        gather_seconds = time.perf_counter() - begun
        team.leave()
        if not team.leads:
            finish(record, meter, peak_bytes)
            return
        loss = None
        result = Result(opened, loaded.method, loaded.model, record, meter, gather_seconds)
        if job.until in ("saving", "end"):
            beside = prepared.setup.saves_in_background
            with result.saving(checkpoints.saved_before, beside, save_points.begin_result):
                del optimizer
                checkpoints.end()
                gc.collect()
                if job.until == "end":
                    loss = measure(opened, prepared, record, meter, loaded.fit.micro_batch)
        elif job.until == "evaluation":
            measure(opened, prepared, record, meter, loaded.fit.micro_batch)
        if job.until == "end":
            measure_moments(moments, opened, prepared, loss, loaded.fit.micro_batch)
            measure_general(opened, prepared.setup.forward, record, meter)
            ask_questions(opened, loaded.model, record, meter)
            del prepared  # copies of weights that only training needs
            check(opened, loaded, record, meter)
        save_points.ignore()
        result.end()
        finish(record, meter, peak_bytes)
        checkpoints.remove_all()


def load(opened: Opened, checkpoints: Checkpoints, record: RecordWriter) -> Loaded:
    """Load the base and attach the method; raises DoesNotFitError where what they hold is surely too much."""
    spec, manifest = opened.spec, opened.manifest
    method = make_method(spec.method, spec.method_options)
    size = opened.dtype.itemsize
    asked = estimate_memory(
        spec, method, manifest, opened.encoded.examples, size, opened.device, opened.team.size,
        opened.team.num_here,
    )  # fmt: skip
    available = opened.team.agree_on_least(available_bytes(opened.device))  # all recompute, or none
    fit = find_fit(asked, or_any(available), checkpoints.recomputes, checkpoints.micro_batch)
    memory = describe_estimate(fit.estimate, available)
    record.write(memory)
    refuse_what_cannot_fit(memory, opened.device)
    is_spread = opened.team.size > 1 and method.spreads_weights
    model = method.attach(opened.load_frozen(is_spread, method))
    method.check_longest(model, opened.encoded.longest)
    opened.part_ways()
    notes = [*filter(None, [opened.job.device_note]), *method.notes(manifest.shape)]
    sharding = checkpoints.sharding = spread_model(opened, model, notes, fit) if is_spread else None
    checkpoints.restore_weights(model)
    if fit.recomputes:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return Loaded(method, model, fit, [*notes, *fit.notes], sharding)


def spread_model(opened: Opened, model: PreTrainedModel, notes: list[str], fit: Fit) -> Sharding:
    """Spread a model over the team, its vocabulary too where that is cheaper than to gather it."""
    team, dtype, device = opened.team, opened.dtype, opened.device
    reason = tell_why_gathered(model, opened.encoded, opened.spec.training, team.size, fit.micro_batch)
    if reason:
        notes.append(f"embedding and head are gathered for each batch: {reason}")
    vocabulary = None if reason else SpreadVocabulary(model, team, dtype, device)
    return Sharding(model, team, dtype, device, vocabulary)


def prepare(
    opened: Opened, loaded: Loaded, checkpoints: Checkpoints, record: RecordWriter
) -> tuple[Prepared, Optimizer]:
    """Choose the way of the forward pass, make the steps and the optimizer, and record what will train."""
    spec, model, method = opened.spec, loaded.model, loaded.method
    setup = make_setup(
        spec, model, method, opened.manifest, opened.encoded, opened.device,
        compute=opened.precision.compute, recomputes=loaded.fit.recomputes, folder=opened.folder,
        is_spread=loaded.sharding is not None, micro_batch=loaded.fit.micro_batch,
    )  # fmt: skip
    outcomes = apply_all(setup)
    if sharding := loaded.sharding:
        sharding.use(setup.forward)
    pins, packed = opened.device.type == "cuda", setup.packs_examples
    share = Share(opened.team.rank, opened.team.size, even=sharding is not None)
    steps = make_steps(
        opened.encoded.examples, spec.training, opened.seed, pin=pins, packed=packed, share=share,
        micro_batch=loaded.fit.micro_batch,
    )  # fmt: skip
    scales = opened.precision.loss_scaling
    groups = method.parameter_groups(model)
    groups = sharding.groups(groups) if sharding else assign_rules(groups, model, spec.training)
    optimizer = Optimizer(groups, spec.training, scales, setup.fuses_optimizer, setup.optimizer_kernels)
    if sharding:
        optimizer.sum_parts = opened.team.sum_tensor
    checkpoints.restore_optimizer(model, optimizer)
    for outcome in outcomes:
        record.write(SpeedupRun(**msgspec.structs.asdict(outcome)))
    prepared = Prepared(setup, steps, choose_rate(opened, method))
    describe(opened, loaded, prepared, record)
    return prepared, optimizer


def choose_rate(opened: Opened, method: Method) -> float:
    """Return the learning rate that was asked for, or the method's own for this model and batch.

    What was begun by an earlier version, whose methods had other rates of their own, keeps to them.
    """
    spec = opened.spec
    for known in (learning_rate_of(spec.training, spec.method), opened.job.rate):
        if known is not None:
            return known
    batch = spec.training.batch_size * spec.training.gradient_accumulation
    return method.default_rate(
        opened.manifest.shape,
        min(batch, len(opened.encoded.examples)),
        opened.manifest.toy,
        spec.training.optimizer,
    )


def describe(opened: Opened, loaded: Loaded, prepared: Prepared, record: RecordWriter) -> None:
    """Record what is trained, and on what."""
    manifest, spec = opened.manifest, opened.spec
    plans = plan_steps(len(opened.encoded.examples), spec.training, opened.seed)
    record.write(
        describe_model(
            loaded.model,
            manifest,
            opened.precision,
            num_trained=count_trained(loaded),
            device=str(opened.device),
            learning_rate=prepared.learning_rate,
            notes=loaded.notes,
            cost=loaded.method.cost(manifest.shape, manifest.weight_bytes, plans.mean_epochs),
        )
    )
    record.write(describe_data(manifest, len(prepared.steps), spec.data.train_on))


def count_trained(loaded: Loaded) -> int:
    """Count the numbers that train, in all processes together."""
    if loaded.sharding:
        return sum(math.prod(shape) for shape in loaded.sharding.shapes().values())
    return sum(p.numel() for p in loaded.model.parameters() if p.requires_grad)


def train_timed(
    opened: Opened,
    loaded: Loaded,
    prepared: Prepared,
    optimizer: Optimizer,
    checkpoints: Checkpoints,
    save_points: SavePoints,
    moments: Moments,
    record: RecordWriter,
    meter: Meter,
) -> None:
    """Train, timed from device idle to device idle; what the method prepares counts."""
    forward, method = prepared.setup.forward, loaded.method
    timer = StepTimer(record, opened.device, opened.precision.loss_scaling, checkpoints.num_skipped)
    fit = loaded.fit
    checkpoints.begin(
        loaded.model, method, optimizer, timer, opened.manifest, fit.recomputes, fit.micro_batch
    )
    if not loaded.sharding:
        moments.begin(loaded.model, timer, len(prepared.steps), checkpoints.num_done)
    record.write(Load(when="before", **read_load()))
    energy = EnergyCounter([torch.device(name) for name in opened.job.devices] or [opened.device])
    collect = find_collect(opened.team, loaded.sharding, optimizer)
    with meter.phase("train", checkpoints.seconds_before):
        steps = method.prepare(loaded.model, prepared.steps)
        checkpoints.restore_method(loaded.model, method)
        checkpoints.restore_random()
        if not checkpoints.found:
            method.before_step(loaded.model, 1, optimizer.forget)
            calibrate_loss_scale(forward, steps[0], optimizer, collect)
        train(
            forward, method, steps, optimizer, prepared.learning_rate, opened.spec.training, timer,
            save_points, checkpoints.num_done, collect,
        )  # fmt: skip
    if checkpoints.seconds:
        meter.add_phase("checkpoint", checkpoints.seconds)
    moments.end_training()
    forward.end_training()
    if checkpoints.found:
        record.write(Energy(source="not measured: the training spans more than one process"))
    elif opened.team.size > 1 and given_rank():
        record.write(Energy(source="not measured: the processes of a launcher may be on several machines"))
    else:
        record.write(Energy(**energy.finish(meter.seconds["train"])._asdict()))
    record.write(Load(when="after", **read_load()))


def gather(opened: Opened, loaded: Loaded, prepared: Prepared) -> Loaded:
    """Return the whole model where the team is led, to be saved, evaluated and asked there as it is.

    Elsewhere what was loaded is returned. All processes must call it.
    """
    assert loaded.sharding is not None
    whole = loaded.sharding.gather(opened.load_base)
    if whole is None:
        return loaded
    prepared.setup.forward = Forward(whole)
    prepared.setup.packs_examples = False  # the model's own code pads
    return replace(loaded, model=whole, sharding=None)


def count_held(loaded: Loaded) -> int:
    """Count the numbers of the model that this process holds between two steps."""
    held = loaded.sharding.parts.values() if loaded.sharding else loaded.model.parameters()
    return sum(parameter.numel() for parameter in held)


def find_collect(team: Team, sharding: Sharding | None, optimizer: Optimizer) -> Collect | None:
    """Return how the gradients of several processes are summed; None for one."""
    if team.size == 1:
        return None
    return sharding.take_gradients if sharding else partial(team.sum_gradients, optimizer.parameters)


def measure(
    opened: Opened, prepared: Prepared, record: RecordWriter, meter: Meter, micro_batch: int
) -> float | None:
    """Record and return the held-out loss of what was trained, by as many examples at once."""
    packs, steps = prepared.setup.packs_examples, len(prepared.steps)
    return measure_held_out(opened, prepared.setup.forward, record, meter, "after", packs, steps, micro_batch)


def measure_moments(
    moments: Moments, opened: Opened, prepared: Prepared, loss: float | None, micro_batch: int
) -> None:
    """Record the held-out loss of the weights that were kept on the way to the result, which has `loss`."""

    def measure_now() -> float:
        packs = prepared.setup.packs_examples
        sums, counts = evaluate_held_out(opened, prepared.setup.forward, packs, micro_batch)
        return sum(sums) / sum(counts)

    if loss is not None:
        moments.evaluate(measure_now, loss)


def check(opened: Opened, loaded: Loaded, record: RecordWriter, meter: Meter) -> None:
    """Check the trained model and what was saved of it; nothing of this counts as training."""
    if opened.spec.answers.skip_self_checks:
        return
    subject = Subject(
        trained=loaded.model,
        method=loaded.method,
        load_base=partial(opened.load_base, method=loaded.method),
        seed=opened.seed,
        saved=opened.folder / SAVED_FOLDER,
        examples=opened.encoded.examples,
        training=opened.spec.training,
    )
    with meter.phase("check"):
        for found in check_result(subject):
            record.write(found)


def finish(record: RecordWriter, meter: Meter, peak_bytes: dict[str, int]) -> None:
    """Write the last line."""
    record.write(
        Finished(
            train_seconds=meter.seconds.get("train"),
            total_seconds=sum(meter.seconds.get(name, 0.0) for name in WAITED_FOR),
            wall_seconds=meter.wall_seconds(),
            peak_bytes=peak_bytes,
        )
    )
    record.sync()


def main(file: Path | None = None, spawned: float | None = None) -> None:
    """Run what the job file says; exit code 1 when the run failed.

    `spawned` is when the process would have been started, had it done nothing but this run.
    """
    job = msgspec.json.decode((file or Path(sys.argv[1])).read_bytes(), type=RunJob)
    job.spawned = spawned or job.spawned
    team = Team.begin(job)
    record = RecordWriter(team.folder(Path(job.folder)))
    if not team.leads:
        record.write(start_of(job))
    try:
        with team.together():
            team.join(job)
            run(job, record, team)
        team.tell(State.DONE)
    except LeftAloneError as error:
        print(error, file=sys.stderr)
        sys.exit(1)  # who is gone, the starter of the processes says
    except StoppedError as stopped:
        number, step = stopped.number, stopped.step
        with suppress(OSError):  # a full disk: the exit code says it
            record.write(Failed(reason="interrupted", message=str(stopped), step=step, signal=number))
        team.tell(State.DONE)
        sys.exit(128 + number)
    except Exception as error:
        with suppress(OSError):  # a full disk takes neither log nor record
            record.write(describe_failure(error, record, team.rank if team.size > 1 else None))
            print_traceback(type(error), error, error.__traceback__)
        team.tell(State.FAILED)
        sys.exit(1)


if __name__ == "__main__":
    main()
