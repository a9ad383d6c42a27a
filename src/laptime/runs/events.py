"""The events of a run's record: one JSON object a line, documented in `docs/record.md`."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from laptime.spec import OURS

VERSION = 3  # with runs of other trainers

# ablation: a speedup is switched off to see what it gives; between: on the way from one row to another;
# tuning: with a learning rate that is tried before the race.
Role = Literal["measured", "base", "ablation", "between", "tuning"]
CheckName = Literal["parameters", "loss", "reload"]
FailureReason = Literal[
    "out_of_memory",
    "not_finite",
    "killed",
    "hung",
    "left",
    "unreachable",
    "disk_full",
    "interrupted",
    "refused",
    "unavailable",
    "error",
]


class Event(Struct, kw_only=True, tag_field="event"):
    """One line of a record; `time` is seconds since 1970."""

    time: float = 0.0


class Started(Event, tag="started", kw_only=True):
    """The first line: which run this is, of which comparison ("" for none).

    `spec` is the resolved RunSpec. `contestant` is its name in the comparison where a method races against
    itself ("lora-2"); "" where that is the method's.
    """

    version: int = VERSION
    laptime: str
    run: str
    method: str
    round: int
    role: Role = "measured"
    spec: dict[str, Any]
    command: list[str] = []
    comparison: str = ""
    contestant: str = ""

    @property
    def name(self) -> str:
        """Who runs: the name of the row."""
        return self.contestant or self.method

    @property
    def trainer(self) -> str:
        """Who trains; records of earlier versions name none."""
        return str(self.spec.get("trainer", OURS))


class Machine(Event, tag="machine", kw_only=True):
    """What the run ran on: names, counts and versions, no secrets and no user names."""

    facts: dict[str, Any]


class Memory(Event, tag="memory", kw_only=True):
    """What the run will hold by estimate, beside what it may have; None where that is not known.

    `would_fit` are changes that need less, each with its estimate: "--batch-size 1 (3.4 GB)". `micro_batch`
    is how many examples go through at once where those of --batch-size would not fit; 0: a step is not cut.
    """

    device: Literal["cpu", "cuda"]
    available_bytes: int | None
    needed_bytes: int
    fixed_bytes: int  # of them weights, gradients, masters, moments
    would_fit: list[str] = []
    micro_batch: int = 0


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


class SpeedupRun(Event, tag="speedup", kw_only=True):
    """What became of one speedup; `claims` is against the same run without it.

    `note` says what it did or, where it did not run, why not. `part` is what of the run it makes shorter.
    """

    name: str
    claims: Literal["bitwise", "rounding", "different"]
    ran: bool
    note: str
    part: Literal["step", "load", "save"] = "step"
    reused: int = 0  # examples whose work an earlier run had left, so that this run's time lacks it


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
    notes: list[str] = []  # what was left out, cut or counted
    num_skipped: int = 0  # examples that cannot be trained on, left out with --skip-bad
    chat_template: str = (
        ""  # given in the place of the tokenizer's own: chatml, llama3, or the name of its file
    )


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
        "answer", "check", "keep",
    ]  # fmt: skip
    seconds: float
    peak_bytes: dict[str, int] = {}


class Step(Event, tag="step", kw_only=True):
    """One optimizer step; `loss` is the mean over its trained tokens, before the update.

    `digest` proves the work: it covers token ids and trained positions of every example of the step.
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
    loss_scale: float | None = None  # fp16: what the loss was multiplied with


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
    `left_out` names the lines of the record that were damaged, and where they are kept. `restart` counts the
    attempts that nobody asked for but `--max-restarts`, `restarted_after` says what had ended the one before.
    """

    step: int
    from_checkpoint: str
    seconds_before: float  # of training, up to the checkpoint
    unusable: list[str] = []
    changed: list[str] = []
    left_out: list[str] = []
    restart: int = 0
    restarted_after: str = ""


class Damaged(Event, tag="damaged", kw_only=True):
    """Stands in the place of a line that was not as it was written; the file as it was is in `kept_in`."""

    line: int
    why: str
    kept_in: str


class Evaluation(Event, tag="evaluation", kw_only=True):
    """Mean loss over the trained tokens of the held-out set, before or after training.

    `sums` and `counts` are the losses, added up, and the trained tokens of each group of examples.
    """

    when: Literal["before", "after"]
    loss: float
    num_tokens: int
    sums: list[float] = []
    counts: list[int] = []


class Moment(Event, tag="moment", kw_only=True):
    """The held-out loss that the training had come to after `step` and `train_seconds` of it.

    The weights were kept there, which took `num_bytes` of the disk, and evaluated after the clock; the last
    moment is the result itself. `error` says why there is no loss.
    """

    step: int
    train_seconds: float
    num_bytes: int = 0
    loss: float | None = None
    error: str = ""


class General(Event, tag="general", kw_only=True):
    """Mean loss over the tokens of general texts called `name`; `sums` and `counts` are of each text."""

    name: str
    loss: float
    sums: list[float]
    counts: list[int]


class GeneralAnswer(Event, tag="general_answer", kw_only=True):
    """A short greedy answer to a question that has nothing to do with the data; `stopped` as of an answer."""

    question: str
    text: str
    num_tokens: int
    stopped: Literal["end_of_sequence", "length"]


class Answering(Event, tag="answering", kw_only=True):
    """How far the answering has come, at most every other second.

    `answered` of `num_questions` have their answer; of those that are answered `together` each has `tokens`
    of at most `most_tokens`.
    """

    num_questions: int
    answered: int
    together: int
    tokens: int
    most_tokens: int


class Answer(Event, tag="answer", kw_only=True):
    """One greedy answer. `stopped` says whether it ended itself or was cut at the token limit."""

    question: str
    text: str
    reference: str | None = None
    source: Literal["asked", "held_out", "trained"]
    num_tokens: int
    stopped: Literal["end_of_sequence", "length"]


class Saved(Event, tag="saved", kw_only=True):
    """What the user keeps; `path` is relative to the run's folder.

    `kept` is the name under which what somebody else had put in its place is kept.
    """

    kind: Literal["adapter", "model"]
    path: str
    num_bytes: int
    files: dict[str, int]
    kept: str = ""


class Digests(Event, tag="digests", kw_only=True):
    """The SHA-256 of each file of what was saved at `path`, read back from the disk."""

    path: str
    sha256: dict[str, str]


class Energy(Event, tag="energy", kw_only=True):
    """Energy over the training phase, or why there is no figure."""

    joules: float | None = None
    source: str = "not measured"


class RankUse(Event, tag="rank", kw_only=True):
    """What one of several processes that trained together held and did; a line for each, after the training.

    `exchange_seconds`, of the training, are those in which it gave its gradients to the others and waited for
    them; it computed in the rest. Where a run was resumed both are of its last process. `parameters` are what
    it holds of the model between two steps: fewer than all where the weights are spread.
    """

    rank: int
    device: str
    name: str = ""  # of a GPU
    host: str = ""  # its machine, where a launcher has started the processes
    train_seconds: float
    exchange_seconds: float
    parameters: int | None = None
    peak_bytes: dict[str, int] = {}

    @property
    def compute_seconds(self) -> float:
        """The seconds of training in which it did not exchange."""
        return max(0.0, self.train_seconds - self.exchange_seconds)


class Check(Event, tag="check", kw_only=True):
    """What a self-check of the trained result found; `passed` is None where it could not be made.

    `parameters`: the trained tensors changed and no others did. `loss`: that of training examples fell.
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
    | SpeedupRun
    | Data
    | Load
    | Phase
    | Step
    | Checkpoint
    | Resumed
    | Damaged
    | Evaluation
    | Moment
    | General
    | GeneralAnswer
    | Answer
    | Answering
    | Saved
    | Digests
    | Energy
    | RankUse
    | Check
    | Finished
    | Failed
)
