"""All that determines one run or one comparison, and the one strict reader of it.

Each option lives in the class that it configures, with its default, its bounds and its help in one
place: the command line, `--config` files, the record and the report are all made from these fields.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct, field

from laptime.errors import UserError, suggest

BUILTIN = "builtin"  # the name of the toy model and of the ten records that ship with the package


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


class DataSpec(Options, frozen=True):
    """The records to train on, and how they become text."""

    data: Annotated[
        str, Meta(description="File (JSONL, JSON, CSV, Parquet), folder of such files, or hub id.")
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
            "with {prompt} and {completion}."
        ),
    ] = "auto"
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
        Meta(description="Cut records to this many tokens (default: the model's limit, at most 2048)."),
    ] = None


class TrainingSpec(Options, frozen=True):
    """How the training goes; the same for every method but for the learning rate."""

    epochs: Annotated[int, Meta(ge=1, le=100_000, description="Passes over the data.")] = 5
    max_steps: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Stop after this many optimizer steps.")
    ] = None
    batch_size: Annotated[int, Meta(ge=1, le=100_000, description="Records in one forward pass.")] = 1
    gradient_accumulation: Annotated[
        int, Meta(ge=1, description="Forward passes for one optimizer step.")
    ] = 1
    learning_rate: Annotated[
        float | dict[str, float] | None,
        Meta(description="One rate for all methods, or full=2e-5,lora=2e-4 (default: by method and width)."),
    ] = None
    schedule: Annotated[
        Literal["linear", "cosine", "constant"], Meta(description="Learning rate after the warm-up.")
    ] = "linear"
    warmup_ratio: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps in which the learning rate rises.")
    ] = 0.03
    weight_decay: Annotated[float, Meta(ge=0, description="AdamW's decoupled weight decay.")] = 0.0
    adam_beta1: Annotated[float, Meta(ge=0, lt=1, description="AdamW's first decay rate.")] = 0.9
    adam_beta2: Annotated[float, Meta(ge=0, lt=1, description="AdamW's second decay rate.")] = 0.999
    adam_epsilon: Annotated[float, Meta(gt=0, description="AdamW's epsilon.")] = 1e-8
    max_grad_norm: Annotated[float, Meta(ge=0, description="Gradient clipping; 0 switches it off.")] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**31, description="Seed of the first round; round n adds n - 1.")] = 0
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        Meta(description="Precision of compute (auto: what this machine does natively)."),
    ] = "auto"
    device: Annotated[Literal["auto", "cpu", "cuda"], Meta(description="Where to train.")] = "auto"
    threads: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="CPU threads (default: all cores).")
    ] = None
    gradient_checkpointing: Annotated[
        bool | None,
        Meta(
            description="Recompute activations in the backward pass: less memory, more time (default: only "
            "where they would not fit)."
        ),
    ] = None
    plain: Annotated[
        bool, Meta(description="No speedup at all: transformers, PEFT and torch as they come.")
    ] = False
    without: Annotated[tuple[str, ...], Meta(description="Speedups to switch off, comma-separated.")] = ()
    speedups: Annotated[
        tuple[str, ...],
        Meta(description="Speedups that must run, comma-separated; the run stops where one cannot."),
    ] = ()


class AnswerSpec(Options, frozen=True):
    """What the base and every result are asked at the end."""

    ask: Annotated[
        tuple[str, ...],
        Meta(description="Question for the base and every result (repeatable; default: held-out questions)."),
    ] = ()
    max_questions: Annotated[int, Meta(ge=0, description="At most this many held-out questions.")] = 10
    max_new_tokens: Annotated[int, Meta(ge=1, le=100_000, description="Longest answer in tokens.")] = 128


class RunSpec(Options, frozen=True):
    """All that determines one run: one method, once."""

    method: str
    round: int = 1
    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataSpec = field(default_factory=DataSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    answers: AnswerSpec = field(default_factory=AnswerSpec)
    method_options: dict[str, Any] = {}


class CompareSpec(Options, frozen=True):
    """All that determines a comparison: every method, `rounds` times."""

    methods: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Methods to race, comma-separated (laptime train --help lists them)."),
    ] = ("full", "lora")
    rounds: Annotated[int, Meta(ge=1, le=1000, description="How often each method runs.")] = 3
    ablate: Annotated[
        bool,
        Meta(
            description="Also run each method with every speedup switched off in turn, and with none: what "
            "each contributes here."
        ),
    ] = False
    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataSpec = field(default_factory=DataSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    answers: AnswerSpec = field(default_factory=AnswerSpec)
    method_options: dict[str, dict[str, Any]] = {}  # by method name


SECTIONS: dict[str, type[Options]] = {
    "model": ModelSpec,
    "data": DataSpec,
    "training": TrainingSpec,
    "answers": AnswerSpec,
}


def flag(name: str) -> str:
    """Return the flag of a field: batch_size -> --batch-size."""
    return "--" + name.replace("_", "-")


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a TOML, YAML or JSON file of options into one flat mapping with underscores in its keys.

    Raises UserError, naming the file, when it is absent, malformed or no mapping.
    """
    path = Path(path)
    parsers: dict[str, Callable[[str], Any]] = {
        ".toml": tomllib.loads,
        ".json": _parse_json,
        ".yaml": _parse_yaml,
        ".yml": _parse_yaml,
    }
    if path.suffix.lower() not in parsers:
        raise UserError(f"{path}: a config file ends in .toml, .yaml, .yml or .json")
    try:
        content = parsers[path.suffix.lower()](path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: expected option: value pairs at the top level")
    options: dict[str, Any] = {}
    for key, value in content.items():
        name = str(key).replace("-", "_")
        if name in options:
            raise UserError(f"{path}: option '{name}' is given twice")
        options[name] = value
    return options


class _YamlLoader(yaml.SafeLoader):
    """YAML whose numbers are YAML 1.2's: 1e-4 is a number, not text as in YAML 1.1."""


_YamlLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _parse_yaml(text: str) -> Any:
    """Parse YAML without any tag that makes objects; a key that stands twice is an error."""
    tree = yaml.compose(text, Loader=_YamlLoader)
    if isinstance(tree, yaml.MappingNode):
        _refuse_twins([key.value for key, _ in tree.value])
    return yaml.load(text, Loader=_YamlLoader)


def _parse_json(text: str) -> Any:
    """Parse JSON; a key that stands twice is an error."""

    def make(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_twins([key for key, _ in pairs])
        return dict(pairs)

    return json.loads(text, object_pairs_hook=make)


def _refuse_twins(keys: list[Any]) -> None:
    """Raise ValueError for a key that stands twice."""
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"option '{key}' is given twice")


def build(kind: type[Options], values: Mapping[str, Any], source: str = "") -> Any:
    """Make `kind` from plain values, strictly: a wrong type or bound raises UserError naming the option."""
    known = {spec_field.name for spec_field in msgspec.structs.fields(kind)}
    for name in values:
        if name not in known:
            raise UserError(f"{source}unknown option '{name}'{suggest(name, known)}")
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{source}{flag(name)}: expected a finite number (got {value})")
        if value == "" or (isinstance(value, (list, tuple)) and "" in value):
            raise UserError(f"{source}{flag(name)}: empty; give a value or leave the option out")
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$.")
        option = where.rstrip("`").split("[")[0].split(".")[0]
        shown = f" (got {values[option]!r})" if option in values else ""
        raise UserError(f"{source}{flag(option)}: {in_plain_words(message)}{shown}") from None


PLAIN_WORDS = {
    "`float | object | null`": "a number, or one for each method",
    "`int`": "a whole number",
    "`float`": "a number",
    "`str`": "text",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "a table",
    " | null": "",
}


def in_plain_words(message: str) -> str:
    """Return a validation message without the names of types."""
    for word, plain in PLAIN_WORDS.items():
        message = message.replace(word, plain).replace(f"{word[:-1]} | null`", plain)
    return message[0].lower() + message[1:]


def flatten(spec: CompareSpec) -> dict[str, Any]:
    """Return every option of `spec` under its flag's name, as a `--config` file would hold it."""
    flat: dict[str, Any] = {}
    for section in SECTIONS:
        flat |= msgspec.to_builtins(getattr(spec, section))
    flat |= {"methods": list(spec.methods), "rounds": spec.rounds, "ablate": spec.ablate}
    for options in spec.method_options.values():
        flat |= options
    return {name: value for name, value in flat.items() if value is not None}


def learning_rate_of(training: TrainingSpec, method: str) -> float | None:
    """Return the learning rate that the user gave for `method`, or None where the method decides."""
    rate = training.learning_rate
    return rate.get(method) if isinstance(rate, dict) else rate
