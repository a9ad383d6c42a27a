"""A resumed run equals an uninterrupted one to the last bit; what is not the same run is refused."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch

from laptime import __version__
from laptime.api import resumed_spec
from laptime.cli.running import tell_interruption
from laptime.comparison.collection import collect_single
from laptime.data.input_manifest import read_manifest
from laptime.errors import UserError
from laptime.methods.full import Full
from laptime.methods.method import find_lacking
from laptime.runs.disk import check_disk
from laptime.runs.events import Energy, Evaluation, Event, Saved, Started, Step
from laptime.runs.job import RunJob
from laptime.runs.record import RecordWriter, RunRecord, read_record
from laptime.runs.resumption import read_begun
from laptime.spec import AnswerSpec, ModelSpec, RunSpec, TrainingSpec, read_interval
from laptime.training import run_state as resumption
from laptime.training.checkpoint import (
    PARTS,
    find_newest,
    list_checkpoints,
    open_checkpoint,
    write_checkpoint,
)
from laptime.training.checkpoint_schedule import StoppedError
from laptime.training.run import run
from laptime.training.saving import UnsavedError
from tests.commands import Command, run_command
from tests.speedups.runs import make_base

TRAINING: dict[str, Any] = {
    "epochs": 2, "learning_rate": 1e-2, "device": "cpu", "precision": "fp32", "warmup_ratio": 0.3,
}  # fmt: skip
DROPOUT = {"lora_dropout": 0.25}


@pytest.fixture(autouse=True, scope="module")
def single_thread() -> Iterator[None]:
    """Tiny products are faster without threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"), attention_bias=True)  # for bitfit


class StoppingRecord(RecordWriter):
    """Sends SIGTERM to this process when step `stop_at` is recorded, and no later."""

    stop_at = 0

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, Step) and event.step == self.stop_at:
            signal.raise_signal(signal.SIGTERM)


def make_job(base: Path, folder: Path, method: str, options: dict[str, Any], **training: Any) -> RunJob:
    spec = RunSpec(
        method=method,
        model=ModelSpec(model=str(base / "model")),
        training=TrainingSpec(**TRAINING | training),
        answers=AnswerSpec(skip_self_checks=True),
        method_options=options,
    )
    return RunJob(
        run=f"{method}-r1", spec=spec, folder=str(folder), inputs=str(base / "inputs"), spawned=time.time()
    )


def attempt(job: RunJob, stop_at: int = 0) -> RunRecord:
    """Begin the run of `job`, or go on with it where it was begun; it is stopped after step `stop_at`."""
    folder = Path(job.folder)
    job.resumes = folder.exists()
    record = StoppingRecord(folder)
    record.stop_at = stop_at
    if not job.resumes:
        record.write(
            Started(
                laptime=__version__, run=job.run, method=job.spec.method, round=1,
                spec=msgspec.to_builtins(job.spec),
            )
        )  # fmt: skip
    torch.manual_seed(time.time_ns() % 2**31)  # what went before must not matter
    try:
        if stop_at:
            with pytest.raises(StoppedError, match=f"^stopped after step {stop_at}; a checkpoint"):
                run(job, record)
        else:
            run(job, record)
    finally:
        record.close()
    return read_record(folder)


def checkpoint_digests(folder: Path) -> dict[str, str]:
    """Return the digests of the newest checkpoint's tensors."""
    newest = list_checkpoints(folder / "checkpoints")[0]
    files = json.loads((newest / "manifest.json").read_text())["files"]
    return {part: files[f"{part}.safetensors"]["sha256"] for part in PARTS}


def step_log(record: RunRecord) -> list[dict[str, Any]]:
    """Return the steps without what a clock says."""
    timed = ("time", "seconds", "parts")
    steps = [msgspec.to_builtins(step) for step in record.steps]
    return [{key: value for key, value in step.items() if key not in timed} for step in steps]


def saved(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "saved").iterdir()}


needs_bitsandbytes = pytest.mark.skipif(bool(find_lacking("qlora")), reason="bitsandbytes is not installed")
COMBINATIONS: list[Any] = [
    ("full", {}, {"precision": "fp32"}),
    ("full", {}, {"precision": "fp32", "plain": True, "batch_size": 2, "weight_decay": 0.1}),
    ("full", {}, {"precision": "bf16", "gradient_accumulation": 2}),
    ("full", {}, {"precision": "bf16", "plain": True, "schedule": "cosine"}),
    ("full", {}, {"precision": "fp32", "batch_size": 2, "gradient_checkpointing": True}),
    ("lora", {}, {"precision": "fp32", "batch_size": 2, "gradient_accumulation": 2, "epochs": 4}),
    ("lora", {}, {"precision": "bf16", "batch_size": 2}),
    ("lora", DROPOUT, {"precision": "fp32", "gradient_accumulation": 2}),
    ("lora", DROPOUT, {"precision": "fp32", "batch_size": 2, "plain": True}),
    ("lora", DROPOUT, {"precision": "bf16", "gradient_checkpointing": True}),
    ("dora", {}, {"precision": "bf16"}),
    ("lora_plus", {}, {"precision": "fp32", "batch_size": 2}),
    ("lora_fa", DROPOUT, {"precision": "fp32", "plain": True}),
    ("pissa", {}, {"precision": "fp32", "batch_size": 2}),
    ("olora", {}, {"precision": "bf16"}),
    ("vera", {"vera_rank": 8}, {"precision": "fp32"}),
    pytest.param("qlora", {}, {"precision": "bf16"}, marks=needs_bitsandbytes),
    pytest.param("loftq", {"lora_rank": 4}, {"precision": "bf16"}, marks=needs_bitsandbytes),
    ("ia3", {}, {"precision": "bf16", "batch_size": 2}),
    ("adalora", {"lora_rank": 4}, {"precision": "fp32"}),
    ("adalora", {"lora_rank": 4, **DROPOUT}, {"precision": "bf16", "epochs": 4}),
    ("bitfit", {}, {"precision": "bf16"}),
    ("galore", {"galore_interval": 2}, {"precision": "bf16"}),
    ("galore", {"galore_interval": 4, "galore_rank": 20}, {"precision": "fp32", "plain": True}),
    ("lisa", {"lisa_interval": 2}, {"precision": "bf16"}),
    ("lisa", {"lisa_interval": 3, "lisa_layers": 2}, {"precision": "fp32", "epochs": 3}),
    ("prompt_tuning", {"virtual_tokens": 3}, {"precision": "bf16", "batch_size": 2}),
    ("oft", {"oft_block_size": 16}, {"precision": "bf16", "batch_size": 2}),
    ("top_layers", {"top_layers": 2}, {"precision": "bf16", "batch_size": 2}),
    ("lora_top", {"top_layers": 2}, {"precision": "fp32", "batch_size": 2}),
    ("lora_top", {"top_layers": 2, **DROPOUT}, {"precision": "fp32", "gradient_accumulation": 2}),
    ("lora_top", {"top_layers": 1, **DROPOUT}, {"precision": "bf16", "plain": True, "schedule": "constant"}),
]


@pytest.mark.parametrize(("method", "options", "training"), COMBINATIONS)
def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(
    base: Path, tmp_path: Path, method: str, options: dict[str, Any], training: dict[str, Any]
) -> None:
    """Weights, masters, moments, every random number generator, and the log of the steps."""
    whole = make_job(base, tmp_path / "whole", method, options, **training)
    parts = make_job(base, tmp_path / "parts", method, options, **training)
    num_steps = -(-5 // (whole.spec.training.batch_size * whole.spec.training.gradient_accumulation))
    num_steps *= whole.spec.training.epochs
    uninterrupted = attempt(whole, stop_at=num_steps)
    assert attempt(parts, stop_at=num_steps // 3).status == "unfinished"
    resumed = attempt(parts, stop_at=num_steps)
    assert step_log(resumed) == step_log(uninterrupted)
    assert [step.step for step in resumed.steps] == list(range(1, num_steps + 1))
    assert checkpoint_digests(tmp_path / "parts") == checkpoint_digests(tmp_path / "whole")


@pytest.mark.parametrize(("method", "options"), [("full", {}), ("lora", DROPOUT)])
def test_the_result_is_the_same_to_the_bit_and_the_checkpoints_go(
    base: Path, tmp_path: Path, method: str, options: dict[str, Any]
) -> None:
    whole = make_job(base, tmp_path / "whole", method, options, save_every="3")
    parts = make_job(base, tmp_path / "parts", method, options, save_every="4", keep_checkpoints=1)
    uninterrupted = attempt(whole)
    attempt(parts, stop_at=5)
    attempt(parts, stop_at=6)
    resumed = attempt(parts)
    assert saved(tmp_path / "parts") == saved(tmp_path / "whole")
    assert step_log(resumed) == step_log(uninterrupted)
    for record in (resumed, uninterrupted):
        assert record.finished and record.evaluations
        assert not (record.folder / "checkpoints").exists()
        phases = record.phase_seconds()
        steps = sum(step.seconds for step in record.steps)
        assert steps == pytest.approx(phases["train"], rel=0.3, abs=0.1)
        assert record.finished.train_seconds == phases["train"]
        assert phases["checkpoint"] == pytest.approx(sum(one.seconds for one in record.checkpoints), rel=0.1)
        assert record.finished.total_seconds > phases["train"] + phases["checkpoint"]
        assert len(record.speedups) == len({one.name for one in record.speedups})
    assert [one.step for one in uninterrupted.checkpoints] == [3, 6, 9]
    assert [one.step for one in resumed.checkpoints] == [4, 5, 6, 8]
    assert [one.step for one in resumed.resumptions] == [5, 6]
    assert resumed.evaluations[0].loss == uninterrupted.evaluations[0].loss
    assert resumed.energy and "more than one process" in resumed.energy.source


class DyingRecord(RecordWriter):
    """Dies when a step is recorded, as a process that is killed."""

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, Step) and event.step == 3:
            raise DiedError


class DiedError(BaseException):
    """Nobody catches it."""


def test_a_run_killed_before_its_first_checkpoint_begins_anew(base: Path, tmp_path: Path) -> None:
    whole, parts = (make_job(base, tmp_path / name, "lora", DROPOUT) for name in ("a", "b"))
    uninterrupted = attempt(whole)
    record = DyingRecord(tmp_path / "b")
    record.write(Started(laptime="0", run="lora-r1", method="lora", round=1, spec={}))
    with pytest.raises(DiedError):
        run(parts, record)
    record.close()
    resumed = attempt(parts)
    assert [event.step for event in resumed.resumptions] == [0]
    assert step_log(resumed) == step_log(uninterrupted)
    assert saved(tmp_path / "a") == saved(tmp_path / "b")
    findings = [finding.code for finding in collect_single(tmp_path / "b").findings]
    assert "resumed" not in findings, "its times are those of one process"


class AddingRecord(RecordWriter):
    """Puts files of a user's where results and checkpoints lie, when a step is recorded."""

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, Step) and event.step == 6:
            for place in (self.path.parent / "saved", *(self.path.parent / "checkpoints").glob("step-*")):
                place.mkdir(exist_ok=True)
                (place / "README.md").write_text("mine")


def test_what_a_user_adds_while_a_run_works_stays(base: Path, tmp_path: Path) -> None:
    job = make_job(base, tmp_path / "run", "lora", {}, save_every="2", keep_checkpoints=1)
    record = AddingRecord(tmp_path / "run")
    record.write(Started(laptime="0", run="lora-r1", method="lora", round=1, spec={}))
    run(job, record)
    record.close()
    kept = sorted(str(path.relative_to(tmp_path / "run")) for path in tmp_path.rglob("*.kept*/README.md"))
    assert kept == ["checkpoints/step-00000004.kept-1/README.md", "saved.kept-1/README.md"]
    assert all((tmp_path / "run" / name).read_text() == "mine" for name in kept)
    assert (tmp_path / "run" / "saved" / "adapter_model.safetensors").exists()
    saved = read_record(tmp_path / "run").saved
    assert saved and saved.kept == "saved.kept-1", "and it is said where"


def test_links_in_the_place_of_results_and_checkpoints_are_kept(base: Path, tmp_path: Path) -> None:
    job = make_job(base, tmp_path / "run", "lora", {}, save_every="2")
    attempt(job, stop_at=3)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("mine")
    for name in ("saved", "checkpoints/step-00000006"):
        (tmp_path / "run" / name).symlink_to(elsewhere)
    assert attempt(job).finished
    assert [path.name for path in elsewhere.iterdir()] == ["thesis.txt"]
    for name in ("saved.kept-1", "checkpoints/step-00000006.kept-1"):
        assert (tmp_path / "run" / name).readlink() == elsewhere


def test_what_a_user_puts_beside_a_run_stays(base: Path, tmp_path: Path) -> None:
    """In the folders that a resumed run writes, reads and clears, under names much like its own."""
    job = make_job(base, tmp_path / "run", "lora_top", {"top_layers": 2})
    attempt(job, stop_at=3)
    names = [
        ".notes.old", ".mine.aside/a", ".step-mine.gone/a", "saved/notes.txt", "prefix-cache/notes.txt",
        "prefix-cache/mine.safetensors",
        "checkpoints/notes.txt", "checkpoints/step-00000001-mine/weights.safetensors",
        "checkpoints/.step-mine.aside/a",
    ]  # fmt: skip
    for name in names:
        (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / name).write_text(name)
    assert attempt(job).finished
    moved = {"saved/notes.txt": "saved.kept-1/notes.txt"}
    for name in names:
        assert (tmp_path / "run" / moved.get(name, name)).read_text() == name
    assert not list((tmp_path / "run" / "checkpoints").glob("step-*/state.json"))


def test_what_a_kill_leaves_in_the_record_counts_once(base: Path, tmp_path: Path) -> None:
    """Killed between two checkpoints and in the middle of a line: the steps beyond are done again."""
    whole, parts = (make_job(base, tmp_path / name, "lora", DROPOUT, save_every="4") for name in ("a", "b"))
    uninterrupted = attempt(whole)
    attempt(parts, stop_at=7)
    shutil.rmtree(tmp_path / "b" / "checkpoints" / "step-00000007")
    (tmp_path / "b" / "checkpoints" / ".step-00000007.aside").mkdir()
    with (tmp_path / "b" / "record.jsonl").open("ab") as file:
        file.write(b'{"event":"step","ti')
    resumed = attempt(parts)
    assert step_log(resumed) == step_log(uninterrupted)
    assert resumed.resumptions[0].step == 4
    assert saved(tmp_path / "a") == saved(tmp_path / "b")
    lines = [json.loads(line) for line in (tmp_path / "b" / "record.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == [*range(1, 8), *range(5, 11)]


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(base: Path, tmp_path: Path) -> None:
    whole, parts = (make_job(base, tmp_path / name, "lora", {}, save_every="4") for name in ("a", "b"))
    uninterrupted = attempt(whole)
    attempt(parts, stop_at=7)
    with (tmp_path / "b" / "checkpoints" / "step-00000007" / "weights.safetensors").open("r+b") as file:
        file.seek(500)
        file.write(b"\xff")
    resumed = attempt(parts)
    (resumption_event,) = resumed.resumptions
    assert resumption_event.step == 4
    assert resumption_event.from_checkpoint == "checkpoints/step-00000004"
    assert resumption_event.unusable == ["step-00000007: weights.safetensors does not match its digest"]
    assert step_log(resumed) == step_log(uninterrupted)
    assert saved(tmp_path / "a") == saved(tmp_path / "b")


def test_a_full_disk_costs_a_checkpoint_and_not_the_training(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    calls: list[int] = []

    def write(descriptor: int, data: Any) -> int:
        calls.append(descriptor)
        if 10 < len(calls) < 16:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    whole, parts = (make_job(base, tmp_path / name, "lora", {}, save_every="1") for name in ("a", "b"))
    uninterrupted = attempt(whole)
    monkeypatch.setattr(os, "write", write)
    record = attempt(parts)
    failed = [one for one in record.checkpoints if one.error]
    assert failed and {one.error for one in failed} == {"No space left on device"}
    assert record.finished and saved(tmp_path / "a") == saved(tmp_path / "b")
    assert step_log(record) == step_log(uninterrupted)


def test_a_result_that_cannot_be_saved_leaves_the_checkpoint(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = (make_job(base, tmp_path / name, "full", {}, save_every="4") for name in ("a", "b"))
    attempt(whole)
    with monkeypatch.context() as patches:

        def fill_the_disk(self: Full, model: Any, folder: Path) -> None:
            (folder / "model.safetensors").write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patches.setattr(Full, "save", fill_the_disk)
        with pytest.raises(UnsavedError, match="the result was not saved: No space left on device"):
            attempt(parts)
    assert not (tmp_path / "b" / "saved").exists() and not list((tmp_path / "b").glob(".*"))
    assert find_newest(tmp_path / "b" / "checkpoints")[0]
    attempt(parts)
    assert saved(tmp_path / "a") == saved(tmp_path / "b")


class InterruptedRecord(RecordWriter):
    """Sends a signal to this process when something of a kind is recorded, and once more after it."""

    def __init__(self, folder: Path, kind: type[Event], number: int) -> None:
        super().__init__(folder)
        self.kind, self.number = kind, number

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, self.kind):
            signal.raise_signal(self.number)
        if isinstance(event, Saved):
            signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", [Energy, Evaluation])
@pytest.mark.parametrize("without", [(), ("background_save",)])
def test_a_signal_after_the_last_step_costs_no_result(
    base: Path, tmp_path: Path, number: int, kind: type[Event], without: tuple[str, ...]
) -> None:
    """It comes before the result is written, or while it is evaluated, and again when it has been heard."""
    whole, parts = (make_job(base, tmp_path / name, "lora", {}, without=without) for name in ("a", "b"))
    attempt(whole)
    record = InterruptedRecord(tmp_path / "b", kind, number)
    record.write(Started(laptime="0", run="lora-r1", method="lora", round=1, spec={}))
    with pytest.raises(StoppedError, match=r"^stopped after step 10; the result is saved") as error:
        run(parts, record)
    assert error.value.number == number
    record.close()
    assert saved(tmp_path / "a") == saved(tmp_path / "b")
    assert b'"event":"saved"' in (tmp_path / "b" / "record.jsonl").read_bytes()
    assert "interrupted after the training; its result is in" in tell_interruption("train", tmp_path / "b")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 1e-3}, r"written with other options \(--learning-rate\)"),
        ({"seed": 4, "epochs": 3}, r"written with other options \(--epochs, --seed\)"),
    ],
)
def test_a_checkpoint_of_another_spec_is_refused(
    base: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    attempt(make_job(base, tmp_path / "run", "lora", {}), stop_at=2)
    with pytest.raises(UserError, match=message):
        attempt(make_job(base, tmp_path / "run", "lora", {}, **change))


def test_other_data_and_another_base_are_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(base, tmp_path / "run", "lora", {}, precision="fp32")
    attempt(job, stop_at=2)
    home = tmp_path / "run" / "checkpoints"
    found = open_checkpoint(list_checkpoints(home)[0])
    tensors = {part: dict(found.tensors(part)) for part in PARTS}
    for field, value, message in (
        ("data_digest", "x", "the examples have changed since"),
        ("model_digest", "x", "the base model has changed since"),
        ("compute_dtype", "bfloat16", "trained in bfloat16, this machine would go on in float32"),
    ):
        write_checkpoint(home, msgspec.structs.replace(found.state, **{field: value}), tensors)
        with pytest.raises(UserError, match=message):
            attempt(job)
    write_checkpoint(home, found.state, tensors)
    monkeypatch.setattr("laptime.data.input_manifest.find_change", lambda *_: "tokenizer.json has changed")
    with pytest.raises(UserError, match=r"model: tokenizer\.json has changed since .*run was begun; put it"):
        attempt(job)


def test_facts_without_a_list_of_files_still_know_another_base(base: Path, tmp_path: Path) -> None:
    facts = msgspec.structs.replace(read_manifest(base / "inputs"), base_files={})
    assert resumption.is_same_base(facts)
    shutil.copytree(base / "model", tmp_path / "model")
    facts = msgspec.structs.replace(facts, model_folder=str(tmp_path / "model"))
    assert resumption.is_same_base(facts)
    with (tmp_path / "model" / "model.safetensors").open("ab") as file:
        file.write(b"more")
    assert not resumption.is_same_base(facts)


def test_decisions_that_the_bits_depend_on_are_those_of_the_first_attempt(base: Path, tmp_path: Path) -> None:
    job = make_job(base, tmp_path / "run", "lora", {})
    attempt(job, stop_at=2)
    home = tmp_path / "run" / "checkpoints"
    found = open_checkpoint(list_checkpoints(home)[0])
    tensors = {part: dict(found.tensors(part)) for part in PARTS}
    state = msgspec.structs.replace(
        found.state, recomputes=True, environment=found.state.environment | {"torch": "1.0"}
    )
    write_checkpoint(home, state, tensors)
    record = attempt(job, stop_at=4)
    assert record.model and any("recomputed" in note for note in record.model.notes)
    assert record.resumptions[0].changed == [f"torch 1.0 -> {torch.__version__}"]


@pytest.mark.parametrize(
    ("text", "steps", "seconds"),
    [
        ("50", 50, None), ("50 steps", 50, None), ("1 step", 1, None), ("90s", None, 90.0),
        ("10min", None, 600.0), ("1.5 h", None, 5400.0),
    ],
)  # fmt: skip
def test_an_interval_is_steps_or_time(text: str, steps: int | None, seconds: float | None) -> None:
    interval = read_interval(text)
    assert interval and (interval.steps, interval.seconds) == (steps, seconds)


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "soon", "10 days", "", "0min", "5 5", "1e9"])
def test_anything_else_is_no_interval(text: str) -> None:
    with pytest.raises(UserError, match=r"--save-every: expected steps \(50\) or a time \(90s, 10min, 2h\)"):
        read_interval(text)


def test_the_disk_must_hold_checkpoints_and_results_before_anything_runs(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = read_manifest(base / "inputs")
    parameters = facts.shape.num_parameters
    free = 2 * 4 * parameters + 3 * 14 * parameters + 200_000_000
    runs = [RunSpec(method="full", round=n, training=TrainingSpec(save_every="5")) for n in (1, 2)]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    check_disk(runs, facts.shape, tmp_path)
    free -= 1
    with pytest.raises(
        UserError,
        match=r"and 1\.9 MB of checkpoints.* use a lower --keep-checkpoints, fewer --rounds or another disk$",
    ):
        check_disk(runs, facts.shape, tmp_path, ["fewer --rounds"])
    check_disk([RunSpec(method="full")], facts.shape, tmp_path)


def environment(folder: Path) -> dict[str, str]:
    """Keep the machine's lock to this test."""
    return os.environ | {"TMPDIR": str(folder), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}


def laptime(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command(words, folder, environment(folder))


def begin(folder: Path, *words: str) -> Command:
    return Command(words, folder, environment(folder))


def job_words(base: Path, data: str | Path, epochs: int) -> list[str]:
    """Return the options of a job of five steps an epoch that does nothing but train."""
    words = ["--model", str(base / "model"), "--data", str(data), "--epochs", str(epochs)]
    return [*words, "--max-questions", "0", "--skip-self-checks"]


def wait_for_step(record: Path, step: int) -> None:
    """Wait until a run has recorded a step."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if record.exists() and f'"step":{step},'.encode() in record.read_bytes():
            return
        time.sleep(0.01)
    raise TimeoutError(record)


def test_a_stopped_training_prints_the_command_that_goes_on(base: Path, tmp_path: Path) -> None:
    """SIGINT to the run's own process, then SIGTERM to the command, with refusals in between."""
    shutil.copy(base / "train.jsonl", tmp_path)
    process = begin(tmp_path, "train", *job_words(base, "train.jsonl", 60), "--out", "run")
    record = tmp_path / "run" / "record.jsonl"
    wait_for_step(record, 20)
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, out + errors
    assert errors == "interrupted; go on from the newest checkpoint with:\n  laptime train --resume run\n"
    (tmp_path / "elsewhere").mkdir()
    away = laptime(tmp_path / "elsewhere", "train", "--resume", "../run")
    assert (away.returncode, away.stderr.count("\n")) == (2, 1)
    assert f"its --data train.jsonl is not here but in {tmp_path}, where the run was begun" in away.stderr
    examples = (tmp_path / "train.jsonl").read_text()
    (tmp_path / "train.jsonl").write_text(examples.replace("bc", "bd"))
    changed = laptime(tmp_path, "train", "--resume", "run")
    assert (changed.returncode, changed.stderr.count("\n")) == (2, 1)
    assert "--data train.jsonl: changed since run was begun" in changed.stderr
    (tmp_path / "train.jsonl").write_text(examples)
    first = read_record(tmp_path / "run").steps[-1].step
    process = begin(tmp_path, "train", "--resume", "run", "--save-every", "40")
    wait_for_step(record, first + 10)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors.endswith("go on from the newest checkpoint with:\n  laptime train --resume run\n")
    done = laptime(tmp_path, "train", "--resume", "run", "--epochs", "60")
    assert done.returncode == 0, done.stderr
    assert "lora-r1 goes on after step" in done.stdout
    result = read_record(tmp_path / "run")
    assert [step.step for step in result.steps] == list(range(1, 301))
    assert len(result.resumptions) == 2 and result.finished
    with pytest.raises(UserError, match="finished already; nothing is left to do"):
        read_begun(tmp_path / "run")
    assert "was resumed after step" in (tmp_path / "run" / "comparison.json").read_text()


def test_a_comparison_goes_on_within_the_run_that_was_killed(base: Path, tmp_path: Path) -> None:
    words = ["compare", *job_words(base, base / "train.jsonl", 60), "--out", "race"]
    words += ["--methods", "lora", "--rounds", "1"]
    process = begin(tmp_path, *words, "--save-every", "25")
    home = tmp_path / "race" / "runs" / "lora-r1"
    wait_for_step(home / "record.jsonl", 40)
    process.kill()  # its run is told by the system, and saves
    process.communicate(timeout=60)
    done = laptime(tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    record = read_record(home)
    assert [step.step for step in record.steps] == list(range(1, 301))
    assert record.resumptions[0].step >= 40
    assert [path.name for path in home.parent.iterdir() if "interrupted" in path.name] == []
    with pytest.raises(
        UserError, match=r"a comparison; it goes on with: laptime compare --config .*/spec\.json"
    ):
        read_begun(tmp_path / "race")


def test_there_must_be_something_to_go_on_with(tmp_path: Path) -> None:
    RecordWriter(tmp_path).write(
        Started(laptime="0", run="r", method="lora", round=1, spec={"data": {"gone": 1}})
    )
    with pytest.raises(UserError, match="begun by laptime 0, whose options differ; resume with that version"):
        read_begun(tmp_path)
    with pytest.raises(UserError, match=r"nowhere: no such folder$"):
        read_begun(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no record\.jsonl here; give the folder of a run"):
        read_begun(tmp_path / "empty")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: a file; give the folder that it lies in"):
        read_begun(tmp_path / "file")
    (tmp_path / "saved").mkdir()
    with pytest.raises(UserError, match=r"its result is in .*/saved; there is no checkpoint to go on from$"):
        read_begun(tmp_path)


def test_options_may_be_given_again_but_not_otherwise(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    attempt(make_job(base, Path("run"), "lora", DROPOUT, learning_rate=0.01), stop_at=2)
    same = {"learning_rate": 0.01, "lora_dropout": 0.25, "save_every": "5", "keep_checkpoints": 7}
    assert resumed_spec(Path("run"), dict(same)).training.save_every == "5"
    with pytest.raises(UserError) as error:
        resumed_spec(Path("run"), {"learning_rate": 0.001, "lora_rank": 4})
    assert str(error.value) == (
        "--resume run: --learning-rate differs (0.001, run has 0.01); --lora-rank differs (4, run has 16); "
        "leave it out or start a new --out"
    )
    with pytest.raises(UserError, match="--out other: --resume goes on in run; leave one of the two out"):
        resumed_spec(Path("run"), {"out": "other"})
