"""Other trainers in a race, played by a script: what their rows say of equal work, unequal and none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from laptime.comparison.result import ComparisonResult, MethodResult, read_result
from laptime.runs.record import RunRecord, read_record
from laptime.trainers.environments import name_environment
from laptime.trainers.trainer import find_trainer
from tests.caches import make_cache
from tests.commands import laptime
from tests.trainers import scripted_python as script
from tests.trainers.conftest import write_python

BEHAVIOURS = {
    "honest": script.HONEST,
    "tokens": script.OTHER_TOKENS,
    "silent": script.SILENT,
    "killed": script.KILLED,
    "broken": script.BROKEN,
    "empty": script.EMPTY,
    "fewer": script.FEWER_PARAMETERS,
    "loss": script.OTHER_LOSS,
}
SHORT = ["--epochs", "1", "--rounds", "1", "--max-questions", "1", "--precision", "fp32", "--out", "race"]


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory, scripted_trl: None) -> tuple[Path, ComparisonResult]:
    """A race of Laptime against a trainer that behaves in every way."""
    folder = tmp_path_factory.mktemp("work-so-deep-that-no-socket-could-be-made-below-it")
    entrants = [
        word
        for name, decay in BEHAVIOURS.items()
        for word in ("--contestant", f"{name}=full --trainer trl --weight-decay {decay:g}")
    ]
    printed = laptime(folder, "compare", "--methods", "full", *entrants, *SHORT, code=1)
    (folder / "printed.txt").write_text(printed, encoding="utf-8")
    return folder / "race", read_result(folder / "race")


def row(result: ComparisonResult, name: str) -> MethodResult:
    """Return a row by its name."""
    return next(each for each in result.methods if each.name == name)


def record(folder: Path, name: str) -> RunRecord:
    """Return the record of the first round of a contestant."""
    return read_record(folder / "runs" / f"{name}-r1")


def codes(result: ComparisonResult, name: str) -> set[str]:
    """Return the codes of what makes a contestant's work unequal to our own."""
    return {
        finding.code
        for finding in result.findings
        if finding.level == "unequal" and str(finding.values.get("methods")) == f"full, {name}"
    }


def verdict(result: ComparisonResult, name: str) -> str:
    """Return the verdict of a contestant against our own run."""
    return next(pair.verdict for pair in result.pairs if {pair.slower, pair.faster} == {"full", name})


def test_an_honest_trainer_has_a_row_like_ours(race: tuple[Path, ComparisonResult]) -> None:
    folder, result = race
    ours, theirs = record(folder, "full"), record(folder, "honest")
    assert [step.digest for step in ours.steps] == [step.digest for step in theirs.steps]
    for figure in ("tokens", "trained_tokens", "epoch", "learning_rate"):
        assert [getattr(one, figure) for one in ours.steps] == [getattr(one, figure) for one in theirs.steps]
    assert codes(result, "honest") == set() and verdict(result, "honest") == "one_round"
    honest = row(result, "honest")
    assert honest.differs == {"trainer": "trl", "weight_decay": 0}
    assert honest.steady_step_seconds == 0.01 and honest.peak_bytes and honest.saved_kind == "model"
    assert honest.total_seconds and honest.train_seconds and honest.total_seconds > honest.train_seconds
    seconds = theirs.phase_seconds()
    phases = sum(seconds[name] for name in ("import", "load", "prepare", "train", "save"))
    assert phases == pytest.approx(honest.total_seconds)  # nothing between the phases is left out


def test_its_result_is_judged_by_our_evaluator(race: tuple[Path, ComparisonResult]) -> None:
    folder, result = race
    assert result.base  # which is what the scripted trainer leaves
    assert row(result, "honest").held_out_loss == pytest.approx(result.base.held_out_loss, rel=1e-5)
    (question,) = result.questions
    assert question.answers["honest"].text == question.answers["base"].text
    saved = folder / "runs" / "honest-r1" / "saved"
    assert (saved / "config.json").exists() and not (saved.parent / "scratch").exists()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("tokens", "different_work"),
        ("silent", "unproven_work"),
        ("fewer", "different_parameters"),
        ("loss", "different_loss"),
    ],
)
def test_work_that_is_not_shown_to_be_equal_has_no_ratio(
    race: tuple[Path, ComparisonResult], name: str, code: str
) -> None:
    _, result = race
    assert codes(result, name) == {code}
    assert verdict(result, name) == "unequal_work"
    assert row(result, name).train_seconds  # its figures stand there all the same


@pytest.mark.parametrize(
    ("name", "reason", "message"),
    [
        ("killed", "killed", "trl: ended by SIGKILL"),
        ("broken", "error", "trl: ended with code 1: ValueError: no such model"),
        ("empty", "left", "trl: ended without a result"),
    ],
)
def test_a_trainer_that_fails_is_a_row_with_its_reason(
    race: tuple[Path, ComparisonResult], name: str, reason: str, message: str
) -> None:
    folder, result = race
    (failure,) = row(result, name).failures
    assert failure.reason == reason and failure.message.startswith(message)
    assert not row(result, name).rounds
    failed = record(folder, name).failed
    assert failed and failed.step == {"killed": 3, "broken": None, "empty": 10}[name]


def test_a_person_sees_who_trained_and_on_which_versions(race: tuple[Path, ComparisonResult]) -> None:
    folder, _ = race
    printed = (folder.parent / "printed.txt").read_text(encoding="utf-8")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "honest: full fine-tuning with --trainer trl --weight-decay 0" in printed
    assert "trl: trl 0.1, torch 0.2" in page
    assert "cannot show which tokens it trained" in page
    assert "killed-r1: the process was killed" in printed


def test_as_it_comes_a_trainer_gets_the_examples_of_an_epoch(tmp_path: Path, scripted_trl: None) -> None:
    words = ["--trainers", "trl", "--as-it-comes", "--methods", "full", "--epochs", "3", *SHORT[2:]]
    laptime(tmp_path, "compare", *words, code=1)  # the script goes on after the last example, and fails
    (failure,) = read_result(tmp_path / "race").methods[0].failures
    assert record(tmp_path / "race", "trl").steps[-1].step == 10
    assert failure.reason == "error"


def test_a_trainer_that_is_not_installed_runs_when_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted_trl: None
) -> None:
    words = ["compare", "--trainers", "laptime,trl", "--methods", "full", *SHORT]
    printed = laptime(tmp_path, *words, code=1, XDG_CACHE_HOME=str(make_cache(tmp_path / "cache")))
    before, _, after = printed.partition("[1/3]")
    assert "TRL is not installed; laptime trainers add trl: its rows will have no figures" in before
    printed = after
    assert "trl-r1: not available here. TRL is not installed; laptime trainers add trl" in printed
    assert "add:    laptime trainers add trl" in printed and "again:" in printed
    assert "tries once more" not in printed, "nothing was ended"
    assert row(read_result(tmp_path / "race"), "laptime").rounds == [1]
    laptime(tmp_path, *words)
    result = read_result(tmp_path / "race")
    assert [(each.name, each.rounds) for each in result.methods] == [("laptime", [1]), ("trl", [1])]
    assert result.pairs[0].train_ratio
    assert "retried" not in {finding.code for finding in result.findings}  # it had not begun


def test_what_another_trainer_failed_at_is_tried_again_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted_trl: None
) -> None:
    words = ["compare", "--trainers", "trl", "--methods", "full", *SHORT]
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('boom')\n")
    (tmp_path / "whole").mkdir()
    whole = write_python(tmp_path / "whole")
    monkeypatch.setenv("XDG_CACHE_HOME", str(make_cache(tmp_path / "cache")))
    name_environment(find_trainer("trl"), str(whole))
    content = whole.read_bytes()
    whole.write_bytes(python.read_bytes())
    printed = laptime(tmp_path, *words, code=1)
    assert "trl-r1: an error. trl: ended with code 1: boom" in printed and "again:" in printed
    assert "tries once more what was ended" in printed and "add:" not in printed
    whole.write_text("#!/nope\n")
    laptime(tmp_path, *words, code=1)
    failed = record(tmp_path / "race", "trl").failed
    assert failed and failed.reason == "unavailable"
    assert failed.message == f"its Python {whole} cannot be started (No such file or directory)"
    whole.write_bytes(content)
    laptime(tmp_path, *words)
    assert read_result(tmp_path / "race").methods[0].rounds == [1]
