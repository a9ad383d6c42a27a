"""What "all" and patterns mean is left out where it can't race, and said; what is named is refused."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from laptime.api import again_spec, race_spec
from laptime.errors import UserError
from laptime.methods.method import expand_methods
from laptime.models.source import builtin_folder
from laptime.options.left_out import choose_methods, find_left_out, tell_left_out
from tests.commands import laptime
from tests.options.test_against import older

WHY = "LlamaForCausalLM has no biases, so that nothing would train; use lora, or ia3 for as few numbers"


@pytest.fixture
def qwen(tmp_path: Path) -> Path:
    """A folder whose config.json has a shape with biases, with the toy model's files beside it."""
    folder = tmp_path / "qwen"
    shutil.copytree(builtin_folder(), folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
    config.pop("head_dim", None)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def lines(values: dict[str, Any]) -> list[str]:
    """Return what is told, but for libraries that may be absent here."""
    return [line for line in tell_left_out(values) if "install it with" not in line]


def test_what_lacks_a_library_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)  # as if it were not installed
    told = "left out: loftq, qlora: needs bitsandbytes; install it with pip install 'laptime[qlora]'"
    assert tell_left_out({"methods": ["all"]})[0] == told
    assert tell_left_out({"methods": ["l*"]})[0] == told.replace(", qlora", "")
    with pytest.raises(UserError, match=r"--methods: 'q\*' means qlora, which needs bitsandbytes; install"):
        tell_left_out({"methods": ["q*", "lora"]})
    assert tell_left_out({"methods": ["lora*"]}) == []


@pytest.mark.parametrize("names", [["all"], ["lora", "*"], ["b*", "lora"]])
def test_what_a_pattern_means_and_the_model_cannot_train_does_not_race(names: list[str]) -> None:
    values = {"methods": names}
    chosen = choose_methods(values, names)
    assert set(chosen) == set(expand_methods("--methods", names)) - {"bitfit"}
    assert race_spec(values).methods == chosen
    assert lines(values) == [f"left out: bitfit: {WHY}"]


@pytest.mark.parametrize("names", [["bitfit", "lora"], ["all", "bitfit"], ["bit*"], ["bitfit", "b*"]])
def test_what_is_named_or_meant_alone_stays(names: list[str]) -> None:
    assert "bitfit" in choose_methods({}, names)
    assert lines({"methods": names}) == []


def test_a_model_that_it_can_train_has_all(qwen: Path) -> None:
    values = {"methods": ["all"], "model": str(qwen)}
    assert "bitfit" in race_spec(values).methods
    assert lines(values) == []


def test_a_model_whose_shape_is_not_foreseen_leaves_none_out(qwen: Path) -> None:
    config = json.loads((qwen / "config.json").read_text(encoding="utf-8")) | {"model_type": "gpt_neox"}
    (qwen / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert find_left_out({"model": str(qwen)}, ["all"]) == {}


def test_what_another_trainer_has_not_is_left_out_in_one_line() -> None:
    values = {"methods": ["all"], "trainers": "laptime,trl"}
    spec = race_spec(values)
    names = ["laptime-full", "trl-full", "laptime-lora", "trl-lora"]
    assert (spec.methods, [one.name for one in spec.contestants]) == ((), names)
    (line,) = lines(values)
    assert line.startswith("left out: adalora, bitfit, dora") and line.endswith(": trl has full and lora")
    with pytest.raises(UserError, match="trl has no dora"):
        race_spec(values | {"methods": ["d*"]})


def test_a_missing_model_is_refused_as_ever() -> None:
    with pytest.raises(UserError, match=r"--model \./nowhere: no such folder"):
        race_spec({"methods": ["all"], "model": "./nowhere"})
    assert find_left_out({"model": "./nowhere"}, ["full", "lora"]) == {}, "not even looked for"


def test_the_job_of_an_older_race_leaves_out_the_same() -> None:
    then = older(methods=["full", "b*", "lora"])
    assert again_spec(then, {"methods": ["full", "b*", "lora"], "against": "old"}) == then.spec


def test_command_races_without_it_and_says_so(tmp_path: Path) -> None:
    words = ["--methods", "b*,lora", "--rounds", "1", "--max-steps", "1", "--max-questions", "0"]
    printed = laptime(tmp_path, "compare", *words, "--out", "race", forks=True)
    assert f"left out: bitfit: {WHY}" in " ".join(printed.split())
    planned = json.loads((tmp_path / "race" / "plan.json").read_text(encoding="utf-8"))
    assert planned["spec"]["methods"] == ["lora"]
