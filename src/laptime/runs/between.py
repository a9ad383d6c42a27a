"""Contestants between two others, each unlike the one before it in one thing alone: so a difference splits.

With `compare --explain` they run in every round as the two do, but stand in no row: what a thing gives is
what the runs before and behind its change differ by. They change in two orders, forward and backward, because
what one thing gives may depend on the others.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.runs.contestants import Contestant, list_contestants
from laptime.spec import OURS, CompareSpec, ContestantSpec, TrainingSpec, flag
from laptime.util.atomic import as_read

CLIPPING = "max_grad_norm"  # how large it may be is no matter of time, but whether there is a bound
# Options of the training on which time depends, in the order in which they change; last the method.
TIMED = (
    "threads", "devices", "precision", "gradient_checkpointing", "optimizer", CLIPPING, "speedups", "without",
    "plain",
)  # fmt: skip
METHOD, TRAINER, WITHOUT, PLAIN = "method", "trainer", "without", "plain"
BATCHES = ("batch_size", "gradient_accumulation")


class Factor(Struct, frozen=True, kw_only=True):
    """One thing in which two contestants differ: an option, a speedup switched off, the method or trainer.

    A speedup that one of them does without is called by its name, and is there or not.
    """

    name: str
    option: str
    first: Any
    second: Any


class Course(Struct, frozen=True, kw_only=True):
    """An order in which one contestant turns into the other: the factors, and who stands behind each change.

    `names` begins with the first contestant and ends with the second.
    """

    factors: list[Factor]
    names: list[str]


def add_between(spec: CompareSpec) -> CompareSpec:
    """Return a spec with those between its two contestants where they are wanted; raises UserError."""
    own = tuple(one for one in spec.contestants if not one.is_between)
    alone = replace(spec, contestants=own)
    if not spec.explain:
        return alone
    pair = list_contestants(alone)
    if len(pair) != 2:
        named = ", ".join(one.name for one in pair)
        raise UserError(f"--explain: sets two side by side (got {named}); name two with --methods")
    refuse_other_work(*pair)
    made = [
        make_between(alone, course, place)
        for course in list_courses(alone)
        for place in range(1, len(course.factors))
    ]
    return replace(alone, contestants=(*own, *made))


def refuse_other_work(first: Contestant, second: Contestant) -> None:
    """Raise UserError where two contestants would make other steps, whose times can't be set side by side."""
    sizes = [
        one.run_spec.training.batch_size * one.run_spec.training.gradient_accumulation
        for one in (first, second)
    ]
    if sizes[0] != sizes[1]:
        raise UserError(
            f"--explain: a step of {first.name} has {sizes[0]} examples, one of {second.name} {sizes[1]}: "
            f"that is other work; give both the same {flag(BATCHES[0])}"
        )


def list_factors(first: Contestant, second: Contestant) -> list[Factor]:
    """Return in which things two contestants differ that time may depend on, in the order of their change."""
    states = [take_timed(one) for one in (first, second)]
    of_methods = {name for one in (first, second) for name in one.run_spec.method_options}
    options = dict.fromkeys([*states[0], *states[1]])
    alike = [name for name in options if first.method == second.method or name not in of_methods]
    found = [
        factor
        for option in alike
        for factor in compare_option(option, *(state.get(option) for state in states))
    ]
    if states[0][TRAINER] != OURS:  # another trainer has none of our speedups: it changes before these
        return sorted(found, key=lambda factor: factor.option != TRAINER)
    return found


def compare_option(option: str, first: Any, second: Any) -> list[Factor]:
    """Return the difference of two values, none where there is none; of speedups one for each by its name."""
    if option == CLIPPING and bool(first) == bool(second):
        return []
    if option != WITHOUT:
        return [Factor(name=option, option=option, first=first, second=second)] if first != second else []
    if first is None or second is None:
        return []
    return [
        Factor(name=name, option=WITHOUT, first=name not in first, second=name not in second)
        for name in sorted({*first} ^ {*second})
    ]


def take_timed(one: Contestant) -> dict[str, Any]:
    """Return the values of all that time may depend on.

    Who goes without any speedup has none to switch off; those of the other change with all of them. Another
    trainer has none. The options of a method count where both have that method: else they change with it.
    """
    training, trainer = as_read(one.run_spec.training), one.run_spec.trainer
    taken = {name: training[name] for name in (*BATCHES, *TIMED)}
    if trainer != OURS:
        taken |= {PLAIN: True, "speedups": []}
    if taken[PLAIN]:
        del taken[WITHOUT]
    return taken | as_read(one.run_spec.method_options) | {METHOD: one.method, TRAINER: trainer}


def list_courses(spec: CompareSpec) -> list[Course]:
    """Return the orders in which the first contestant turns into the second; one where there is only one.

    Those between them are called between1, between2 and so on.
    """
    first, second = (one for one in list_contestants(spec) if not one.is_between)
    factors = list_factors(first, second)
    orders = [factors]
    if len(factors) > 1 and not any(one.name == TRAINER for one in factors):
        orders.append(factors[::-1])
    names = iter(name_between({first.name, second.name}, len(orders) * len(factors)))
    return [
        Course(
            factors=order,
            names=[first.name, *(next(names) for _ in order[1:]), second.name],
        )
        for order in orders
    ]


def name_between(taken: set[str], number: int) -> list[str]:
    """Return names that nobody has yet."""
    lowered = {name.lower() for name in taken}
    names = (f"between{place}" for place in range(1, number + len(taken) + 1))
    return [name for name in names if name not in lowered]


def make_between(spec: CompareSpec, course: Course, place: int) -> ContestantSpec:
    """Return who stands behind the first `place` changes of a course."""
    first, second = (one for one in list_contestants(spec) if not one.is_between)
    changed = course.factors[:place]
    state = {one.option: one.second if one in changed else one.first for one in course.factors}
    if WITHOUT in state:
        state[WITHOUT] = list_switched_off(first, second, course, place)
    if PLAIN in state:
        fast = second if first.run_spec.training.plain else first
        state[WITHOUT] = [] if state[PLAIN] else fast.run_spec.training.without
    like = second if state.get(METHOD, first.method) == second.method else first
    fields = TrainingSpec.__struct_fields__
    owns = {one.name: one for one in spec.contestants}
    nothing = ContestantSpec(name="", method="")
    training = owns.get(first.name, nothing).training | {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in state.items()
        if key in fields
    }
    of_method = {key: value for key, value in state.items() if key not in (*fields, METHOD, TRAINER)}
    return ContestantSpec(
        name=course.names[place],
        method=like.method,
        trainer=state.get(TRAINER, first.run_spec.trainer),
        training=training,
        method_options=owns.get(like.name, nothing).method_options | of_method,
        is_between=True,
    )


def list_switched_off(first: Contestant, second: Contestant, course: Course, place: int) -> list[str]:
    """Return the speedups that are switched off behind the first `place` changes of a course."""
    shared = {*first.run_spec.training.without} & {*second.run_spec.training.without}
    factors = enumerate(course.factors)
    ran = {
        one.name: one.second if number < place else one.first
        for number, one in factors
        if one.option == WITHOUT
    }
    return sorted({*shared, *(name for name, is_on in ran.items() if not is_on)})
