"""All that determines one run or one comparison, and the one strict reader of it.

Each option lives in the class that it configures, with its default, its bounds and its help in one
place: the command line, `--config` files, the record and the report are all made from these fields.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from laptime.errors import UserError, ask_for_quotes, check_path, show_value, suggest

DEFAULT_MOMENTS = 8  # of a training, at which its held-out loss is looked at
AUTO: Literal["auto"] = "auto"  # of --rounds: as many as it takes
BUILTIN = "builtin"  # the name of the toy model and of the ten examples that ship with the package


OURS = "laptime"  # among the trainers


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of options; field names are the names of the flags."""


class ModelSpec(Options, frozen=True):
    """The base model."""

    model: Annotated[
        str, Meta(description="Hub id (meta-llama/Llama-3.2-1B) or local directory of a causal model.")
    ] = BUILTIN
    revision: Annotated[str | None, Meta(description="Branch, tag or commit on the hub.")] = None
    random_weights: Annotated[
        bool, Meta(description="Only the shape of the model, with random weights: for speed alone.")
    ] = False
    trust_remote_code: Annotated[
        bool, Meta(description="Run the Python code that the model's repository brings along.")
    ] = False
    allow_pickled_weights: Annotated[
        bool,
        Meta(description="Load weights from pickle files where there are no others (weights only, no code)."),
    ] = False


class DataSpec(Options, frozen=True):
    """The examples to train on, and how they become text."""

    data: Annotated[
        str | Annotated[tuple[str, ...], Meta(min_length=1)],
        Meta(
            description="File (JSONL, JSON, CSV, Parquet, text), folder of such files, or hub id "
            "(repeatable: read one after the other)."
        ),
    ] = BUILTIN
    split: Annotated[str, Meta(description="Split of a hub data set.")] = "train"
    held_out: Annotated[
        str | None,
        Meta(description="Evaluation set: a file, or the fraction of the data to hold out (0.1)."),
    ] = None
    template: Annotated[
        str,
        Meta(
            description="auto, qa-ko, qa-en, alpaca, chat (the tokenizer's own), plain, or a string "
            "with {prompt} and {completion}, perhaps {context} and {system}."
        ),
    ] = "auto"
    chat_template: Annotated[
        str | None,
        Meta(
            description="Chat template in place of the tokenizer's own: chatml, llama3, or a file with one."
        ),
    ] = None
    skip_bad: Annotated[
        bool, Meta(description="Train on the good examples and count the others by what is wrong with them.")
    ] = False
    prompt_column: Annotated[str | None, Meta(description="Column that holds the question.")] = None
    completion_column: Annotated[str | None, Meta(description="Column that holds the answer.")] = None
    context_column: Annotated[
        str | None, Meta(description="Column with further input for the question (Alpaca's input).")
    ] = None
    messages_column: Annotated[str | None, Meta(description="Column that holds a conversation.")] = None
    text_column: Annotated[str | None, Meta(description="Column that holds plain text.")] = None
    train_on: Annotated[Literal["answers", "all"], Meta(description="Which tokens carry loss.")] = "answers"
    max_length: Annotated[
        Annotated[int, Meta(ge=2)] | None,
        Meta(description="Cut examples to this many tokens (default: the model's limit, at most 2048)."),
    ] = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Return all that `data` names, in order."""
        return (self.data,) if isinstance(self.data, str) else self.data

    @property
    def named(self) -> str:
        """Return what `data` names, as a sentence can show it."""
        return ", ".join(self.sources)


class TrainingSpec(Options, frozen=True):
    """How the training goes; the same for every method but for the learning rate."""

    epochs: Annotated[int, Meta(ge=1, le=100_000, description="Passes over the data.")] = 5
    max_steps: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Stop after this many optimizer steps.")
    ] = None
    batch_size: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="Examples in one forward pass (fewer where so many would not fit, for one update).",
        ),
    ] = 1
    gradient_accumulation: Annotated[
        int, Meta(ge=1, description="Forward passes for one optimizer step.")
    ] = 1
    learning_rate: Annotated[
        float | dict[str, float] | None,
        Meta(
            description="One rate for all methods, or full=2e-5,lora=2e-4 (default: by method, width, batch)."
        ),
    ] = None
    schedule: Annotated[
        Literal["linear", "cosine", "constant"], Meta(description="Learning rate after the warm-up.")
    ] = "linear"
    warmup_ratio: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps in which the learning rate rises.")
    ] = 0.03
    weight_decay: Annotated[
        float, Meta(ge=0, description="Weight decay, decoupled but of SGD; norms and biases have none.")
    ] = 0.0
    adam_beta1: Annotated[float, Meta(ge=0, lt=1, description="AdamW's first decay rate.")] = 0.9
    adam_beta2: Annotated[float, Meta(ge=0, lt=1, description="AdamW's second decay rate.")] = 0.999
    adam_epsilon: Annotated[float, Meta(gt=0, description="AdamW's epsilon.")] = 1e-8
    optimizer: Annotated[
        Literal["adamw", "adamw8bit", "adafactor", "sgd", "lion", "muon"],
        Meta(
            description="Who updates the weights; with adamw8bit (pip install 'laptime[8bit]') AdamW's "
            "moments take a quarter of their memory."
        ),
    ] = "adamw"
    max_grad_norm: Annotated[float, Meta(ge=0, description="Gradient clipping; 0 switches it off.")] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**31, description="Seed of the first round; round n adds n - 1.")] = 0
    longest_first: Annotated[
        bool,
        Meta(
            description="The first step has the longest examples: what the memory can't hold shows at once."
        ),
    ] = False
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        Meta(description="Precision of compute (auto: what this machine does natively)."),
    ] = "auto"
    device: Annotated[Literal["auto", "cpu", "cuda"], Meta(description="Where to train.")] = "auto"
    devices: Annotated[
        str,
        Meta(
            description="How many devices train one model together (2), which GPUs (0,1), or cpu; auto: as "
            "few as the job fits."
        ),
    ] = "auto"
    threads: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="CPU threads (default: as many as cores are free at the start)."),
    ] = None
    gradient_checkpointing: Annotated[
        bool | None,
        Meta(
            description="Recompute activations in the backward pass: less memory, more time (default: only "
            "where they would not fit)."
        ),
    ] = None
    save_every: Annotated[
        str | None,
        Meta(
            description="Save a checkpoint to resume from every so many steps (50) or after so much time "
            "(90s, 10min, 2h); default: only when the run is stopped."
        ),
    ] = None
    keep_checkpoints: Annotated[
        int, Meta(ge=1, le=100_000, description="Keep this many of the newest checkpoints of a run.")
    ] = 2
    hang_minutes: Annotated[
        float,
        Meta(
            ge=0,
            le=1e6,
            description="End a run that for so long says nothing and uses no processor; 0: never.",
        ),
    ] = 10.0
    max_restarts: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Begin a run again that was killed, hung or left, from its newest checkpoint, at "
            "most so many times.",
        ),
    ] = 0
    plain: Annotated[
        bool,
        Meta(description="No speedup but those of --speedups: transformers, PEFT and torch as they come."),
    ] = False
    without: Annotated[tuple[str, ...], Meta(description="Speedups to switch off, comma-separated.")] = ()
    speedups: Annotated[
        tuple[str, ...],
        Meta(description="Speedups that must run, comma-separated; the run stops where one cannot."),
    ] = ()


class AnswerSpec(Options, frozen=True):
    """What the base and every result are asked at the end, and whether the result is checked."""

    ask: Annotated[
        tuple[str, ...],
        Meta(description="Question for the base and every result (repeatable; default: held-out questions)."),
    ] = ()
    max_questions: Annotated[int, Meta(ge=0, description="At most this many held-out questions.")] = 10
    max_new_tokens: Annotated[int, Meta(ge=1, le=100_000, description="Longest answer in tokens.")] = 128
    general: Annotated[
        str,
        Meta(
            description="File of general texts, one a line, on which the loss before and after shows what is "
            "forgotten; none: not measured."
        ),
    ] = BUILTIN
    skip_self_checks: Annotated[
        bool, Meta(description="Leave out the three checks of the result after training.")
    ] = False


class RunSpec(Options, frozen=True):
    """All that determines one run: one method, once."""

    method: str
    round: int = 1
    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataSpec = field(default_factory=DataSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    answers: AnswerSpec = field(default_factory=AnswerSpec)
    method_options: dict[str, Any] = {}
    trainer: str = OURS
    as_it_comes: bool = False  # another trainer with its own defaults, told of model, data and method alone


class ContestantSpec(Options, frozen=True):
    """One that races beside the methods: a name, a method, and in which options it differs from the rest.

    Only what the user gave for it stands here; all else is the comparison's. `trainer` runs it, by our
    options or, where it is to do `as_it_comes`, by its own.
    """

    name: str
    method: str
    trainer: str = OURS
    as_it_comes: bool = False
    training: dict[str, Any] = {}
    method_options: dict[str, Any] = {}
    is_between: bool = False  # no row: with --explain it is one step on the way from one row to the other

    @property
    def differs(self) -> dict[str, Any]:
        """All options of its own, by name."""
        theirs: dict[str, Any] = {} if self.trainer == OURS else {"trainer": self.trainer}
        theirs |= {"as_it_comes": True} if self.as_it_comes else {}
        return theirs | self.method_options | self.training


class CompareSpec(Options, frozen=True):
    """All that determines a comparison: every contestant, `rounds` times or as often as it takes."""

    methods: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="Methods to race, comma-separated; all, or a pattern (lora*). laptime methods lists "
            "them.",
        ),
    ] = ("full", "lora")
    rounds: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | Literal["auto"],
        Meta(
            description="How often each method runs; auto: 3 times, then on until the headline's interval is "
            "narrower than 5 %, at most 10 times."
        ),
    ] = AUTO
    minutes: Annotated[
        Annotated[float, Meta(gt=0, le=1e6)] | None,
        Meta(
            description="With --rounds auto: add no round that would make the runs take longer in all "
            "(default: no limit; 2 with the built-in model)."
        ),
    ] = None
    ablate: Annotated[
        bool,
        Meta(
            description="Also run each method with every speedup switched off in turn, and with none: what "
            "each contributes here."
        ),
    ] = False
    tune: Annotated[
        Annotated[int, Meta(ge=3, le=21)] | None,
        Meta(
            description="Before the race, try N learning rates of each method about its default and race "
            "with the best by held-out loss (N: 5 where none is given)."
        ),
    ] = None
    explain: Annotated[
        bool,
        Meta(
            description="Of two contestants: say why one is faster, one thing in which they differ at a "
            "time; where these are several, also run what lies between the two."
        ),
    ] = False
    target_loss: Annotated[
        Annotated[float, Meta(gt=0)] | Literal["slowest"] | None,
        Meta(
            description="Say when each row reaches this held-out loss, or the one that the worst row has at "
            "its end (slowest): weights are kept at moments of the training and evaluated after the clock."
        ),
    ] = None
    moments: Annotated[
        int, Meta(ge=2, le=64, description="With --target-loss: at how many moments of each training.")
    ] = DEFAULT_MOMENTS
    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataSpec = field(default_factory=DataSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    answers: AnswerSpec = field(default_factory=AnswerSpec)
    method_options: dict[str, dict[str, Any]] = {}  # by method name
    contestants: tuple[ContestantSpec, ...] = ()  # beside the methods, of which there may then be none


SECTIONS: dict[str, type[Options]] = {
    "model": ModelSpec,
    "data": DataSpec,
    "training": TrainingSpec,
    "answers": AnswerSpec,
}


# Options that change neither what is trained nor how it is measured: they may differ from attempt to attempt.
WITHOUT_EFFECT = frozenset({"save_every", "keep_checkpoints", "hang_minutes", "max_restarts"})

# Options under which a run may go on otherwise than it began: the same steps, by more or fewer processes.
MAY_CHANGE = WITHOUT_EFFECT | {"devices"}

# Options of the training that a contestant cannot have for itself: with another number of steps it would do
# other work, and seed, device and the watch over the runs are what makes a comparison one.
SHARED_BY_ALL = WITHOUT_EFFECT | {"epochs", "max_steps", "seed", "longest_first", "device"}


class Interval(Struct, frozen=True):
    """How often something is due; one of the two is None."""

    steps: int | None = None
    seconds: float | None = None


SECONDS_BY_UNIT = {"s": 1, "sec": 1, "min": 60, "h": 3600}


def read_interval(text: str | None) -> Interval | None:
    """Read the value of --save-every: "50" or "50 steps", "90s", "10min", "2h"; raises UserError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(steps?|s|sec|min|h|)", text.strip())
    number = float(found[1]) if found else 0.0
    if found and 0 < number < 1e9:
        if found[2] in SECONDS_BY_UNIT:
            return Interval(seconds=number * SECONDS_BY_UNIT[found[2]])
        if number.is_integer():
            return Interval(steps=int(number))
    raise UserError(f"--save-every: expected steps (50) or a time (90s, 10min, 2h) (got '{text}')")


PATHS = frozenset(
    {"model", "data", "held_out", "chat_template", "out", "resume", "config", "against", "general"}
)


def flag(name: str) -> str:
    """Return the flag of a field: batch_size -> --batch-size."""
    return "--" + name.replace("_", "-")


def build(kind: type[Options], values: Mapping[str, Any], source: str = "") -> Any:
    """Make `kind` from plain values, strictly: a wrong type or bound raises UserError naming the option."""
    known = {spec_field.name for spec_field in msgspec.structs.fields(kind)}
    for name in values:
        if name not in known:
            raise UserError(f"{source}unknown option '{name}'{suggest(name, known)}")
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{source}{flag(name)}: expected a finite number (got {value})")
        if holds_blank(value):
            raise UserError(f"{source}{flag(name)}: empty; give a value or leave the option out")
        for path in as_list(value) if name in PATHS else ():
            if isinstance(path, str):
                check_path(path, f"{source}{flag(name)}")
        if _holds_half_letters(value):
            raise UserError(f"{source}{flag(name)}: no valid UTF-8 text")
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as error:
        option, expected = tell_invalid(kind, values, error)
        wants_text = source and expected.startswith("expected text")
        quotes = ask_for_quotes(values.get(option)) if wants_text else ""
        raise UserError(f"{source}{flag(option)}: {expected}{quotes}") from None


def holds_blank(value: Any) -> bool:
    """Tell whether a value is text, or a list that holds some, of blanks alone."""
    return any(isinstance(part, str) and not part.strip() for part in as_list(value))


def as_list(value: Any) -> Sequence[Any]:
    """Return a list as it is, and anything else as a list of one."""
    return value if isinstance(value, (list, tuple)) else [value]


def tell_invalid(
    kind: type[Struct], values: Mapping[str, Any], error: msgspec.ValidationError
) -> tuple[str, str]:
    """Return the name of the value that does not fit `kind`, and what is expected in its place."""
    message, _, where = str(error).partition(" - at `$.")
    name = where.rstrip("`").split("[")[0].split(".")[0]
    expected = in_plain_words(message)
    if message.startswith("Invalid enum value"):
        expected = f"expected {_list_choices(get_type_hints(kind).get(name))}"
    if name in values:  # the value itself says more than its type
        expected = f"{expected.partition(', got ')[0]} (got {_short(values[name])})"
    return name, expected


def _list_choices(hint: Any) -> str:
    """Return the words of a Literal, alone or in a union: "linear, cosine or constant"."""
    parts = [hint] if get_origin(hint) is Literal else get_args(hint)
    numbers = [PLAIN_WORDS[kind.__name__] for kind in (int, float) if kind in parts]
    choices = next(part for part in parts if get_origin(part) is Literal)
    *words, last = [*numbers, *map(str, get_args(choices))]
    return f"{', '.join(words)} or {last}" if words else last


def _holds_half_letters(value: Any) -> bool:
    """Tell whether text, alone or in a list, holds NUL or surrogates, which no path or tokenizer takes."""
    texts = as_list(value)
    return any(isinstance(text, str) and re.search("[\0\ud800-\udfff]", text) for text in texts)


def _short(value: Any) -> str:
    """Return a value as a message can show it."""
    text = show_value(value)
    return text if len(text) <= 80 else text[:77] + "..."


PLAIN_WORDS = {
    "float | object": "a number, or one for each method",
    "str | array": "text, or a list of texts",
    "int | str": "a whole number or auto",
    "float | str": "a number above 0 or slowest",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def in_plain_words(message: str) -> str:
    """Return a validation message without the names of types."""

    def tell(found: re.Match[str]) -> str:
        kinds = found[1].removesuffix(" | null")
        return PLAIN_WORDS.get(kinds) or " or ".join(PLAIN_WORDS.get(k, k) for k in kinds.split(" | "))

    message = re.sub("`([a-z |]+)`", tell, message)
    return message[0].lower() + message[1:]


def flatten_run(spec: RunSpec) -> dict[str, Any]:
    """Return every option of a run under its flag's name, as a `--config` file would hold it."""
    flat = _flatten_sections(spec) | {"method": spec.method} | spec.method_options
    return {name: value for name, value in flat.items() if value is not None}


def flatten(spec: CompareSpec) -> dict[str, Any]:
    """Return every option of a comparison under its flag's name, as a `--config` file would hold it."""
    flat = _flatten_sections(spec)
    flat |= {"methods": list(spec.methods) or None, "rounds": spec.rounds, "minutes": spec.minutes}
    flat |= {"ablate": spec.ablate, "tune": spec.tune, "explain": spec.explain}
    if spec.target_loss is not None:
        flat |= {"target_loss": spec.target_loss, "moments": spec.moments}
    own = [one for one in spec.contestants if not one.is_between]
    tables = [{"name": one.name, "method": one.method} | one.differs for one in own]
    flat["contestants"] = tables or None
    for options in spec.method_options.values():
        flat |= options
    return {name: value for name, value in flat.items() if value is not None}


def _flatten_sections(spec: RunSpec | CompareSpec) -> dict[str, Any]:
    """Return the options of all sections in one table."""
    flat: dict[str, Any] = {}
    for section in SECTIONS:
        flat |= msgspec.to_builtins(getattr(spec, section))
    return flat


def learning_rate_of(training: TrainingSpec, method: str) -> float | None:
    """Return the learning rate that the user gave for `method`, or None where the method decides."""
    rate = training.learning_rate
    return rate.get(method) if isinstance(rate, dict) else rate
