"""The order of the work is a pure function, and its digests prove it."""

from __future__ import annotations

import random
import tracemalloc

import pytest
import torch
from msgspec.structs import replace

from laptime.data.batches import (
    Share,
    StepPlan,
    TrainStep,
    make_batch,
    make_steps,
    plan_steps,
    shuffle_examples,
)
from laptime.data.encoded import EncodedExample, digest_step
from laptime.spec import TrainingSpec


def plan_at_once(num_examples: int, training: TrainingSpec, seed: int) -> list[StepPlan]:
    """Lay out every step of every epoch, from the words of the contract alone."""
    plans: list[StepPlan] = []
    size, per_step = training.batch_size, training.batch_size * training.gradient_accumulation
    for epoch in range(1, training.epochs + 1):
        order = list(range(num_examples))
        random.Random(f"{seed}-{epoch}").shuffle(order)
        for start in range(0, num_examples, per_step):
            chosen = order[start : start + per_step]
            micro = [chosen[i : i + size] for i in range(0, len(chosen), size)]
            plans.append(StepPlan(len(plans) + 1, epoch, micro))
    return plans[: training.max_steps]


def many_examples(number: int) -> list[EncodedExample]:
    """Examples of 2 to 9 tokens."""
    chance = random.Random(0)
    rows = [[chance.randrange(1 << 17) for _ in range(chance.randint(2, 9))] for _ in range(number)]
    return [
        EncodedExample(row, [i > 1 or n % 3 > 0 for i in range(len(row))], f"d:{n}")
        for n, row in enumerate(rows)
    ]


def example(*token_ids: int, prompt: int = 1) -> EncodedExample:
    return EncodedExample(list(token_ids), [i >= prompt for i in range(len(token_ids))], "x:1")


def test_every_epoch_holds_every_example_once_in_another_order() -> None:
    plans = plan_steps(10, TrainingSpec(epochs=3), seed=0)
    epochs = [[plan.micro_batches[0][0] for plan in plans if plan.epoch == epoch] for epoch in (1, 2, 3)]
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert [plan.step for plan in plans] == list(range(1, 31))


def test_the_plan_depends_on_the_seed_alone() -> None:
    training = TrainingSpec(epochs=2)
    assert list(plan_steps(10, training, 1)) == list(plan_steps(10, training, 1))
    assert list(plan_steps(10, training, 1)) != list(plan_steps(10, training, 2))


def test_examples_are_passed_over_as_often_as_there_are_steps() -> None:
    assert plan_steps(10, TrainingSpec(epochs=5), 0).mean_epochs == 5.0
    assert plan_steps(10, TrainingSpec(epochs=5, max_steps=25), 0).mean_epochs == 2.5
    assert plan_steps(10, TrainingSpec(epochs=5, max_steps=4), 0).mean_epochs == 1.0, "none of them twice"


def test_the_longest_come_first_where_asked_for() -> None:
    training = TrainingSpec(epochs=2, batch_size=2, longest_first=True)
    examples = [example(*range(1, length)) for length in (5, 9, 4, 9, 7, 3)]
    steps = make_steps(examples, training, seed=0)
    assert [sorted(batch.lengths) for batch in steps[0].batches] == [[8, 8]]
    usual = plan_steps(6, replace(training, longest_first=False), 0)
    first = [place for plan in steps.plans[:3] for micro in plan.micro_batches for place in micro]
    assert first[:2] == [1, 3], "of equal ones the earlier"
    shuffled = [place for plan in usual[:3] for micro in plan.micro_batches for place in micro]
    assert first[2:] == [place for place in shuffled if place not in (1, 3)], "the others as they were"
    assert steps.plans[3:] == usual[3:], "later epochs too"


def test_batches_and_accumulation_share_out_the_examples() -> None:
    plans = plan_steps(7, TrainingSpec(epochs=1, batch_size=2, gradient_accumulation=2), seed=0)
    assert [[len(micro) for micro in plan.micro_batches] for plan in plans] == [[2, 2], [2, 1]]


def test_max_steps_ends_the_plan() -> None:
    assert len(plan_steps(10, TrainingSpec(epochs=5, max_steps=13), 0)) == 13


def test_batches_are_padded_on_the_right_and_padding_carries_no_loss() -> None:
    batch = make_batch([example(5, 6, 7), example(8, 9, 10, 11, 12, prompt=3)])
    assert batch.token_ids_BT.tolist() == [[5, 6, 7, 0, 0], [8, 9, 10, 11, 12]]
    assert batch.attention_mask_BT is not None
    assert batch.attention_mask_BT.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch.targets_N.tolist() == [6, 7, 11, 12]
    assert batch.positions_N.tolist() == [0, 1, 7, 8], "where the token before stands"


def test_padding_is_told_by_length_never_by_a_token() -> None:
    batch = make_batch([example(5, 0, 0), example(8, 9, 10, 0)])
    assert batch.attention_mask_BT is not None
    assert batch.attention_mask_BT.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert batch.targets_N.tolist() == [0, 0, 9, 10, 0], "the padding's 0 is a token like any other"


def test_examples_of_one_length_need_no_mask() -> None:
    assert make_batch([example(1, 2, 3), example(4, 5, 6)]).attention_mask_BT is None


def test_a_first_token_is_never_trained() -> None:
    assert make_batch([example(5, 6, prompt=0)]).targets_N.tolist() == [6]


@pytest.mark.parametrize(
    "other",
    [
        [example(1, 2, 4)],
        [example(1, 2, 3, prompt=2)],
        [example(1), example(2, 3)],
        [example(1, 2, 3), example(1, 2, 3)],
    ],
)
def test_digests_tell_tokens_masks_and_borders_apart(other: list[EncodedExample]) -> None:
    assert digest_step([example(1, 2, 3)]) != digest_step(other)
    assert digest_step([example(1, 2, 3)]) == digest_step([example(1, 2, 3)])


def test_steps_count_tokens_three_ways() -> None:
    (step,) = make_steps(
        [example(1, 2, 3), example(4, 5, 6, 7, 8)], TrainingSpec(epochs=1, batch_size=2), seed=0
    )
    assert (step.num_trained_tokens, step.num_tokens, step.num_padded_tokens) == (6, 8, 10)


def test_a_batch_knows_the_lengths_and_keys_of_its_examples() -> None:
    examples = [example(5, 6, 7), example(8, 9, 10, 11, 12), example(5, 6, 7, prompt=2)]
    batch = make_batch(examples)
    assert batch.lengths == [3, 5, 3]
    assert batch.segments == [5, 5, 5], "padding has a place"
    assert batch.keys[0] == batch.keys[2] != batch.keys[1], "equal token ids, equal keys"


def test_packed_examples_stand_one_after_another() -> None:
    examples = [example(5, 6, 7), example(8, 9, 10, 11, 12, prompt=3)]
    padded, packed = make_batch(examples), make_batch(examples, packed=True)
    assert packed.token_ids_BT.tolist() == [[5, 6, 7, 8, 9, 10, 11, 12]]
    assert packed.attention_mask_BT is None
    assert packed.segments == packed.lengths == [3, 5]
    assert packed.positions_N.tolist() == [0, 1, 5, 6]
    assert (packed.targets_N.tolist(), packed.keys) == (padded.targets_N.tolist(), padded.keys)


def test_packed_steps_do_the_same_work_without_padding() -> None:
    training = TrainingSpec(epochs=1, batch_size=2)
    examples = [example(1, 2, 3), example(4, 5, 6, 7, 8)]
    (padded,) = make_steps(examples, training, seed=0)
    (packed,) = make_steps(examples, training, seed=0, packed=True)
    assert packed.digest == padded.digest
    assert (packed.num_trained_tokens, packed.num_tokens, packed.num_padded_tokens) == (6, 8, 8)


@pytest.mark.parametrize("num_examples", [1, 7, 12])
@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 1},
        {"epochs": 3, "batch_size": 2},
        {"epochs": 4, "batch_size": 5, "gradient_accumulation": 2},
        {"epochs": 3, "batch_size": 2, "max_steps": 8},
        {"epochs": 3, "batch_size": 2, "gradient_accumulation": 3, "max_steps": 2},
        {"epochs": 2, "batch_size": 50, "max_steps": 1000},
    ],
)
def test_steps_made_one_by_one_are_those_made_at_once(num_examples: int, settings: dict[str, int]) -> None:
    training = TrainingSpec(**settings)  # type: ignore[arg-type]
    expected, plans = plan_at_once(num_examples, training, 7), plan_steps(num_examples, training, 7)
    assert (list(plans), len(plans)) == (expected, len(expected))
    assert [plans[place] for place in reversed(range(len(plans)))] == expected[::-1], "in any order"
    assert plans[1:3] == expected[1:3] and plans[-1] == expected[-1]
    looks = [index for plan in expected for micro in plan.micro_batches for index in micro]
    whole, rest = plans.count_looks()
    assert sorted(looks) == sorted([*list(range(num_examples)) * whole, *rest])


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("even", [False, True])
def test_a_step_that_is_cut_holds_the_same_examples(size: int, even: bool) -> None:
    """In their order; of two processes each has those that it would have had."""
    examples, training = many_examples(23), TrainingSpec(epochs=2, batch_size=5, gradient_accumulation=2)
    for ranks in (1, 2):
        for rank in range(ranks):
            share = Share(rank, ranks, even)
            whole, cut = (
                list(make_steps(examples, training, 1, share=share, micro_batch=number))
                for number in (0, size)
            )
            for one, other in zip(whole, cut, strict=True):
                targets = [[t for b in step.batches for t in b.targets_N.tolist()] for step in (one, other)]
                assert targets[0] == targets[1]
                assert (one.digest, one.num_trained_tokens) == (other.digest, other.num_trained_tokens)
                assert one.sources == other.sources
                assert max(len(batch.lengths) for batch in other.batches) <= size


@pytest.mark.parametrize("packed", [False, True])
def test_a_step_is_the_same_whenever_it_is_made(packed: bool) -> None:
    examples, training = many_examples(23), TrainingSpec(epochs=3, batch_size=3, gradient_accumulation=2)
    steps = make_steps(examples, training, 1, packed=packed)
    in_order = list(steps)
    for place in (11, 0, 5, -1):
        assert_same(steps[place], in_order[place])
    assert_same(steps[7:][2], in_order[9])
    for step, plan in zip(in_order, plan_at_once(23, training, 1), strict=True):
        flat = [examples[i] for micro in plan.micro_batches for i in micro]
        assert (step.step, step.epoch, step.sources) == (plan.step, plan.epoch, [r.source for r in flat])
        assert step.digest == digest_step(flat)
        targets = [t for r in flat for t, on in list(zip(r.token_ids, r.trained, strict=True))[1:] if on]
        assert [t for batch in step.batches for t in batch.targets_N.tolist()] == targets


def assert_same(one: TrainStep, other: TrainStep) -> None:
    """Assert that two steps hold the same numbers."""
    assert (one.step, one.epoch, one.digest, one.sources) == (
        other.step,
        other.epoch,
        other.digest,
        other.sources,
    )
    for mine, others in zip(one.batches, other.batches, strict=True):
        assert torch.equal(mine.token_ids_BT, others.token_ids_BT)
        assert torch.equal(mine.positions_N, others.positions_N)
        assert torch.equal(mine.targets_N, others.targets_N)
        assert (mine.lengths, mine.keys) == (others.lengths, others.keys)


def test_the_epochs_take_no_memory_and_the_way_to_a_later_one_no_work() -> None:
    examples = many_examples(2000)
    peaks = []
    for epochs in (1, 10_000):
        shuffle_examples.cache_clear()
        tracemalloc.start()
        steps = make_steps(examples, TrainingSpec(epochs=epochs, batch_size=4), 0)
        assert len(steps) == 500 * epochs
        assert steps[len(steps) - 1].step == len(steps)
        assert shuffle_examples.cache_info().misses == 1, (
            "only the order of the epoch that is asked for is made"
        )
        for place in range(0, len(steps), len(steps) // 20):
            assert steps[place].step == place + 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000, peaks
