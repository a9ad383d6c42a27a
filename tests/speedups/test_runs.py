"""The options of the speedups through whole runs: what the record says, and what is left on disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from laptime.errors import UserError
from laptime.methods.lora import Lora
from laptime.runs.record import read_record
from laptime.speedups.speedup import speedup_names
from laptime.training import result as result_file
from laptime.training.failure import classify
from laptime.training.saving import UnsavedError
from tests.commands import run_command
from tests.speedups.runs import make_base, speedup, train

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def saved(folder: Path) -> dict[str, bytes]:
    files = (file for file in (folder / "saved").rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize("method", ["full", "lora_top"])
def test_the_record_tells_of_every_speedup_once(base: Path, tmp_path: Path, method: str) -> None:
    default = train(base, tmp_path / "default", method, batch_size=2)
    plain = train(base, tmp_path / "plain", method, batch_size=2, plain=True)
    without = train(base, tmp_path / "without", method, batch_size=2, without=("fused_optimizer",))
    asked = train(base, tmp_path / "asked", method, batch_size=2, plain=True, speedups=("fused_optimizer",))
    for record in (default, plain, without, asked):
        assert sorted(one.name for one in record.speedups) == speedup_names()
        assert all(one.note for one in record.speedups)
        assert record.finished and record.evaluations
        assert [step.digest for step in record.steps] == [step.digest for step in default.steps]
        losses = [step.loss for step in record.steps]
        assert losses == pytest.approx([step.loss for step in default.steps], rel=2e-5)
    assert [one.name for one in plain.speedups if one.ran] == []
    assert [one.name for one in asked.speedups if one.ran] == ["fused_optimizer"]
    ran = {one.name for one in default.speedups if one.ran}
    assert {one.name for one in without.speedups if one.ran} == ran - {
        "fused_optimizer",
        "compiled_optimizer",
    }
    assert default.steps[0].padded_tokens == default.steps[0].tokens < plain.steps[0].padded_tokens


@pytest.mark.parametrize("without", [(), ("background_save",)], ids=["beside", "before"])
def test_the_peak_of_memory_is_that_of_the_training_however_it_is_saved(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    """What saving takes is in it always or never: methods and options are compared by it."""
    peak, write = [10**9], result_file.write_result

    def write_and_grow(*words: Any) -> float:
        peak[0] += 10**8
        return write(*words)

    monkeypatch.setattr("laptime.training.meter.process_peak_bytes", lambda: peak[0])
    monkeypatch.setattr(result_file, "write_result", write_and_grow)
    record = train(base, tmp_path / "run", "full", without=without)
    assert record.finished and record.finished.peak_bytes["vm_hwm"] == 10**9
    assert peak == [11 * 10**8]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_saving_in_the_background_saves_the_same_files(base: Path, tmp_path: Path, method: str) -> None:
    background = train(base, tmp_path / "background", method)
    foreground = train(base, tmp_path / "foreground", method, without=("background_save",))
    assert speedup(background, "background_save").ran
    assert not speedup(foreground, "background_save").ran
    assert saved(tmp_path / "background") == saved(tmp_path / "foreground") != {}
    assert background.saved and foreground.saved and background.saved.files == foreground.saved.files
    assert background.evaluations[0].loss == foreground.evaluations[0].loss
    for record in (background, foreground):
        assert [phase.name for phase in record.phases].count("save") == 1


@pytest.mark.parametrize("without", [(), ("background_save",)], ids=["background", "foreground"])
def test_a_result_that_cannot_be_saved_fails_the_run(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    def fail(*words: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Lora, "save", fail)
    with pytest.raises(UnsavedError, match="No space left"):
        train(base, tmp_path / "run", "lora", without=without)
    record = read_record(tmp_path / "run")
    assert record.saved is None and record.finished is None


def test_a_speedup_that_cannot_apply_stops_the_run_before_it_trains(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        train(base, tmp_path / "run", "full", speedups=("prepacked_weights",))
    reason, line = classify(error.value)
    assert reason == "refused"
    assert line.startswith("--speedups prepacked_weights: cannot apply here: ") and "\n" not in line
    assert read_record(tmp_path / "run").steps == []


def command(base: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    job = ["train", "--model", base / "model", "--data", base / "train.jsonl", "--epochs", "1"]
    environment = os.environ | {"TMPDIR": str(folder), "COLUMNS": "80"}
    return run_command([*job, *words], folder, environment)


@pytest.mark.parametrize("option", ["--without", "--speedups"])
def test_the_command_suggests_the_nearest_name(base: Path, tmp_path: Path, option: str) -> None:
    done = command(base, tmp_path, option, "answer_head,prepackd_weights", "--out", "out")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"laptime: error: {option}: no speedup 'prepackd_weights'; did you mean 'prepacked_weights'?"
    )
    assert not (tmp_path / "out").exists()


def test_the_command_says_why_a_speedup_cannot_apply(base: Path, tmp_path: Path) -> None:
    done = command(base, tmp_path, "--method", "full", "--speedups", "prepacked_weights", "--out", "out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("laptime: error: --speedups prepacked_weights: cannot apply here: ")
    )


def test_the_command_hands_its_options_to_the_run(base: Path, tmp_path: Path) -> None:
    done = command(
        base, tmp_path, "--method", "lora", "--without", "answer_head,fused_optimizer",
        "--speedups", "fused_projections", "--out", "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    record = read_record(tmp_path / "out")
    for name in ("answer_head", "fused_optimizer"):
        assert speedup(record, name).note == "switched off"
    ran = speedup(record, "fused_projections")
    assert ran.ran and ran.note.endswith(" groups"), "steps are those of the training"
    assert speedup(record, "light_imports").ran, "it begins before the process imports anything"
