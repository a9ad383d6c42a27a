"""The place that a launcher has given to a process, as torchrun, Kubernetes and Slurm say it."""

from __future__ import annotations

import msgspec
import pytest

from laptime.errors import UserError
from laptime.runs.checks import check_optimizer
from laptime.runs.devices import ask_devices, list_devices
from laptime.runs.given_ranks import (
    VARIABLE,
    GivenRank,
    encode,
    find_first_node,
    given_rank,
    list_counts,
    take_rank,
)
from laptime.runs.given_team import refuse_given
from laptime.spec import RunSpec, TrainingSpec

TORCHRUN = {
    "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "1",
    "MASTER_ADDR": "node1", "MASTER_PORT": "29400", "TORCHELASTIC_USE_AGENT_STORE": "True",
    "TORCHELASTIC_RESTART_COUNT": "0", "TORCHELASTIC_RUN_ID": "none", "OMP_NUM_THREADS": "1",
}  # fmt: skip
SRUN = {
    "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "1", "SLURM_NODEID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)", "SLURM_STEP_NODELIST": "gpu[07-08]", "SLURM_JOB_ID": "1234567",
    "SLURM_STEP_ID": "0",
}  # fmt: skip


def test_the_place_of_torchrun_is_taken_and_nobody_else_sees_it() -> None:
    environment = TORCHRUN | {"HOME": "/home/me"}
    given = take_rank(environment)
    assert given == GivenRank(
        rank=3, size=4, local_rank=1, local_size=2, address="node1", port=29400, has_store=True, attempt="0"
    )
    assert environment == {"HOME": "/home/me", VARIABLE: encode(given)}, "its one thread neither"


def test_a_kubernetes_pod_has_one_process_and_keeps_its_threads() -> None:
    pod = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "job-master-0", "MASTER_PORT": "23456"}
    environment = pod | {"OMP_NUM_THREADS": "1"}
    assert take_rank(environment) == GivenRank(rank=1, size=2, address="job-master-0", port=23456)
    assert environment.keys() == {"OMP_NUM_THREADS", VARIABLE}


def test_the_place_of_srun_is_taken() -> None:
    given = take_rank(dict(SRUN))
    assert given == GivenRank(rank=3, size=4, local_rank=1, local_size=2, address="gpu07", port=21_969)
    assert take_rank(SRUN | {"SLURM_STEP_ID": "1"}) != given, "two steps of a job do not meet"
    torchrun = take_rank(SRUN | TORCHRUN)
    assert torchrun and torchrun.address == "node1", "torchrun within srun"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WORLD_SIZE": "2"},
        {"RANK": "0", "WORLD_SIZE": "1"},
        SRUN | {"SLURM_STEP_NUM_TASKS": "1"},
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"},  # the script of sbatch
    ],
)
def test_one_process_is_no_team(environment: dict[str, str]) -> None:
    environment = environment | {VARIABLE: "of an outer command"}
    assert take_rank(environment) is None
    assert VARIABLE not in environment and "RANK" not in environment


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"RANK": "4"}, "RANK=4, WORLD_SIZE=4: no such rank"),
        ({"RANK": "first"}, "RANK=first: not a number"),
        ({"MASTER_PORT": "-1"}, "MASTER_PORT=-1: not a number"),
        ({"MASTER_PORT": "0"}, "MASTER_PORT=0: not a port"),
        ({"MASTER_PORT": "65536"}, "MASTER_PORT=65536: not a port"),
        ({"MASTER_ADDR": ""}, "WORLD_SIZE=4: MASTER_ADDR is not set"),
    ],
)
def test_what_is_no_place_is_refused(changed: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        take_rank(TORCHRUN | changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SLURM_PROCID": "7"}, "SLURM_PROCID=7, SLURM_STEP_NUM_TASKS=2: no such task"),
        ({"SLURM_STEP_NUM_TASKS": "0"}, "SLURM_PROCID=0, SLURM_STEP_NUM_TASKS=0: no such task"),
        ({"SLURM_PROCID": "a"}, "SLURM_PROCID=a: not a number; set it as srun does"),
        ({"SLURM_STEP_NODELIST": "no[1-"}, "SLURM_STEP_NODELIST=no.1-: names no node"),
    ],
)
def test_what_is_no_task_is_refused(changed: dict[str, str], said: str) -> None:
    task = {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "one"}
    with pytest.raises(UserError, match=said):
        take_rank(task | changed)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu[07-09,12],login", "gpu07"),
        ("gpu[3,5]-ib", "gpu3-ib"),
        ("login,gpu[07-09]", "login"),
        ("one", "one"),
        ("no[1-", ""),
        ("", ""),
    ],
)
def test_the_first_node_of_a_list_is_found(nodes: str, first: str) -> None:
    assert find_first_node(nodes) == first


def test_tasks_are_counted_by_node() -> None:
    assert list_counts("2(x2),1") == [2, 2, 1]
    assert list_counts("") == [1]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the first of two processes."""
    given = GivenRank(rank=0, size=2, address="node1", port=29400)
    monkeypatch.setenv(VARIABLE, encode(given))
    assert given_rank() == given


@pytest.mark.usefixtures("pair")
def test_all_processes_train_together_unless_fewer_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask_devices(TrainingSpec()).number == 2
    assert ask_devices(TrainingSpec(devices="1")).number == 1
    assert list_devices(ask_devices(TrainingSpec(device="cpu"))) == ["cpu", "cpu"]
    monkeypatch.setattr("laptime.runs.devices.lacks_cuda", lambda: False)
    assert list_devices(ask_devices(TrainingSpec())) == ["cuda", "cuda"], "each knows its own"
    with pytest.raises(UserError, match="--devices 3: 2 processes were started"):
        ask_devices(TrainingSpec(devices="3"))
    with pytest.raises(UserError, match="--devices 0,1: the 2 processes that were started have GPUs"):
        ask_devices(TrainingSpec(devices="0,1"))
    with pytest.raises(UserError, match="--optimizer adamw8bit: full on --devices 2 spreads the moments"):
        check_optimizer(RunSpec(method="full", training=TrainingSpec(optimizer="adamw8bit")))


@pytest.mark.usefixtures("pair")
def test_from_python_they_are_refused() -> None:
    with pytest.raises(UserError, match=r"laptime\.train: 2 processes were started; only the command"):
        refuse_given("laptime.train")


def test_a_place_is_written_as_it_is_read() -> None:
    given = GivenRank(rank=1, size=2, address="node1", port=29400, job=3, heartbeats="/tmp/beats")
    assert msgspec.json.decode(encode(given), type=GivenRank) == given
