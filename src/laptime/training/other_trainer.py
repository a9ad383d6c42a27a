"""One run of another trainer, in its own Python, from its spec to a record like that of our own runs.

    python -m laptime.training.other_trainer JOB.json

The trainer gets the encoded records in our order and tells of its steps line by line. The clock runs outside
of it, from the start of its process until its result lies on the disk. Evaluation and answers follow here,
by the same code as for our own results, when its process is gone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from laptime.comparison.deaths import explain, means_shortage
from laptime.comparison.processes import MEMORY_SETTINGS
from laptime.comparison.watch import End
from laptime.credentials import print_traceback
from laptime.errors import UserError
from laptime.events import Energy, Failed, Finished, Machine, Model, Phase, Step
from laptime.inputs.batches import StepPlans, plan_steps
from laptime.inputs.encoded import EncodedRecord, read_inputs
from laptime.inputs.facts import InputFacts, refuse_other_base
from laptime.inputs.model import quiet_libraries
from laptime.inputs.shape import last_word
from laptime.job import SAVED_FOLDER, RunJob
from laptime.methods.lora import ALL_LINEAR, Lora
from laptime.methods.method import Method, make_method
from laptime.record import RecordWriter, read_record
from laptime.speedups.forward import Forward
from laptime.system_memory import count_oom_kills, tree_bytes
from laptime.trainers.environments import (
    Environment,
    clean_environment,
    find_environment,
    tell_absence,
)
from laptime.trainers.peer_job import LoraJob, PeerJob
from laptime.trainers.trainer import Trainer, find_trainer
from laptime.training.description import SHAPE_KEYS, describe_data
from laptime.training.energy import EnergyCounter
from laptime.training.failure import describe_failure
from laptime.training.judging import ask_questions, measure_held_out
from laptime.training.machine import choose_device, describe_machine, describe_processor, read_load
from laptime.training.meter import Meter
from laptime.training.opening import Opened, use_threads
from laptime.training.optimizer import scheduled_rate
from laptime.training.precision import choose_precision
from laptime.training.run import choose_rate
from laptime.training.saving import describe_files, describe_result
from laptime.whole_file import remove_folder, sync_tree

LOOK_SECONDS = 0.1  # a peak of all processes together that is shorter may be missed
SCRATCH_FOLDER = "scratch"  # for what the trainer writes beside its result
START = Path(__file__).parents[1] / "trainers" / "peer" / "start.py"
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "DO_NOT_TRACK": "1",
    "WANDB_MODE": "disabled",
    "TQDM_DISABLE": "1",  # a bar would stand where the log says why it failed
}


class UnavailableError(Exception):
    """A trainer cannot run here, for it is not installed or lacks a device."""


class StoppedError(BaseException):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; this trainer's run is done anew")
        self.number = number


class EndedError(Exception):
    """The trainer's process ended without a result."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Around(Opened):
    """What a run of another trainer is made of, found out before it starts."""

    trainer: Trainer
    environment: Environment
    method: Method

    @property
    def scratch(self) -> Path:
        """Where the trainer writes; a trainer may change its folder, so all paths are whole."""
        return self.folder.absolute() / SCRATCH_FOLDER

    @property
    def aside(self) -> Path:
        """Where the trainer leaves its result."""
        return self.scratch / SAVED_FOLDER

    @property
    def plans(self) -> StepPlans:
        """The steps of our own run of the same round."""
        return plan_steps(len(self.encoded.records), self.spec.training, self.seed)


def look_around(job: RunJob) -> Around:
    """Find the trainer, its environment, the inputs and the device; raises UnavailableError and UserError."""
    trainer = find_trainer(job.spec.trainer)
    environment = find_environment(trainer.name)
    if environment is None:
        raise UnavailableError(tell_absence(trainer))
    facts, encoded = read_inputs(Path(job.inputs))
    refuse_other_base(facts, Path(job.folder))
    device = choose_device(job.spec.training.device)
    if trainer.needs_cuda and device.type != "cuda":
        raise UnavailableError(f"{trainer.title} trains on CUDA GPUs alone, and there is none to use")
    precision = choose_precision(describe_processor(device), job.spec.training.precision)
    method = make_method(job.spec.method, job.spec.method_options)
    return Around(job, facts, encoded, device, precision, trainer, environment, method)


def make_peer_job(around: Around) -> PeerJob:
    """Return what the trainer is told: the same work as our own run of this round, or to do as it comes."""
    spec, facts, scratch = around.spec, around.facts, around.scratch
    training, method, num_steps = spec.training, around.method, len(around.plans)
    peak = choose_rate(around, method)
    chosen = around.job.threads
    return PeerJob(
        trainer_file=str(around.trainer.file),
        model=str(Path(facts.model_folder).absolute()),
        trust_remote_code=spec.model.trust_remote_code,
        records=str(scratch / "records.jsonl"),
        events=str(scratch / "events.jsonl"),
        out=str(around.aside),
        scratch=str(scratch),
        method=spec.method,
        lora=make_lora_job(method, facts),
        precision={"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}[around.precision.compute],
        device=around.device.type,
        threads=training.threads or (chosen.number if chosen else None),
        batch_size=training.batch_size,
        gradient_accumulation=training.gradient_accumulation,
        num_steps=num_steps,
        epochs=training.epochs,
        max_steps=training.max_steps,
        records_per_epoch=len(around.encoded.records),
        rates=[scheduled_rate(peak, step, num_steps, training) for step in range(1, num_steps + 1)],
        weight_decay=training.weight_decay,
        adam_beta1=training.adam_beta1,
        adam_beta2=training.adam_beta2,
        adam_epsilon=training.adam_epsilon,
        max_grad_norm=training.max_grad_norm,
        gradient_checkpointing=bool(training.gradient_checkpointing),
        seed=around.seed,
        longest=int(around.encoded.records.lengths.max()),
        as_it_comes=spec.as_it_comes,
        parent=os.getpid(),
        spawned=time.time(),
    )


def make_lora_job(method: Method, facts: InputFacts) -> LoraJob | None:
    """Return the shape of the adapters; None where the whole model trains."""
    if not isinstance(method, Lora):
        return None
    options = method.options
    return LoraJob(
        rank=options.lora_rank,
        alpha=options.lora_alpha or 2 * options.lora_rank,
        dropout=options.lora_dropout,
        targets=sorted({last_word(name) for name in method.targets(facts.shape)}),
        all_linear=options.lora_targets == (ALL_LINEAR,),
    )


def write_records(around: Around) -> None:
    """Write token ids and labels of every record of every step, in order; as it comes, those of one epoch."""
    records = around.encoded.records
    order: Iterator[int] = iter(range(len(records)))
    if not around.spec.as_it_comes:
        order = (i for plan in around.plans for micro_batch in plan.micro_batches for i in micro_batch)
    with (around.scratch / "records.jsonl").open("wb") as file:
        for number in order:
            file.write(msgspec.json.encode(label(records[number])) + b"\n")


def label(record: EncodedRecord) -> dict[str, list[int]]:
    """Return a record in the names that trainers know; -100 marks a token that carries no loss."""
    ids = record.token_ids
    labels = [token if on else -100 for token, on in zip(ids, record.trained, strict=True)]
    return {"input_ids": ids, "labels": labels}


def make_environment(around: Around, threads: int | None, temporary: str) -> dict[str, str]:
    """Return the variables of the trainer's process: off the network, and malloc as it comes."""
    kept = {name: value for name, value in clean_environment().items() if MEMORY_SETTINGS.get(name) != value}
    scratch = around.scratch
    folders = {
        "TMPDIR": temporary,
        "HF_DATASETS_CACHE": scratch / "datasets",
        "MODELSCOPE_CACHE": scratch,
    }
    number = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if threads}
    own = {name: str(folder) for name, folder in folders.items()}
    # As ours it has the first GPU alone, or none: some take all that they see, whatever they are told.
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    own["CUDA_VISIBLE_DEVICES"] = first if around.device.type == "cuda" else ""
    return kept | OFFLINE | number | own | dict(around.trainer.environment)


class Listener:
    """Makes events of a record from the lines that the trainer writes."""

    def __init__(self, around: Around, record: RecordWriter) -> None:
        self.around, self.record = around, record
        self.path = around.scratch / "events.jsonl"
        self.position = 0
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, int] = {}
        self.tree_bytes = 0  # the most that all its processes held together, until the training ended
        self.saved_at: float | None = None
        self.per_epoch = around.plans.steps_per_epoch

    def look(self, pid: int) -> None:
        """Read the lines that are new, and what the processes of the trainer hold."""
        if "train" not in self.seconds:
            self.tree_bytes = max(self.tree_bytes, tree_bytes(pid))
        self.read()

    def read(self) -> None:
        """Read the lines that are new; a half-written one waits."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.position)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self.position += len(whole)
        for line in whole.splitlines():
            told = msgspec.json.decode(line)
            getattr(self, f"hear_{told.pop('event')}")(**told)

    def hear_phase(self, name: Any, seconds: float, peak_bytes: Mapping[str, int]) -> None:
        """A phase is over; memory counts until the end of the training, as in our own runs."""
        if "train" not in self.seconds:
            self.peaks = {counter: max(self.peaks.get(counter, 0), n) for counter, n in peak_bytes.items()}
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.record.write(Phase(name=name, seconds=seconds, peak_bytes=dict(peak_bytes)))

    def hear_model(
        self, *, num_steps: int | None, threads: int, python: str, versions: dict[str, str], **told: Any
    ) -> None:
        """The training is about to begin: what trains, and on what."""
        around, facts = self.around, self.around.facts
        machine = describe_machine(around.device)
        self.record.write(
            Machine(facts=machine | {"threads": threads, "python": python, "versions": versions})
        )
        own, reason = around.spec.as_it_comes, around.precision.reason
        self.record.write(
            Model(
                name=facts.model_name,
                architecture=facts.shape.architecture,
                parameters=facts.shape.num_parameters,
                random_weights=facts.random_weights,
                toy=facts.toy,
                digest=facts.model_digest,
                shape={key: getattr(facts.shape, key) for key in SHAPE_KEYS},
                precision_reason=f"{around.trainer.title}'s own choice" if own else reason,
                flops_per_token=around.method.cost(facts.shape, facts.weight_bytes).flops_per_token,
                **told,
            )
        )
        steps = num_steps or len(around.plans)
        self.record.write(describe_data(facts, steps, around.spec.data.train_on))

    def hear_step(self, step: int, **told: Any) -> None:
        """A step is over."""
        self.record.write(Step(step=step, epoch=1 + (step - 1) // self.per_epoch, **told))

    def hear_saved(self, time: float) -> None:
        """The result lies on the disk."""
        self.saved_at = time

    def hear_done(self) -> None:
        """The trainer is through."""


def train_elsewhere(around: Around, listener: Listener) -> float:
    """Run the trainer's process to its end; returns the seconds from its start until its result was saved.

    Raises EndedError where it left none.
    """
    job = make_peer_job(around)
    # Not in the scratch: its workers meet at sockets there, whose paths may be no longer than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="laptime-", ignore_cleanup_errors=True) as temporary:
        code = _run_to_its_end(around, listener, job, temporary)
    listener.read()
    if code or listener.saved_at is None or not (around.aside / result_file(around.method)).exists():
        raise EndedError(code)
    return listener.saved_at - job.spawned


def _run_to_its_end(around: Around, listener: Listener, job: PeerJob, temporary: str) -> int:
    """Run the trainer's process, whose start is noted in `job`; returns its exit code."""
    file = around.scratch / "job.json"
    environment = make_environment(around, job.threads, temporary)
    job.spawned = time.time()
    file.write_bytes(msgspec.json.encode(job))
    command = [around.environment.python, str(START), str(file)]
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
    except OSError as error:
        why = error.strerror or str(error)
        raise UnavailableError(f"its Python {command[0]} cannot be started ({why})") from None
    end = End(process)
    try:
        while not end.wait(LOOK_SECONDS):
            listener.look(process.pid)
    except BaseException:
        process.kill()
        raise
    finally:
        end.close()
        code = process.wait()
    return code


def result_file(method: Method) -> str:
    """Return the name of the file without which there is no result."""
    return "adapter_config.json" if method.saved_kind == "adapter" else "config.json"


def run(job: RunJob, record: RecordWriter) -> None:
    """Do all of one run; the record tells how far it came."""
    around = look_around(job)
    meter = Meter(record, job.spawned)
    listener = Listener(around, record)
    scratch = around.scratch
    remove_folder(scratch)
    scratch.mkdir(parents=True)
    write_records(around)
    record.write(read_load("before"))
    energy = EnergyCounter(around.device)
    total_seconds = train_elsewhere(around, listener)
    counted = energy.finish(total_seconds)
    whole = "" if counted.joules is None else ", of the whole process"
    record.write(Energy(joules=counted.joules, source=counted.source + whole))
    record.write(read_load("after"))
    keep_result(around, record)
    meter.device = around.device
    judge_result(around, record, meter)
    peaks = listener.peaks | {"vm_hwm": max(listener.peaks.get("vm_hwm", 0), listener.tree_bytes)}
    record.write(
        Finished(
            train_seconds=listener.seconds.get("train"),
            total_seconds=total_seconds,
            wall_seconds=meter.wall_seconds(),
            peak_bytes=peaks,
        )
    )
    record.sync()


def keep_result(around: Around, record: RecordWriter) -> None:
    """Put the result in the place where those of all runs lie, and say what it is."""
    saved = around.folder / SAVED_FOLDER
    sync_tree(around.aside)
    around.aside.rename(saved)
    record.write(describe_result(around.method.saved_kind, saved))
    record.write(describe_files(saved))


def judge_result(around: Around, record: RecordWriter, meter: Meter) -> None:
    """Load the result, measure its held-out loss and ask it the questions, as with a result of our own."""
    if not around.encoded.held_out and not around.encoded.questions:
        return
    use_threads(around.job, None)
    model = around.method.load(around.load_base(), around.folder / SAVED_FOLDER, around.dtype)
    num_steps = len(around.plans)
    measure_held_out(around, Forward(model), record, meter, "after", num_steps=num_steps)
    ask_questions(around, model, record, meter)


def find_failure(error: BaseException, job: RunJob, record: RecordWriter, kills: int | None) -> Failed:
    """Return the last line of a run that failed."""
    folder = Path(job.folder)
    if isinstance(error, UnavailableError):
        return Failed(reason="unavailable", message=str(error))
    if isinstance(error, StoppedError):
        return Failed(reason="interrupted", message=str(error), signal=error.number)
    if isinstance(error, EndedError):
        told = read_record(folder)
        peaks = dict(told.phases[-1].peak_bytes) if told.phases else {}
        reason, message = explain(folder, error.code, None, peaks, kills)
        if reason == "error" and means_shortage(message):  # as its Python says it
            reason = "out_of_memory"
        if error.code == 0:
            message = "ended without a result"
        step = told.steps[-1].step if told.steps else None
        return Failed(reason=reason, message=f"{job.spec.trainer}: {message}", step=step, peak_bytes=peaks)
    assert isinstance(error, Exception)
    return describe_failure(error, record)


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into StoppedError."""

    def stop(number: int, frame: Any) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise StoppedError(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    yield


def main() -> None:
    """Run what the job file says; exit code 1 when the run failed."""
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=RunJob)
    record, kills = RecordWriter(Path(job.folder)), count_oom_kills()
    quiet_libraries()
    try:
        with stoppable():
            run(job, record)
    except (Exception, StoppedError) as error:
        with suppress(OSError):  # a full disk takes neither log nor record
            record.write(find_failure(error, job, record, kills))
        if not isinstance(error, (UnavailableError, StoppedError, EndedError, UserError)):
            print_traceback(type(error), error, error.__traceback__)
        sys.exit(128 + error.number if isinstance(error, StoppedError) else 1)
    finally:
        shutil.rmtree(Path(job.folder) / SCRATCH_FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
