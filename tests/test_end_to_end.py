"""The main job as a user runs it: a tiny model, every command on what is left.

The comparison that most tests look at is begun as a person begins it, and so is what tells of imports, of
Ctrl-C and of readers who leave; the other commands are forks.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from laptime.comparison.result import ComparisonResult, read_result
from laptime.report.plain_text import width
from laptime.runs.record import read_record
from tests import commands
from tests.tiny import make_tiny_model

COMMAND = [sys.executable, "-m", "laptime"]
QUESTION = "사과는 무슨 색인가요?"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model, five examples with a column too many, and a held-out one."""
    folder = tmp_path_factory.mktemp("work")
    make_tiny_model(folder / "model")
    examples = [{"question": f"{n} 더하기 {n}은?", "answer": f"{2 * n}입니다."} for n in range(4)]
    examples.append({"question": QUESTION, "answer": "빨간색입니다.", "topic": "색"})
    lines = [json.dumps(example, ensure_ascii=False) + "\n" for example in examples]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "held_out.jsonl").write_text(
        '{"question": "7 더하기 7은?", "answer": "14입니다."}\n', encoding="utf-8"
    )
    (folder / "tmp").mkdir()
    return folder


def environment(workplace: Path) -> dict[str, str]:
    """Keep the machine's lock to this test, and secrets recognisable."""
    return os.environ | {"TMPDIR": str(workplace / "tmp"), "HF_TOKEN": "hf_canary_in_a_cage", "COLUMNS": "80"}


def laptime(workplace: Path, *words: str, code: int = 0, forks: bool = True) -> str:
    return commands.laptime(workplace, *words, code=code, forks=forks, **environment(workplace))


OPTIONS = [
    "--model",
    "model",
    "--data",
    "train.jsonl",
    "--held-out",
    "held_out.jsonl",
    "--max-new-tokens",
    "8",
    "--precision",
    "fp32",
]
RACE = ["compare", *OPTIONS, "--epochs", "2", "--rounds", "1", "--ask", QUESTION, "--out", "race"]


@pytest.fixture(scope="module")
def race(workplace: Path) -> tuple[Path, str, ComparisonResult]:
    """A comparison of full fine-tuning and LoRA in one round, with what it printed."""
    printed = laptime(workplace, *RACE, forks=False)
    return workplace / "race", printed, read_result(workplace / "race")


def test_both_methods_did_the_same_work_and_learned(race: tuple[Path, str, ComparisonResult]) -> None:
    folder, printed, result = race
    full, lora = (read_record(folder / "runs" / f"{name}-r1") for name in ("full", "lora"))
    assert [step.digest for step in full.steps] == [step.digest for step in lora.steps]
    assert len(full.steps) == 10
    assert [finding.code for finding in result.findings if finding.level == "unequal"] == []
    for record in (full, lora):
        assert record.steps[0].loss == pytest.approx(full.steps[0].loss), "the same base on the same batch"
        assert record.steps[-1].loss < record.steps[0].loss
        assert record.finished and record.finished.train_seconds
        parts = sum(step.seconds for step in record.steps)
        assert parts <= record.finished.train_seconds
    assert "[3/3]" in printed


def is_command(line: str) -> bool:
    """Tell whether a line is there to be copied: it is neither wrapped nor cut."""
    return "laptime " in line or "/" in line


def test_what_is_printed_stays_within_eighty_columns(
    workplace: Path, race: tuple[Path, str, ComparisonResult]
) -> None:
    shown = [
        race[1],
        laptime(workplace, "show", "race"),
        laptime(workplace, "data", *OPTIONS[:4], "--tokens"),
    ]
    for line in "".join(shown).splitlines():
        assert width(line) <= 80 or is_command(line), line
        assert line == line.rstrip()


def test_comparison_json_holds_what_its_documentation_promises(
    race: tuple[Path, str, ComparisonResult],
) -> None:
    folder, _, result = race
    content = json.loads((folder / "comparison.json").read_text())
    assert content["complete"] is True
    for method in result.methods:
        assert method.status == "finished"
        for figure in (
            method.train_seconds, method.total_seconds, method.first_step_seconds, method.steady_step_seconds,
            method.tokens_per_second, method.peak_bytes, method.trainable_parameters, method.saved_bytes,
            method.held_out_loss,
        ):  # fmt: skip
            assert figure is not None and figure > 0
        assert len(method.train_losses) == 10
        assert set(method.phase_seconds) >= {
            "import",
            "load",
            "prepare",
            "train",
            "save",
            "evaluate",
            "answer",
        }
    (pair,) = result.pairs
    assert pair.verdict == "one_round"
    (question,) = result.questions
    assert (question.question, question.source, question.reference) == (QUESTION, "trained", "빨간색입니다.")
    assert set(question.answers) == {"base", "full", "lora"}
    assert result.base and result.base.held_out_loss


def test_the_report_is_there_in_both_languages_and_needs_no_torch(
    workplace: Path, race: tuple[Path, str, ComparisonResult]
) -> None:
    folder, _, _ = race
    assert QUESTION in (folder / "report.html").read_text()
    assert QUESTION in (folder / "report.md").read_text()
    code = (
        "import sys; from laptime.cli import main as cli\n"
        "sys.argv = ['laptime', 'report', 'race', '--lang', 'ko']\n"
        "cli.main()\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=workplace, text=True)
    assert printed.splitlines()[-1] == "False False"
    assert 'lang="ko"' in (folder / "report.html").read_text()
    assert "방법" in laptime(workplace, "show", "race"), "in the language of the report"
    laptime(workplace, "report", "race", "--lang", "en")  # as the other tests expect it


def test_show_and_ask_read_what_is_there(workplace: Path, race: tuple[Path, str, ComparisonResult]) -> None:
    shown = laptime(workplace, "show", "race")
    assert "full" in shown and "lora" in shown
    lines = laptime(workplace, "ask", "race", "하늘은?", "--max-new-tokens", "4", "--json")
    told = [json.loads(line) for line in lines.splitlines()]
    assert {line["question"] for line in told} == {"하늘은?"}
    whole = {line["name"]: line["text"] for line in told if line["done"]}
    assert list(whole) == ["base", "full", "lora"]
    answers = laptime(workplace, "ask", "race", "하늘은?", "--max-new-tokens", "4")
    assert {name: "".join(text.split()) in "".join(answers.split()) for name, text in whole.items()} == {
        "base": True, "full": True, "lora": True,
    }  # fmt: skip
    assert "하늘은?" in answers
    assert all(name in answers for name in ("base", "full", "lora"))


@pytest.mark.parametrize(
    "words", [("ask", "race", "하늘은?", "--max-new-tokens", "1"), ("data", *OPTIONS[:6])]
)
def test_asking_and_looking_import_no_compiler(
    workplace: Path, race: tuple[Path, str, ComparisonResult], words: tuple[str, ...]
) -> None:
    """It would take longer than all the rest."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *COMMAND[1:], *words],
        cwd=workplace, env=environment(workplace), capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"torch.nn", "transformers"} <= imported
    assert not {"torch._dynamo.symbolic_convert", "sympy.core", "scipy.linalg"} & imported


def test_the_same_command_again_runs_nothing_and_another_is_refused(
    workplace: Path, race: tuple[Path, str, ComparisonResult]
) -> None:
    assert "3 already done" in laptime(workplace, *RACE)
    refused = laptime(workplace, *(word if word != "2" else "3" for word in RACE), code=2)
    assert "begun with other options (--epochs)" in refused


def test_no_secret_is_written_anywhere(race: tuple[Path, str, ComparisonResult]) -> None:
    folder, _, _ = race
    holders = [
        file for file in folder.rglob("*") if file.is_file() and b"hf_canary_in_a_cage" in file.read_bytes()
    ]
    assert holders == []


def test_a_killed_comparison_loses_no_finished_run(workplace: Path) -> None:
    words = ["compare", *OPTIONS, "--methods", "lora", "--epochs", "1", "--rounds", "2", "--out", "killed"]
    process = commands.Command(words, workplace, environment(workplace))
    runs = workplace / "killed" / "runs"
    deadline = time.monotonic() + 120
    while not (runs / "lora-r1" / "record.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate(60)
    base = (runs / "base" / "record.jsonl").read_bytes()
    assert b'"finished"' in base
    printed = laptime(workplace, *words)
    assert "already done" in printed
    assert (runs / "base" / "record.jsonl").read_bytes() == base
    assert read_result(workplace / "killed").complete


def hear_ctrl_c() -> None:
    """Undo what a shell does for what it runs in the background: there Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_names_the_command_that_goes_on(workplace: Path) -> None:
    words = ["compare", *OPTIONS, "--methods", "lora", "--rounds", "1", "--out", "stopped"]
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=workplace,
        env=environment(workplace),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
    )
    deadline = time.monotonic() + 120
    while not (workplace / "stopped" / "runs" / "base").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "laptime compare --config stopped/spec.json --out stopped" in errors
    assert "Traceback" not in errors


def test_a_reader_who_leaves_ends_no_training(workplace: Path) -> None:
    """As with `laptime train | head -1`."""
    process = subprocess.Popen(
        [*COMMAND, "train", *OPTIONS, "--epochs", "1", "--out", "unread"],
        cwd=workplace,
        env=environment(workplace),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout and process.stderr
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(120) == 0, errors
    assert (workplace / "unread" / "saved" / "adapter_config.json").exists()
    assert errors == b""


def test_a_config_file_says_everything_that_flags_say(workplace: Path) -> None:
    (workplace / "job.toml").write_text(
        'model = "model"\ndata = "train.jsonl"\nmethods = ["lora"]\nrounds = 1\nepochs = 1\n'
        'max-new-tokens = 4\nask = "1 더하기 1은?"\nout = "from_config"\n'
        'lang = "ko"\ntrack = ["tensorboard"]\n'
    )
    assert "tensorboard --logdir" in laptime(workplace, "compare", "--config", "job.toml")
    assert 'lang="ko"' in (workplace / "from_config" / "report.html").read_text()
    assert list((workplace / "from_config" / "tensorboard").rglob("events.out.tfevents.*"))


def test_a_method_races_against_itself_and_answers_twice(workplace: Path) -> None:
    words = [*OPTIONS, "--methods", "lora,lora", "--learning-rate", "lora=1e-3", "--epochs", "1"]
    words += ["--rounds", "1", "--skip-self-checks", "--max-questions", "1"]
    printed = laptime(workplace, "compare", *words, "--out", "equal")
    assert "One round of equal runs of LoRA: they differ by" in " ".join(printed.split())
    assert re.search(r"^lora \(again\) +\d", printed, flags=re.M)
    folder = workplace / "equal"
    first, again = (read_record(folder / "runs" / run) for run in ("lora-r1", "lora-2-r1"))
    assert (first.started.contestant, again.started.contestant) == ("", "lora-2")
    assert [step.digest for step in first.steps] == [step.digest for step in again.steps]
    assert len({method.saved_paths[0] for method in read_result(folder).methods}) == 2
    assert "LoRA (again)" in (folder / "report.md").read_text(encoding="utf-8")
    asked = laptime(workplace, "ask", "equal", QUESTION)
    answers = re.findall(r"^   (base|lora|lora \(again\))  ", asked, flags=re.M)
    assert answers == ["base", "lora", "lora (again)"]


def test_train_saves_where_it_says(workplace: Path) -> None:
    printed = laptime(workplace, "train", *OPTIONS, "--epochs", "1", "--lora-rank", "4", "--out", "one")
    assert "saved:  one/saved" in " ".join(printed.split("\n")).replace("  ", "  ")
    assert (workplace / "one" / "saved" / "adapter_config.json").exists()
    assert "lora" in laptime(workplace, "show", "one")
    assert "holds a finished training" in laptime(workplace, "train", *OPTIONS, "--out", "one", code=2)
    laptime(workplace, "report", "one")
    assert "left out of the training: column topic" in (workplace / "one" / "report.md").read_text()


def test_a_run_that_cannot_train_stays_as_a_row_with_its_reason(workplace: Path) -> None:
    printed = laptime(
        workplace, "compare", *OPTIONS, "--rounds", "1", "--epochs", "1",
        "--learning-rate", "full=1e30,lora=1e-3",
        "--max-grad-norm", "0", "--out", "broken", code=1,
    )  # fmt: skip
    assert "FAILED (not_finite): step" in printed, "and the exit code says so"
    result = read_result(workplace / "broken")
    status = {method.name: method.status for method in result.methods}
    assert status == {"full": "failed", "lora": "finished"}


def test_folders_of_any_visible_name_just_work(workplace: Path) -> None:
    name = "-[red]한 글😀/x[/no]y"
    data = workplace / f"{name}.jsonl"
    data.parent.mkdir(parents=True)
    data.write_bytes((workplace / "train.jsonl").read_bytes())
    words = ["train", "--model", "model", f"--data=./{name}.jsonl", f"--out={name}", "--epochs", "1"]
    more = ["--max-questions", "0", "--skip-self-checks", "--precision", "fp32"]
    printed = laptime(workplace, *words, *more)
    assert f"data ./{name}.jsonl -> {name}\n" in printed
    assert f"saved:  {name}/saved  (PeftModel.from_pretrained)\n" in printed
    (command,) = re.findall(r'^ask: +(laptime ask .*) "\.\.\."$', printed, re.MULTILINE)
    assert "Q  hello" in laptime(workplace, *shlex.split(command)[1:], "hello", "--max-new-tokens", "1")
