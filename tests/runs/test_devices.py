"""How many devices a training gets: what was asked for, what can be shared, and what fits."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.data.input_manifest import Gpu, InputManifest
from laptime.memory_estimate import MemoryEstimate
from laptime.methods.method import make_method
from laptime.models.config_shape import foresee_shape
from laptime.runs.devices import choose_devices, count_needed, place_job, tell_devices
from laptime.runs.job import RunJob
from laptime.spec import RunSpec, TrainingSpec

T4 = Gpu(name="Tesla T4", num_bytes=15_800_000_000, formats=["float16", "float32"])
H100 = Gpu(name="H100", num_bytes=84_000_000_000, formats=["bfloat16", "float16", "float32"])
LLAMA_1B = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 128256, "hidden_size": 2048,
    "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
    "head_dim": 64, "tie_word_embeddings": True, "hidden_act": "silu",
}  # fmt: skip


def make_manifest(*gpus: Gpu, longest: int = 300) -> InputManifest:
    """Return what the preparation of ten examples for Llama-3.2-1B finds on a machine with these GPUs."""
    shape = foresee_shape(LLAMA_1B)
    assert shape and shape.num_parameters == 1_235_814_400
    return InputManifest(
        model_name="m", model_folder="m", model_digest="", toy=False, random_weights=False, weight_bytes=2,
        shape=shape, data={"num_records": 10, "longest": longest}, gpus=list(gpus),
    )  # fmt: skip


def ask(method: str, **training: Any) -> RunSpec:
    """Return the options of a run."""
    return RunSpec(method=method, training=TrainingSpec(**training))


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which torch sees two."""
    monkeypatch.setattr("laptime.hardware.device_choice.lacks_cuda", lambda: False)
    monkeypatch.setattr("laptime.hardware.device_choice.count_gpus", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
def test_a_model_that_does_not_fit_one_gpu_is_spread_over_two() -> None:
    devices, said = choose_devices(ask("full"), make_manifest(T4, T4))
    assert devices == ["cuda:0", "cuda:1"]
    assert said.startswith("full: about 2") and "don't fit one GPU of 15.8 GB, so weights" in said


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(("method", "gpu"), [("lora", T4), ("full", H100)])
def test_what_fits_one_gpu_trains_on_one(method: str, gpu: Gpu) -> None:
    assert choose_devices(ask(method), make_manifest(gpu, gpu)) == ([], "")


def test_nothing_is_counted_where_there_is_no_choice() -> None:
    assert count_needed(ask("full"), make_manifest(T4)) == (1, "")
    assert choose_devices(ask("full", device="cpu"), make_manifest(T4, T4)) == ([], "")


def test_what_fits_no_number_is_spread_over_all() -> None:
    small = Gpu(name="small", num_bytes=6_000_000_000, formats=["float16", "float32"])
    assert count_needed(ask("full"), make_manifest(small, small, small))[0] == 3
    assert count_needed(ask("full", batch_size=8), make_manifest(T4, T4, T4, T4, longest=2048))[0] > 2


def test_examples_are_shared_by_no_more_processes_than_there_are() -> None:
    specs = [ask("lora", device="cpu", devices="4", batch_size=size) for size in (1, 3, 8)]
    assert [len(choose_devices(spec, make_manifest())[0]) for spec in specs] == [0, 3, 4]
    alone, some, all_of_them = tell_devices(specs, make_manifest())
    assert alone.startswith("lora trains on 1 of 4 devices: a step of 1 example can't be shared by more")
    assert some.startswith("lora trains on 3 of 4 devices")
    assert all_of_them == "lora: the examples of a step are shared by 4 devices"


def test_what_is_left_out_is_told_in_the_record_too() -> None:
    notes = []
    for size in (1, 3):
        job = RunJob(
            run="r", spec=ask("lora", device="cpu", devices="3", batch_size=size), folder="", inputs=""
        )
        assert place_job(job, make_manifest())
        notes.append(job.device_note)
    assert notes[0].startswith("lora trains on 1 of 3 devices") and not notes[1]


def test_two_gpus_hold_half_each_and_two_processes_on_a_cpu_hold_all() -> None:
    manifest = make_manifest()

    def estimate(number: int, on_cuda: bool) -> MemoryEstimate:
        return MemoryEstimate(
            shape=manifest.shape, method=make_method("full", {}), element_bytes=2, batch_size=1, longest=300,
            num_ranks=number, on_cuda=on_cuda,
        )  # fmt: skip

    whole, half = estimate(1, True).fixed_bytes, estimate(2, True).fixed_bytes
    assert 0.5 < half / whole < 0.65  # what is gathered of a layer comes on top
    assert estimate(2, False).fixed_bytes == 2 * half
