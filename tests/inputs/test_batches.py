"""The order of the work is a pure function, and its digests prove it."""

from __future__ import annotations

import pytest

from laptime.inputs.batches import make_batch, make_steps, plan_steps
from laptime.inputs.encoded import EncodedRecord, digest_step
from laptime.spec import TrainingSpec


def record(*token_ids: int, prompt: int = 1) -> EncodedRecord:
    return EncodedRecord(list(token_ids), [i >= prompt for i in range(len(token_ids))], "x:1")


def test_every_epoch_holds_every_record_once_in_another_order() -> None:
    plans = plan_steps(10, TrainingSpec(epochs=3), seed=0)
    epochs = [[plan.micro_batches[0][0] for plan in plans if plan.epoch == epoch] for epoch in (1, 2, 3)]
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert [plan.step for plan in plans] == list(range(1, 31))


def test_the_plan_depends_on_the_seed_alone() -> None:
    training = TrainingSpec(epochs=2)
    assert plan_steps(10, training, 1) == plan_steps(10, training, 1)
    assert plan_steps(10, training, 1) != plan_steps(10, training, 2)


def test_batches_and_accumulation_share_out_the_records() -> None:
    plans = plan_steps(7, TrainingSpec(epochs=1, batch_size=2, gradient_accumulation=2), seed=0)
    assert [[len(micro) for micro in plan.micro_batches] for plan in plans] == [[2, 2], [2, 1]]


def test_max_steps_ends_the_plan() -> None:
    assert len(plan_steps(10, TrainingSpec(epochs=5, max_steps=13), 0)) == 13


def test_batches_are_padded_on_the_right_and_padding_carries_no_loss() -> None:
    batch = make_batch([record(5, 6, 7), record(8, 9, 10, 11, 12, prompt=3)])
    assert batch.token_ids_BT.tolist() == [[5, 6, 7, 0, 0], [8, 9, 10, 11, 12]]
    assert batch.attention_mask_BT is not None
    assert batch.attention_mask_BT.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch.targets_N.tolist() == [6, 7, 11, 12]
    assert batch.positions_N.tolist() == [0, 1, 7, 8], "where the token before stands"


def test_padding_is_told_by_length_never_by_a_token() -> None:
    batch = make_batch([record(5, 0, 0), record(8, 9, 10, 0)])
    assert batch.attention_mask_BT is not None
    assert batch.attention_mask_BT.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert batch.targets_N.tolist() == [0, 0, 9, 10, 0], "the padding's 0 is a token like any other"


def test_records_of_one_length_need_no_mask() -> None:
    assert make_batch([record(1, 2, 3), record(4, 5, 6)]).attention_mask_BT is None


def test_a_first_token_is_never_trained() -> None:
    assert make_batch([record(5, 6, prompt=0)]).targets_N.tolist() == [6]


@pytest.mark.parametrize(
    "other",
    [
        [record(1, 2, 4)],
        [record(1, 2, 3, prompt=2)],
        [record(1), record(2, 3)],
        [record(1, 2, 3), record(1, 2, 3)],
    ],
)
def test_digests_tell_tokens_masks_and_borders_apart(other: list[EncodedRecord]) -> None:
    assert digest_step([record(1, 2, 3)]) != digest_step(other)
    assert digest_step([record(1, 2, 3)]) == digest_step([record(1, 2, 3)])


def test_steps_count_tokens_three_ways() -> None:
    (step,) = make_steps(
        [record(1, 2, 3), record(4, 5, 6, 7, 8)], TrainingSpec(epochs=1, batch_size=2), seed=0
    )
    assert (step.num_trained_tokens, step.num_tokens, step.num_padded_tokens) == (6, 8, 10)


def test_a_batch_knows_the_lengths_and_keys_of_its_records() -> None:
    records = [record(5, 6, 7), record(8, 9, 10, 11, 12), record(5, 6, 7, prompt=2)]
    batch = make_batch(records)
    assert batch.lengths == [3, 5, 3]
    assert batch.segments == [5, 5, 5], "padding has a place"
    assert batch.keys[0] == batch.keys[2] != batch.keys[1], "equal token ids, equal keys"


def test_packed_records_stand_one_after_another() -> None:
    records = [record(5, 6, 7), record(8, 9, 10, 11, 12, prompt=3)]
    padded, packed = make_batch(records), make_batch(records, packed=True)
    assert packed.token_ids_BT.tolist() == [[5, 6, 7, 8, 9, 10, 11, 12]]
    assert packed.attention_mask_BT is None
    assert packed.segments == packed.lengths == [3, 5]
    assert packed.positions_N.tolist() == [0, 1, 5, 6]
    assert (packed.targets_N.tolist(), packed.keys) == (padded.targets_N.tolist(), padded.keys)


def test_packed_steps_do_the_same_work_without_padding() -> None:
    training = TrainingSpec(epochs=1, batch_size=2)
    records = [record(1, 2, 3), record(4, 5, 6, 7, 8)]
    (padded,) = make_steps(records, training, seed=0)
    (packed,) = make_steps(records, training, seed=0, packed=True)
    assert packed.digest == padded.digest
    assert (packed.num_trained_tokens, packed.num_tokens, packed.num_padded_tokens) == (6, 8, 8)
