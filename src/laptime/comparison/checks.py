"""Whether the options of those that race go together, asked before anything heavy is imported."""

from __future__ import annotations

from laptime.comparison.answers import BASE
from laptime.errors import UserError
from laptime.hardware.processors import check_threads
from laptime.methods.method import find_method, find_methods, make_method, tell_no_method
from laptime.runs.contestants import Contestant, list_contestants
from laptime.runs.disk import check_cache
from laptime.spec import OURS, CompareSpec, RunSpec
from laptime.speedups.speedup import check_names


def check_contestants(spec: CompareSpec) -> list[Contestant]:
    """Return the contestants; raises UserError for options that no run of one of them could have."""
    for name in spec.methods:
        find_method(name)
    check_rates(spec)
    contestants = list_contestants(spec)
    for one in contestants:
        check_contestant(one)
    return contestants


def check_rates(spec: CompareSpec) -> None:
    """Raise UserError for a learning rate of all that is none, or that is of a method which does not race."""
    rates = spec.training.learning_rate
    racing = [*spec.methods, *(one.method for one in spec.contestants)]
    for name, rate in (rates if isinstance(rates, dict) else {BASE: rates}).items():
        if isinstance(rates, dict) and name not in find_methods():
            raise UserError(tell_no_method("--learning-rate", name))
        if isinstance(rates, dict) and name not in racing:
            methods = ", ".join(dict.fromkeys(racing))
            raise UserError(f"--learning-rate {name}: not among the methods {methods}; leave {name}= out")
        if rate is not None and not 0 < rate < float("inf"):
            raise UserError(f"--learning-rate: must be above 0 (got {rate})")


def check_contestant(one: Contestant) -> None:
    """Raise UserError, naming the contestant, for options that no run of it could have."""
    training = one.run_spec.training
    try:
        make_method(one.method, one.run_spec.method_options)
        check_names("--without", training.without)
        check_names("--speedups", training.speedups)
        if both := set(training.without) & set(training.speedups):
            raise UserError(f"--without {min(both)}: --speedups asks for it; leave one of the two out")
        check_cache(one.run_spec)
        check_threads(training.threads)
        check_trainer(one.run_spec)
    except UserError as error:
        raise UserError(f"{one.place}{error}") from None


def check_trainer(spec: RunSpec) -> None:
    """Raise UserError for what no other trainer than ours can do, whatever its methods."""
    if spec.trainer != OURS and spec.model.random_weights:
        raise UserError(f"--random-weights: {spec.trainer} trains what lies on the disk; leave it out")
