"""Several processes that train one model do the work of one: the same losses, the same files."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from laptime.data.batches import deal
from laptime.errors import UserError
from laptime.hardware.device_choice import Devices, name_devices, read_devices
from laptime.runs.heartbeats import RANKS_FOLDER, Heartbeats, State, beats_file
from laptime.runs.job import RunJob, read_job
from laptime.runs.process import write_first_line
from laptime.runs.record import RunRecord, read_record
from laptime.runs.watchdog import process_state
from laptime.spec import RunSpec
from laptime.training import crew, rank_watch, ranks
from laptime.training.crew import Crew
from laptime.training.rank_watch import Watch
from laptime.training.ranks import Stop, explain
from laptime.training.sharding import Counted, boundaries, take_rows
from laptime.training.team import LeftAloneError, Team
from tests.commands import Command, run_command
from tests.faults.test_children import wait_until
from tests.training.rank_race import Race

JOB = ["train", "--max-questions", "0", "--skip-self-checks", "--device", "cpu", "--precision", "fp32"]
WORK = ["--batch-size", "3", "--threads", "1"]


def train(folder: Path, out: str, *words: str) -> RunRecord:
    done = run_command([*JOB, *WORK, *words, "--out", out], folder, os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return read_record(folder / out)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_two_processes_are_one_training(tmp_path: Path, method: str) -> None:
    """The last step of an epoch has one example: the second process has none there."""
    done = train(tmp_path, "run", "--method", method, "--epochs", "1", "--devices", "2")
    assert [rank.rank for rank in done.ranks] == [0, 1]
    held, whole = [rank.parameters or 0 for rank in done.ranks], done.model.parameters if done.model else 0
    assert sum(held) == whole if method == "full" else min(held) > whole, "a part of the model, or all of it"
    assert all(0 < rank.exchange_seconds < rank.train_seconds for rank in done.ranks)
    peaks = [rank.peak_bytes["vm_hwm"] for rank in done.ranks]
    assert done.finished and done.finished.peak_bytes["vm_hwm"] == max(peaks)
    assert not (tmp_path / "run" / "ranks").exists()
    if method == "full":
        AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "saved")
    else:
        assert load_file(tmp_path / "run" / "saved" / "adapter_model.safetensors")


@pytest.mark.parametrize(("device", "is_timed"), [("cpu", True), ("cuda", False)])
def test_what_a_spread_model_gathers_is_timed_where_nothing_goes_on_beside_it(
    device: str, is_timed: bool
) -> None:
    class Exchange:
        allocate = None

        def __call__(self, numbers: int) -> int:
            time.sleep(0.001)
            return numbers + 1

    team = Team()
    assert Counted(Exchange(), team, torch.device(device))(1) == 2
    assert (team.total_wait() > 0.0) == is_timed


def test_waiting_for_a_checkpoint_is_no_exchange_of_the_training() -> None:
    team = Team()
    team.waited_seconds = 1.0
    with team.aside():
        team.waited_seconds += 5.0
    assert team.total_wait() == 1.0


def test_a_stopped_training_goes_on_by_any_number_of_processes(tmp_path: Path) -> None:
    """By as many bit by bit, by others with the same losses, which is said."""
    words = ["--method", "full", "--epochs", "5", "--save-every", "5"]
    process = Command([*JOB, *WORK, *words, "--devices", "2", "--out", "run"], tmp_path, os.environ)
    deadline = time.monotonic() + 120
    while b'"step":6,' not in (read_bytes(tmp_path / "run" / "record.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    (newest, *_) = sorted((tmp_path / "run" / "checkpoints").iterdir(), reverse=True)
    assert {"weights-1.safetensors", "optimizer-1.safetensors"} < {file.name for file in newest.iterdir()}
    job = replace(read_job(tmp_path / "run"), inputs=str(tmp_path / "run" / "inputs"))
    race = Race(tmp_path / "race", "builtin")
    race.plan(replace(job, folder=str(race.home / "whole")))
    for number in (2, 1, 3):
        folder = race.home / str(number)
        shutil.copytree(tmp_path / "run", folder, ignore=shutil.ignore_patterns(RANKS_FOLDER))
        devices = ["cpu"] * number if number > 1 else []
        race.plan(replace(job, folder=str(folder), devices=devices, resumes=True))
    race.run(3)
    whole, *resumed = (race.record(name) for name in ("whole", "1", "2", "3"))
    losses = [[step.loss for step in one.steps] for one in (whole, *resumed)]
    assert losses[2] == losses[0], "by as many"
    assert same_bits(race.saved("whole"), race.saved("2"))
    assert losses[1] == pytest.approx(losses[0], abs=1e-4) and losses[3] == pytest.approx(losses[0], abs=1e-4)
    told = [one.resumptions[-1].changed for one in resumed]
    assert told == [["processes 2 -> 1"], [], ["processes 2 -> 3"]]


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Tell whether all tensors are equal."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def read_bytes(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


@pytest.mark.parametrize(
    ("text", "device", "expected"),
    [
        ("auto", "auto", Devices()),
        ("cpu", "auto", Devices(kind="cpu", number=1)),
        ("2", "cpu", Devices(kind="cpu", number=2)),
        ("0,1", "auto", Devices(kind="cuda", number=2, indices=(0, 1))),
        ("1,", "auto", Devices(kind="cuda", number=1, indices=(1,))),
    ],
)
def test_devices_are_read(text: str, device: str, expected: Devices) -> None:
    assert read_devices(text, device) == expected


@pytest.mark.parametrize("text", ["0", "two", "0,0", "-1", "1.5", "9999", ""])
def test_no_devices_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^--devices"):
        read_devices(text)


def test_gpus_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laptime.hardware.device_choice.lacks_cuda", lambda: False)
    monkeypatch.setattr("laptime.hardware.device_choice.count_gpus", lambda: 2)
    assert name_devices(read_devices("2")) == ["cuda:0", "cuda:1"]
    assert name_devices(read_devices("2", "cpu")) == ["cpu", "cpu"]
    with pytest.raises(UserError, match="--devices 0,2: 2 GPUs here"):
        name_devices(read_devices("0,2"))
    monkeypatch.setattr("laptime.hardware.device_choice.count_gpus", lambda: None)
    assert name_devices(read_devices("3")) == ["cuda:0", "cuda:1", "cuda:2"], "torch will tell"


def test_a_machine_without_gpus_shares_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laptime.hardware.device_choice.lacks_cuda", lambda: True)
    assert name_devices(read_devices("2")) == ["cpu", "cpu"]
    with pytest.raises(UserError, match=r"--devices 1000: .* GB are there; ask for at most \d"):
        name_devices(Devices(kind="cpu", number=1000))
    with pytest.raises(UserError, match="--devices 0,1: no GPU here"):
        name_devices(read_devices("0,1"))


def test_examples_are_dealt_by_number_and_by_tokens() -> None:
    class Example:
        def __init__(self, length: int) -> None:
            self.words = [0] * length

    examples: Any = [Example(length) for length in (9, 1, 8, 2, 3)]
    shares = deal(examples, 2)
    assert sorted(len(share) for share in shares) == [2, 3]
    assert sorted(sum(len(one.words) for one in share) for share in shares) == [11, 12]
    assert deal(examples[:1], 3)[1:] == [[], []]


@pytest.mark.parametrize(("rows", "ranks"), [(7, 3), (2, 3), (4, 4), (1, 2)])
def test_rows_are_cut_as_torch_chunks_them(rows: int, ranks: int) -> None:
    whole = torch.arange(rows)
    parts = [take_rows(whole, rank, ranks) for rank in range(ranks)]
    chunks = list(whole.chunk(ranks))
    assert [part.tolist() for part in parts if len(part)] == [chunk.tolist() for chunk in chunks]
    assert len(boundaries(rows, ranks)) == ranks - 1 and torch.cat(parts).tolist() == whole.tolist()


def begin_record(folder: Path) -> Heartbeats:
    """Return the heartbeats of two ranks of a run that has begun."""
    write_first_line(RunJob(run="full-r1", spec=RunSpec(method="full"), folder=str(folder), inputs="inputs"))
    return Heartbeats.begin(beats_file(folder), 2)


def test_who_left_silently_is_to_blame_and_not_who_noticed(tmp_path: Path) -> None:
    beats = begin_record(tmp_path)
    beats.write(0, 1, State.LEFT_ALONE, 5)
    beats.write(1, 2, State.WORKING, 5)
    (tmp_path / "log.txt").write_text("last words\nrank 0 lost the others: closed by peer\n")
    left = explain(tmp_path, beats.read(), {0: 1, 1: 3})
    assert (left.reason, left.message) == ("left", "rank 1: left with code 3 before the end: last words")
    assert "rank 1: left with code 0" in explain(tmp_path, beats.read(), {0: 1}).message
    killed = explain(tmp_path, beats.read(), {0: 1, 1: -9})
    assert (killed.reason, killed.message[:25]) == ("killed", "rank 1: ended by SIGKILL;")


def test_a_full_disk_is_to_blame_where_nobody_could_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = begin_record(tmp_path)
    beats.write(0, 1, State.WORKING, 5)
    beats.write(1, 2, State.FAILED, 5)
    monkeypatch.setattr("laptime.training.ranks.is_crammed", lambda folder: True)
    assert explain(tmp_path, beats.read(), {0: -15, 1: 1}).reason == "disk_full"
    assert explain(tmp_path, beats.read(), {0: -9, 1: 1}).reason == "killed"


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process that does nothing."""
    process = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")
    yield process
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def find_guilty(watch: Watch) -> str:
    """Look until somebody is guilty, or for a while; returns what is said of it."""
    for _ in range(50):
        watch.look()
        if watch.guilty:
            return f"{watch.guilty.reason}: {watch.guilty.message}"
        time.sleep(0.02)
    return ""


def test_a_process_that_does_nothing_while_others_wait_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: int
) -> None:
    beats = Heartbeats.begin(beats_file(tmp_path), 2)
    beats.write(0, os.getpid(), State.WAITING, 6)
    beats.write(1, sleeper, State.WORKING, 5)
    monkeypatch.setattr(rank_watch, "STILL_SECONDS", 0.1)
    said = find_guilty(Watch(Crew(beats)))
    assert said.startswith("hung: rank 1 did nothing for") and said.endswith("waited; all were ended")
    assert wait_for_state(sleeper, "Z")


@pytest.mark.parametrize("state", [State.WAITING, State.WORKING])
def test_a_stopped_process_is_named_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: int, state: State
) -> None:
    """Within an exchange all have begun as many, or it is ahead: the other one is not to blame."""
    beats = Heartbeats.begin(beats_file(tmp_path), 2)
    beats.write(0, os.getppid(), State.WORKING, 6)
    beats.write(1, sleeper, state, 6 + (state == State.WAITING))
    os.kill(sleeper, signal.SIGSTOP)
    assert wait_for_state(sleeper, "T")
    monkeypatch.setattr(rank_watch, "STILL_SECONDS", 0.1)
    said = find_guilty(Watch(Crew(beats)))
    assert said.startswith("hung: rank 1 did nothing for") and "(stopped by a signal)" in said


@pytest.mark.parametrize(
    "places",
    [
        {0: (State.WAITING, 6), 1: (State.WAITING, 5), 2: (State.WORKING, 6)},  # it waits within an exchange
        {0: (State.WAITING, 6), 1: (State.SAVING, 5), 2: (State.WAITING, 6)},  # for a disk that is slow
        {0: (State.WORKING, 6), 1: (State.WORKING, 6), 2: (State.WORKING, 6)},  # nobody is behind
        {0: (State.WAITING, 6), 1: (State.WORKING, 5), 2: (State.STARTING, 0)},  # another one more so
    ],
)
def test_nobody_is_blamed_for_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: int, places: dict[int, tuple[State, int]]
) -> None:
    """Rank 1 does nothing; rank 2 has a process that works, or none yet."""
    monkeypatch.setattr(rank_watch, "STILL_SECONDS", 0.1)
    beats = Heartbeats.begin(beats_file(tmp_path), 3)
    for rank, (state, exchanges) in places.items():
        process = {0: os.getppid(), 1: sleeper}.get(rank, os.getpid() if exchanges else 0)
        beats.write(rank, process, state, exchanges)
    assert find_guilty(Watch(Crew(beats))) == ""


def test_one_that_works_and_comes_no_further_has_as_long_as_a_run_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "kill", lambda process: None)
    ticks = count()
    monkeypatch.setattr(crew, "process_ticks", lambda process: 100 * next(ticks))
    beats = Heartbeats.begin(beats_file(tmp_path), 2)
    beats.write(0, os.getppid(), State.WAITING, 6)
    beats.write(1, os.getpid(), State.WORKING, 5)
    assert find_guilty(Watch(Crew(beats))) == "", "0: for ever"
    said = find_guilty(Watch(Crew(beats), hang_minutes=0.2 / 60))
    assert said.startswith("hung: rank 1 worked for") and "came no further" in said


def test_while_the_watch_itself_was_stopped_nobody_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: int
) -> None:
    beats = Heartbeats.begin(beats_file(tmp_path), 2)
    beats.write(0, os.getppid(), State.WAITING, 6)
    beats.write(1, sleeper, State.WORKING, 5)
    watch, clock = Watch(Crew(beats)), [time.monotonic()]
    monkeypatch.setattr(rank_watch.time, "monotonic", lambda: clock[0])
    for seconds in (0.0, 3600.0, 0.25):
        clock[0] += seconds
        watch.look()
    assert watch.guilty is None


def wait_for_state(process: int, state: str) -> bool:
    """Wait until the system tells a state of a process."""
    return wait_until(lambda: process_state(process) == state)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError("no room for a process"),
            "the processes could not be started: OSError: no room for a process",
        ),
        (None, "rank 0: left with code 0 before the end: no output"),
    ],
)
def test_what_did_not_come_to_its_end_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None, said: str
) -> None:
    """The launcher fails, or is content with processes that all have left."""

    def launch(*_: Any) -> Callable[..., None]:
        if error:
            raise error
        return lambda *words: None

    job = RunJob(
        run="full-r1", spec=RunSpec(method="full"), folder=str(tmp_path), inputs="", devices=["cpu"] * 2
    )
    write_first_line(job)
    monkeypatch.setattr(ranks, "elastic_launch", launch)
    monkeypatch.setattr(ranks.Stop, "listen", lambda stop: None)
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    with pytest.raises(SystemExit) as end:
        ranks.launch(job, tmp_path / "job.json")
    assert end.value.code == 1
    failed = read_record(tmp_path).failed
    assert failed and failed.message == said


@pytest.mark.parametrize(
    ("error", "is_gone"),
    [
        (RuntimeError("[/a/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer"), True),
        (torch.distributed.DistNetworkError("recv failed"), True),
        (torch.distributed.DistBackendError("Last error: Cuda failure 2 'out of memory'"), False),
        (torch.distributed.DistBackendError("ncclRemoteError: remote process exited"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"), False),
        (torch.OutOfMemoryError("CUDA out of memory"), False),
    ],
)
def test_only_a_broken_connection_means_that_others_are_gone(
    tmp_path: Path, error: RuntimeError, is_gone: bool
) -> None:
    beats = Heartbeats.begin(beats_file(tmp_path), 2)
    with pytest.raises(LeftAloneError if is_gone else type(error)), Team(0, 2, beats).together():
        raise error
    assert (beats.read()[0].state == State.LEFT_ALONE) == is_gone
    with pytest.raises(type(error)), Team().together():
        raise error


def test_a_rank_that_begins_later_is_told_once_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the processes are being started: none is there yet that could hear of it."""
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(crew.os, "kill", lambda *words: told.append(words))
    beats = Heartbeats.begin(beats_file(tmp_path), 2)
    stop = Stop(Crew(beats))
    stop.hand_on()
    stop._hear(signal.SIGINT, None)
    assert told == []
    for rank, process in enumerate((1001, 1002)):
        beats.write(rank, process, State.STARTING, 0)
        stop.hand_on()
    stop._hear(signal.SIGTERM, None)
    assert told == [(1001, signal.SIGINT), (1002, signal.SIGINT)]


def test_one_that_stays_in_an_exchange_all_others_have_behind_them_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: int
) -> None:
    """It has come back from it, and hangs before it could say so."""
    monkeypatch.setattr(rank_watch, "STILL_SECONDS", 0.1)
    beats = Heartbeats.begin(beats_file(tmp_path), 2)
    beats.write(0, os.getppid(), State.WAITING, 6)
    beats.write(1, sleeper, State.WAITING, 5)
    assert find_guilty(Watch(Crew(beats))).startswith("hung: rank 1 did nothing for")
