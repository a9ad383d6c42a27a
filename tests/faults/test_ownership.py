"""Whatever lies in --out before a command: nothing of it is changed or gone when the command has ended."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laptime.comparison.collection import collect_single
from laptime.comparison.race import compare
from laptime.comparison.result import write_result
from laptime.data.input_manifest import InputJob, InputManifest
from laptime.errors import UserError
from laptime.runs.folder import has_checkpoint
from laptime.runs.job import RunJob
from laptime.runs.lock import MARKER_FILE
from laptime.runs.single_run import go_on_training, train_once
from laptime.spec import ModelSpec, RunSpec
from laptime.util.atomic import open_log
from tests.comparison.test_race import SPEC, Listener, ScriptedRunner

OURS = [
    "inputs", "inputs/job.json", "inputs/log.txt", "inputs/facts.json", "inputs/encoded.bin",
    "inputs/rehearsal-lora/record.jsonl", "plan.json", "plan.json.tmp", "spec.json", "comparison.json",
    "record.jsonl", "job.json", "log.txt", "saved/adapter_config.json", "checkpoints/step-00000001/a.json",
    "runs/base/record.jsonl", "runs/lora-r1/saved/model.safetensors", "prefix-cache/a.safetensors",
    ".lock", ".lock.pid", ".saved.aside/x", ".saved.old/x", "report.html", "report.md", "charts/memory.svg",
    f"{MARKER_FILE}/state", MARKER_FILE,
]  # fmt: skip
THEIRS = [
    "thesis.txt",
    "inputs/thesis.txt",
    "runs/notes.md",
    ".git/config",
    "train.jsonl",
    "논문/1장.txt",
    "a b",
]


def train_alone(folder: Path, runner: ScriptedRunner) -> None:
    """Train once and write the result, as the command does."""
    train_once(ALONE, folder, runner, Listener())
    write_result(folder, collect_single(folder))


ENDS = ["success", "refused", "interrupted", "refused by a run", "interrupted in a run"]
KINDS: dict[str, Callable[..., Any]] = {
    "compare": lambda folder, runner: compare(SPEC, folder, runner, Listener(), "d"),
    "train": train_alone,
    "resume": lambda folder, runner: go_on_training(ALONE, folder, runner, Listener(), "d"),
}
ALONE = RunSpec(method="lora", model=ModelSpec(model="tiny"))
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


class EndingRunner(ScriptedRunner):
    """Leaves the files that a preparation and a run leave, and ends as it is told."""

    def __init__(self, end: str) -> None:
        super().__init__()
        self.end = end

    def prepare(self, job: InputJob) -> InputManifest:
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("job.json", "log.txt", "encoded.bin"):
            (folder / name).write_text("ours")
        self._may_end("refused", "interrupted")
        return super().prepare(job)

    def run(self, job: RunJob, on_event: Any) -> None:
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("job.json", "log.txt"):
            (folder / name).write_text("ours")
        self._may_end("refused by a run", "interrupted in a run")
        super().run(job, on_event)

    def _may_end(self, refused: str, interrupted: str) -> None:
        if self.end == refused:
            raise UserError("--model tiny: refused")
        if self.end == interrupted:
            raise KeyboardInterrupt


@contextmanager
def any_end() -> Iterator[None]:
    """Let a command end as it likes."""
    with suppress(UserError, KeyboardInterrupt, SystemExit):
        yield


def plant(folder: Path, names: list[str]) -> dict[Path, object]:
    """Put a user's files into a folder, as far as one does not stand in the way of another."""
    before: dict[Path, object] = {}
    for number, name in enumerate(names):
        path = folder / name
        if path.exists() or any(parent.is_file() or parent.is_symlink() for parent in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "inputs":
            path.mkdir()
        elif number % 5 == 4:
            path.symlink_to(folder.parent / "elsewhere")
        else:
            path.write_text(f"mine {number}")
        before[path] = look(path)
    return before


def look(path: Path) -> object:
    """Return what a path is."""
    if path.is_symlink():
        return ("link", path.readlink())
    return path.read_bytes() if path.is_file() else "folder" if path.is_dir() else None


def everything(folder: Path) -> dict[Path, object]:
    return {path: look(path) for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(
    names=st.lists(st.sampled_from(OURS + THEIRS), min_size=1, unique=True, max_size=8),
    end=st.sampled_from(ENDS),
)
def test_a_folder_of_a_user_stays_as_it_is(kind: str, names: list[str], end: str) -> None:
    """It holds names of ours too, but no marker that we wrote: nothing is changed, gone or added."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        plant(folder, names)
        before = everything(folder)
        runner = EndingRunner(end)
        with pytest.raises(UserError):
            KINDS[kind](folder, runner)
        assert everything(folder) == before
        assert not runner.prepared


@MANY
@given(
    kind=st.sampled_from(["compare", "train"]),
    names=st.lists(st.sampled_from([n for n in OURS if not n.startswith(MARKER_FILE)] + THEIRS), unique=True),
    first=st.sampled_from(ENDS[1:]),
    second=st.sampled_from(ENDS),
)
def test_what_a_user_adds_to_our_folder_stays(kind: str, names: list[str], first: str, second: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        with any_end():
            KINDS[kind](folder, EndingRunner(first))
        added = plant(folder, names)
        with any_end():
            KINDS[kind](folder, EndingRunner(second))
        # A run that starts anew is set aside with all that lies in its folder.
        moved = {path for path in added if path.parts[len(folder.parts)] == "runs"}
        assert {path: look(path) for path in added if path not in moved} == {
            path: what for path, what in added.items() if path not in moved
        }
        kept = [look(path) for path in folder.rglob("*")]
        assert all(added[path] in kept for path in moved)


@pytest.mark.parametrize("kind", ["compare", "train"])
@pytest.mark.parametrize("end", ["refused", "interrupted"])
@pytest.mark.parametrize("out", ["new", "above/new", "empty"])
def test_a_start_that_got_nowhere_leaves_nothing(tmp_path: Path, kind: str, end: str, out: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises((UserError, KeyboardInterrupt)):
        KINDS[kind](tmp_path / out, EndingRunner(end))
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.parametrize("kind", ["compare", "train"])
def test_what_a_user_adds_meanwhile_stays(tmp_path: Path, kind: str) -> None:
    class Meanwhile(EndingRunner):
        def prepare(self, job: InputJob) -> InputManifest:
            plant(tmp_path, ["out/inputs/thesis.txt", "out/thesis.txt"])
            return super().prepare(job)

    with pytest.raises(UserError):
        KINDS[kind](tmp_path / "out", Meanwhile("refused"))
    assert {str(path.relative_to(tmp_path)): look(path) for path in tmp_path.rglob("*.txt")} == {
        "out/inputs/thesis.txt": b"mine 0",
        "out/thesis.txt": b"mine 1",
    }
    assert not (tmp_path / "out" / MARKER_FILE).exists(), "it is theirs now"


@pytest.mark.parametrize("kind", ["compare", "train"])
def test_a_killed_start_begins_anew_with_the_same_command(tmp_path: Path, kind: str) -> None:
    """Killed in its preparation, before its first line, within its first line."""
    with any_end():
        KINDS[kind](tmp_path / "whole", EndingRunner("success"))
    folder = tmp_path / "out"
    for names in (
        {MARKER_FILE: ""},
        {MARKER_FILE: None, "inputs/job.json": "half"},
        {MARKER_FILE: None, "inputs/facts.json.tmp": "half", "plan.json.tmp": "half"},
        {MARKER_FILE: None, "record.jsonl": ""},
        {MARKER_FILE: None, "record.jsonl": '{"event":"started","ti'},
    ):
        for name, content in names.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                shutil.copy(tmp_path / "whole" / name, folder / name)
            else:
                (folder / name).write_text(content)
        if kind == "train" or "record.jsonl" not in names:
            KINDS[kind](folder, EndingRunner("success"))
        shutil.rmtree(folder)


def test_a_copy_of_a_checkpoint_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "step-00000002-mine").mkdir(parents=True)
    assert not has_checkpoint(tmp_path)


def test_a_result_that_a_user_puts_there_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    class Meanwhile(EndingRunner):
        def run(self, job: RunJob, on_event: Any) -> None:
            plant(tmp_path / "out", ["comparison.json"])
            super().run(job, on_event)

    for kind in ("compare", "train"):
        with pytest.raises(UserError, match="not written by laptime; move it away, then repeat"):
            KINDS[kind](tmp_path / "out", Meanwhile("success"))
        assert (tmp_path / "out" / "comparison.json").read_text() == "mine 0"
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize("appends", [True, False])
def test_a_link_in_the_place_of_a_log_is_not_followed(tmp_path: Path, appends: bool) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "log.txt").symlink_to("thesis.txt")
    with pytest.raises(OSError):
        open_log(tmp_path / "log.txt", appends)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
