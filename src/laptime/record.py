"""All that one run left behind: events appended to `record.jsonl`, one JSON object a line.

The record is the border of the project: what measures writes it, what reads it imports no torch.
`docs/record.md` documents every event. A line is flushed as soon as it is written, so a killed run
keeps all that it had measured; a half-written last line is ignored by the reader.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from laptime.errors import UserError
from laptime.untrusted import check_inside, check_name, parse, read_whole

try:
    import fcntl
except ImportError:  # Windows: nobody waits
    fcntl = None  # type: ignore[assignment]

VERSION = 1
FILE_NAME = "record.jsonl"
MOST_ROUNDS = 1000  # of a comparison

Role = Literal["measured", "base", "ablation"]  # ablation: a speedup is switched off to see what it gives
CheckName = Literal["parameters", "loss", "reload"]
FailureReason = Literal["out_of_memory", "not_finite", "killed", "hung", "interrupted", "refused", "error"]


class Event(Struct, kw_only=True, tag_field="event"):
    """One line of a record; `time` is seconds since 1970."""

    time: float = 0.0


class Started(Event, tag="started", kw_only=True):
    """The first line: which run this is. `spec` is the resolved RunSpec."""

    version: int = VERSION
    laptime: str
    run: str
    method: str
    round: int
    role: Role = "measured"
    spec: dict[str, Any]
    command: list[str] = []


class Machine(Event, tag="machine", kw_only=True):
    """What the run ran on: names, counts and versions, no secrets and no user names."""

    facts: dict[str, Any]


class Memory(Event, tag="memory", kw_only=True):
    """What the run will hold by estimate, beside what it may have; None where that is not known.

    `would_fit` are changes that need less, each with its estimate: "--batch-size 1 (3.4 GB)".
    """

    device: Literal["cpu", "cuda"]
    available_bytes: int | None
    needed_bytes: int
    fixed_bytes: int  # of them weights, gradients, masters, moments
    would_fit: list[str] = []


class Model(Event, tag="model", kw_only=True):
    """What is trained: parameters, precision with its reason, the base's digest."""

    name: str
    architecture: str
    parameters: int
    trainable_parameters: int
    random_weights: bool
    toy: bool = False  # the built-in model: for trying the tool only
    digest: str  # of the base's configuration and weights
    shape: dict[str, Any] = {}
    compute_dtype: str  # bfloat16, float16, float32
    trained_dtype: str  # precision in which the optimizer keeps what it trains
    precision_reason: str
    attention: str = ""
    device: str
    learning_rate: float
    notes: list[str] = []
    flops_per_token: float | None = None  # forward and backward, from shapes alone


class Speedup(Event, tag="speedup", kw_only=True):
    """What became of one speedup; `claims` is against the same run without it.

    `note` says what it did or, where it did not run, why not. `part` is what of the run it makes shorter.
    """

    name: str
    claims: Literal["bitwise", "rounding", "different"]
    ran: bool
    note: str
    part: Literal["step", "load", "save"] = "step"
    reused: int = 0  # records whose work an earlier run had left, so that this run's time lacks it


class Data(Event, tag="data", kw_only=True):
    """What it is trained on; tokens are those of one epoch."""

    name: str
    digest: str
    template: str
    num_records: int
    num_held_out: int
    num_tokens: int
    num_trained_tokens: int
    num_cut: int
    num_steps: int
    loss_on: str = "answers"


class Load(Event, tag="load", kw_only=True):
    """The state of the machine when the measured part begins or ends (`when`)."""

    when: Literal["before", "after"]
    load_average: float | None = None  # runnable tasks over the last minute
    cores: int = 0
    swapped_pages: int | None = None  # in and out since boot
    throttle_count: int | None = None  # thermal throttle events since boot, all cores
    clock_mhz: float | None = None


class Phase(Event, tag="phase", kw_only=True):
    """A part of the run that is over; `peak_bytes` holds the counters at its end."""

    name: Literal[
        "import", "encode", "load", "prepare", "warm_up", "train", "checkpoint", "save", "evaluate",
        "answer", "check",
    ]  # fmt: skip
    seconds: float
    peak_bytes: dict[str, int] = {}


class Step(Event, tag="step", kw_only=True):
    """One optimizer step; `loss` is the mean over its trained tokens, before the update.

    `digest` proves the work: it covers token ids and trained positions of every record of the step.
    `tokens` counts without padding, `padded_tokens` with it.
    """

    step: int
    epoch: int
    loss: float | None
    learning_rate: float
    grad_norm: float | None = None
    seconds: float
    trained_tokens: int
    tokens: int
    padded_tokens: int
    digest: str
    parts: dict[str, float] = {}  # seconds: data, forward, backward, optimizer
    skipped: bool = False  # fp16: the scaler found an overflow and left the weights alone


class Checkpoint(Event, tag="checkpoint", kw_only=True):
    """A checkpoint was written after `step`, or could not be (`error`, "" where it was).

    `path` is relative to the run's folder. `seconds` count neither as training nor as a step.
    """

    step: int
    seconds: float
    num_bytes: int = 0
    path: str = ""
    error: str = ""


class Resumed(Event, tag="resumed", kw_only=True):
    """The run goes on after `step`; what an earlier attempt did beyond it is done again and counts no more.

    `unusable` says of every newer checkpoint what is wrong with it; `changed` what differs from the
    machine and the versions that wrote the checkpoint: with none, the run goes on bit by bit.
    """

    step: int
    from_checkpoint: str
    seconds_before: float  # of training, up to the checkpoint
    unusable: list[str] = []
    changed: list[str] = []


class Evaluation(Event, tag="evaluation", kw_only=True):
    """Mean loss over the trained tokens of the held-out set, before or after training."""

    when: Literal["before", "after"]
    loss: float
    num_tokens: int


class Answer(Event, tag="answer", kw_only=True):
    """One greedy answer. `stopped` says whether it ended itself or was cut at the token limit."""

    question: str
    text: str
    reference: str | None = None
    source: Literal["asked", "held_out", "trained"]
    num_tokens: int
    stopped: Literal["end_of_sequence", "length"]


class Saved(Event, tag="saved", kw_only=True):
    """What the user keeps; `path` is relative to the run's folder."""

    kind: Literal["adapter", "model"]
    path: str
    num_bytes: int
    files: dict[str, int]


class Energy(Event, tag="energy", kw_only=True):
    """Energy over the training phase, or why there is no figure."""

    joules: float | None = None
    source: str = "not measured"


class Check(Event, tag="check", kw_only=True):
    """What a self-check of the trained result found; `passed` is None where it could not be made.

    `parameters`: the trained tensors changed and no others did. `loss`: that of training records fell.
    `reload`: the saved result, loaded again, is the trained model. `note` says it with figures.
    """

    name: CheckName
    passed: bool | None
    note: str
    values: dict[str, float] = {}


class Finished(Event, tag="finished", kw_only=True):
    """The last line of a run that did all it should.

    `total_seconds` = import + load + prepare + warm_up + train + checkpoint + save: what a user waits for
    the result. `wall_seconds` is the whole process, evaluation and answers included.
    """

    train_seconds: float | None
    total_seconds: float
    wall_seconds: float
    peak_bytes: dict[str, int]


class Failed(Event, tag="failed", kw_only=True):
    """The last line of a run that did not; written by the run itself or by whoever found it dead."""

    reason: FailureReason
    message: str
    step: int | None = None
    signal: int | None = None  # that the run was stopped by, and that it obeyed
    peak_bytes: dict[str, int] = {}


AnyEvent = (
    Started
    | Machine
    | Memory
    | Model
    | Speedup
    | Data
    | Load
    | Phase
    | Step
    | Checkpoint
    | Resumed
    | Evaluation
    | Answer
    | Saved
    | Energy
    | Check
    | Finished
    | Failed
)
_decoder = msgspec.json.Decoder(AnyEvent)


class RecordWriter:
    """Appends events to a run's record; every line is on its way to the disk when `write` returns.

    What a killed writer left of its last line is cut off. With `alone` it first waits until no other
    process that asked for the same is left: one whose parent died may still be saving.
    """

    def __init__(self, folder: Path, alone: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._file = self.path.open("ab", buffering=0)
        if alone and fcntl is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        if (whole := count_whole_bytes(self.path)) < self.path.stat().st_size:
            os.truncate(self.path, whole)

    def write(self, event: Event) -> None:
        """Append `event`, stamped with the present time unless it has one."""
        event.time = event.time or time.time()
        left = memoryview(msgspec.json.encode(event) + b"\n")
        while left:  # a write to a disk that is nearly full may be short
            left = left[self._file.write(left) :]

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def count_whole_bytes(path: Path) -> int:
    """Return where the last complete line of a record ends."""
    return path.read_bytes().rfind(b"\n") + 1


def wait_for_writer(folder: Path, seconds: float = 900.0) -> None:
    """Wait until no process writes the record in `folder`; raises UserError when one does for too long."""
    if fcntl is None or not (folder / FILE_NAME).exists():
        return
    deadline = time.monotonic() + seconds
    with (folder / FILE_NAME).open("rb") as file:
        while not try_lock(file):
            if time.monotonic() > deadline:
                raise UserError(f"{folder}: another process still works on this run; end it first")
            time.sleep(0.05)


def try_lock(file: Any) -> bool:
    """Lock an open file; False where another process has done so."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class RunRecord(Struct):
    """The events of one run, sorted by kind; `folder` is where they lie."""

    folder: Path
    started: Started
    machine: Machine | None = None
    memory: Memory | None = None
    model: Model | None = None
    data: Data | None = None
    saved: Saved | None = None
    energy: Energy | None = None
    finished: Finished | None = None
    failed: Failed | None = None
    speedups: list[Speedup] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    resumptions: list[Resumed] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def status(self) -> Literal["finished", "failed", "unfinished"]:
        """Say how the run ended, if it did; one that was stopped has not: it goes on where it stands."""
        if self.failed and self.failed.reason == "interrupted":
            return "unfinished"
        if self.failed:
            return "failed"
        return "finished" if self.finished else "unfinished"

    def phase_seconds(self) -> dict[str, float]:
        """Return the seconds of each phase, summed by name."""
        seconds: dict[str, float] = {}
        for phase in self.phases:
            seconds[phase.name] = seconds.get(phase.name, 0.0) + phase.seconds
        return seconds


_LISTS = {
    Speedup: "speedups",
    Load: "loads",
    Phase: "phases",
    Step: "steps",
    Checkpoint: "checkpoints",
    Resumed: "resumptions",
    Evaluation: "evaluations",
    Answer: "answers",
    Check: "checks",
}


def decode_events(content: bytes) -> list[AnyEvent]:
    """Decode the complete lines of a record; a half-written last line is left out."""
    complete = content[: content.rfind(b"\n") + 1]
    return [_decoder.decode(line) for line in complete.splitlines() if line.strip()]


def read_record(folder: Path) -> RunRecord:
    """Read the record in `folder`; raises UserError when there is none or it is of another version."""
    path = folder / FILE_NAME
    try:
        content = read_whole(path)
    except FileNotFoundError:
        raise UserError(f"{folder}: no {FILE_NAME} here; give the folder of a run") from None
    events = parse(path, "a record", lambda: decode_events(content))
    if not events or not isinstance(events[0], Started):
        raise UserError(f"{path}: the record has no first line; the run ended before it began")
    if events[0].version != VERSION:
        raise UserError(f"{path}: record version {events[0].version}; this laptime reads {VERSION}")
    check_name(events[0].run, path)
    if not 0 <= events[0].round <= MOST_ROUNDS:
        raise UserError(f"{path}: round {events[0].round} of a run that has at most {MOST_ROUNDS}")
    record = RunRecord(folder=folder, started=events[0])
    for event in events[1:]:
        if isinstance(event, Saved):
            check_inside(event.path, path)
        _file_event(record, event)
    return record


def _file_event(record: RunRecord, event: AnyEvent) -> None:
    """Put `event` in its place in `record`."""
    if isinstance(event, Resumed):
        go_back(record, event.step)
    if name := _LISTS.get(type(event)):
        getattr(record, name).append(event)
    else:
        setattr(record, type(event).__name__.lower(), event)


def go_back(record: RunRecord, step: int) -> None:
    """Drop what an attempt did beyond `step`, and all that the one which goes on from there does anew."""
    record.steps = [one for one in record.steps if one.step <= step]
    record.checkpoints = [one for one in record.checkpoints if one.step <= step]
    done_again: list[list[Any]] = [
        record.speedups, record.loads, record.phases, record.evaluations, record.answers, record.checks
    ]  # fmt: skip
    for events in done_again:
        events.clear()
    record.saved = record.energy = record.finished = record.failed = None
