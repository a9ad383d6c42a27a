"""Processes that a launcher has started train together: two "machines" of torchrun, two tasks of srun."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace
from torch.distributed import HashStore

from laptime.runs.given_ranks import GivenRank
from laptime.runs.heartbeats import State
from laptime.runs.job import RunJob
from laptime.runs.record import read_record
from laptime.spec import RunSpec
from laptime.training import board as board_module
from laptime.training import follow, given_crew
from laptime.training.board import Announcement, Board, Orders, digest_file, make_hello
from laptime.training.crew import Sight
from laptime.training.follow import Follower
from laptime.training.given_crew import DistantCrew, GivenAgent
from laptime.training.rank_watch import Watch
from tests.commands import Command
from tests.training.test_rank_faults import DEADLINE, SOON, attempts, wait_for_steps

QUICK = [
    "--max-questions", "0", "--skip-self-checks", "--device", "cpu", "--precision", "fp32", "--threads", "1",
    "--batch-size", "2",
]  # fmt: skip


def find_port() -> int:
    """Return a port of this machine that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def torchrun(node: int, port: int) -> list[str]:
    """Return the words by which one of two machines starts one process."""
    return [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
        "--node-rank", str(node), "--master-addr", "127.0.0.1", "--master-port", str(port), "-m", "laptime",
    ]  # fmt: skip


def test_who_waits_for_the_first_process_hears_ctrl_c(tmp_path: Path) -> None:
    """torch would wait in C++ for ten minutes."""
    place = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_port())}
    command = subprocess.Popen(
        [sys.executable, "-m", "laptime", "train", *QUICK, "--out", "run"],
        cwd=tmp_path, env=dict(os.environ) | place, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(8.0)
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=SOON)
    assert command.returncode == 128 + signal.SIGINT and "Traceback" not in said


@pytest.mark.slow
def test_two_machines_of_torchrun_bring_a_comparison_to_its_end(tmp_path: Path) -> None:
    job = ["compare", "--methods", "full,lora", *QUICK, "--rounds", "1", "--epochs", "1", "--out", "race"]
    environment = dict(os.environ) | {"COLUMNS": "120"}
    port = find_port()
    with ExitStack() as stack:
        machines = []
        for node in (0, 1):
            with (tmp_path / f"{node}.txt").open("wb") as printed:
                machine = subprocess.Popen(
                    [*torchrun(node, port), *job],
                    cwd=tmp_path,
                    env=environment,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                )
            stack.callback(machine.kill)
            machines.append(machine)
        codes = [machine.wait(DEADLINE) for machine in machines]
    first, second = ((tmp_path / f"{node}.txt").read_text() for node in (0, 1))
    assert codes == [0, 0], first + second
    assert "report: race/report.html" in first and "laptime" not in second, "one speaks for all"
    host = socket.gethostname()
    for method in ("full", "lora"):
        record = read_record(tmp_path / "race" / "runs" / f"{method}-r1")
        assert record.finished and [(rank.rank, rank.host) for rank in record.ranks] == [(0, host), (1, host)]
        assert (tmp_path / "race" / "runs" / f"{method}-r1" / "saved").exists()
        assert not (tmp_path / "race" / "runs" / f"{method}-r1" / "ranks").exists()
    assert f"cpu, {host}" in (tmp_path / "race" / "report.html").read_text()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., list[Command]]]:
    """Begins a command as srun does, as two tasks; none outlives its test."""
    begun: list[Command] = []

    def begin_tasks(*words: str) -> list[Command]:
        step = {
            "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "localhost", "MASTER_PORT": str(find_port()),
        }  # fmt: skip
        tasks = [Command(words, tmp_path, os.environ | step | {"SLURM_PROCID": str(rank)}) for rank in (0, 1)]
        begun.extend(tasks)
        return tasks

    yield begin_tasks
    for task in begun:
        if task.returncode is None:
            task.kill()


@pytest.mark.slow
def test_a_process_that_follows_is_named_when_it_is_killed(
    tmp_path: Path, begin: Callable[..., list[Command]]
) -> None:
    """The training goes on from its checkpoint when both are there again."""
    run = tmp_path / "run"
    job = ["train", "--method", "full", *QUICK, "--epochs", "6", "--save-every", "2"]
    first, second = begin(*job, "--out", "run")
    wait_for_steps(run)
    second.kill()
    at = time.time()
    printed, errors = first.communicate(DEADLINE)
    assert first.returncode == 1, printed + errors
    failed = read_record(run).failed
    said = f"rank 1 on {socket.gethostname()} gave no sign of life for 8 s; all were ended"
    assert failed and (failed.reason, failed.message) == ("unreachable", said) and failed.time - at < SOON
    tasks = begin("train", "--resume", "run")
    outputs = [task.communicate(DEADLINE) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], outputs
    assert outputs[1] == ("", ""), "one speaks for all"
    steps = read_record(run).steps
    assert len(attempts(run)) == 2 and [step.step for step in steps] == list(range(1, len(steps) + 1))


@pytest.mark.slow
def test_whichever_process_is_asked_to_stop_all_save_after_the_same_step(
    tmp_path: Path, begin: Callable[..., list[Command]]
) -> None:
    first, second = begin("train", *QUICK, "--epochs", "2000", "--out", "run")
    wait_for_steps(tmp_path / "run")
    second.terminate()
    for task in (first, second):
        task.communicate(DEADLINE)
    assert (first.returncode, second.returncode) == (143, 143)
    own, other = (read_record(tmp_path / "run" / place).failed for place in ("", "ranks/1"))
    assert (
        own
        and other
        and own.reason == "interrupted"
        and (own.message, own.step) == (other.message, other.step)
    )


def test_what_is_refused_ends_those_that_follow(begin: Callable[..., list[Command]]) -> None:
    tasks = begin("train", "--batch-size", "0")
    (_, errors), followed = [task.communicate(DEADLINE) for task in tasks]
    assert [task.returncode for task in tasks] == [2, 2]
    assert "--batch-size" in errors and followed == ("", "")


@pytest.fixture
def board() -> Board:
    """A store without a network."""
    return Board(HashStore())


def sight(rank: int, told: float = 1.0, state: State = State.WORKING) -> Sight:
    return Sight(rank=rank, process=7, state=state, exchanges=5, time=0.0, life="R", told=told)


def test_whoever_tells_nothing_any_more_is_lost_unless_it_has_ended(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given_crew, "LOST_SECONDS", 0.05)
    number = board.begin_run(3)
    crew = DistantCrew(board, number, 3)
    crew.is_announced = True
    watch = Watch(crew)
    board.refuse(number, 2, "for a reason")
    for count in range(10):
        board.tell_sight(number, sight(0, told=1.0 + count))
        board.tell_sight(number, sight(1))
        watch.look()
        time.sleep(0.02)
    assert crew.lost == {1} and board.is_missed(1) and watch.is_over
    assert [one.is_lost for one in crew.look()] == [False, True, False]


def test_what_is_ordered_stands_at_the_board(board: Board) -> None:
    number = board.begin_run(2)
    crew = DistantCrew(board, number, 2)
    crew.hand_on(signal.SIGTERM)
    crew.end(sight(1))
    assert board.read_orders(number) == Orders(number=signal.SIGTERM, ended=[1])
    crew.end_all()
    assert board.read_orders(number).all_ended
    board.tell_sight(number, replace(sight(1), asked=signal.SIGINT))
    crew.look()
    assert crew.asked == signal.SIGINT


def make_agent(board: Board, tmp_path: Path) -> GivenAgent:
    spec, devices = RunSpec(method="full"), ["cpu", "cpu"]
    job = RunJob(run="full-r1", spec=spec, folder=str(tmp_path), inputs="", devices=devices)
    given = GivenRank(rank=0, size=2, address="localhost", port=1)
    return GivenAgent(job, tmp_path / "job.json", given, DistantCrew(board, board.begin_run(2), 2))


def test_a_run_waits_for_all_and_takes_no_other_version(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_agent(board, tmp_path)
    board.come(1)
    assert agent._find_absence(board) is None
    other = replace(make_hello(), host="node2", laptime="0.0.1")
    board._put("hello/1", other)
    unlike = agent._find_absence(board)
    assert unlike and unlike.reason == "error"
    assert unlike.message.startswith("rank 1 on node2 has laptime 0.0.1 and torch")
    board.miss(1)
    gone = agent._find_absence(board)
    assert gone and gone.reason == "unreachable"
    assert gone.message == "rank 1 on node2 is gone since an earlier run"


def test_nobody_waits_for_who_has_not_come(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.come(1)
    assert board.await_arrival(4, 0.1) == [2, 3]
    board.come(2)
    board.miss(2)
    begun = time.monotonic()
    monkeypatch.setattr(board_module, "WHILE_SECONDS", 60.0)
    board.leave(1)
    board.await_leaving(4)
    assert time.monotonic() - begun < 30.0, "neither for 2, which is gone, nor for 3, which never came"


def test_a_run_that_does_not_begin_keeps_nobody_waiting(board: Board, tmp_path: Path) -> None:
    """Rank 1 is gone, rank 2 hears of the end all the same."""
    agent = make_agent(board, tmp_path)
    board.come(1)
    board.miss(1)
    agent._lead(board)
    assert agent.failure and agent.failure.message.endswith("is gone since an earlier run")
    board.announce_end(1)
    follower = Follower(GivenRank(rank=2, size=3, address="localhost", port=1), board)
    assert follower.follow() == 1


def test_a_folder_that_is_not_shared_is_refused(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "SEEN_SECONDS", 0.1)
    monkeypatch.chdir(tmp_path)
    follower = Follower(GivenRank(rank=1, size=2, address="localhost", port=1), board)
    file = tmp_path / "job.json"
    file.write_text("as an earlier run has left it")
    announcement = Announcement(
        number=board.begin_run(2), file=str(file), digest="0" * 64, folder=str(tmp_path), size=2
    )
    follower.take_part(announcement)
    ending = board.find_ends(announcement.number, [1])[1]
    assert f"{tmp_path} is not there as rank 0 has written it: --out must lie on a disk" in ending.refusal
    assert board.read_sights(announcement.number, 2)[1].state == State.FAILED, "nobody waits for it"
    assert digest_file(file) and not digest_file(tmp_path / "none")
