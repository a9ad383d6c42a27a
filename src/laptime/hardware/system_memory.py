"""What the system says about memory: how much a process may still take, and whether it killed for want of it.

Linux only; elsewhere nothing is known. A container shows the memory of its host in /proc/meminfo, so its
own limits count too: those of its control groups (https://docs.kernel.org/admin-guide/cgroup-v2.html) and
of ulimit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60  # version 1 writes a number beyond any memory where there is no limit


def free_bytes(swap: bool = False) -> int | None:
    """Return the bytes that this process may still take, `swap` space included if asked; None if unknown."""
    system = system_free_bytes(swap)
    if system is None:
        return None
    return max(0, min([system, *cgroup_free_bytes(), *limit_free_bytes()]))


def system_free_bytes(swap: bool = False) -> int | None:
    """Return what the whole machine has left; None if unknown."""
    lines = read_lines(PROC / "meminfo")
    if not lines:
        return None
    return read_kilobytes(lines, "MemAvailable:") + (read_kilobytes(lines, "SwapFree:") if swap else 0)


def limit_free_bytes() -> Iterator[int]:
    """Yield what `ulimit -v` and `ulimit -d` leave this process, where they are set."""
    try:
        import resource
    except ImportError:  # Windows
        return
    status = read_lines(PROC / "self" / "status")
    for limit, used in ((resource.RLIMIT_AS, "VmSize:"), (resource.RLIMIT_DATA, "VmData:")):
        soft = resource.getrlimit(limit)[0]
        if soft != resource.RLIM_INFINITY:
            yield soft - read_kilobytes(status, used)


def cgroup_free_bytes() -> Iterator[int]:
    """Yield what each control group around this process leaves it; files in memory can be given up."""
    for folder, limit_name, used_name, cache_name in memory_groups():
        limit, used = read_number(folder / limit_name), read_number(folder / used_name)
        if limit is not None and used is not None and limit < UNLIMITED:
            stat = read_lines(folder / "memory.stat")
            cache = next((int(line.split()[1]) for line in stat if line.startswith(f"{cache_name} ")), 0)
            yield limit - used + cache


def memory_groups() -> Iterator[tuple[Path, str, str, str]]:
    """Yield (folder, limit, use, cache) of every group around this process, by the names of its version."""
    for folder, version in control_groups("memory"):
        if version == 2:
            yield folder, "memory.max", "memory.current", "inactive_file"
        else:
            yield folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"


def control_groups(controller: str) -> Iterator[tuple[Path, int]]:
    """Yield (folder, version) of every group around this process that may limit what `controller` counts."""
    for line in read_lines(PROC / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, version = CGROUPS, 2
        elif controller in controllers.split(","):
            root, version = CGROUPS / controller, 1
        else:
            continue
        here = root / path.lstrip("/")
        for folder in (here, *here.parents):
            yield folder, version
            if folder == root:
                break


def count_oom_kills() -> int | None:
    """Return how often the system has killed for want of memory, by the nearest counter; None if unknown.

    That of this process's own control group where there is one, else that of the whole machine.
    """
    for folder, *_ in memory_groups():
        for name in ("memory.events", "memory.oom_control"):
            if (count := read_count(folder / name)) is not None:
                return count
    return read_count(PROC / "vmstat")


def read_count(path: Path) -> int | None:
    """Return N of the line "oom_kill N" of a file; None where it has none."""
    return next((int(line.split()[1]) for line in read_lines(path) if line.startswith("oom_kill ")), None)


def read_number(path: Path) -> int | None:
    """Return the number that a file holds; None where it holds none ("max")."""
    lines = read_lines(path)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file of the system; none where it cannot be read."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def read_kilobytes(lines: list[str], name: str) -> int:
    """Return the bytes of a "Name:   123 kB" line of /proc, 0 where it is not there."""
    found = next((line.split()[1] for line in lines if line.startswith(name)), "0")
    return int(found) * 1024


def tree_bytes(pid: int) -> int:
    """Return what a process and all that it has started hold at this moment; pages they share count twice."""
    try:
        tasks = list((PROC / str(pid) / "task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return 0
    own = read_kilobytes(read_lines(PROC / str(pid) / "status"), "VmRSS:")
    return own + sum(tree_bytes(int(child)) for child in children)
