"""What torchrun, Slurm or Kubernetes tell each process that they start: its place, and where all meet.

Each of them is the same command. The first one does what the command says; the others wait for the runs
that it announces, and start their part of each. What else reads these variables (transformers, other
trainers) must not: a run is begun by Laptime, and is told its place by one variable of its own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import MutableMapping

import msgspec
from msgspec import Struct

from laptime.errors import UserError

VARIABLE = "LAPTIME_RANK"  # what a process of ours is told of its place
_FOREIGN = re.compile(
    r"(RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE|GROUP_RANK|GROUP_WORLD_SIZE|NODE_RANK|ROLE_.*|MASTER_ADDR"
    r"|MASTER_PORT|PET_.*|TORCHELASTIC_.*)\Z"
)
_FIRST_PORT, _NUM_PORTS = 20_000, 10_000  # of those that a Slurm job takes one by its number
_LAST_PORT = 65_535
HOW, SRUN = "as torchrun sets them", "as srun does"


class GivenRank(Struct, frozen=True, kw_only=True):
    """One of the processes that were started together, as it sees itself.

    They meet at `address` and `port`, where the launcher keeps a store (`has_store`), or the first of them
    does. `attempt` tells a launcher's restarts apart. Within a run `job` is its number in the command, and
    `heartbeats` the file on this machine in which the process tells how it is.
    """

    rank: int
    size: int
    local_rank: int = 0
    local_size: int = 1
    address: str
    port: int
    has_store: bool = False
    attempt: str = ""
    job: int = 0
    heartbeats: str = ""


def take_rank(environment: MutableMapping[str, str] = os.environ) -> GivenRank | None:
    """Return the place that a launcher has given to this process, and leave it to processes of ours alone.

    None where there is none or it is the only one. Raises UserError for what is no place.
    """
    environment.pop(VARIABLE, None)
    given = read_ranks(environment) or read_slurm(environment)
    # torchrun says 1 where several processes share a machine and nobody has said anything.
    if given and environment.get("OMP_NUM_THREADS") == "1" and "TORCHELASTIC_RUN_ID" in environment:
        del environment["OMP_NUM_THREADS"]
    for name in [name for name in environment if _FOREIGN.match(name)]:
        del environment[name]
    if given is None or given.size == 1:
        return None
    environment[VARIABLE] = encode(given)
    return given


def given_rank() -> GivenRank | None:
    """Return the place of this process among those that a launcher has started; None without a launcher."""
    text = os.environ.get(VARIABLE)
    return msgspec.json.decode(text, type=GivenRank) if text else None


def loopback_settings(given: GivenRank | None) -> dict[str, str]:
    """Return the variables for processes that are all here: no name of this machine need lead anywhere."""
    address = given.address if given else "localhost"
    if sys.platform != "linux" or not (address in ("localhost", "::1") or address.startswith("127.")):
        return {}
    return {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}


def encode(given: GivenRank) -> str:
    """Return a place as the value of VARIABLE."""
    return msgspec.json.encode(given).decode()


def read_ranks(environment: MutableMapping[str, str]) -> GivenRank | None:
    """Return the place that RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT give; raises UserError."""
    if not {"RANK", "WORLD_SIZE"} <= environment.keys():
        return None
    rank, size = (_read_number(environment, name) for name in ("RANK", "WORLD_SIZE"))
    if not 0 <= rank < size:
        raise UserError(f"RANK={rank}, WORLD_SIZE={size}: no such rank; set both {HOW}")
    if size > 1 and not environment.get("MASTER_ADDR"):
        raise UserError(f"WORLD_SIZE={size}: MASTER_ADDR is not set; set it and MASTER_PORT {HOW}")
    return GivenRank(
        rank=rank,
        size=size,
        local_rank=_read_number(environment, "LOCAL_RANK", 0),
        local_size=_read_number(environment, "LOCAL_WORLD_SIZE", 1),
        address=environment.get("MASTER_ADDR", ""),
        port=_read_port(environment, 29_500),
        has_store=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        attempt=environment.get("TORCHELASTIC_RESTART_COUNT", ""),
    )


def read_slurm(environment: MutableMapping[str, str]) -> GivenRank | None:
    """Return the place that srun gives to a task; the script around it, and a single task, have none."""
    if environment.get("SLURM_STEP_NUM_TASKS", "1") == "1" or "SLURM_PROCID" not in environment:
        return None
    rank, tasks = (
        _read_number(environment, f"SLURM_{name}", how=SRUN) for name in ("PROCID", "STEP_NUM_TASKS")
    )
    if not 0 <= rank < tasks:
        raise UserError(f"SLURM_PROCID={rank}, SLURM_STEP_NUM_TASKS={tasks}: no such task; set both {SRUN}")
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "")
    address = environment.get("MASTER_ADDR") or find_first_node(nodes)
    if not address:
        raise UserError(
            f"SLURM_STEP_NODELIST={nodes}: names no node; set MASTER_ADDR to the node of the first task"
        )
    job, step = (_read_number(environment, f"SLURM_{name}", 0) for name in ("JOB_ID", "STEP_ID"))
    counts = list_counts(environment.get("SLURM_STEP_TASKS_PER_NODE", "1"))
    node = _read_number(environment, "SLURM_NODEID", 0)
    return GivenRank(
        rank=rank,
        size=tasks,
        local_rank=_read_number(environment, "SLURM_LOCALID", 0),
        local_size=counts[min(node, len(counts) - 1)],
        address=address,
        port=_read_port(environment, _FIRST_PORT + (7 * job + step) % _NUM_PORTS),
        attempt=environment.get("SLURM_RESTART_COUNT", ""),
    )


def find_first_node(nodes: str) -> str:
    """Return the first host of a list as Slurm writes it: gpu07 of "gpu[07-09,12],login"; "" for none."""
    head, bracket, ranges = nodes.partition("[")
    if not bracket or "," in head:
        return head.partition(",")[0].strip()
    inside, closing, tail = ranges.partition("]")
    if not closing:
        return ""
    return head + re.split("[-,]", inside)[0] + tail.partition(",")[0]


def list_counts(counts: str) -> list[int]:
    """Return the tasks of each node, as Slurm writes them: [2, 2, 1] for "2(x2),1"."""
    found = re.findall(r"(\d+)(?:\(x(\d+)\))?", counts)
    return [int(number) for number, times in found for _ in range(int(times or 1))] or [1]


def _read_port(environment: MutableMapping[str, str], default: int) -> int:
    """Return MASTER_PORT; raises UserError for what is no port."""
    port = _read_number(environment, "MASTER_PORT", default)
    if not 1 <= port <= _LAST_PORT:
        raise UserError(f"MASTER_PORT={port}: not a port; set one from 1 to {_LAST_PORT}")
    return port


def _read_number(
    environment: MutableMapping[str, str], name: str, default: int | None = None, how: str = HOW
) -> int:
    """Return the number that a variable holds; raises UserError."""
    text = environment.get(name)
    if text is None and default is not None:
        return default
    if not re.fullmatch(r"\d{1,9}", (text or "").strip()):
        raise UserError(f"{name}={text or ''}: not a number; set it {how}")
    return int(text or 0)
