"""Whether the options of those that race go together, asked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence

from laptime.comparison.tuning import is_tuned
from laptime.data.formats import has_held_out
from laptime.errors import UserError, told_of
from laptime.methods.method import find_method
from laptime.runs.checks import check_inputs, check_rates, check_run
from laptime.runs.contestants import Contestant, list_contestants
from laptime.spec import AUTO, BUILTIN, DEFAULT_MOMENTS, OURS, CompareSpec


def check_spec(spec: CompareSpec, begins: bool = True) -> str:
    """Refuse what can be seen to be wrong before anything heavy is imported.

    Whether its runs can be done is asked of a comparison that `begins`: of another they may all be over.
    Returns the digest of the records, "" for large data that their preparation checks. Raises UserError.
    """
    contestants = check_contestants(spec)
    if spec.minutes and spec.rounds != AUTO:
        raise UserError(f"--minutes: --rounds {spec.rounds} is a number already; leave one of the two out")
    check_tuning(spec, contestants)
    check_target(spec, contestants)
    if spec.ablate and all(one.run_spec.training.plain for one in contestants):
        raise UserError("--ablate: --plain leaves nothing to switch off; leave one of the two out")
    return check_inputs(spec, [(one.place, one.run_spec) for one in contestants] if begins else [])


def check_tuning(spec: CompareSpec, contestants: Sequence[Contestant]) -> None:
    """Raise UserError where learning rates can't be tried, or are all given."""
    if spec.tune is None:
        return
    if spec.data.data != BUILTIN and not has_held_out(spec.data):
        raise UserError("--tune: chooses by the held-out loss; give --held-out (a file, or a share: 0.1)")
    if spec.model.random_weights:
        raise UserError("--tune: with --random-weights no loss means anything; leave one of the two out")
    if not any(map(is_tuned, contestants)):
        raise UserError("--tune: every row has a learning rate already; leave one of the two out")


def check_target(spec: CompareSpec, contestants: Sequence[Contestant]) -> None:
    """Raise UserError where no row can be seen to reach a held-out loss."""
    if spec.target_loss is None:
        if spec.moments != DEFAULT_MOMENTS:
            raise UserError("--moments: goes with --target-loss alone; give it too, or leave both out")
        return
    if spec.data.data != BUILTIN and not has_held_out(spec.data):
        raise UserError("--target-loss: is a held-out loss; give --held-out (a file, or a share: 0.1)")
    if spec.model.random_weights:
        raise UserError(
            "--target-loss: with --random-weights no loss means anything; leave one of the two out"
        )
    if all(one.run_spec.trainer != OURS for one in contestants):
        raise UserError("--target-loss: other trainers keep no moments; let laptime train a row too")


def check_contestants(spec: CompareSpec) -> list[Contestant]:
    """Return the contestants; raises UserError, naming one, for options that no run of it could have."""
    for name in spec.methods:
        find_method(name)
    check_rates(spec.training, [*spec.methods, *(one.method for one in spec.contestants)])
    contestants = list_contestants(spec)
    for one in contestants:
        with told_of(one.place):
            check_run(one.run_spec)
    return contestants
