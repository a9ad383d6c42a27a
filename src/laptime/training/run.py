"""One run in one process: from its spec to its record; the one place where the pieces meet.

    python -m laptime.training.run JOB.json

What fails ends as a `failed` line in the record, with its reason; the traceback goes to the run's log.
"""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import torch
from transformers import PreTrainedModel

from laptime.answers import answer_questions
from laptime.credentials import print_traceback
from laptime.events import Digests, Energy, Evaluation, Failed, Finished, Machine, Speedup
from laptime.inputs.batches import TrainStep, make_batch, make_steps
from laptime.inputs.chat_templates import put_template
from laptime.inputs.encoded import read_inputs
from laptime.inputs.facts import refuse_other_base
from laptime.inputs.model import load_model, load_tokenizer, quiet_libraries
from laptime.inputs.model_source import ModelSource
from laptime.job import SAVED_FOLDER, RunJob
from laptime.methods.method import Method, make_method
from laptime.record import RecordWriter
from laptime.spec import learning_rate_of, read_interval
from laptime.speedups.speedup import apply_all
from laptime.training.description import describe_data, describe_model
from laptime.training.energy import EnergyCounter
from laptime.training.failure import describe_failure, foresee_memory, refuse_what_cannot_fit
from laptime.training.loop import evaluate, train
from laptime.training.machine import choose_device, describe_machine, describe_processor, read_load
from laptime.training.memory import available_bytes, plan_memory
from laptime.training.meter import Meter, NotFiniteError, StepTimer
from laptime.training.optimizer import Optimizer
from laptime.training.precision import Precision, choose_precision
from laptime.training.random_state import seed_random
from laptime.training.resumption import Checkpoints, keep_additions
from laptime.training.save_points import SavePoints, StoppedError
from laptime.training.saving import begin_digests, describe_result, write_result
from laptime.training.self_checks import Subject, check_result
from laptime.training.setup import make_setup

# What total_seconds adds up.
WAITED_FOR = ("import", "load", "prepare", "warm_up", "train", "checkpoint", "save")


class Run:
    """The state of one run; the methods stand in the order in which `run` calls them."""

    def __init__(self, job: RunJob, record: RecordWriter) -> None:
        self.job = job
        self.spec = job.spec
        self.folder = Path(job.folder)
        self.record = record
        self.meter = Meter(record, job.spawned)
        self.seed = self.spec.training.seed + max(self.spec.round, 1) - 1
        self.measured = job.role != "base"
        self.checkpoints = Checkpoints(job, record, self.meter)
        self.import_seconds = 0.0
        self.recomputes = False
        self.notes: list[str] = []
        self.digests: Future[Digests] | None = None

    def open(self) -> None:
        """Find out what there is: inputs, a checkpoint to go on from, device, precision, method."""
        self.facts, self.encoded = read_inputs(Path(self.job.inputs))
        refuse_other_base(self.facts, self.folder)
        self.checkpoints.find(self.facts, self.encoded)
        training = self.spec.training
        chosen = self.job.threads
        if threads := training.threads or self.checkpoints.threads or (chosen and chosen.number):
            torch.set_num_threads(threads)
        self.device = choose_device(training.device)
        self.precision: Precision = choose_precision(describe_processor(self.device), training.precision)
        self.method: Method | None = None
        if self.measured:
            self.method = make_method(self.spec.method, self.spec.method_options)
        self.meter.device = self.device
        self.checkpoints.describe(self.precision.compute, self.device)
        self.meter.add_phase("import", self.import_seconds)
        seen = chosen and chosen.free is not None
        free = {"free_cores": chosen.free, "physical_cores": chosen.cores} if chosen and seen else {}
        self.record.write(Machine(facts=describe_machine(self.device) | free))

    def foresee_memory(self) -> None:
        """Record what the run will hold; raises DoesNotFitError where that is surely more than there is."""
        if self.method:
            size = getattr(torch, self.precision.compute).itemsize
            memory = foresee_memory(
                self.spec, self.method, self.facts, self.encoded.records, size, self.device
            )
            self.record.write(memory)
            refuse_what_cannot_fit(memory, self.device)

    def load_base(self) -> PreTrainedModel:
        """Load the base onto the device."""
        dtype = getattr(torch, self.precision.compute)
        return load_model(self.spec.model, Path(self.facts.model_folder), dtype).to(self.device)

    def load(self) -> None:
        """Load the base and attach the method."""
        self.model: PreTrainedModel = self.load_base()
        seed_random(self.seed)
        self.model.requires_grad_(False)
        if self.method:
            self.model = self.method.attach(self.model)
            self.checkpoints.restore_weights(self.model)
            self.notes += self.method.notes(self.facts.shape)
            self.plan_memory(self.method)

    def plan_memory(self, method: Method) -> None:
        """Keep the activations where they fit, recompute them where not."""
        training = self.spec.training
        longest = int(self.encoded.records.lengths.max())
        plan = plan_memory(
            self.model,
            self.facts.shape,
            longest * min(training.batch_size, len(self.encoded.records)),
            self.checkpoints.recomputes if self.checkpoints.found else training.gradient_checkpointing,
            available_bytes(self.device),
            method.cost(self.facts.shape, self.facts.weight_bytes).copied_weights,
        )
        self.recomputes = plan.recomputes
        if plan.recomputes:
            self.notes.append(f"activations are recomputed: {plan.reason}")
            self.model.gradient_checkpointing_enable({"use_reentrant": False})

    def prepare(self) -> None:
        """Choose the way of the forward pass, and make the batches and the optimizer."""
        self.setup = make_setup(
            self.spec, self.model, self.method, self.facts, self.encoded, self.device,
            compute=self.precision.compute, recomputes=self.recomputes, folder=self.folder,
        )  # fmt: skip
        outcomes = apply_all(self.setup)
        self.steps: Sequence[TrainStep] = make_steps(
            self.encoded.records,
            self.spec.training,
            self.seed,
            pin=self.device.type == "cuda",
            packed=self.setup.packs_records,
        )
        self.learning_rate = 0.0
        if self.method:
            groups = self.method.parameter_groups(self.model)
            self.optimizer = Optimizer(
                groups, self.spec.training, self.precision.loss_scaling, self.setup.fuses_optimizer
            )
            self.checkpoints.restore_optimizer(self.model, self.optimizer)
            wanted = learning_rate_of(self.spec.training, self.spec.method)
            batch = self.spec.training.batch_size * self.spec.training.gradient_accumulation
            default = self.method.default_rate(
                self.facts.shape, min(batch, len(self.encoded.records)), self.facts.toy
            )
            self.learning_rate = default if wanted is None else wanted
            for outcome in outcomes:
                self.record.write(Speedup(**msgspec.structs.asdict(outcome)))
        self.describe()

    def describe(self) -> None:
        """Record what is trained, and on what."""
        shape, epochs = self.facts.shape, self.spec.training.epochs
        cost = self.method.cost(shape, self.facts.weight_bytes, epochs) if self.method else None
        self.record.write(
            describe_model(
                self.model,
                self.facts,
                self.precision,
                device=str(self.device),
                learning_rate=self.learning_rate,
                notes=self.notes,
                cost=cost,
            )
        )
        self.record.write(describe_data(self.facts, len(self.steps), self.spec.data.train_on))

    @cached_property
    def save_points(self) -> SavePoints:
        """The moments to save at; signals are heard inside."""
        interval = read_interval(self.spec.training.save_every)
        return SavePoints(interval, len(self.steps), self.checkpoints.save)

    def train(self) -> None:
        """Train, timed from device idle to device idle; what the method prepares counts."""
        assert self.method is not None
        checkpoints = self.checkpoints
        timer = StepTimer(self.record, self.device, self.precision.loss_scaling, checkpoints.num_skipped)
        checkpoints.begin(self.model, self.optimizer, timer, self.facts, self.recomputes)
        self.record.write(read_load("before"))
        energy = EnergyCounter(self.device)
        with self.meter.phase("train", checkpoints.seconds_before):
            steps = self.method.prepare(self.model, self.steps)
            checkpoints.restore_random()
            train(
                self.setup.forward,
                self.method,
                steps,
                self.optimizer,
                self.learning_rate,
                self.spec.training,
                timer,
                self.save_points,
                checkpoints.num_done,
            )
        if checkpoints.seconds:
            self.meter.add_phase("checkpoint", checkpoints.seconds)
        self.setup.forward.end_training()
        if checkpoints.found:
            self.record.write(Energy(source="not measured: the training spans more than one process"))
        else:
            self.record.write(energy.finish(self.meter.seconds["train"]))
        self.record.write(read_load("after"))

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Save before the block or beside it; either way the phase lasts as long as the writing.

        However the block ends, the result is written to its end.
        """
        assert self.method is not None
        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(self.write_result, self.method, self.folder / SAVED_FOLDER)
            try:
                self.save_points.begin_result()
                if not self.setup.saves_in_background:
                    self.note_saved(self.method, writing.result())
                yield
            finally:
                self.note_saved(self.method, writing.result())

    def note_saved(self, method: Method, seconds: float) -> None:
        """Record, once, what was written and how long it took."""
        if "save" in self.meter.seconds:
            return
        self.meter.add_phase("save", seconds)
        self.record.write(describe_result(method.saved_kind, self.folder / SAVED_FOLDER, self.kept))
        self.digests = begin_digests(self.folder / SAVED_FOLDER)

    def write_result(self, method: Method, folder: Path) -> float:
        """Write the adapter, or the whole model with its tokenizer; returns the seconds it took."""
        given = self.encoded.chat_template
        tokenizer = self.tokenizer if method.saved_kind == "model" or given else None
        if given:  # so that whoever asks the result stops where its answers end
            self.model.generation_config.eos_token_id = self.encoded.stop_ids
        self.kept = keep_additions(folder, self.checkpoints.saved_before)
        return write_result(method, self.model, tokenizer, folder)

    @cached_property
    def tokenizer(self) -> Any:
        """The base's tokenizer, loaded when it is first needed."""
        source = ModelSource(
            name=self.facts.model_name, folder=self.facts.model_folder, config={}, toy=self.facts.toy
        )
        tokenizer = load_tokenizer(self.spec.model, source)
        return put_template(tokenizer, self.encoded.chat_template, self.encoded.turn_end)

    def evaluate(self) -> None:
        """Measure the held-out loss; nothing from here on counts as training."""
        if not self.encoded.held_out:
            return
        size = self.spec.training.batch_size
        held_out = self.encoded.held_out
        with self.meter.phase("evaluate"):
            batches = (
                make_batch(held_out[i : i + size], packed=self.setup.packs_records)
                for i in range(0, len(held_out), size)
            )
            loss, num_tokens = evaluate(self.setup.forward, batches)
        if not math.isfinite(loss):
            raise NotFiniteError(len(self.steps), "held-out loss", ["of the held-out set"])
        self.record.write(
            Evaluation(when="after" if self.measured else "before", loss=loss, num_tokens=num_tokens)
        )

    def answer(self) -> None:
        """Ask the questions."""
        if not self.encoded.questions:
            return
        with self.meter.phase("answer"):
            answer_questions(
                self.model,
                self.tokenizer,
                self.encoded.questions,
                self.encoded.stop_ids,
                self.spec.answers.max_new_tokens,
                self.record.write,
            )

    def check(self) -> None:
        """Check the trained model and what was saved of it; nothing of this counts as training."""
        if self.method is None or self.spec.answers.skip_self_checks:
            return
        del self.setup  # copies of weights that only training needs
        subject = Subject(
            trained=self.model,
            method=self.method,
            load_base=self.load_base,
            seed=self.seed,
            saved=self.folder / SAVED_FOLDER,
            records=self.encoded.records,
            training=self.spec.training,
        )
        with self.meter.phase("check"):
            for check in check_result(subject):
                self.record.write(check)

    def finish(self, peak_bytes: dict[str, int]) -> None:
        """Write the last lines."""
        if self.digests:
            self.record.write(self.digests.result())
        seconds = self.meter.seconds
        self.record.write(
            Finished(
                train_seconds=seconds.get("train"),
                total_seconds=sum(seconds.get(name, 0.0) for name in WAITED_FOR),
                wall_seconds=self.meter.wall_seconds(),
                peak_bytes=peak_bytes,
            )
        )
        self.record.sync()
        self.checkpoints.remove_all()


def run(job: RunJob, record: RecordWriter) -> None:
    """Do all of one run; the record tells how far it came."""
    this = Run(job, record)
    quiet_libraries()
    this.import_seconds = this.meter.wall_seconds()
    with this.meter.phase("load"):
        this.open()
        this.foresee_memory()
        this.load()
    with this.meter.phase("prepare"):
        this.prepare()
    if job.until == "preparation":
        this.finish(this.meter.peak_bytes())
        return
    if this.measured:
        with this.save_points as signals:
            peak_bytes = train_and_check(this)
            signals.ignore()
            this.finish(peak_bytes)
    else:
        peak_bytes = this.meter.peak_bytes()
        this.evaluate()
        this.answer()
        this.finish(peak_bytes)


def train_and_check(this: Run) -> dict[str, int]:
    """Do what follows the preparation; returns the peaks up to the end of the training."""
    this.train()
    # Read here whatever follows: some options save beside what comes next, others before it; and evaluation
    # and answers never count as training's memory.
    peak_bytes = this.meter.peak_bytes()
    if this.job.until == "training":
        return peak_bytes
    with this.saving():
        del this.optimizer
        this.checkpoints.end()
        gc.collect()
        this.evaluate()
    this.answer()
    this.check()
    return peak_bytes


def main(file: Path | None = None, spawned: float | None = None) -> None:
    """Run what the job file says; exit code 1 when the run failed.

    `spawned` is when the process would have been started, had it done nothing but this run.
    """
    job = msgspec.json.decode((file or Path(sys.argv[1])).read_bytes(), type=RunJob)
    job.spawned = spawned or job.spawned
    record = RecordWriter(Path(job.folder))
    try:
        run(job, record)
    except StoppedError as stopped:
        number, step = stopped.number, stopped.step
        with suppress(OSError):  # a full disk: the exit code says it
            record.write(Failed(reason="interrupted", message=str(stopped), step=step, signal=number))
        sys.exit(128 + number)
    except Exception as error:
        with suppress(OSError):  # a full disk takes neither log nor record
            record.write(describe_failure(error, record))
            print_traceback(type(error), error, error.__traceback__)
        sys.exit(1)


if __name__ == "__main__":
    main()
