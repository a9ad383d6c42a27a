"""The job of an older comparison done again: what is taken, what may differ, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import laptime
from laptime.api import again_spec, race_spec
from laptime.comparison.older import Older
from laptime.errors import UserError
from laptime.options.commands import by_name, compare_options
from laptime.options.entrants import read_contestants
from laptime.options.flags import check_options
from laptime.runs.plan import Before
from laptime.spec import AUTO, CompareSpec, ContestantSpec, TrainingSpec
from tests.commands import run_command

WIDE = "wide=lora --lora-rank 64"
BASE: dict[str, Any] = {
    "methods": ["full", "lora"], "rounds": 5, "epochs": 2, "lora_rank": 8, "ask": ["왜?"],
    "learning_rate": {"full": 1e-5, "lora": 1e-4}, "without": ["fused_blocks"],
    "data": ["a.jsonl", "b.jsonl"],
}  # fmt: skip


def older(**values: Any) -> Older:
    """Return an older comparison of the options that `values` holds."""
    before = Before(
        id="a", folder="old", created=0.0, laptime="0", confidence=0.95, data={}, model_digest="",
        threads=None, racers=[],
    )  # fmt: skip
    return Older(spec=race_spec(values), before=before)


def again(then: Older, **values: Any) -> CompareSpec:
    return again_spec(then, values | {"against": "old"})


def test_what_is_not_given_is_taken_from_there() -> None:
    then = older(**BASE, contestants=read_contestants([WIDE]))
    assert again(then) == then.spec
    assert again(then, methods=["full", "lora"], lora_rank=8, data=["a.jsonl", "b.jsonl"]) == then.spec
    assert again(then, contestants=read_contestants([WIDE]), epochs=2) == then.spec


def test_the_number_of_rounds_and_what_has_no_effect_may_differ() -> None:
    then = older(**BASE)
    assert again(then, rounds=2).rounds == 2
    minutes = again(then, minutes=3.0)
    assert (minutes.rounds, minutes.minutes) == (AUTO, 3.0), "no number beside a limit that was given"
    assert again(older(minutes=2.0), rounds=4).minutes is None
    places = {"out": "new", "track": "wandb", "lang": "ko", "wait": True}
    changed = again(then, save_every="50", keep_checkpoints=1, hang_minutes=0.0, **places)
    assert (changed.training.save_every, changed.training.epochs) == ("50", 2)


def test_data_and_model_may_lie_elsewhere_now() -> None:
    """The digests that the preparation makes tell whether they are the same."""
    moved = again(older(**BASE), data="moved.jsonl", model="moved", held_out="moved_too.jsonl")
    assert (moved.data.data, moved.model.model, moved.data.held_out) == (
        "moved.jsonl",
        "moved",
        "moved_too.jsonl",
    )


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"epochs": 3}, "(--epochs); leave it out"),
        ({"methods": ["lora"]}, "(--methods); leave it out"),
        ({"lora_rank": 16, "seed": 3}, "(--lora-rank, --seed); leave them out"),
        ({"learning_rate": 1e-4}, "(--learning-rate); leave it out"),
        ({"contestants": read_contestants([WIDE])}, "(--contestant wide); leave it out"),
        ({"ask": ["무엇?"]}, "(--ask); leave it out"),
    ],
)
def test_an_option_that_differs_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError) as error:
        again(older(**BASE), **values)
    assert str(error.value) == f"--against old: done with other options {named}"


def test_a_contestant_that_changed_is_named() -> None:
    then = older(contestants=read_contestants([WIDE, "half=lora --precision bf16"]))
    assert again(then) == then.spec
    changed = read_contestants(["wide=lora --lora-rank 32", "half=lora --precision bf16"])
    with pytest.raises(UserError, match=r"\(--contestant wide\); leave it out$"):
        again(then, contestants=changed)


def test_the_same_trainers_are_the_same() -> None:
    entrants = (
        ContestantSpec(name="laptime", method="lora"),
        ContestantSpec(name="trl", method="lora", trainer="trl"),
    )
    then = older(methods=["lora"], trainers="laptime,trl")
    assert then.spec.contestants == entrants
    assert again(then) == again(then, trainers="laptime,trl") == then.spec
    with pytest.raises(UserError, match="--contestant laptime"):
        again(then, trainers="trl")


def test_options_that_a_method_has_got_since_take_their_defaults() -> None:
    then = older(**BASE)
    less = replace(then.spec, method_options={"lora": {"lora_rank": 8}})
    assert again(Older(spec=less, before=then.before)) == then.spec
    gone = replace(then.spec, method_options={"lora": {"lora_rank": 8, "warp": 9}})
    with pytest.raises(UserError, match=r"^--against old: unknown option 'warp'"):
        again(Older(spec=gone, before=then.before))


@pytest.mark.parametrize("name", ["trust_remote_code", "allow_pickled_weights"])
def test_trust_in_a_model_is_not_taken_from_a_folder(name: str) -> None:
    then = older(**{name: True})
    with pytest.raises(UserError, match=f"its job has --{name.replace('_', '-')}; give it again, where you"):
        again(then)
    assert again(then, **{name: True}) == then.spec


def test_it_is_an_option_of_config_files_and_of_programs() -> None:
    options = by_name(compare_options())
    assert check_options({"against": "old"}, options, "job.toml: ") == {"against": "old"}
    with pytest.raises(UserError, match=r"^job.toml: --against: expected text"):
        check_options({"against": True}, options, "job.toml: ")
    with pytest.raises(UserError, match=r"--against belongs to the whole comparison"):
        read_contestants(["a=lora --against old"])
    assert TrainingSpec() == race_spec({}).training


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    done = run_command(["compare", "--against", "gone", "--out", "new"], tmp_path, {"TMPDIR": str(tmp_path)})
    line = "laptime: error: --against gone: no such folder; give the folder of a comparison\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"gone: no such folder; give the folder of a comparison$"):
        laptime.compare(against=tmp_path / "gone", out=tmp_path / "new")
