"""What lies between two contestants: what differs, in which orders it changes, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.runs.between import add_between, list_courses, list_factors
from laptime.runs.contestants import list_contestants
from laptime.spec import CompareSpec, ContestantSpec, ModelSpec, TrainingSpec, flatten

SLOW = ContestantSpec(name="slow", method="full", training={"precision": "fp32", "plain": True})
HALF = ContestantSpec(name="half", method="lora", training={"precision": "bf16", "without": ("a", "b")})


def make_spec(*contestants: ContestantSpec, methods: tuple[str, ...] = (), **changes: Any) -> CompareSpec:
    training = changes.pop("training", TrainingSpec())
    model = ModelSpec(model="tiny")
    return CompareSpec(
        methods=methods, contestants=contestants, explain=True, model=model, training=training, **changes
    )


def find_names(spec: CompareSpec) -> list[str]:
    return [factor.name for factor in list_factors(*list_contestants(spec))]


def test_what_differs_changes_in_two_orders() -> None:
    spec = add_between(make_spec(SLOW, methods=("lora",)))
    courses = list_courses(spec)
    assert [[factor.name for factor in course.factors] for course in courses] == [
        ["precision", "plain", "method"],
        ["method", "plain", "precision"],
    ]
    assert [course.names for course in courses] == [
        ["lora", "between1", "between2", "slow"],
        ["lora", "between3", "between4", "slow"],
    ]
    runs = {one.name: one.run_spec for one in list_contestants(spec)}
    told = {name: (run.method, run.training.precision, run.training.plain) for name, run in runs.items()}
    assert told == {
        "lora": ("lora", "auto", False),
        "slow": ("full", "fp32", True),
        "between1": ("lora", "fp32", False),
        "between2": ("lora", "fp32", True),
        "between3": ("full", "auto", False),
        "between4": ("full", "auto", True),
    }
    assert [one.is_between for one in list_contestants(spec)] == [False, False, True, True, True, True]


def test_one_difference_needs_nobody_between() -> None:
    spec = add_between(make_spec(methods=("full", "lora")))
    assert [one.name for one in list_contestants(spec)] == ["full", "lora"]
    (course,) = list_courses(spec)
    assert ([factor.name for factor in course.factors], course.names) == (["method"], ["full", "lora"])


def test_each_speedup_that_is_switched_off_is_a_difference() -> None:
    without = replace(HALF, training={"without": ("b", "c")})
    other = replace(HALF, name="other", training={"without": ("a", "b")})
    spec = add_between(make_spec(without, other))
    assert find_names(replace(spec, contestants=spec.contestants[:2])) == ["a", "c"]
    runs = {one.name: set(one.run_spec.training.without) for one in list_contestants(spec)}
    assert runs == {
        "half": {"b", "c"}, "other": {"a", "b"}, "between1": {"a", "b", "c"}, "between2": {"b"},
    }  # fmt: skip


def test_who_goes_without_all_has_none_to_switch_off() -> None:
    plain = replace(HALF, name="plain", training={"plain": True, "precision": "fp32"})
    off = replace(HALF, training={"without": ("a",), "precision": "bf16"})
    for pair in ((plain, off), (off, plain)):
        assert find_names(make_spec(*pair)) == ["precision", "plain"]
        spec = add_between(make_spec(*pair))
        between = [one.run_spec.training for one in list_contestants(spec)][2:]
        assert sorted((one.precision, one.plain, one.without) for one in between) in (
            [("bf16", True, ()), ("fp32", False, ("a",))],
        )


def test_options_of_the_method_are_differences_where_both_have_it() -> None:
    wide = ContestantSpec(name="wide", method="lora", method_options={"lora_rank": 64})
    options = {"lora": {"lora_rank": 16}}
    assert find_names(make_spec(wide, methods=("lora",), method_options=options)) == ["lora_rank"]
    assert find_names(make_spec(wide, methods=("full",), method_options=options)) == ["method"]
    narrow = ContestantSpec(
        name="narrow", method="lora", method_options={"lora_rank": 2}, training={"precision": "bf16"}
    )
    spec = add_between(make_spec(wide, narrow, method_options=options))
    ranks = {
        one.name: (one.run_spec.method_options["lora_rank"], one.run_spec.training.precision)
        for one in list_contestants(spec)
    }
    assert (ranks["between1"], ranks["between2"]) == ((64, "bf16"), (2, "auto"))


def test_another_trainer_changes_before_our_speedups() -> None:
    theirs = ContestantSpec(name="trl", method="lora", trainer="trl")
    ours = ContestantSpec(name="laptime", method="lora")
    for pair, order in (((theirs, ours), ["trainer", "plain"]), ((ours, theirs), ["plain", "trainer"])):
        spec = add_between(make_spec(*pair))
        (course,) = list_courses(spec)
        assert [factor.name for factor in course.factors] == order
        between = list_contestants(spec)[2].run_spec
        assert (between.trainer, between.training.plain) == ("laptime", True)


def test_what_time_does_not_depend_on_is_none() -> None:
    other = ContestantSpec(name="other", method="lora", training={"learning_rate": 1e-3, "weight_decay": 0.1})
    assert find_names(make_spec(other, methods=("lora",))) == []


def test_how_far_gradients_are_clipped_is_no_matter_but_whether_they_are() -> None:
    for bound, names in ((0.5, []), (0.0, ["max_grad_norm"])):
        other = ContestantSpec(name="other", method="lora", training={"max_grad_norm": bound})
        assert find_names(make_spec(other, methods=("lora",))) == names


def test_a_name_that_is_taken_is_not_given_again() -> None:
    mine = replace(SLOW, name="Between2")
    spec = add_between(make_spec(mine, methods=("lora",)))
    assert [one.name for one in list_contestants(spec)][2:] == [f"between{number}" for number in (1, 3, 4, 5)]


@pytest.mark.parametrize(
    ("contestants", "methods", "said"),
    [
        ((), ("lora",), "--explain: sets two side by side (got lora); name two with --methods"),
        ((SLOW,), ("full", "lora"), "--explain: sets two side by side (got full, lora, slow); name two"),
        (
            (ContestantSpec(name="big", method="lora", training={"batch_size": 4}),),
            ("lora",),
            "--explain: a step of lora has 1 examples, one of big 4: that is other work; give both the same",
        ),
    ],
)
def test_refused(contestants: Any, methods: Any, said: str) -> None:
    with pytest.raises(UserError) as error:
        add_between(make_spec(*contestants, methods=methods))
    assert said in str(error.value)


def test_a_file_of_options_holds_nobody_between_and_makes_them_anew() -> None:
    spec = add_between(make_spec(SLOW, methods=("lora",)))
    flat = flatten(spec)
    assert flat["explain"] is True and [one["name"] for one in flat["contestants"]] == ["slow"]
    assert add_between(spec) == spec
    assert [one.name for one in list_contestants(add_between(replace(spec, explain=False)))] == [
        "lora",
        "slow",
    ]
