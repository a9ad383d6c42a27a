"""How many threads a training gets: as many as cores are free where it begins.

Threads that wait for each other at every product are as slow as the slowest: one that shares its core with
another program holds up all. So the cores count that this process may use (affinity, the quotas of its
control groups) and that others leave alone, by the kernel's own counters over a moment; the load average
would still show what ended a minute ago. Linux only; elsewhere every core counts as free.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from laptime.errors import UserError
from laptime.hardware.system_memory import PROC, control_groups, read_lines

CORES = Path("/sys/devices/system/cpu")
LOOK_SECONDS = 0.2  # twenty ticks of the counters
SPARE = 0.25  # of all cores together: so much of others at work costs no thread
VARIABLE = "OMP_NUM_THREADS"

Why = Literal["asked", "environment", "free", "quota", "busy", "before"]


class Threads(Struct, frozen=True, kw_only=True):
    """How many threads, of how many cores, and why; `free` is None where nobody looked."""

    number: int
    cores: int
    free: int | None = None
    why: Why = "free"

    def __str__(self) -> str:
        reasons = {
            "asked": "asked for with --threads",
            "environment": f"as {VARIABLE} says",
            "free": "all cores free" if self.cores > 1 else "the only core free",
            "quota": f"its control group allows no more of {self.cores} cores",
            "busy": f"{self.free} of {self.cores} cores free: other programs are at work",
            "before": "as in the comparison that this one is set beside",
        }
        return f"{self.number} thread{'s'[: self.number != 1]} ({reasons[self.why]})"


def named_threads() -> int | None:
    """Return the threads that OMP_NUM_THREADS asks for, None for none."""
    named = os.environ.get(VARIABLE, "").split(",")[0].strip()
    return int(named) if named.isdigit() and int(named) else None


class Ticks(NamedTuple):
    """What a processor has counted since boot."""

    free: int  # idle, waiting for a disk, or at work for those who give way (nice)
    all: int


class Look:
    """A look at what else the machine does, from its making to `choose`."""

    def __init__(self) -> None:
        self._begun, self._before, self._own = time.monotonic(), read_ticks(), own_seconds()

    def choose(self, wanted: int | None) -> Threads:
        """Return the threads of whatever begins now; `wanted` is --threads.

        Waits until the look was long enough.
        """
        cores = group_by_core(allowed_processors())
        if wanted:
            return Threads(number=wanted, cores=len(cores), why="asked")
        if named := named_threads():
            return Threads(number=named, cores=len(cores), why="environment")
        time.sleep(max(0.0, self._begun + LOOK_SECONDS - time.monotonic()))
        seconds = time.monotonic() - self._begun
        own = (own_seconds() - self._own) / seconds if seconds else 0.0
        return choose_threads(cores, self._before, read_ticks(), own, min(cpu_quotas(), default=math.inf))


def choose_threads(
    cores: list[set[int]], before: dict[int, Ticks], after: dict[int, Ticks], own: float, quota: float
) -> Threads:
    """Choose from two readings of the counters; `own` processors were busy with this very process."""
    idle = sum(min(idle_share(before, after, processor) for processor in core) for core in cores)
    free = max(0, min(len(cores), math.floor(idle + own + SPARE)))
    number = max(1, min(free, math.floor(quota) if quota < math.inf else free))
    why: Why = "busy" if free < len(cores) else "free"
    if number < max(1, free):
        why = "quota"
    return Threads(number=number, cores=len(cores), free=free, why=why)


def idle_share(before: dict[int, Ticks], after: dict[int, Ticks], number: int) -> float:
    """Return the part of its time that a processor was free; all of it where nobody knows."""
    if number not in before or number not in after or after[number].all <= before[number].all:
        return 1.0
    return (after[number].free - before[number].free) / (after[number].all - before[number].all)


def check_threads(wanted: int | None) -> None:
    """Raise UserError for more threads than this process may use processors."""
    most = len(allowed_processors())
    if wanted and wanted > most:
        count = os.cpu_count() or 1
        of = "" if most == count else f", {most} of them for this process"
        raise UserError(f"--threads {wanted}: this machine has {count} cores{of}")


def allowed_processors() -> set[int]:
    """Return the numbers of the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def group_by_core(processors: set[int]) -> list[set[int]]:
    """Return the processors by core: two threads of one core are no two cores."""
    groups: dict[str, set[int]] = {}
    for number in sorted(processors):
        siblings = read_lines(CORES / f"cpu{number}" / "topology" / "thread_siblings_list")
        groups.setdefault(siblings[0].strip() if siblings else str(number), set()).add(number)
    return list(groups.values())


def read_ticks() -> dict[int, Ticks]:
    """Return the counters of every processor; none where the system has none."""
    ticks = {}
    for line in read_lines(PROC / "stat"):
        name, *counts = line.split()
        if name.startswith("cpu") and name[3:].isdigit():
            user, nice, system, idle, waiting, *others = map(int, counts)
            ticks[int(name[3:])] = Ticks(
                nice + idle + waiting, user + nice + system + idle + waiting + sum(others[:3])
            )
    return ticks


def count_usable_cores() -> int:
    """Return how many cores this process may use, by its affinity and by its control groups."""
    return max(1, min(len(group_by_core(allowed_processors())), math.floor(min(cpu_quotas(), default=1e9))))


def own_seconds() -> float:
    """Return the processor time of this process."""
    return time.process_time()


def cpu_quotas() -> Iterator[float]:
    """Yield how many processors each control group around this process allows."""
    for folder, version in control_groups("cpu"):
        if version == 2:
            quota, period = [*" ".join(read_lines(folder / "cpu.max")).split(), "", ""][:2]
        else:
            quota, period = (
                "".join(read_lines(folder / f"cpu.cfs_{name}_us")).strip() for name in ("quota", "period")
            )
        if quota.isdigit() and period.isdigit() and int(quota) and int(period):
            yield int(quota) / int(period)
