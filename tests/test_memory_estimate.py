"""The estimate of a job's memory against what the job really holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from transformers import AutoModelForCausalLM

from laptime.data.encoded import read_inputs
from laptime.kernels.build import has_products
from laptime.memory_estimate import SPARE, MemoryEstimate, will_pack
from laptime.methods.method import make_method
from laptime.models.module_shape import measure_shape
from laptime.models.shape import Shape
from laptime.spec import RunSpec, TrainingSpec
from laptime.speedups.prepacked_weights import PackedWeight
from laptime.speedups.speedup import apply_all
from laptime.training import failure
from laptime.training.setup import make_setup
from tests.speedups.jobs import NAMED, SHAPE, Job
from tests.speedups.ours import CPU, set_up
from tests.speedups.runs import encode, make_base, write_examples
from tests.tiny import make_tiny_model

FORMATS = {torch.float32: frozenset({"float32"}), torch.bfloat16: frozenset({"float32", "bfloat16"})}


@pytest.fixture(autouse=True)
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job whose weights are whole blocks of the kernels."""
    sizes = {"hidden_size": 128, "intermediate_size": 256, "head_dim": 64, "num_attention_heads": 2}
    job = Job(name="whole_blocks", shape=sizes | {"num_key_value_heads": 1}, single_tokens=True)
    monkeypatch.setitem(NAMED, job.name, job)


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("speedups", [(), ("prepacked_weights",)], ids=["by_default", "asked_for"])
@pytest.mark.parametrize(
    "name",
    [
        "one_example",
        "ragged",
        "some_modules",
        "top",
        "whole_blocks",
        "dora",
        "adalora",
        "vera",
        "ia3",
        "oft",
    ],
)
def test_packed_copies_are_foreseen_to_the_byte(
    name: str, speedups: tuple[str, ...], dtype: torch.dtype, tmp_path: Path
) -> None:
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this CPU has no kernels for bfloat16 at all")
    job = NAMED[name]
    without = () if speedups else ("compiled_projections",)
    training = TrainingSpec(batch_size=job.batch_size, speedups=speedups, without=without)
    setup = set_up(job, training, dtype, FORMATS[dtype], tmp_path)
    apply_all(setup)
    weights = [one.weight for layer in setup.decoder.layers for one in layer.linears]
    packed = [weight for weight in weights if isinstance(weight, PackedWeight)]
    foreseen = make_demand(name, training, dtype).packed_bytes
    assert foreseen == sum(weight.weight_NK.nbytes for weight in packed) > 0
    if name == "whole_blocks":  # others are filled up to the blocks that the kernels read
        assert foreseen == sum(torch.ops.mkldnn._nbytes(weight.packed) for weight in packed)


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_weights_that_are_read_as_they_are_have_no_copies(dtype: torch.dtype, tmp_path: Path) -> None:
    if not has_products(dtype.itemsize):
        pytest.skip("this CPU has no such products in C")
    training = TrainingSpec()
    setup = set_up(NAMED["one_example"], training, dtype, FORMATS[dtype], tmp_path)
    apply_all(setup)
    weights = [one.weight for layer in setup.decoder.layers for one in layer.linears]
    assert not any(isinstance(weight, PackedWeight) for weight in weights)
    assert make_demand("one_example", training, dtype).packed_bytes == 0


def make_demand(name: str, training: TrainingSpec, dtype: torch.dtype, **changes: Any) -> MemoryEstimate:
    """Describe the job by its shapes alone."""
    job = NAMED[name]
    shape = measure_shape(job.make_model(dtype))
    method = make_method(job.method, job.options)
    return MemoryEstimate(
        shape=shape,
        method=method,
        element_bytes=dtype.itemsize,
        batch_size=job.batch_size,
        longest=max(job.lengths),
        packs=will_pack(shape, method, training, dtype.itemsize),
        asks_to_pack=bool(training.speedups),
        **changes,
    )


def test_what_is_held_out_and_examples_that_are_not_there_make_no_room(tmp_path: Path) -> None:
    """A batch larger than the data, and a longest example that is not trained on."""
    base = make_base(tmp_path)
    make_tiny_model(base / "model", hidden_size=64, intermediate_size=1024)
    write_examples(base / "held_out.jsonl", [("why", "so " * 60)])
    encode(base, "inputs")
    facts, encoded = read_inputs(base / "inputs")
    training = TrainingSpec(batch_size=50, device="cpu", without=("compiled_projections",))
    spec = RunSpec(method="lora", training=training)
    method = make_method("lora", {})
    model = AutoModelForCausalLM.from_pretrained(base / "model", dtype=torch.float32).requires_grad_(False)
    setup = make_setup(
        spec, method.attach(model), method, facts, encoded, CPU, compute="float32", recomputes=False,
        folder=tmp_path,
    )  # fmt: skip
    apply_all(setup)
    weights = [one.weight for layer in setup.decoder.layers for one in layer.linears]
    made = sum(weight.weight_NK.nbytes for weight in weights if isinstance(weight, PackedWeight))
    longest = max(map(len, (example.token_ids for example in encoded.examples)))
    assert setup.batch_tokens == len(encoded.examples) * longest < setup.longest * 50
    estimate = failure.estimate_memory(spec, method, facts, encoded.examples, 4, CPU)
    assert estimate.packed_bytes == made > 0


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ragged", {"plain": True}),
        ("ragged", {"without": ("prepacked_weights",)}),
        ("ragged", {"without": ("answer_head",)}),
        ("ragged", {"without": ("fused_blocks",)}),
        ("dropout", {}),
        ("full", {}),
        ("gpt_neox", {}),
    ],
)
def test_no_copies_are_foreseen_where_none_are_made(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    training = TrainingSpec(batch_size=NAMED[name].batch_size, **settings)
    setup = set_up(NAMED[name], training, torch.float32, FORMATS[torch.float32], tmp_path)
    outcomes = {one.name: one for one in apply_all(setup)}
    assert not outcomes["prepacked_weights"].ran
    assert make_demand(name, training, torch.float32).packed_bytes == 0


def test_half_precision_packs_nothing_where_it_is_emulated() -> None:
    from laptime.memory_advice import half_precision

    training = TrainingSpec(batch_size=3, without=("compiled_projections",))
    native, emulated = (
        half_precision(make_demand("ragged", training, torch.float32, packs_half=half))[0]
        for half in (True, False)
    )
    assert native.packed_bytes > 0 and emulated.packed_bytes == 0
    assert SHAPE["vocab_size"] * 19 * 3 * 8 >= native.packed_bytes, "no more than full logits would take"


SMALL = Shape(
    architecture="LlamaForCausalLM",
    hidden_size=4,
    num_layers=1,
    vocabulary_size=8,
    num_parameters=0,
    linears={"model.layers.0.mlp.up_proj": (4, 6), "lm_head": (4, 8)},
    head="lm_head",
)


def estimate_small(**changes: Any) -> MemoryEstimate:
    """Return the estimate of full fine-tuning of nearly nothing on batches of 10,000 tokens."""
    settings: dict[str, Any] = {"element_bytes": 2, "batch_size": 10, "longest": 1000} | changes
    return MemoryEstimate(shape=SMALL, method=make_method("full", {}), **settings)


def test_the_head_keeps_no_activations() -> None:
    assert estimate_small().activation_bytes(False) == 10_000 * (4 + 6) * 2


def test_activations_are_recomputed_only_where_they_do_not_fit() -> None:
    estimate = estimate_small()
    needed = estimate.held_bytes + estimate.activation_bytes(False)
    roomy, tight = int(needed / SPARE) + 2, int(needed / SPARE) - 2
    assert not estimate.will_recompute(roomy) and estimate.tell_recomputing(roomy) == ""
    assert estimate.will_recompute(tight) and "do not fit" in estimate.tell_recomputing(tight)


def test_the_users_word_stands_whatever_the_memory_is() -> None:
    asked = estimate_small(recomputes=True)
    assert asked.tell_recomputing(10**12) == "asked for with --gradient-checkpointing"
    assert not estimate_small(recomputes=False).will_recompute(1)
    assert not estimate_small().will_recompute(failure.or_any(None))


DEEP = replace(
    SMALL, num_layers=4, linears={f"model.layers.{n}.mlp.up_proj": (4, 6) for n in range(4)}, head=None
)


def most_that_fit(estimate: MemoryEstimate, available: int) -> int:
    """Return how many examples at once fit, by trying all numbers."""
    tight = replace(estimate, recomputes=estimate.will_recompute(available))
    return max(
        n for n in range(estimate.most_at_once) if not n or replace(tight, micro_batch=n).fits(available)
    )


@pytest.mark.parametrize(
    "changes", [{}, {"num_ranks": 2}, {"accumulation": 3}, {"recomputes": False}], ids=str
)
@pytest.mark.parametrize("name", ["full", "lora"])
def test_a_step_is_cut_into_as_few_micro_batches_as_fit(name: str, changes: dict[str, Any]) -> None:
    method = make_method(name, {"lora_targets": ("up_proj",), "lora_rank": 2} if name == "lora" else {})
    estimate = replace(estimate_small(packs=True, asks_to_pack=True, **changes), shape=DEEP, method=method)
    anew = estimate.recomputes is None
    sizes = set()
    for hundredths in range(1, 100):
        share = estimate.activation_bytes(anew) * hundredths // 100
        available = int((estimate.held_bytes + share) / SPARE)
        cut, most = estimate.cut_to_fit(available), most_that_fit(estimate, available)
        if not most:
            assert cut.micro_batch == 1, "single examples may take what is kept spare"
            continue
        parts = -(-estimate.share_of_step // most)
        assert cut.fits(available) and 0 < cut.micro_batch <= most
        assert -(-estimate.share_of_step // cut.micro_batch) == parts, "not one pass more"
        assert cut.recomputes is anew, "which comes first, unless it was ruled out"
        told = cut.tell_cutting(available)
        assert told.startswith(f"by estimate {estimate.most_at_once} at once need ")
        sizes.add(cut.micro_batch)
    assert len(sizes) > 2


def test_what_does_not_fit_by_single_examples_is_not_cut() -> None:
    estimate = replace(estimate_small(), shape=DEEP)
    least = replace(estimate, micro_batch=1, recomputes=True).needed_bytes(0)
    assert estimate.cut_to_fit(least).micro_batch == 1
    assert estimate.cut_to_fit(least - 1) == estimate


def test_what_fits_is_not_cut() -> None:
    estimate = replace(estimate_small(), shape=DEEP)
    recomputed = int((estimate.held_bytes + estimate.activation_bytes(True)) / SPARE) + 1
    for available in (recomputed, 10**12, failure.or_any(None)):
        cut = estimate.cut_to_fit(available)
        assert cut == estimate and cut.tell_cutting(available) == ""
    assert estimate.cut_to_fit(recomputed - 2).micro_batch == 5, "two parts of one size"
    one = replace(estimate, batch_size=1)
    assert one.cut_to_fit(recomputed // 20) == one, "there is nothing smaller"


def test_an_estimate_imports_no_torch() -> None:
    code = "import sys, laptime.memory_advice; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
