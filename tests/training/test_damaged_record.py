"""A damaged line of the record costs what stood there, and never a training that its checkpoints hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from laptime.comparison.collection import collect_single
from laptime.errors import UserError
from laptime.runs.process import JOB_FILE
from laptime.runs.record import FILE_NAME, read_record
from laptime.runs.resumption import find_record_damage, mend_record, read_begun
from laptime.util.sealed_file import write_sealed
from tests.records import without_seals
from tests.speedups.runs import make_base
from tests.training.test_resume import (
    DROPOUT,
    attempt,
    begin,
    job_words,
    laptime,
    make_job,
    saved,
    step_log,
    wait_for_step,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield make_base(tmp_path_factory.mktemp("base"))
    torch.set_num_threads(threads)


def damage(folder: Path, *wanted: bytes) -> list[int]:
    """Damage the first lines that hold the texts, in a way that needs no checksum; returns their numbers."""
    lines = (folder / FILE_NAME).read_bytes().splitlines(keepends=True)
    numbers = [next(number for number, line in enumerate(lines) if text in line) for text in wanted]
    for number in numbers:
        middle = len(lines[number]) // 2
        lines[number] = lines[number][:middle] + b"\xff" + lines[number][middle + 1 :]
    (folder / FILE_NAME).write_bytes(b"".join(lines))
    return [number + 1 for number in numbers]


@pytest.mark.parametrize(
    ("texts", "missing"),
    [
        ([b'"step":2,'], [2]),
        ([b'"event":"machine"', b'"event":"checkpoint"'], []),
        ([b'"event":"started"', b'"step":1,'], [1]),
        ([b'"step":7,'], []),  # beyond the checkpoint, so done again
    ],
    ids=["step", "other", "first", "beyond"],
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_training_goes_on_without_the_damaged_lines(
    base: Path, tmp_path: Path, texts: list[bytes], missing: list[int], version: int
) -> None:
    whole, parts = (make_job(base, tmp_path / name, "lora", DROPOUT, save_every="4") for name in ("a", "b"))
    uninterrupted, home = attempt(whole), tmp_path / "b"
    attempt(parts, stop_at=7)
    shutil.rmtree(home / "checkpoints" / "step-00000007")
    write_sealed(home / JOB_FILE, parts)
    if version == 1:
        without_seals(home)
    lines = damage(home, *texts)
    damaged = (home / FILE_NAME).read_bytes()
    with pytest.raises(UserError, match=rf"record\.jsonl:{lines[0]}: "):
        read_record(home)
    read_begun(home)
    assert (home / FILE_NAME).read_bytes() == damaged, "a look changes nothing"
    mend_record(home)
    assert (home / f"{FILE_NAME}.damaged-1").read_bytes() == damaged
    assert [one.line for one in read_record(home).damaged] == lines
    resumed = attempt(parts)
    log = step_log(uninterrupted)
    assert step_log(resumed) == [step for step in log if step["step"] not in missing]
    assert saved(home) == saved(tmp_path / "a")
    assert [line.split()[1] for line in resumed.resumptions[-1].left_out] == [str(line) for line in lines]
    check_report(home, missing, lines)


def check_report(home: Path, missing: list[int], lines: list[int]) -> None:
    """What needs the lost lines is not given, and all that does not is."""
    result = collect_single(home)
    (row,) = result.methods
    assert row.train_seconds and row.steady_step_seconds and row.total_seconds is None
    assert [number for number, loss in enumerate(row.train_losses, 1) if loss is None] == missing
    assert len(row.train_losses) == 10
    assert (row.tokens_per_second is None) == (row.step_seconds == []) == bool(missing)
    assert (row.first_step_seconds is None) == (1 in missing)
    (finding,) = [one for one in result.findings if one.code == "damaged_record"]
    assert finding.values["lines"] == ", ".join(map(str, lines))
    assert finding.values["kept"] == f"{FILE_NAME}.damaged-1"


def test_a_lost_line_on_a_resumption_makes_no_step_count_twice(base: Path, tmp_path: Path) -> None:
    job = make_job(base, tmp_path / "run", "lora", {}, save_every="4")
    attempt(job, stop_at=6)
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000006")
    attempt(job, stop_at=8)
    damage(tmp_path / "run", b'"event":"resumed"')
    mend_record(tmp_path / "run")
    record = attempt(job)
    assert [step.step for step in record.steps] == list(range(1, 11))


def test_a_training_without_a_checkpoint_is_done_anew(base: Path, tmp_path: Path) -> None:
    whole, parts = (make_job(base, tmp_path / name, "lora", {}) for name in ("a", "b"))
    attempt(whole)
    attempt(parts, stop_at=2)
    shutil.rmtree(tmp_path / "b" / "checkpoints")
    (line,) = damage(tmp_path / "b", b'"step":1,')
    mend_record(tmp_path / "b")
    resumed = attempt(parts)
    assert saved(tmp_path / "a") == saved(tmp_path / "b")
    assert resumed.resumptions[0].left_out[0].startswith(f"line {line} ")
    assert not resumed.damaged, "nothing of what it held counts any more"


def test_the_damaged_line_is_named(base: Path, tmp_path: Path) -> None:
    job = make_job(base, tmp_path / "run", "lora", {})
    attempt(job, stop_at=2)
    assert find_record_damage(tmp_path / "run") == find_record_damage(tmp_path / "nowhere") == ""
    (line,) = damage(tmp_path / "run", b'"step":1,')
    assert f"record.jsonl:{line}: it does not match its checksum" in find_record_damage(tmp_path / "run")
    damage(tmp_path / "run", b'"event":"started"')
    with pytest.raises(UserError, match=r"record\.jsonl:1: it does not match its checksum"):
        read_begun(tmp_path / "run")


def test_the_command_says_what_it_left_out(base: Path, tmp_path: Path) -> None:
    process = begin(tmp_path, "train", *job_words(base, base / "train.jsonl", 60), "--out", "run")
    wait_for_step(tmp_path / "run" / FILE_NAME, 10)
    process.terminate()
    process.communicate(timeout=60)
    (line,) = damage(tmp_path / "run", b'"step":3,')
    shown = laptime(tmp_path, "show", "run")
    assert (shown.returncode, shown.stderr.count("\n")) == (2, 1)
    assert f"run/record.jsonl:{line}: it does not match its checksum" in shown.stderr
    done = laptime(tmp_path, "train", "--resume", "run")
    assert done.returncode == 0, done.stderr
    said = (
        f"lora-r1: damaged, so left out of its record: line {line} (it does not match its checksum; kept in"
    )
    assert said in done.stdout
    assert "damaged lines were left out of its record" in (tmp_path / "run" / "comparison.json").read_text()
