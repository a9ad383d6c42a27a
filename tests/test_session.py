"""What the commands refuse to do to what lies there already."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace
from rich.console import Console

from laptime.cli.ask import ask
from laptime.cli.data import show_data
from laptime.cli.report import render_again
from laptime.cli.running import report, run_session, tell_interruption
from laptime.cli.show import show, tell_unfinished
from laptime.comparison.result import write_result
from laptime.data.input_manifest import InputJob, InputManifest
from laptime.errors import UserError
from laptime.hardware.processors import Look
from laptime.report.conclusion import count_runs
from laptime.report.progress import say_what_it_is
from laptime.report.screen import LastingOutput, Screen
from laptime.runs.folder import forget_beginning, has_done_nothing, locked
from laptime.session import Kind, Session, choose_place, gather_result
from laptime.spec import CompareSpec, ContestantSpec, DataSpec, RunSpec, TrainingSpec
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run


@pytest.mark.parametrize("cut_short", [True, False])
def test_a_report_never_loses_figures_whose_records_are_gone(tmp_path: Path, cut_short: bool) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0, 2.1], "lora": [1.0, 1.1]})
    render_again(tmp_path, "en")
    files = [tmp_path / "comparison.json", tmp_path / "report.html"]
    before = [file.read_bytes() for file in files]
    run = tmp_path / "runs" / "lora-r2"
    if cut_short:
        record = run / "record.jsonl"
        record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[:-1]))
    else:
        shutil.rmtree(run)
    with pytest.raises(UserError) as error:
        render_again(tmp_path, "en")
    assert str(error.value) == (
        f"{tmp_path}: comparison.json was made from records that are gone or cut short (lora-r2); "
        f"do the run anew with: laptime compare --config {tmp_path}/spec.json --out {tmp_path}; "
        f"or put back what was there; or move comparison.json away to report on what is left"
    )
    assert [file.read_bytes() for file in files] == before
    files[0].unlink()
    render_again(tmp_path, "en")
    assert files[0].read_bytes() != before[0]


def damage_record(folder: Path, run: str = "lora-r2") -> Path:
    """Change a figure in a line of a record, which its checksum then does not fit."""
    record = folder / "runs" / run / "record.jsonl"
    whole = record.read_bytes()
    record.write_bytes(whole.replace(b'"parameters":1000', b'"parameters":1001'))
    assert record.read_bytes() != whole
    return record


def test_a_report_names_the_damaged_line_and_how_the_run_is_done_anew(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0, 2.1], "lora": [1.0, 1.1]})
    render_again(tmp_path)
    record = damage_record(tmp_path)
    with pytest.raises(UserError) as error:
        render_again(tmp_path)
    assert str(error.value) == (
        f"{record}:3: it does not match its checksum; "
        f"do the run anew with: laptime compare --config {tmp_path}/spec.json --out {tmp_path}; "
        f"or put back a whole copy; or move comparison.json away to report on what is left"
    )


def test_a_comparison_with_a_damaged_record_is_shown_as_incomplete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its run is done anew, so the figures without it are not the last word."""
    write_scripted_comparison(tmp_path, {"full": [2.0, 2.1], "lora": [1.0, 1.1]})
    assert gather_result(tmp_path).complete
    record = damage_record(tmp_path)
    result = gather_result(tmp_path)
    assert not result.complete and count_runs(result) == (3, 4)
    show(tmp_path)
    shown = " ".join(capsys.readouterr().out.split())  # where a line ends depends on how long the path is
    again = f"laptime compare --config {tmp_path}/spec.json --out {tmp_path}"
    why = f"{record}:3: it does not match its checksum"
    assert f"INCOMPLETE: {why}; the run is done anew go on with: {again} " in shown
    assert "lora-r2: its record cannot be read. " in shown


def test_a_report_keeps_its_language(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]})
    page = tmp_path / "report.html"
    for asked, found in ((None, "en"), ("ko", "ko"), (None, "ko"), ("en", "en"), (None, "en")):
        render_again(tmp_path, asked)  # type: ignore[arg-type]
        assert f'<html lang="{found}"' in page.read_text()


def test_a_folder_that_is_not_as_far_is_told_from_one_that_is_not_whole(tmp_path: Path) -> None:
    def tell() -> str:
        with pytest.raises(UserError) as error:
            gather_result(tmp_path)
        return str(error.value).removeprefix(f"{tmp_path}: ")

    (tmp_path / "inputs").mkdir()
    assert tell() == "neither a comparison nor a run of laptime"
    (tmp_path / "inputs").rmdir()
    with locked(tmp_path):
        (tmp_path / "inputs").mkdir()
        (tmp_path / "inputs" / "mine").touch()
        (tmp_path / "spec.json").touch()
        assert tell() == "still being prepared; nothing has run yet"
    (tmp_path / "spec.json").unlink()
    again = f"the same command with --out {tmp_path} begins anew"
    assert tell() == f"ended while it was still being prepared; {again}"
    (tmp_path / "saved").mkdir()
    assert tell() == "record.jsonl is missing; put it back, or begin anew with another --out"
    (tmp_path / "runs").mkdir()
    assert tell() == "plan.json is missing; put it back, or begin anew with another --out"


def test_rates_by_method_say_who_takes_the_default() -> None:
    def said(rates: dict[str, float] | None, racing: tuple[ContestantSpec, ...] = ()) -> str:
        screen = Screen(file=io.StringIO(), width=200)
        training = TrainingSpec(learning_rate=rates)
        spec = CompareSpec(methods=("full", "lora"), training=training, contestants=racing)
        say_what_it_is(screen, spec, Path("out"))
        return screen.file.getvalue()  # type: ignore[attr-defined, no-any-return]

    assert "--learning-rate names none for lora: the default rate is taken there.\n" in said({"full": 1.0})
    for rates in (None, {"full": 1.0, "lora": 1.0}):
        assert "--learning-rate" not in said(rates)
    racing = (
        ContestantSpec(name="wide", method="lora_top"),
        ContestantSpec(name="fast", method="lora_top", training={"learning_rate": 1e-3}),
    )
    assert "--learning-rate names none for wide: the" in said({"full": 1.0, "lora": 1.0}, racing)


def test_a_report_of_another_version_is_made_anew(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0, 2.1], "lora": [1.0, 1.1]})
    render_again(tmp_path, "en")
    file = tmp_path / "comparison.json"
    present = file.read_bytes()
    older = json.loads(present)
    del older["quality_claim"]
    file.write_text(json.dumps(older | {"version": 0}))
    render_again(tmp_path, "en")
    assert file.read_bytes() == present


def test_an_unfinished_result_says_how_it_goes_on_or_that_it_cannot(tmp_path: Path) -> None:
    """With the command that works, and with none where there is nothing to go on with."""
    run = tmp_path / "run"
    write_scripted_run(run, "lora", unfinished=True)
    assert tell_unfinished(run) == f"go on with:\n  laptime train --resume {run}"
    (run / "saved").mkdir()
    assert tell_unfinished(run) == (
        f"trained to its end, its result is in {run}/saved; there is no checkpoint to go on from"
    )
    race = tmp_path / "race"
    write_scripted_comparison(race, {"full": [2.0], "lora": [1.0]})
    assert tell_unfinished(race) == f"go on with:\n  laptime compare --config {race}/spec.json --out {race}"
    (race / "spec.json").touch()
    with locked(race):
        assert tell_unfinished(race) == "it is at work; these are the figures so far"
    assert tell_unfinished(race).startswith("go on with:")


def test_show_says_of_an_interrupted_training_how_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scripted_run(tmp_path / "run", "lora", failed="interrupted")
    show(tmp_path / "run")
    shown = capsys.readouterr().out
    assert f"INCOMPLETE: go on with:\n  laptime train --resume {tmp_path}/run\n" in shown
    assert "failed" not in shown.lower() and "SIG" not in shown


def test_a_training_has_the_report_that_it_speaks_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scripted_run(tmp_path, "lora")
    result = gather_result(tmp_path)
    write_result(tmp_path, result)
    report(replace(make_session(tmp_path, "train"), lang="ko"), result)
    assert f"\n보고서: {tmp_path}/report.html\n" in capsys.readouterr().out
    assert 'lang="ko"' in (tmp_path / "report.html").read_text()
    assert (tmp_path / "report.md").exists()


def make_session(folder: Path, kind: Kind = "compare") -> Session:
    """Return what a command would open in a folder."""
    spec = CompareSpec(methods=("lora",), rounds=1) if kind == "compare" else RunSpec(method="lora")
    return Session(
        kind=kind, spec=spec, folder=choose_place(str(folder), kind), examples_digest="d", look=Look()
    )


def test_a_training_is_not_gone_on_with_where_its_report_was_changed(tmp_path: Path) -> None:
    write_scripted_run(tmp_path, "lora", failed="interrupted")
    (tmp_path / "report.md").write_text("my own words")
    with pytest.raises(UserError, match=r"report\.md: not written by laptime, or changed since"):
        run_session(make_session(tmp_path, "resumed"))


@pytest.mark.parametrize("name", ["report.html", "report.md", "charts/memory.svg"])
def test_a_report_that_somebody_changed_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0, 2.1], "lora": [1.0, 1.1]})
    render_again(tmp_path, "en")
    (tmp_path / name).write_text((tmp_path / name).read_text() + "my own words")
    monkeypatch.setattr("laptime.session.compare", lambda *_: pytest.fail("it was begun"))
    with pytest.raises(UserError) as error:
        run_session(make_session(tmp_path))
    assert str(error.value) == (
        f"{tmp_path / name}: not written by laptime, or changed since; move it away, then repeat"
    )


def test_a_refusal_is_all_that_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing begins, so nothing says what begins, and a toy is not praised."""

    class Runner:
        def __init__(self, single: bool = False) -> None: ...

        def prepare(self, job: InputJob) -> InputManifest:
            raise UserError("its tokenizer cannot be loaded")

        def close(self) -> None: ...

    monkeypatch.setattr("laptime.session.ProcessRunner", Runner)
    (tmp_path / "mine" / "thesis").mkdir(parents=True)
    kinds: tuple[Literal["train", "compare"], ...] = ("train", "compare")
    for kind in kinds:
        with pytest.raises(UserError, match="thesis"):
            run_session(make_session(tmp_path / "mine", kind))
        assert capsys.readouterr().out == ""
        with pytest.raises(UserError, match="tokenizer"):
            run_session(make_session(tmp_path / "new", kind))
        assert capsys.readouterr().out == "reading the data and the tokenizer ...\n"


def test_refused_examples_are_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": 1, "completion": "b"}\n')
    specs = {"data": DataSpec(data=str(file)), "training": TrainingSpec()}
    with pytest.raises(UserError) as error:
        show_data(specs, 3, tokens=False)
    assert str(error.value) == "a.jsonl:2: 'prompt' is a number, expected text"
    assert capsys.readouterr().out == ""
    file.write_text('{"prompt": "a", "completion": ""}\n{"prompt": 1, "completion": "b"}\n')
    with pytest.raises(UserError) as error:
        show_data(specs, 3, tokens=False)
    assert str(error.value) == f"{file}: 2 examples refused; mend them, or --skip-bad leaves them out"
    assert capsys.readouterr().out.splitlines()[1:] == [
        "a.jsonl:1: 'completion' is empty",
        "a.jsonl:2: 'prompt' is a number, expected text",
    ]


def test_what_cannot_be_printed_ends_no_work(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        screen = Console(file=LastingOutput(full))  # type: ignore[arg-type]
        screen.print("one")
        screen.print("two")


def test_an_interruption_tells_what_it_left(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert has_done_nothing(folder)
    write_scripted_run(folder, "lora", losses=(), unfinished=True)
    assert has_done_nothing(folder)
    assert tell_interruption("train", folder).endswith("; the same command begins anew")
    (folder / "record.jsonl").write_text("not a record")
    assert not has_done_nothing(folder)
    (folder / "mine.txt").touch()
    forget_beginning(folder)
    assert [file.name for file in folder.iterdir()] == ["mine.txt"]
    write_scripted_run(folder, "lora", unfinished=True)
    assert not has_done_nothing(folder)
    assert tell_interruption("train", folder) == (
        f"interrupted before a checkpoint was written; begin anew with:\n  laptime train --resume {folder}"
    )
    (folder / "saved").mkdir()
    assert tell_interruption("train", folder).endswith(f"its result is in {folder}/saved")
    (folder / "checkpoints" / "step-00000002").mkdir(parents=True)
    told = tell_interruption("train", folder)
    assert told.startswith(f"interrupted after the training; its result is in {folder}/saved\n")
    assert told.endswith(f"by:\n  laptime train --resume {folder}")
    (folder / "saved").rmdir()
    assert tell_interruption("train", folder) == (
        f"interrupted; go on from the newest checkpoint with:\n  laptime train --resume {folder}"
    )
    write_scripted_run(folder, "lora")
    assert tell_interruption("train", folder).endswith(f"laptime show {folder}")


def test_a_file_is_not_called_absent(tmp_path: Path) -> None:
    (tmp_path / "record.jsonl").write_text("{}")
    with pytest.raises(UserError, match=r"record\.jsonl: a file; give the folder that it lies in$"):
        gather_result(tmp_path / "record.jsonl")
    with pytest.raises(UserError, match=r"no such folder$"):
        gather_result(tmp_path / "nowhere")


def test_a_result_whose_record_is_damaged_is_left_out_of_the_answers_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("laptime.interview.ask_results", lambda *_: iter(()))
    monkeypatch.setattr("laptime.runs.folder.find_inputs", lambda folder: folder)
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]})
    ask(tmp_path, ("why",), None)
    assert capsys.readouterr().out == ""
    record = tmp_path / "runs" / "full-r1" / "record.jsonl"
    record.write_bytes(record.read_bytes().replace(b'"parameters":1000', b'"parameters":1001'))
    ask(tmp_path, ("why",), None)
    assert capsys.readouterr().out == (
        f"not asked: {record}:3: it does not match its checksum; put back a whole copy, or do the run anew\n"
    )


def test_show_and_report_speak_the_language_of_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0, 2.1], "lora": [1.0, 1.1]})
    render_again(tmp_path, "ko", as_csv=True)
    assert capsys.readouterr().out.splitlines()[-1] == f"{tmp_path}/results.csv"
    show(tmp_path)
    korean = capsys.readouterr().out
    assert "방법" in korean and "초" in korean and "method" not in korean
    show(tmp_path, "en")
    assert "method" in capsys.readouterr().out


def test_an_interruption_is_told_in_korean(tmp_path: Path) -> None:
    assert tell_interruption("compare", tmp_path, "ko") == "첫 실행 전에 중단되었습니다. 남은 것이 없습니다"
