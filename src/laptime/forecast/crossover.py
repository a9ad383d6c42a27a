"""How the time of each method grows with the number of examples, and where one overtakes another.

What a run takes whatever its data (imports, loading, the first step's extra, saving) is one part, what each
example adds the other: between two methods that is one crossing at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from laptime.forecast.forecast import Forecast
from laptime.spec import CompareSpec

COUNTS = (10, 100, 1_000, 10_000, 100_000)  # of examples, at which times are shown
MOST = 1_000_000  # beyond nobody fine-tunes


class Growth(Struct, frozen=True, kw_only=True):
    """The whole process of a run: seconds that are always there, and seconds for each example."""

    name: str
    fixed_seconds: float
    example_seconds: float

    def seconds(self, num_examples: float) -> float:
        """Return what the run takes of so many examples."""
        return self.fixed_seconds + self.example_seconds * num_examples


class Stretch(Struct, frozen=True, kw_only=True):
    """The numbers of examples, from `first` to `last`, for which a run is the fastest."""

    name: str
    first: int
    last: int


def find_growths(found: Sequence[Forecast], spec: CompareSpec) -> list[Growth]:
    """Return how the runs grow that fit; none where --max-steps ends them before their data do."""
    training = spec.training
    if training.max_steps is not None and any(one.num_steps >= training.max_steps for one in found):
        return []
    in_step = training.batch_size * training.gradient_accumulation
    return [
        Growth(
            name=one.name,
            fixed_seconds=max(0.0, one.total_seconds - one.step_seconds * one.num_steps),
            example_seconds=one.step_seconds * training.epochs / in_step,
        )
        for one in found
        if one.fits is not False
    ]


def list_fastest(growths: Sequence[Growth]) -> list[Stretch]:
    """Return who is the fastest for how many examples, from one to MOST."""
    stretches: list[Stretch] = []
    number = 1
    while growths and number <= MOST:
        best = min(growths, key=lambda one: (one.seconds(number), one.example_seconds))
        last = min((find_crossing(best, other, number) for other in growths), default=MOST)
        stretches.append(Stretch(name=best.name, first=number, last=last))
        number = last + 1
    return stretches


def find_crossing(best: Growth, other: Growth, number: int) -> int:
    """Return the last number of examples, from `number` on, for which `best` is not slower than `other`."""
    gains = best.example_seconds - other.example_seconds
    if gains <= 0:
        return MOST
    crossing = (other.fixed_seconds - best.fixed_seconds) / gains
    return min(MOST, max(number, int(crossing)))
