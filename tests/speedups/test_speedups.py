"""Every speedup through the same claims: a new file in laptime/speedups is covered the moment it exists.

Training with all of them, with each one alone switched off and with none is held against plain transformers
and PEFT. What is exact is the same training in float64; the measure is how far the plain training itself
gets from it in the format at hand, and how far it gets in another order of examples, padding and attention.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import msgspec
import pytest
import torch

from laptime.data.batches import make_batch
from laptime.errors import UserError
from laptime.kernels.library import has_products
from laptime.spec import TrainingSpec
from laptime.speedups.prepacked_weights import PackedWeight
from laptime.speedups.speedup import (
    Outcome,
    Setup,
    Speedup,
    apply_all,
    check_names,
    find_speedups,
    speedup_names,
)
from tests.speedups.jobs import JOBS, NAMED, Job
from tests.speedups.ours import set_up, train_ours
from tests.speedups.plain import ORDERS, Order, Trained, train_plain

FACTOR = 2.0  # times the spread of the plain training; twice that for what a single parameter may show
LEAST = {torch.float32: 3e-7, torch.bfloat16: 2e-3}  # of a loss: a single number can be right by chance
SINGLE = frozenset({"float32"})
HALF = frozenset({"float32", "bfloat16"})
FORMATS = {
    "fp32": (torch.float32, SINGLE),
    "bf16": (torch.bfloat16, HALF),
    "bf16_emulated": (torch.bfloat16, SINGLE),  # a CPU that has no bfloat16 arithmetic
}
IN_HALF = [
    "ragged",
    "one_example",
    "dropout",
    "qwen3",
    "wide_heads",
    "top",
    "full",
    "full_untied",
    "full_wide_heads",
]
SWITCHED = ["ragged", "one_example", "dropout", "top", "full", "full_qwen3"]
SWITCHED_IN_HALF = ["ragged", "wide_heads", "top", "full", "full_wide_heads"]
CASES = [(name, "fp32") for name in NAMED] + [(n, f) for n in IN_HALF for f in ("bf16", "bf16_emulated")]
SWITCHED_CASES = [case for case in CASES if case[0] in (SWITCHED if case[1] == "fp32" else SWITCHED_IN_HALF)]
REPLACED_BY = {"prepacked_weights": ("compiled_projections",)}
NEEDS_BFLOAT16 = {"compiled_attention"}
SPEEDUPS = {kind.name: kind for kind in find_speedups()}


pytestmark = pytest.mark.usefixtures("single_thread")


def training_of(job: Job, without: tuple[str, ...] = (), plain: bool = False) -> TrainingSpec:
    """Three steps; the large epsilon keeps AdamW from blowing rounding up to whole updates."""
    return TrainingSpec(
        epochs=3,
        max_steps=3,
        batch_size=job.batch_size,
        gradient_accumulation=job.accumulation,
        gradient_checkpointing=job.recomputes,
        weight_decay=0.01,
        adam_epsilon=1e-3,
        without=without,
        plain=plain,
    )


@cache
def ours(
    name: str, number_format: str, without: tuple[str, ...] = (), plain: bool = False
) -> tuple[Trained, dict[str, Outcome]]:
    dtype, native = FORMATS[number_format]
    if number_format == "bf16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this CPU has no kernels for bfloat16 at all")
    with tempfile.TemporaryDirectory() as folder:
        job = NAMED[name]
        return train_ours(job, training_of(job, without, plain), dtype, native, Path(folder))


@cache
def exact(name: str, dtype: torch.dtype) -> Trained:
    return train_plain(NAMED[name], training_of(NAMED[name]), dtype, Order(), exact=True)


@cache
def spread(name: str, dtype: torch.dtype) -> dict[str, float]:
    """Return how far plain trainings get from the exact one, by what is compared."""
    job = NAMED[name]
    # Dropout draws its numbers in the order of the examples, so there another order is another training.
    # In float32 the other order gives the same spread, a few percent apart.
    orders = ORDERS[:1] if dtype == torch.float32 or "lora_dropout" in job.options else ORDERS
    found = [
        distances(train_plain(job, training_of(job), dtype, order, exact=False), exact(name, dtype))
        for order in orders
    ]
    return {key: max(one[key] for one in found) for key in found[0]}


def distances(found: Trained, expected: Trained) -> dict[str, float]:
    """Return relative distances: of the losses, and of all gradients and updates together and at worst."""
    result = {
        "losses": float((found.losses / expected.losses - 1).abs().max()),
        "last_loss": abs(found.last_loss / expected.last_loss - 1),
    }
    for field in ("gradients", "changes"):
        got, wanted = getattr(found, field), getattr(expected, field)
        assert list(got) == list(wanted), "the same parameters train"
        errors = torch.stack([(got[name] - wanted[name]).norm() for name in wanted])
        sizes = torch.stack([wanted[name].norm() for name in wanted])
        result[field] = float(errors.norm() / sizes.norm())
        result[f"worst of {field}"] = float((errors / sizes).max())
    return result


def check(found: Trained, name: str, number_format: str) -> None:
    """Hold a training against plain transformers and PEFT."""
    dtype = FORMATS[number_format][0]
    assert len(found.losses) == 3
    made, measure = distances(found, exact(name, dtype)), spread(name, dtype)
    for key in made:
        allowed = FACTOR * max(measure[key], LEAST[dtype] if "loss" in key else 0.0)
        assert made[key] <= allowed * (2 if "worst" in key else 1), (key, made[key], measure[key])
    if dtype == torch.float32:
        assert made["losses"] < 1e-6 and made["last_loss"] < 1e-6
        assert made["worst of gradients"] < 2e-5 and made["worst of changes"] < 2e-4


def identity(case: object) -> str:
    return "-".join(case) if isinstance(case, tuple) else str(case)


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_all_default_speedups_train_what_plain_libraries_train(case: tuple[str, str]) -> None:
    found, _ = ours(*case)
    check(found, *case)


@pytest.mark.parametrize("case", SWITCHED_CASES, ids=identity)
def test_no_speedup_trains_what_plain_libraries_train(case: tuple[str, str]) -> None:
    found, outcomes = ours(*case, plain=True)
    check(found, *case)
    assert all((outcome.ran, outcome.note) == (False, "switched off") for outcome in outcomes.values())


@pytest.mark.parametrize("case", SWITCHED_CASES, ids=identity)
@pytest.mark.parametrize("name", SPEEDUPS)
def test_each_speedup_can_be_switched_off_alone(name: str, case: tuple[str, str]) -> None:
    kind = SPEEDUPS[name]
    with_it, outcomes = ours(*case)
    if not outcomes[name].ran:
        return  # with it and without it are then the same run
    found, outcomes = ours(*case, without=(name,))
    assert (outcomes[name].ran, outcomes[name].note) == (False, "switched off")
    assert not any(outcomes[other].ran for other, one in SPEEDUPS.items() if name in one.needs)
    check(found, *case)
    if kind.claims == "bitwise":
        assert found.last_loss == with_it.last_loss
        assert torch.equal(found.losses, with_it.losses)
        for field in ("gradients", "changes"):
            before, after = getattr(with_it, field), getattr(found, field)
            assert all(torch.equal(before[parameter], after[parameter]) for parameter in before)


@pytest.mark.parametrize("name", SPEEDUPS)
def test_every_speedup_ran_somewhere_and_says_so(name: str) -> None:
    without = REPLACED_BY.get(name, ())
    notes = {case: ours(*case, without)[1][name] for case in (SWITCHED_CASES if without else CASES)}
    assert all(outcome.note.strip() for outcome in notes.values()), "what it did, or why not"
    assert all(outcome.claims == SPEEDUPS[name].claims for outcome in notes.values())
    # What shortens the loading begins before anything here is imported: whole processes show it.
    can_run = name not in NEEDS_BFLOAT16 or has_products(torch.bfloat16)
    assert SPEEDUPS[name].part == "load" or not can_run or any(outcome.ran for outcome in notes.values())


@pytest.mark.parametrize("name", SPEEDUPS)
def test_every_speedup_describes_itself(name: str) -> None:
    kind: type[Speedup] = SPEEDUPS[name]
    assert kind.__module__ == f"laptime.speedups.{name}", "the file has its name"
    assert kind.summary and kind.summary == kind.summary.strip(". ")
    assert kind.claims in ("bitwise", "rounding", "different")
    assert kind.claims != "different", "a speedup runs by default, so it must not change the training"
    assert set(kind.needs) <= set(SPEEDUPS) - {name}


def test_every_file_is_a_speedup_and_those_that_others_need_come_first() -> None:
    assert sorted(SPEEDUPS) == speedup_names()
    order = list(SPEEDUPS)
    assert all(order.index(need) < order.index(name) for name in order for need in SPEEDUPS[name].needs)


@pytest.mark.parametrize("name", [job.name for job in JOBS if job.unknown])
def test_a_model_that_the_decoder_does_not_know_takes_the_plain_way(name: str) -> None:
    outcomes = ours(name, "fp32")[1]
    assert not outcomes["fused_blocks"].ran
    assert NAMED[name].unknown in outcomes["fused_blocks"].note
    for kind in SPEEDUPS.values():
        if "fused_blocks" in kind.needs:
            assert outcomes[kind.name].note == "works inside fused_blocks, which did not run"


def test_the_head_is_left_alone_where_it_does_not_make_the_logits() -> None:
    for name in ("scaled_logits", "capped_logits", "layer_before_head"):
        outcome = ours(name, "fp32")[1]["answer_head"]
        assert not outcome.ran and "logits" in outcome.note
    for name in ("gpt_neox", "full_gpt2"):
        assert ours(name, "fp32")[1]["answer_head"].ran


def test_what_dropout_forbids_is_said() -> None:
    outcomes = ours("dropout", "fp32")[1]
    for name in ("fused_projections", "no_padding", "answer_rows"):
        assert not outcomes[name].ran and "dropout" in outcomes[name].note
    assert outcomes["fused_blocks"].ran


def saved_bytes(job: Job, folder: Path, without: tuple[str, ...]) -> int:
    """Return what a forward pass keeps for the backward pass, weights left out."""
    setup = set_up(job, training_of(job, without), torch.float32, SINGLE, folder)
    apply_all(setup)
    weights = {p.untyped_storage().data_ptr() for p in setup.model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        setup.forward.sum_loss(make_batch(job.make_examples()))
    return sum(kept.values())


@pytest.mark.parametrize("without", [(), ("fused_blocks",)], ids=["decoder", "transformers"])
def test_recomputed_activations_are_not_kept(tmp_path: Path, without: tuple[str, ...]) -> None:
    job = msgspec.structs.replace(NAMED["recompute"], name="ragged")
    recomputed = saved_bytes(job, tmp_path, without)
    assert recomputed < saved_bytes(NAMED["ragged"], tmp_path, without) / 2


def test_products_are_widened_only_where_half_precision_is_emulated() -> None:
    assert not ours("ragged", "fp32")[1]["float32_products"].ran
    assert "native" in ours("ragged", "bf16")[1]["float32_products"].note
    emulated = ours("ragged", "bf16_emulated")[1]
    assert emulated["float32_products"].ran and not emulated["prepacked_weights"].ran


def packed_bytes(tmp_path: Path, **training: object) -> tuple[int, Setup]:
    """Return the bytes of the weights that have a packed copy."""
    setup = set_up(NAMED["one_example"], TrainingSpec(**training), torch.float32, SINGLE, tmp_path)  # type: ignore[arg-type]
    apply_all(setup)
    linears = [one for layer in setup.decoder.layers for one in layer.linears]
    return sum(one.weight.weight_NK.nbytes for one in linears if type(one.weight) is PackedWeight), setup


def test_packed_copies_take_no_more_than_full_logits_would(tmp_path: Path) -> None:
    packed, setup = packed_bytes(tmp_path, without=("compiled_projections",))
    words = setup.model.get_output_embeddings().out_features
    assert 0 < packed <= setup.longest * words * 8
    more, _ = packed_bytes(tmp_path, speedups=("prepacked_weights",))
    assert more > packed, "whoever asks for them by name gives them more"


def test_padding_is_left_out_only_where_there_is_some() -> None:
    assert ours("ragged", "fp32")[1]["no_padding"].ran
    for name in ("one_example", "equal_lengths"):
        assert not ours(name, "fp32")[1]["no_padding"].ran


def test_frozen_layers_are_cached_only_where_there_are_some() -> None:
    assert ours("top", "fp32")[1]["prefix_cache"].note == "the 1 lowest of 3 layers"
    assert ours("ragged", "fp32")[1]["prefix_cache"].note == "the lowest layer trains"


def asked_for(job: str, tmp_path: Path, **training: object) -> dict[str, Outcome]:
    """Return what becomes of the speedups of a job with other options."""
    setup = set_up(NAMED[job], TrainingSpec(**training), torch.float32, SINGLE, tmp_path)  # type: ignore[arg-type]
    return {outcome.name: outcome for outcome in apply_all(setup)}


def test_a_speedup_asked_for_by_name_runs_or_stops_the_run(tmp_path: Path) -> None:
    outcomes = asked_for("full", tmp_path, plain=True, speedups=("fused_blocks", "short_attention"))
    assert {name for name, outcome in outcomes.items() if outcome.ran} == {"fused_blocks", "short_attention"}
    for job, wanted, reason in [
        ("full", {"speedups": ("prepacked_weights",)}, "no weight is both frozen"),
        ("ragged", {"speedups": ("prefix_cache",)}, "the lowest layer trains"),
        ("gpt_neox", {"speedups": ("fused_blocks",)}, "not for gpt_neox"),
        ("full", {"speedups": ("no_padding",), "plain": True}, "fused_blocks, which did not run"),
    ]:
        with pytest.raises(UserError) as error:
            asked_for(job, tmp_path, **wanted)  # type: ignore[arg-type]
        line = str(error.value)
        assert line.startswith(f"--speedups {wanted['speedups'][0]}: cannot apply here: ") and reason in line
        assert "\n" not in line


def test_the_base_is_evaluated_without_what_only_training_has(tmp_path: Path) -> None:
    training = TrainingSpec(speedups=("prefix_cache",))
    setup = set_up(NAMED["top"], training, torch.float32, SINGLE, tmp_path)
    setup.model.requires_grad_(False)
    setup.method = None
    outcomes = {outcome.name: outcome for outcome in apply_all(setup)}
    assert not outcomes["prefix_cache"].ran


def test_an_unknown_name_suggests_the_nearest() -> None:
    check_names("--without", speedup_names())
    with pytest.raises(UserError) as error:
        check_names("--without", ["answer_heat"])
    assert str(error.value) == "--without: no speedup 'answer_heat'; did you mean 'answer_head'?"
