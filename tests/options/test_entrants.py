"""Contestants as a person writes them: on the command line and in three formats of config files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from laptime.errors import UserError
from laptime.methods.method import find_methods
from laptime.options.entrants import choose_entrants, contestant_option, read_contestants
from laptime.options.flags import method_options, options_of, read_config_options
from laptime.spec import (
    SHARED_BY_ALL,
    AnswerSpec,
    CompareSpec,
    ContestantSpec,
    DataSpec,
    ModelSpec,
    TrainingSpec,
    flag,
    flatten,
)
from laptime.util.atomic import write_json
from tests.test_cli import refusal

OPTIONS = {one.name: one for one in (contestant_option(), *options_of([CompareSpec])) if one.name}
TABLES = [
    {"name": "wide", "method": "lora", "lora-rank": 64, "without": ["fused_blocks"], "plain": False},
    {"name": "v1.0_x", "method": "full", "precision": "fp32", "learning_rate": 2e-5},
]
WIDE = ContestantSpec(
    name="wide",
    method="lora",
    training={"without": ["fused_blocks"], "plain": False},
    method_options={"lora_rank": 64},
)
OTHER = ContestantSpec(name="v1.0_x", method="full", training={"precision": "fp32", "learning_rate": 2e-5})


def test_a_name_a_method_and_options_as_on_the_command_line() -> None:
    found = read_contestants(
        (
            "wide=lora --lora-rank 64 --lora-targets 'q_proj, v_proj' --plain",
            " v1.0_x = full --batch-size=2 --gradient-accumulation 4 --learning-rate 2e-5",
            "same=lora",
        )
    )
    assert found == [
        ContestantSpec(
            name="wide",
            method="lora",
            training={"plain": True},
            method_options={"lora_rank": 64, "lora_targets": ["q_proj", "v_proj"]},
        ),
        ContestantSpec(
            name="v1.0_x",
            method="full",
            training={"batch_size": 2, "gradient_accumulation": 4, "learning_rate": 2e-5},
        ),
        ContestantSpec(name="same", method="lora"),
    ]


def in_toml(table: dict[str, Any]) -> str:
    return "[[contestants]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


@pytest.mark.parametrize("suffix", ["toml", "yaml", "json"])
def test_a_config_file_holds_a_table_for_each(tmp_path: Path, suffix: str) -> None:
    content = {
        "toml": "rounds = 4\n" + "".join(map(in_toml, TABLES)),
        "yaml": yaml.safe_dump({"rounds": 4, "contestants": TABLES}),
        "json": json.dumps({"rounds": 4, "contestants": TABLES}),
    }[suffix]
    (tmp_path / f"job.{suffix}").write_text(content)
    values = read_config_options(str(tmp_path / f"job.{suffix}"), OPTIONS)
    assert values == {"rounds": 4, "contestants": [WIDE, OTHER]}


def test_the_spec_file_of_a_comparison_gives_its_contestants_again(tmp_path: Path) -> None:
    spec = CompareSpec(methods=(), contestants=(WIDE, OTHER))
    write_json(tmp_path / "spec.json", flatten(spec))
    options = OPTIONS | {one.name: one for one in options_of([ModelSpec, DataSpec, TrainingSpec, AnswerSpec])}
    values = read_config_options(str(tmp_path / "spec.json"), {k: v for k, v in options.items() if k})
    assert tuple(values["contestants"]) == spec.contestants
    assert choose_entrants(values, ("full", "lora")) == ((), spec.contestants)


def test_contestants_race_alone_where_no_methods_were_given() -> None:
    default = CompareSpec().methods
    assert choose_entrants({}, default) == (default, ())
    assert choose_entrants({"contestants": [WIDE]}, default) == ((), (WIDE,))
    given = {"contestants": [WIDE], "methods": ["lora"]}
    assert choose_entrants(given, ("lora",)) == (("lora",), (WIDE,))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["wide"], "--contestant 'wide': expected NAME=METHOD and options, such as \"wide=lora "),
        (["lora --lora-rank=8"], "--contestant 'lora --lora-rank=8': expected NAME=METHOD and options"),
        ([""], "--contestant '': expected NAME=METHOD"),
        (["a="], "--contestant a: no method; expected NAME=METHOD and options"),
        (["a=lorra"], "--contestant a: no method 'lorra'; did you mean 'lora'? there are adalora, bitfit"),
        (["a=lora 'x"], "--contestant a: no closing quotation"),
        (["a=lora x"], "--contestant a: Got unexpected extra argument (x)"),
        (["a=lora --lora-rnak 8"], "--contestant a: no option --lora-rnak; did you mean '--lora-rank'?"),
        (["a=lora --r 8"], "--contestant a: no option --r; here it is --lora-rank"),
        (["a=lora --use-dora"], "--contestant a: no option --use-dora; leave it out: adapters are"),
        (["a=full --lora-rank 8"], "--contestant a: --lora-rank: full has no such option"),
        (["a=lora --lora-rank x"], "--contestant a: --lora-rank: expected a whole number (got 'x')"),
        (["a=lora --lora-rank 8 --lora-rank 9"], "--contestant a: --lora-rank: given 2 times; give it once"),
        (["a=lora --lora-rank 0"], "--contestant a: --lora-rank: expected a whole number >= 1 (got 0)"),
        (["a=lora --weight-decay -1"], "--contestant a: --weight-decay: expected a number >= 0.0 (got -1.0)"),
        (["a=lora --precision fp17"], "--contestant a: Invalid value for '--precision': 'fp17' is not one"),
        (["a=lora --without fused_blocs"], "--contestant a: --without: no speedup 'fused_blocs'; did"),
        (["a=lora --speedups answer_hed"], "--contestant a: --speedups: no speedup 'answer_hed'; did you"),
        (["a=lora --learning-rate 0"], "--contestant a: --learning-rate: must be above 0 (got 0)"),
        (["a=lora --learning-rate lora=1"], "--contestant a: --learning-rate: expected a number: a"),
        (["a=lora", "A=full"],
         "--contestant A: the name stands twice (capitals are as small letters); each has its own"),
        (["Lora=lora"], "--contestant Lora: that is the name of a method or of the base; take another"),
        (["base=lora"], "--contestant base: that is the name of a method or of the base; take another"),
        (["lora-2=lora"], "--contestant lora-2: '-2' in a name is for runs and for equal runs; take another"),
        (["a=lora --trainer lunch"], "--contestant a: --trainer: no trainer 'lunch'; there are laptime, "),
        (["a=lora_top --trainer trl"], "--contestant a: --trainer: trl has no lora_top; through it"),
        (["a=lora --as-it-comes"], "--contestant a: --as-it-comes: is for other trainers; name one with"),
        (["a=lora --trainer trl --as-it-comes --lora-rank 8"], "--contestant a: --lora-rank: --as-it"),
        (["a=lora --trainer trl --plain"], "--contestant a: --plain: speedups are Laptime's own"),
        (["a=lora --trainers trl"], "--contestant a: --trainers belongs to the whole comparison"),
        (["a-r1=lora"], "--contestant a-r1: '-r1' in a name is for runs"),
        (["a-r1-plain=lora"], "--contestant a-r1-plain: '-r1' in a name is for runs"),
        (["twenty-one-characters=lora"], "--contestant twenty-one-characters: a name has at most 20"),
        (["=lora"], "--contestant '=lora': expected NAME=METHOD and options"),
        (["../up=lora"], "--contestant ../up: a name has at most 20 characters, of a-z"),
        ([".hidden=lora"], "--contestant .hidden: a name has at most 20"),
        (["넓은=lora"], "--contestant 넓은: a name has at most 20"),
    ],
)  # fmt: skip
def test_what_cannot_race_is_refused_by_name(texts: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_contestants(tuple(texts))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def options_of_all() -> list[str]:
    kinds = (ModelSpec, DataSpec, AnswerSpec, CompareSpec)
    names = [name for kind in kinds for name in kind.__struct_fields__]
    shared = [name for name in names if name not in {"model", "data", "method_options", "contestants"}]
    return sorted({*shared, "model", "data", "out", "config", "track", "lang", "wait", *SHARED_BY_ALL})


@pytest.mark.parametrize("name", options_of_all())
def test_what_makes_a_comparison_one_is_no_contestants_own(name: str) -> None:
    with pytest.raises(UserError) as error:
        read_contestants((f"a=lora {flag(name)} 1",))
    assert str(error.value) == (
        f"--contestant a: {flag(name)} belongs to the whole comparison; give it outside of the contestant"
    )


def test_every_other_option_of_the_training_and_of_the_method_may_differ() -> None:
    """A new option of the training must be put on one side of the border."""
    assert set(TrainingSpec.__struct_fields__) >= SHARED_BY_ALL
    own = {
        "batch_size", "gradient_accumulation", "learning_rate", "schedule", "warmup_ratio", "weight_decay",
        "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm", "precision", "threads",
        "gradient_checkpointing", "plain", "without", "speedups", "devices", "optimizer",
    }  # fmt: skip
    assert set(TrainingSpec.__struct_fields__) - SHARED_BY_ALL == own
    words = {"gradient_checkpointing": "", "plain": "", "without": "answer_head", "speedups": "answer_head"}
    words |= {"schedule": "cosine", "precision": "fp32", "optimizer": "adamw8bit"}
    for name in own:
        (found,) = read_contestants(
            (f"a=lora {flag(name)} {words.get(name, '1' if 'beta' not in name else '0.5')}",)
        )
        assert list(found.training) == [name]
    assert {option.name for option in method_options()} == {
        name for kind in find_methods().values() for name in kind.options_type.__struct_fields__
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"contestants": []}', "contestants: expected a list of tables, each with name, method and options"),
        ('{"contestants": "a=lora"}', "contestants: expected a list of tables"),
        ('{"contestants": {"name": "a"}}', "contestants: expected a list of tables"),
        ('{"contestants": [{"name": "a", "method": "lora"}, {"method": "lora"}]}',
         "contestants 2: no name; every contestant has one of its own"),
        ('{"contestants": [{"name": "a"}]}', "contestants 1 (a): no method; expected"),
        ('{"contestants": [{"name": 7, "method": "lora"}]}', "contestants 1: name: expected text (got 7"),
        ('{"contestants": [{"name": "a", "method": "lora", "lora_rnak": 8}]}',
         "contestants 1 (a): no option lora_rnak; did you mean 'lora_rank'?"),
        ('{"contestants": [{"name": "a", "method": "lora", "epochs": 8}]}',
         "contestants 1 (a): --epochs belongs to the whole comparison; give it outside of the contestant"),
        ('{"contestants": [{"name": "a", "method": "lora", "lora_rank": "8"}]}',
         "contestants 1 (a): --lora-rank: expected a whole number (got '8')"),
        ('{"contestants": [{"name": "a", "method": "lora", "lora_rank": 8, "lora-rank": 9}]}',
         "contestants 1 (a): option 'lora_rank' is given twice"),
        ('{"contestants": [{"name": "a", "method": "lora"}, {"name": "a", "method": "full"}]}',
         "contestants 2 (a): the name stands twice (capitals are as small letters); each has its own"),
        ('{"contestant": [{"name": "a", "method": "lora"}]}',
         "unknown option 'contestant'; did you mean 'contestants'?"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_race_is_refused_by_file_and_place(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "job.json").write_text(content)
    with pytest.raises(UserError) as error:
        read_config_options(str(tmp_path / "job.json"), OPTIONS)
    assert str(error.value).startswith(f"{tmp_path}/job.json: {message}")


def test_a_mistake_ends_the_command_in_one_line(tmp_path: Path) -> None:
    words = ["compare", "--contestant", "a=lora --threads 99999", "--out", "o"]
    assert refusal(*words, cwd=tmp_path).startswith("--contestant a: --threads 99999: this machine has ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("trainers", "methods", "names"),
    [
        ("laptime,trl", ("lora",), {"laptime": "lora", "trl": "lora"}),
        (
            "laptime,trl",
            ("full", "lora"),
            {"laptime-full": "full", "trl-full": "full", "laptime-lora": "lora", "trl-lora": "lora"},
        ),
        ("trl", ("lora", "lora"), {"trl": "lora", "trl.2": "lora"}),
    ],
)
def test_each_method_races_through_each_trainer(
    trainers: str, methods: tuple[str, ...], names: dict[str, str]
) -> None:
    alone, made = choose_entrants({"trainers": trainers, "as_it_comes": True}, methods)
    assert alone == () and {one.name: one.method for one in made} == names
    for one in made:
        theirs = one.name.startswith("trl")
        assert one.trainer == ("trl" if theirs else "laptime") and one.as_it_comes is theirs
        assert one.differs == ({"trainer": "trl", "as_it_comes": True} if theirs else {})


def test_what_trainers_made_is_read_again_from_a_file(tmp_path: Path) -> None:
    _, made = choose_entrants({"trainers": "laptime,trl"}, ("full", "lora", "lora"))
    spec = CompareSpec(methods=(), contestants=made)
    write_json(tmp_path / "spec.json", {"contestants": flatten(spec)["contestants"]})
    values = read_config_options(str(tmp_path / "spec.json"), OPTIONS)
    assert choose_entrants(values, spec.methods) == ((), made)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trainers": "laptime,lunch"}, "--trainers: no trainer 'lunch'; there are laptime, "),
        ({"trainers": "laptime,"}, "--trainers: an empty name"),
        ({"trainers": "trl"}, "--trainers: trl has no lora_top; through it race full and lora"),
        ({"as_it_comes": True}, "--as-it-comes: no other trainer races; name some with --trainers"),
        ({"trainers": "trl", "contestants": [WIDE]}, None),
    ],
)
def test_trainers_that_cannot_race_are_refused(values: dict[str, object], message: str | None) -> None:
    methods = ("lora",) if message is None else ("lora_top",)
    if message is None:  # contestants race beside them
        assert [one.name for one in choose_entrants(values, methods)[1]] == ["trl", WIDE.name]
        return
    with pytest.raises(UserError) as error:
        choose_entrants(values, methods)
    assert str(error.value).startswith(message)
