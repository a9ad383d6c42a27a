"""What a comparison found: the content of `comparison.json`, documented in docs/record.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

from msgspec import Struct

from laptime.comparison.devices import RankResult, count_devices
from laptime.comparison.quality_figures import Front, TimeToQuality
from laptime.errors import UserError
from laptime.runs.events import CheckName
from laptime.runs.plan import Foretold, RoundsEnd
from laptime.spec import OURS
from laptime.util.sealed_file import DamagedFileError, read_sealed, write_sealed
from laptime.util.untrusted import tell_absent

T = TypeVar("T")
UNREADABLE = "unreadable"  # the reason of a failure: the record is damaged, and the run is done anew
VERSION = 3
FILE_NAME = "comparison.json"

Verdict = Literal[
    "faster", "slower", "about_the_same", "not_settled", "one_round", "unequal_work", "not_measured"
]
# Why --rounds auto added no further round: the interval is narrow enough, the most rounds, --minutes, no room
# on the disk, or no ratio that further rounds could settle. "" where the number of rounds was given.
# Why a contestant has no ratio to itself in an older comparison.
NoRatio = Literal[
    "", "not_finished", "not_finished_before", "other_machine", "other_precision", "other_parameters",
    "other_work", "unproven_work",
]  # fmt: skip


class Failure(Struct, kw_only=True):
    """A run that failed: its round, its reason and its one line."""

    run: str
    round: int
    reason: str
    message: str


class Score(Struct, kw_only=True):
    """Likeness of answers to their references over `num_questions`; both figures run from 0 to 100."""

    chrf: float
    exact_match: float
    num_questions: int


class MethodAnswer(Struct, kw_only=True):
    """The answer of one method (or of the base) to one question; scores against the reference, if any."""

    text: str
    num_tokens: int
    stopped: Literal["end_of_sequence", "length"]
    chrf: float | None = None
    exact: bool | None = None


class QuestionAnswers(Struct, kw_only=True):
    """One question with the answers of the base and of every method, in the first finished round.

    `source` says what a good answer shows: "trained" is memorisation, "held_out" generalisation,
    "asked" neither, unless the question stands in one of the two sets (then it has that source).
    `alike` holds the chrF likeness of the answers of each pair of methods ("full,lora": 97.2).
    """

    question: str
    source: Literal["asked", "held_out", "trained"]
    reference: str | None
    answers: dict[str, MethodAnswer]  # by method name, and "base"
    alike: dict[str, float] = {}


class SpeedupResult(Struct, kw_only=True):
    """What became of one speedup in a method's first finished run; `note` says what it did or why not.

    `claims` is what it says of itself: the same to the bit, the same but for rounding, or different.
    """

    name: str
    claims: Literal["bitwise", "rounding", "different"]
    ran: bool
    note: str
    rounds_ran: list[int]


class CheckResult(Struct, kw_only=True):
    """What a self-check found, in the worst of a method's finished runs; `passed` None: it was not made.

    `records` are the examples whose loss was looked at, in the run that looked at the fewest: 0 for other
    checks.
    """

    name: CheckName
    passed: bool | None
    note: str
    records: int = 0


class MethodResult(Struct, kw_only=True):
    """One row of the table: `name` is the contestant's, which runs `method`.

    Lists by round hold the compared rounds in order, single numbers are medians over them. `rounds` are all
    that finished. A method that did not finish the rounds that the others did has no times.
    """

    name: str
    method: str
    summary: str
    status: Literal["finished", "partly_failed", "failed", "unfinished"]  # unfinished: no run has ended yet
    rounds: list[int]
    failures: list[Failure]
    train_seconds: float | None
    train_seconds_by_round: list[float]
    total_seconds: float | None
    total_seconds_by_round: list[float]
    phase_seconds: dict[str, float]  # median over rounds, in the order in which they happen
    step_part_seconds: dict[str, float]  # steady step: data, forward, backward, optimizer
    first_step_seconds: float | None
    steady_step_seconds: float | None  # median over all steps but the first
    tokens_per_second: float | None  # tokens without padding, per second of training
    peak_bytes: (
        int | None
    )  # the right counter for the device: VmHWM or CUDA allocated; the highest of any rank
    peak_bytes_kind: str  # which counter that was
    peak_bytes_all: dict[str, int]
    peak_bytes_by_round: list[int] = []
    trainable_parameters: int | None
    parameters: int | None
    saved_bytes: int | None
    saved_kind: Literal["adapter", "model"] | None
    saved_paths: list[str]  # relative to the comparison's folder, one a finished round of all
    learning_rate: float | None
    compute_dtype: str | None
    trained_dtype: str | None
    precision_reason: str | None
    flops_per_token: float | None
    method_options: dict[str, Any]
    differs: dict[str, Any] = {}  # a contestant's own options, as the user gave them
    train_losses: list[float | None]  # by step, in the first finished round
    step_seconds: list[float]  # the same
    train_losses_by_round: dict[int, list[float | None]]
    final_train_loss: float | None  # mean over the last epoch, median of rounds
    held_out_loss: float | None  # median of rounds
    held_out_loss_by_round: list[float]
    energy_joules: float | None
    energy_source: str
    memorisation: Score | None
    generalisation: Score | None
    notes: list[str] = []
    speedups: list[SpeedupResult] = []
    checks: list[CheckResult] = []
    ranks: list[RankResult] = []  # where several processes trained together, each on a device of its own
    fixed_bytes: int | None = None  # of the peak, by estimate: weights, gradients, masters, moments

    @property
    def devices(self) -> str:
        """On how many devices it trained, and which: "2× Tesla T4", or "1"."""
        return count_devices(self.ranks)

    @property
    def adds_memory(self) -> bool:
        """Whether its processes took their memory from that of processors, where it adds up."""
        return bool(self.ranks) and all(rank.device == "cpu" for rank in self.ranks)

    @property
    def held_bytes(self) -> int | None:
        """What it took at its peak of the memory of one GPU, or of one machine's processors.

        What processes on processors share (files in the page cache) counts in each of them.
        """
        if not self.adds_memory or any(rank.peak_bytes is None for rank in self.ranks):
            return self.peak_bytes
        hosts = {rank.host for rank in self.ranks}
        return max(sum(r.peak_bytes or 0 for r in self.ranks if r.host == host) for host in hosts)

    @property
    def is_spread(self) -> bool:
        """Whether each of its devices held a part of the weights, and none all of them."""
        held = [rank.parameters for rank in self.ranks]
        return bool(held) and all(part is not None and part < (self.parameters or 0) for part in held)

    @property
    def hides_gathering(self) -> bool:
        """Whether its weights were gathered beside the computing, as on GPUs, and no time tells how long."""
        return self.is_spread and any(rank.device != "cpu" for rank in self.ranks)

    @property
    def trainer(self) -> str:
        """Who trained it."""
        return str(self.differs.get("trainer", OURS))


class Variant(Struct, kw_only=True):
    """A method with one speedup switched off (`without`; "plain" for all) against the method as it is.

    `ratio` is seconds of a steady step without over seconds with: above 1 the speedup pays. `also_off`
    names what did not run either, since it works inside the one that was switched off.
    """

    without: str
    also_off: list[str]
    step_seconds: float | None  # median
    step_seconds_by_round: list[float]  # of the rounds that all variants finished
    ratio: float | None
    interval: tuple[float, float] | None
    confidence: float | None = None
    verdict: Verdict
    failures: list[Failure]


class Ablation(Struct, kw_only=True):
    """What each speedup contributes to a steady step of one method on this machine."""

    method: str
    step_seconds: float | None  # with all that run
    variants: list[Variant]


class HeldOutDifference(Struct, kw_only=True):
    """By how much the held-out loss of `first` is above that of `second`, and the error of that.

    The standard error is that of the held-out set: over its groups of examples, of which other ones would
    have given another difference. None for fewer than FEWEST_GROUPS.
    """

    first: str
    second: str
    difference: float
    standard_error: float | None
    num_groups: int


class Forgetting(Struct, kw_only=True):
    """The loss of a row on general texts beside that of the base; a rise means that something is forgotten.

    `standard_error` is that of the difference over the texts, None for too few. `answer_distance` is how far
    its answers to `num_questions` questions that have nothing to do with the data lie from those of the base:
    100 less their likeness in chrF, in the mean of the questions, with `answer_error` as its standard error.
    """

    contestant: str
    texts: str  # how they are called
    base_loss: float
    loss: float
    difference: float
    standard_error: float | None
    answer_distance: float | None = None
    answer_error: float | None = None
    num_questions: int = 0


class TriedRate(Struct, kw_only=True):
    """A learning rate that was tried, and the held-out loss that it led to; None where it led to none."""

    rate: float
    loss: float | None


class Tuning(Struct, kw_only=True):
    """The learning rates that were tried for a row before the race, in order, and which it races with.

    `is_bracketed`: rates on both sides of the best are worse. `seconds` is what trying took.
    """

    contestant: str
    default_rate: float
    tried: list[TriedRate]
    chosen: float | None
    is_bracketed: bool
    seconds: float


class Cause(Struct, kw_only=True):
    """A thing in which two contestants differ, from `first` to `second`, and the seconds that it saves.

    `seconds` are of the whole process, in the mean of the rounds and of the orders in which things changed;
    `parts` split them. `ratio` is seconds before over seconds behind the change.
    """

    name: str  # an option, a speedup, "method" or "trainer"
    option: str
    first: Any
    second: Any
    seconds: float
    seconds_by_order: list[float]
    ratio: float | None
    interval: tuple[float, float] | None
    confidence: float | None = None
    verdict: Verdict
    parts: dict[str, float]


class Explanation(Struct, kw_only=True):
    """What the second of two contestants saves against the first and by what; the causes add up to it.

    `seconds` are the means of both over `rounds`. `reason` says why there are no causes: nothing_differs,
    unequal_work, or not_finished, where the runs of `lacking` have not come to their end.
    """

    first: str
    second: str
    rounds: list[int] = []
    seconds: tuple[float, float] | None = None
    causes: list[Cause] = []
    reason: Literal["", "nothing_differs", "unequal_work", "not_finished"] = ""
    lacking: list[str] = []


class Pair(Struct, kw_only=True):
    """Two rows compared, paired by round: ratio = seconds of `slower` over seconds of `faster`.

    `slower` and `faster` are named by the point estimate; `verdict` says whether it is shown. An interval is
    Student's on the log ratios; its confidence is higher where several pairs are judged together, or where
    the rounds went on until it was narrow. One round has none. `more_rounds` estimates how many more would
    settle what is not settled. `equal_runs`: both are the same method with the same options.
    """

    faster: str
    slower: str
    equal_runs: bool = False
    num_rounds: int
    train_ratio: float | None
    train_interval: tuple[float, float] | None
    train_confidence: float | None
    verdict: Verdict
    more_rounds: int | None = None
    total_ratio: float | None
    total_interval: tuple[float, float] | None
    total_confidence: float | None
    total_verdict: Verdict
    arithmetic_ratio: float | None = None  # of floating-point operations, from shapes alone


class SetBeside(Struct, kw_only=True):
    """A contestant beside itself in an older comparison: ratio = seconds now over seconds before.

    Seconds are medians over `rounds` and `rounds_before`, which are not paired: intervals are Welch's on the
    logs. A verdict of "slower" means slower now. `reason` says why there is no ratio.
    """

    contestant: str
    reason: NoRatio = ""
    rounds: int
    rounds_before: int
    train_seconds: float | None
    train_seconds_before: float | None
    train_ratio: float | None
    train_interval: tuple[float, float] | None
    train_confidence: float | None
    verdict: Verdict
    total_seconds: float | None
    total_seconds_before: float | None
    total_ratio: float | None
    total_interval: tuple[float, float] | None
    total_confidence: float | None
    total_verdict: Verdict


class Change(Struct, kw_only=True):
    """What is not as it was: a version, a fact of the machine, or of how `contestants` run; None: not there.

    A speedup is called "speedup NAME", and has run (True) or not.
    """

    name: str
    before: Any
    now: Any
    contestants: list[str]


class Against(Struct, kw_only=True):
    """The same job in an older comparison: which one, each contestant beside itself, and what has changed."""

    id: str
    folder: str  # as it was named
    created: float  # seconds since 1970
    laptime: str
    rows: list[SetBeside]
    changes: list[Change]


class Finding(Struct, kw_only=True):
    """Something a reader must know: a difference in the work, or a flag on the measurement.

    `level`: "wrong" (a self-check failed), "unequal" (no headline ratio), "stated" (can't be equal;
    printed), "flag" (noise).
    `code` and `values` let a report say it in its own language; `text` is the English sentence.
    """

    level: Literal["wrong", "unequal", "stated", "flag"]
    code: str
    text: str
    values: dict[str, Any] = {}


class ComparisonResult(Struct, kw_only=True):
    """A whole comparison, as far as it has come."""

    version: int = VERSION
    laptime: str
    created: float  # seconds since 1970
    complete: bool  # every planned run has ended
    planned_rounds: int
    rounds_end: RoundsEnd = ""  # why --rounds auto added no more
    compared_rounds: list[int]  # that every figure set beside another is made of
    base: MethodResult | None
    methods: list[MethodResult]
    pairs: list[Pair]
    questions: list[QuestionAnswers]
    findings: list[Finding]
    order: list[str]  # the runs in the order in which they ran: "lora-1", ...
    quality_claim: Literal["none", "these_runs", "shown"]  # none: no held-out set; shown: 3 seeds or more
    model: dict[str, Any]  # name, architecture, parameters, digest, toy, random_weights, shape
    data: dict[str, Any]  # name, digest, template, counts of examples and tokens, encode_seconds
    training: dict[str, Any]  # the resolved TrainingSpec
    machine: dict[str, Any]
    repeat_command: str
    spec: dict[str, Any]  # the resolved CompareSpec
    ablation: list[Ablation] = []  # one a method, where it was asked for
    held_out_differences: list[HeldOutDifference] = []
    forgetting: list[Forgetting] = []
    time_to_quality: TimeToQuality | None = None  # where --target-loss was given
    fronts: list[Front] = []  # which rows no other one beats, by cost
    tuning: list[Tuning] = []  # one a row, where learning rates were tried
    explanation: Explanation | None = None  # of two contestants, where it was asked for
    against: Against | None = None  # an older comparison, where one was named
    foretold: dict[str, Foretold] = {}  # by row: what it was to take, by past runs of the machine

    @property
    def is_single(self) -> bool:
        """Whether this is one training that is compared with nothing, not even with its base."""
        return self.base is None and self.planned_rounds == 1 and len(self.methods) == 1


def write_result(folder: Path, result: ComparisonResult) -> Path:
    """Write `comparison.json` and return its path; raises UserError where a user's file is called so."""
    refuse_foreign_result(folder)
    return write_sealed(folder / FILE_NAME, result)


def read_result(folder: Path) -> ComparisonResult:
    """Read `comparison.json` from `folder`; raises UserError when it is absent or of another version."""
    return _read(folder, ComparisonResult)


class MethodOutline(Struct):
    """The finished rounds of a method."""

    name: str
    rounds: list[int]


class Outline(Struct):
    """What `comparison.json` of any version tells of the runs that it was made from."""

    order: list[str]
    methods: list[MethodOutline]
    version: int = 1


def read_outline(folder: Path) -> Outline:
    """Read the runs that `comparison.json` in `folder` was made from; raises UserError when it is none."""
    return _read(folder, Outline)


def refuse_foreign_result(folder: Path) -> None:
    """Raise UserError where a file of a user's is called as the result will be."""
    path = folder / FILE_NAME
    if os.path.lexists(path):
        try:
            read_outline(folder)
        except DamagedFileError:
            raise
        except UserError:
            raise UserError(f"{path}: not written by laptime; move it away, then repeat") from None


def _read(folder: Path, kind: type[T]) -> T:
    path = folder / FILE_NAME
    try:
        return read_sealed(
            path, kind, "a comparison", "move it away: laptime report makes it anew from the records"
        )
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(tell_absent(folder, FILE_NAME, "a comparison")) from None
