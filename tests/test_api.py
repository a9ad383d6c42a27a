"""Laptime from Python: the same checks, records and reports as the commands', and nothing printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import laptime
from laptime.errors import UserError
from laptime.runs.events import Step
from tests.tiny import make_tiny_model

JOB: dict[str, Any] = {
    "epochs": 1, "precision": "fp32", "max_questions": 0, "skip_self_checks": True, "lora_rank": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    make_tiny_model(folder / "model")
    (folder / "train.jsonl").write_text('{"question": "a", "answer": "b"}\n' * 2)
    return folder


class Heard:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.steps: list[Step] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.calls.append(name)

    def happened(self, event: Any) -> None:
        self.steps += [event] if isinstance(event, Step) else []


def test_a_comparison_is_driven_with_a_listener_and_read_again(
    work: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = Heard()
    options = JOB | {
        "model": work / "model",
        "data": [work / "train.jsonl"],
        "rounds": 1,
        "out": work / "race",
    }
    race = laptime.compare(
        methods=["lora"], contestants=[{"name": "four", "method": "lora", "lora_rank": 4}],
        listener=heard, lang="ko", **options,
    )  # fmt: skip
    assert (capfd.readouterr().out, race.failures) == ("", {})
    assert [each.name for each in race.result.methods] == ["lora", "four"]
    assert [step.step for step in heard.steps] == [1, 2] * 2
    assert heard.calls[:2] == ["preparing", "prepared"] and "planned" in heard.calls
    assert heard.calls.count("ended") == 3
    assert {name: path.parent.parent.name for name, path in race.saved.items()} == {
        "lora": "runs", "four": "runs",
    }  # fmt: skip
    assert 'lang="ko"' in race.report.read_text(encoding="utf-8")
    assert race.headline.startswith("One round: ")
    again = laptime.read(str(work / "race"))
    assert repr(race) == f"<laptime.Results in {work / 'race'}: {race.headline}>"
    assert again.result.order == race.result.order and again.headline == race.headline


def test_a_training_prints_when_asked_to_and_goes_on(work: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = JOB | {
        "model": str(work / "model"),
        "data": str(work / "train.jsonl"),
        "out": str(work / "one"),
    }
    one = laptime.train(method="lora", progress=True, **options)
    assert "2 examples to train on" in capfd.readouterr().out
    assert (one.saved["lora"] / "adapter_config.json").is_file() and one.result.is_single
    with pytest.raises(UserError, match="finished already; nothing is left to do"):
        laptime.train(resume=work / "one")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "laptime.compare: --epochs: expected a whole number >= 1 (got 0)"),
        ({"epoch": 1}, "laptime.compare: unknown option 'epoch'; did you mean 'epochs'?"),
        ({"lr": 1}, "laptime.compare: options of another tool: lr -> learning-rate"),
        ({"out": ""}, "laptime.compare: --out: empty; give a value or leave the option out"),
        ({"out": 3}, "laptime.compare: --out: expected text (got 3)"),
        ({"lang": "de"}, "laptime.compare: --lang: one of en, ko (got 'de')"),
        ({"data": Path("gone.jsonl")}, "--data gone.jsonl: no such file or folder"),
        ({"methods": "full,lura"}, "no method 'lura'"),
        ({"track": ["nowhere"]}, "nowhere"),
    ],
)
def test_mistakes_are_told_as_the_command_tells_them(
    options: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(laptime.UserError) as error:
        laptime.compare(**options)
    assert said in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder_of_ours_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a comparison nor a run of laptime"):
        laptime.read(tmp_path)


def test_the_package_lists_its_api_and_nothing_else() -> None:
    assert dir(laptime) == sorted([*laptime.__all__, "__version__"])


def test_nothing_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, laptime; assert 'laptime.api' not in sys.modules; laptime.compare; "
        "print({'torch', 'transformers', 'peft'} & set(sys.modules), {*laptime.__all__} - {*dir(laptime)})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set() set()\n"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        laptime.nothing  # noqa: B018
