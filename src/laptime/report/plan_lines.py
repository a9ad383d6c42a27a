"""A plan as lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from laptime.comparison.stopping import FEWEST_ROUNDS
from laptime.forecast.forecast import Forecast
from laptime.report import quantities
from laptime.report.screen import make_plain_table
from laptime.runs.contestants import list_contestants
from laptime.runs.plan import Foretold, read_plan
from laptime.spec import CompareSpec
from laptime.util.disk import show_size

UNLIKE = 0.5  # decades of size, or another method
NARROWS = "--probe makes a few steps of each, and every finished run narrows it"


def make_table(found: Sequence[Forecast], price_per_hour: float | None) -> Table:
    """Return a row for each run: seconds with their range, memory, disk, and cost where a price is known."""
    table = make_plain_table()
    table.add_column("run", no_wrap=True)
    costs = ["cost"] if price_per_hour else []
    for column in ("steps", "step", "training", "range", "whole", "memory", "saved", *costs):
        table.add_column(column, justify="right", no_wrap=True)
    for one in found:
        cells = [
            f"{one.num_steps:,}",
            quantities.short_seconds(one.step_seconds),
            quantities.short_seconds(one.train_seconds),
            tell_range(one.train_range),
            quantities.short_seconds(one.total_seconds),
            show_size(one.memory_bytes),
            show_size(one.saved_bytes),
        ]
        if price_per_hour:
            cells.append(quantities.significant(one.total_seconds / 3600 * price_per_hour, 3))
        table.add_row(one.name, *cells)
    return table


def tell_range(seconds: tuple[float, float]) -> str:
    """Return 38.1 s-48.0 s, in few characters."""
    low, high = (quantities.short_seconds(one).replace(" ", "") for one in seconds)
    return f"{low}-{high}"


def tell_grounds(found: Sequence[Forecast], elsewhere: bool = False) -> Iterator[str]:
    """Yield what the figures stand on, and what does not fit; `elsewhere` none of it was measured."""
    for one in found:
        if one.num_devices > 1:
            whose = "of one GPU" if one.device == "cuda" else "of all together"
            yield f"{one.name}: by {one.num_devices} processes; the memory is that {whose}"
        if not elsewhere:
            yield f"{one.name}: {tell_past(one)}"
        if one.fits is False:
            fitting = f"; would fit: {', '.join(one.would_fit)}" if one.would_fit else ""
            yield f"{one.name}: does not fit ({show_size(one.estimated_bytes)} needed by estimate){fitting}"


def tell_past(one: Forecast) -> str:
    """Return which past runs a forecast stands on, and how unlike the job they are."""
    if not one.num_runs:
        return f"no past run with such threads is known, so the range is wide; {NARROWS}"
    whose = "of this method" if one.of_method else "of other methods"
    if one.nearest < UNLIKE:
        return f"by {tell_runs(one)} {whose} on this machine"
    return f"by {tell_runs(one)} {whose} on this machine, none of them of a job like this; {NARROWS}"


def foresee_comparison(spec: CompareSpec, folder: Path) -> list[str]:
    """Return the line on the comparison whose plan lies in `folder`; none where a row has no past."""
    found = read_plan(folder).foretold
    if not found or any(one.name not in found for one in list_contestants(spec)):
        return []
    return [f"by past runs of this machine, {tell_comparison([*found.values()], spec)}"]


def tell_runs(one: Forecast) -> str:
    """Return 12 runs."""
    return f"{one.num_runs} run{'s'[: one.num_runs != 1]}"


def tell_ratios(found: Sequence[Forecast]) -> Iterator[str]:
    """Yield how many times as long the slowest training that fits takes as each other one."""
    fitting = [one for one in found if one.fits is not False]
    slowest = max(fitting, key=lambda one: one.train_seconds, default=None)
    for one in fitting:
        if slowest and one is not slowest and one.train_seconds:
            ratio = quantities.significant(slowest.train_seconds / one.train_seconds, 3)
            yield f"{one.name} is to train {ratio}x as fast as {slowest.name}"


class Sum(NamedTuple):
    """What the runs of a comparison take in all; with `is_open` there may be more of them."""

    runs: int
    is_open: bool
    seconds: float
    most_bytes: int


def add_up(found: Sequence[Forecast | Foretold], spec: CompareSpec) -> Sum | None:
    """Return what a comparison takes as a whole; what does not fit takes no time. None: nothing fits."""
    is_open = isinstance(spec.rounds, str)
    rounds = FEWEST_ROUNDS if isinstance(spec.rounds, str) else spec.rounds
    fitting = [one for one in found if not (isinstance(one, Forecast) and one.fits is False)]
    if not fitting:
        return None
    runs, seconds = rounds * len(fitting), rounds * sum(one.total_seconds for one in fitting)
    if spec.tune:  # each row before the race, without saving and at least so often
        runs, seconds = runs + spec.tune * len(fitting), seconds * (1 + spec.tune / rounds)
    return Sum(runs, is_open, seconds, max(one.memory_bytes for one in fitting))


def tell_comparison(found: Sequence[Forecast | Foretold], spec: CompareSpec) -> str:
    """Return the line on a comparison as a whole."""
    whole = add_up(found, spec)
    if whole is None:
        return "a comparison: nothing of it fits"
    return (
        f"a comparison: {'at least ' * whole.is_open}{whole.runs} run{'s'[: whole.runs != 1]}, about "
        f"{quantities.seconds(whole.seconds)} beside evaluation and answers; {show_size(whole.most_bytes)} "
        "of memory at most"
    )
