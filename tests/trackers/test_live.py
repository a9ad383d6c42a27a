"""Trackers that follow a race: they see what grows, and whatever they do costs it nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.runs.watchdog import process_state
from laptime.trackers import live
from laptime.trackers.live import Records, follow, following
from laptime.trackers.publication import publish
from laptime.trackers.tracker import Follower, check_trackers, find_trackers
from tests.trackers.growing import Growing

FOLLOWER = """
import os, time
from pathlib import Path

class Tracker:
    name = {name!r}

    def check(self):
        pass

    def publish(self, folder, result, network_seconds):
        return []

    def follow(self, folder, result, records):
        told = Path(folder, "told-{name}")
        with told.open("a") as file:
            file.write(f"{{os.getpid()}} {{records[0].started.run}} {{len(records[0].steps)}}\\n")
        {body}

TRACKER = Tracker()
"""


@pytest.fixture
def add_follower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that adds a tracker to the package, in this process and in those it starts."""
    extra = tmp_path / "extra"
    extra.mkdir()
    (tmp_path / "sitecustomize.py").write_text(
        "import laptime.trackers, laptime.trackers.live as live\n"
        f"laptime.trackers.__path__.append({str(extra)!r})\n"
        "live.LOOK_SECONDS = 0.05\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    def add(name: str, body: str = "pass") -> None:
        (extra / f"{name}.py").write_text(FOLLOWER.format(name=name, body=body))

    return add


def wait_for(path: Path, text: str) -> list[str]:
    """Wait until a file holds `text`; returns its lines."""
    for _ in range(1200):
        if path.exists() and text in (content := path.read_text()):
            return content.splitlines()
        time.sleep(0.05)
    raise AssertionError(f"{path} never said {text}")


def test_what_grows_is_followed_and_all_that_follows_ends_with_the_race(tmp_path: Path, add_follower) -> None:
    """One that hangs and one that dies hold up neither the race nor the third; none of them is left."""
    race = Growing(tmp_path / "race")
    add_follower("well")
    add_follower("hangs", "time.sleep(600)")
    add_follower("dies", "os._exit(3)")
    with following(race.folder, ("hangs", "dies", "well")):
        race.show(1)
        first = wait_for(race.folder / "told-well", "lora-r1 1")
        wait_for(race.folder / "told-hangs", "lora-r1")
        wait_for(race.folder / "told-dies", "lora-r1")
        race.show(3)
        wait_for(race.folder / "told-well", "lora-r1 3")
        before = time.monotonic()
    assert time.monotonic() - before < 30
    hanging = (race.folder / "told-hangs").read_text().split()[0]
    assert [process_state(int(pid)) for pid in (first[0].split()[0], hanging)] == ["", ""]


def test_one_that_always_fails_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    race = Growing(tmp_path)
    race.show(2)
    calls = []

    class Failing:
        def follow(self, *given: object) -> None:
            calls.append(given)
            raise RuntimeError("no luck")

    monkeypatch.setattr(live, "LOOK_SECONDS", 0.0)
    follow(tmp_path, Failing(), os.getppid())
    assert len(calls) == live.MOST_FAILURES


def test_records_are_read_again_where_they_have_grown(tmp_path: Path) -> None:
    """A half-written line is none, a run without steps has nothing to show; the base is nobody's."""
    race = Growing(tmp_path)
    records = Records(tmp_path)
    assert records.read_grown() == []
    race.show(2)
    assert [len(one.steps) for one in records.read_grown()] == [2]
    assert records.read_grown() == []
    race.record.write_bytes(race.record.read_bytes() + b'{"event":"step","ti')
    assert [len(one.steps) for one in records.read_grown()] == [2]
    race.show(None)
    assert [(len(one.steps), one.status) for one in records.read_grown()] == [(4, "finished")]


def test_who_cannot_follow_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    followers = {name for name, tracker in find_trackers().items() if isinstance(tracker, Follower)}
    assert followers == {"mlflow", "tensorboard", "trackio", "wandb"}
    with pytest.raises(UserError, match=r"^--track-live: no tracker is named that could; add --track"):
        check_trackers((), follow=True)

    class Late:
        name = "late"

        def check(self) -> None:
            pass

    monkeypatch.setattr("laptime.trackers.tracker.find_tracker", lambda name: Late())
    with pytest.raises(UserError, match=r"^--track-live: late shows runs when all is over; leave one"):
        check_trackers(("late",), follow=True)


def test_tensorboard_follows_and_has_every_step_once(tmp_path: Path) -> None:
    """Also where steps were taken back, and when all is over."""
    pytest.importorskip("tensorboard")
    from laptime.trackers.publication import load_result
    from laptime.trackers.tensorboard import TensorBoard
    from tests.trackers.test_tensorboard import read_back

    race, tracker = Growing(tmp_path), TensorBoard()
    records = Records(tmp_path)

    def show(num_steps: int | None) -> list[int]:
        race.show(num_steps)
        tracker.follow(tmp_path, load_result(tmp_path), records.read_grown())
        run = read_back(tmp_path / "tensorboard" / "lora-r1")
        return [point.step for point in run.Scalars("train/loss")]

    assert [show(2), show(3), show(1), show(4)] == [[1, 2], [1, 2, 3], [1], [1, 2, 3, 4]]
    race.show(None)
    publish(tmp_path, ("tensorboard",))
    run = read_back(tmp_path / "tensorboard" / "lora-r1")
    assert [point.step for point in run.Scalars("train/loss")] == [1, 2, 3, 4]
    assert run.Scalars("whole_run/train_seconds")[0].value == 10.0
