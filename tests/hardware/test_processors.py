"""The threads of a training, from stated readings of the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.hardware import processors as system_processors
from laptime.hardware import system_memory
from laptime.hardware.processors import (
    Look,
    Threads,
    Ticks,
    check_threads,
    choose_threads,
    cpu_quotas,
    group_by_core,
    read_ticks,
)

NO_QUOTA = float("inf")
PAIR = [{0}, {1}]


def readings(*free: float) -> tuple[dict[int, Ticks], dict[int, Ticks]]:
    """Return two readings between which the processors were free for such shares of 100 ticks."""
    before = {number: Ticks(1000 * number, 5000) for number in range(len(free))}
    after = {
        number: Ticks(before[number].free + round(100 * share), before[number].all + 100)
        for number, share in enumerate(free)
    }
    return before, after


@pytest.mark.parametrize(
    ("free", "own", "expected"),
    [
        ((1.0, 1.0), 0.0, (2, "free")),
        ((1.0, 0.0), 0.0, (1, "busy")),
        ((0.5, 0.5), 0.0, (1, "busy")),
        ((0.95, 0.85), 0.0, (2, "free")),  # some daemon
        ((0.9, 0.6), 0.0, (1, "busy")),
        ((0.0, 0.0), 0.0, (1, "busy")),
        ((1.0, 0.1), 0.9, (2, "free")),  # this very process reads the records
        ((0.1, 0.0), 0.9, (1, "busy")),
    ],
)
def test_as_many_threads_as_others_leave_cores(
    free: tuple[float, ...], own: float, expected: tuple[int, str]
) -> None:
    chosen = choose_threads(PAIR, *readings(*free), own, NO_QUOTA)
    assert (chosen.number, chosen.why) == expected
    assert chosen.cores == 2


def test_one_busy_program_takes_one_thread_of_sixteen() -> None:
    cores = [{number} for number in range(16)]
    assert choose_threads(cores, *readings(*[1.0] * 15, 0.0), 0.0, NO_QUOTA).number == 15


def test_two_threads_of_a_core_are_one_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    monkeypatch.setattr(system_processors, "CORES", tmp_path)
    cores = group_by_core({0, 1, 2, 3})
    assert cores == [{0, 2}, {1, 3}]
    assert choose_threads(cores, *readings(1.0, 1.0, 1.0, 1.0), 0.0, NO_QUOTA).number == 2
    assert choose_threads(cores, *readings(1.0, 1.0, 1.0, 0.0), 0.0, NO_QUOTA).number == 1
    assert group_by_core({1, 2}) == [{1}, {2}], "the others belong to somebody else"
    monkeypatch.setattr(system_processors, "CORES", tmp_path / "nowhere")
    assert group_by_core({0, 1}) == PAIR


@pytest.mark.parametrize(
    ("quota", "expected"), [(0.5, (1, "quota")), (1.5, (1, "quota")), (2.0, (2, "free")), (8.0, (2, "free"))]
)
def test_a_quota_is_not_overdrawn(quota: float, expected: tuple[int, str]) -> None:
    """Threads that are throttled for the rest of each period hold up all."""
    chosen = choose_threads(PAIR, *readings(1.0, 1.0), 0.0, quota)
    assert (chosen.number, chosen.why) == expected


def test_where_nobody_counts_every_core_is_free() -> None:
    assert choose_threads(PAIR, {}, {}, 0.0, NO_QUOTA).number == 2
    before, _ = readings(0.0, 0.0)
    assert choose_threads(PAIR, before, before, 0.0, NO_QUOTA).number == 2, "counters that stand still"


def test_the_counters_of_the_kernel_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stat").write_text(
        "cpu  3 3 3 3 3 3 3 3 0 0\ncpu0 10 20 30 400 5 6 7 8 9 9\ncpu11 1 0 0 9 0 0 0 0 0 0\nintr 5 6\n"
    )
    monkeypatch.setattr(system_processors, "PROC", tmp_path)
    assert read_ticks() == {0: Ticks(425, 486), 11: Ticks(9, 10)}
    monkeypatch.setattr(system_processors, "PROC", tmp_path / "nowhere")
    assert read_ticks() == {}


def set_groups(monkeypatch: pytest.MonkeyPatch, folder: Path, groups: str, files: dict[str, str]) -> None:
    """Let this process be in control groups."""
    (folder / "proc" / "self").mkdir(parents=True)
    (folder / "proc" / "self" / "cgroup").write_text(groups)
    for name, content in files.items():
        file = folder / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    monkeypatch.setattr(system_memory, "PROC", folder / "proc")
    monkeypatch.setattr(system_memory, "CGROUPS", folder / "groups")


def test_quotas_of_every_group_around_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n", "cpu.max": "junk\n"}
    set_groups(monkeypatch, tmp_path / "two", "0::/a/b\n", files)
    assert list(cpu_quotas()) == [1.5]
    files = {"cpu/docker/cpu.cfs_quota_us": "-1\n", "cpu/docker/cpu.cfs_period_us": "100000\n"}
    files |= {"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}
    set_groups(monkeypatch, tmp_path / "one", "3:cpu,cpuacct:/docker\n2:memory:/x\n", files)
    assert list(cpu_quotas()) == [4.0]
    set_groups(monkeypatch, tmp_path / "none", "", {})
    assert list(cpu_quotas()) == []


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, ...]]:
    """Two cores for this process; the list gives the shares that were free at the next look, if any."""
    free: list[tuple[float, ...]] = [(1.0, 0.0)]
    counted = {0: Ticks(0, 0), 1: Ticks(0, 0)}

    def read() -> dict[int, Ticks]:
        for number, share in enumerate(free[0]):
            counted[number] = Ticks(counted[number].free + round(100 * share), counted[number].all + 100)
        return dict(counted)

    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(system_processors, "allowed_processors", lambda: {0, 1})
    monkeypatch.setattr(system_processors, "group_by_core", lambda processors: [{one} for one in processors])
    monkeypatch.setattr(system_processors, "cpu_quotas", lambda: iter(()))
    monkeypatch.setattr(system_processors, "read_ticks", read)
    monkeypatch.setattr(system_processors, "own_seconds", lambda: 0.0)
    return free


def test_a_look_takes_two_readings(machine: list[tuple[float, ...]]) -> None:
    assert Look().choose(None) == Threads(number=1, cores=2, free=1, why="busy")
    machine[0] = (1.0, 1.0)
    assert Look().choose(None) == Threads(number=2, cores=2, free=2, why="free")


def test_what_the_user_says_stands(machine: list[tuple[float, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert Look().choose(2) == Threads(number=2, cores=2, why="asked")
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    assert Look().choose(None) == Threads(number=2, cores=2, why="environment")
    assert Look().choose(1).why == "asked"
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert Look().choose(None).why == "busy"


def test_more_threads_than_processors_are_refused(
    machine: list[tuple[float, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_threads(2)
    check_threads(None)
    monkeypatch.setattr(system_processors.os, "cpu_count", lambda: 2)
    with pytest.raises(UserError, match=r"^--threads 3: this machine has 2 cores$"):
        check_threads(3)
    monkeypatch.setattr(system_processors.os, "cpu_count", lambda: 8)
    with pytest.raises(UserError, match=r"machine has 8 cores, 2 of them for this process$"):
        check_threads(3)


@pytest.mark.parametrize(
    ("threads", "said"),
    [
        (Threads(number=2, cores=2, free=2), "2 threads (all cores free)"),
        (Threads(number=1, cores=1, free=1), "1 thread (the only core free)"),
        (Threads(number=1, cores=2, free=1, why="busy"),
         "1 thread (1 of 2 cores free: other programs are at work)"),
        (Threads(number=1, cores=2, free=2, why="quota"),
         "1 thread (its control group allows no more of 2 cores)"),
        (Threads(number=2, cores=2, why="asked"), "2 threads (asked for with --threads)"),
        (Threads(number=2, cores=2, why="environment"), "2 threads (as OMP_NUM_THREADS says)"),
    ],
)  # fmt: skip
def test_it_is_said_in_words(threads: Threads, said: str) -> None:
    assert str(threads) == said
