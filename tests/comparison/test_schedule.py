"""The order of the runs: balanced, drawn by the seed, and the same whenever a round is planned."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import pytest

from laptime.comparison.schedule import add_round, balance, plan_round, plan_runs, williams_design
from laptime.comparison.stopping import FEWEST_ROUNDS
from laptime.runs.plan import Plan, PlannedRun
from laptime.spec import CompareSpec, TrainingSpec

SEEDS = range(200)
FOUR = ("full", "lora", "lora_top", "dora")


def orders(names: tuple[str, ...], seed: int, rounds: int) -> list[list[str]]:
    return [balance(names, seed, number) for number in range(1, rounds + 1)]


def test_two_take_turns_whatever_the_seed() -> None:
    """ABBA: over two rounds each is as often first, and a time that drifts cancels."""
    for seed in SEEDS:
        first = [order[0] for order in orders(("full", "lora"), seed, 6)]
        assert first[0::2] == [first[0]] * 3 and first[1::2] == [first[1]] * 3
        assert {first[0], first[1]} == {"full", "lora"}


def test_who_begins_is_drawn() -> None:
    begins = Counter(balance(("full", "lora"), seed, 1)[0] for seed in SEEDS)
    assert 60 < begins["full"] < 140


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 9])
def test_each_comes_as_often_in_each_place_and_behind_each_other(size: int) -> None:
    rows = williams_design(size)
    places = Counter((place, one) for row in rows for place, one in enumerate(row))
    followers = Counter(pair for row in rows for pair in pairwise(row))
    assert set(places.values()) == {len(rows) // size}
    assert set(followers) == set(permutations(range(size), 2))
    assert len(set(followers.values())) == 1
    square = rows[:size]
    assert all(len({row[place] for row in square}) == size for place in range(size)), "a Latin square first"


@pytest.mark.parametrize("size", [2, 4, 6, 8])
def test_every_second_round_of_an_even_number_is_the_one_before_backwards(size: int) -> None:
    rows = williams_design(size)
    assert all(after == before[::-1] for before, after in zip(rows[0::2], rows[1::2], strict=True))


def test_of_three_methods_each_has_each_place_in_three_rounds() -> None:
    """A place that costs time costs all of them the same."""
    for seed in SEEDS:
        rounds = orders(("full", "lora", "dora"), seed, 3)
        assert all(len(set(place)) == 3 for place in zip(*rounds, strict=True))


def make_plan(spec: CompareSpec) -> Plan:
    training = {"seed": spec.training.seed}
    return Plan(laptime="0", created=0.0, spec={"training": training}, runs=plan_runs(spec))


@pytest.mark.parametrize("methods", [("full", "lora"), FOUR[:3], FOUR, ("lora", "full", "lora")])
def test_a_round_that_is_added_later_is_the_one_that_would_have_been_planned(
    methods: tuple[str, ...],
) -> None:
    training = TrainingSpec(seed=7)
    whole = plan_runs(CompareSpec(methods=methods, rounds=8, training=training))
    plan = make_plan(CompareSpec(methods=methods, training=training))
    assert plan.num_rounds == FEWEST_ROUNDS, "auto begins with the fewest"
    for _ in range(8 - FEWEST_ROUNDS):
        plan = add_round(plan)
    assert plan.runs == whole
    assert len({run.run for run in whole}) == len(whole)


def test_a_method_given_twice_races_against_itself_under_a_name_of_its_own() -> None:
    _, *runs = plan_runs(CompareSpec(methods=("lora", "full", "lora"), rounds=2))
    assert {run.run for run in runs if run.round == 1} == {"lora-r1", "full-r1", "lora-2-r1"}
    assert {(run.name, run.method) for run in runs} == {
        ("lora", "lora"),
        ("full", "full"),
        ("lora-2", "lora"),
    }
    assert all(not run.contestant for run in runs if run.name == run.method), "as in plans of old"


def test_an_ablation_goes_forth_and_back() -> None:
    """Far more runs than rounds: before and behind must cancel in two rounds, for every two of them."""
    measured = [PlannedRun(run="", method=name, round=1) for name in ("full", "lora")]
    for number in (5, 6):
        variants = [
            PlannedRun(run="", method="lora", round=1, role="ablation", without=f"s{place}")
            for place in range(number)
        ]
        second, third, fourth = (
            [(run.name, run.without) for run in plan_round([*measured, *variants], 1, round_)]
            for round_ in (2, 3, 4)
        )
        assert third == second[::-1]
        assert fourth not in (second, third)
        assert len(second) == len(set(second)) == number + 2
