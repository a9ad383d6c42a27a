"""Whether the options of a run go together, asked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from laptime.data.formats import check_examples
from laptime.data.invisible import is_blank
from laptime.errors import UserError
from laptime.hardware.device_choice import read_devices
from laptime.hardware.processors import check_threads
from laptime.methods.method import (
    find_lacking,
    find_method,
    find_methods,
    make_method,
    tell_no_method,
)
from laptime.models.source import locate_model
from laptime.optimizers import KINDS
from laptime.runs.devices import ask_devices
from laptime.runs.disk import check_cache
from laptime.runs.foresight import refuse_foreseen
from laptime.spec import OURS, CompareSpec, RunSpec, TrainingSpec, flag, read_interval
from laptime.speedups.speedup import check_names


def check_training(spec: RunSpec) -> str:
    """Refuse what can be seen to be wrong with one training, as `check_spec` does with a comparison.

    Returns the digest of the examples, "" for large data that their preparation checks. Raises UserError.
    """
    check_rates(spec.training, [spec.method])
    check_run(spec)
    return check_inputs(spec, [("", spec)])


def check_run(spec: RunSpec) -> None:
    """Raise UserError for options that no run could have together."""
    training = spec.training
    make_method(spec.method, spec.method_options)
    if spec.trainer == OURS and (lacking := find_lacking(spec.method)):
        raise UserError(f"{spec.method}: {lacking}")
    check_names("--without", training.without)
    check_names("--speedups", training.speedups)
    if both := set(training.without) & set(training.speedups):
        raise UserError(f"--without {min(both)}: --speedups asks for it; leave one of the two out")
    check_cache(spec)
    check_threads(training.threads)
    check_devices(spec)
    check_optimizer(spec)
    if spec.trainer != OURS and spec.model.random_weights:
        raise UserError(f"--random-weights: {spec.trainer} trains what lies on the disk; leave it out")


def check_devices(spec: RunSpec) -> None:
    """Raise UserError for devices that are no such, or for several of another trainer."""
    asked = read_devices(spec.training.devices, spec.training.device)
    if spec.trainer != OURS and (asked.number or 1) > 1:
        raise UserError(
            f"--devices {spec.training.devices}: {spec.trainer} can only be run on one device here; give "
            f"more to contestants that laptime trains itself"
        )


def check_optimizer(spec: RunSpec) -> None:
    """Raise UserError for an optimizer that does not go with the rest, or whose library is absent."""
    training = spec.training
    if training.optimizer == "adamw":
        return
    option, kind = f"--optimizer {training.optimizer}", KINDS[training.optimizer]
    if spec.trainer != OURS:
        raise UserError(f"{option}: {spec.trainer} trains by AdamW here; leave it out")
    number = ask_devices(training).number or 1
    if number > 1 and find_method(spec.method).spreads_weights:
        raise UserError(
            f"{option}: {spec.method} on --devices {number} spreads the moments, and those of "
            f"{kind.title} can't be; leave one of the two out"
        )
    if find_method(spec.method).brings_optimizer and training.optimizer != "adamw8bit":
        raise UserError(f"{option}: {spec.method} brings an AdamW of its own; leave it out, or take full")
    if kind.library and find_spec(kind.library) is None:
        raise UserError(
            f"{option}: needs {kind.library}; install it with pip install 'laptime[{kind.extra}]'"
        )
    for name in () if kind.has_betas else ("adam_beta1", "adam_beta2", "adam_epsilon"):
        if getattr(training, name) != getattr(TrainingSpec(), name):
            raise UserError(f"{flag(name)}: {kind.title} has none of AdamW's; leave it out")


def check_rates(training: TrainingSpec, methods: Sequence[str]) -> None:
    """Raise UserError for a learning rate that is none, or that is of none of the `methods` that run."""
    rates = training.learning_rate
    for name, rate in (rates if isinstance(rates, dict) else {"": rates}).items():
        if isinstance(rates, dict) and name not in find_methods():
            raise UserError(tell_no_method("--learning-rate", name))
        if isinstance(rates, dict) and name not in methods:
            racing = ", ".join(dict.fromkeys(methods))
            raise UserError(f"--learning-rate {name}: not among the methods {racing}; leave {name}= out")
        if rate is not None and not 0 < rate < float("inf"):
            raise UserError(f"--learning-rate: must be above 0 (got {rate})")


def check_inputs(spec: RunSpec | CompareSpec, runs: Sequence[tuple[str, RunSpec]]) -> str:
    """Check what runs share: when they save, what they are asked, their model and their examples.

    `runs` are those that are to be done, each behind what a message about it begins with. Returns the digest
    of the examples, "" for large data that their preparation checks. Raises UserError.
    """
    read_interval(spec.training.save_every)
    if any(map(is_blank, spec.answers.ask)):
        raise UserError("--ask: a question in which nothing can be seen; leave it out")
    source = locate_model(spec.model, download=False)
    if runs:
        refuse_foreseen(spec, runs, source)
    return check_examples(spec.data, seed=spec.training.seed, everything=False)
