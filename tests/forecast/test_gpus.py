"""Plans for GPUs that are elsewhere: known by name or told by a file, and what fits them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.forecast.forecast import Forecast
from laptime.forecast.gpus import GPUS, find_gpu
from laptime.forecast.job_shape import JobShape
from laptime.forecast.surroundings import forecast_elsewhere
from laptime.spec import RunSpec, TrainingSpec
from tests.runs.test_devices import make_manifest

WHOLE = """
name = "Card"
memory_gb = 12
precision = "bf16"
sustained_tflops = 50
memory_gb_per_second = 400
"""
JOB = JobShape(
    method="full", dtype="bfloat16", num_devices=1, hidden_size=64, num_layers=2, parameters=1000,
    trained=1000, step_flops=1e6, step_tokens=10,
)  # fmt: skip


def plan(method: str, gpu: str, **training: Any) -> Forecast:
    """Return the forecast of Llama-3.2-1B on ten examples."""
    manifest = make_manifest()
    manifest.data |= {"num_tokens": 2_858, "num_trained_tokens": 1_885}
    spec = RunSpec(method=method, training=TrainingSpec(**training))
    return forecast_elsewhere(method, spec, manifest, find_gpu(gpu))


def test_a_gpu_is_known_by_name_or_told_by_a_file(tmp_path: Path) -> None:
    assert find_gpu("T4x2").count == 2 and find_gpu("t4").dtype == "float16"
    file = tmp_path / "card.toml"
    file.write_text(WHOLE)
    card = find_gpu(str(file))
    assert (card.dtype, card.count, card.speed.flops_per_second) == ("bfloat16", 1, 5e13)
    (tmp_path / "card.json").write_text('{"name": "Card"}')


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t5", None, r"--gpu t5: not known; there are t4, t4x2, .* with name, memory_gb, precision"),
        ("absent.toml", None, r"absent.toml: No such file"),
        ("card.toml", WHOLE.replace("memory_gb = 12\n", ""), r"missing required field `memory_gb`"),
        ("card.toml", WHOLE + "watts = 70\n", r"unknown field `watts`"),
        ("card.toml", WHOLE.replace("12", "-1"), r"memory_gb: must be above 0"),
        ("card.toml", WHOLE.replace('"bf16"', '"int4"'), r"Invalid enum value 'int4'"),
        ("card.toml", "name = ", r"it holds name, memory_gb"),
        ("card.json", "[]", r"it holds name, memory_gb"),
        ("card.json", "\xff", r"it holds name, memory_gb"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=said):
        find_gpu(str(file) if "." in name else name)


def test_a_model_is_spread_over_as_many_as_it_needs() -> None:
    one, two, large = (plan("full", gpu) for gpu in ("t4", "t4x2", "a100-80"))
    assert (one.num_devices, one.fits, two.num_devices, two.fits) == (1, False, 2, True)
    assert one.would_fit and not two.would_fit and large.fits and large.num_devices == 1
    assert two.memory_bytes < 0.65 * one.memory_bytes and two.step_seconds > one.step_seconds
    assert plan("lora", "t4x2").num_devices == 1
    assert plan("lora", "t4x2", devices="2", batch_size=2).num_devices == 2
    assert plan("lora", "t4x2", devices="2").num_devices == 1, "an example can't be shared"


def test_faster_cards_take_less_and_ranges_are_wide() -> None:
    plans = [plan("full", gpu) for gpu in ("a100-80", "h100", "h200")]
    assert plans[0].train_seconds > plans[1].train_seconds
    assert all(one.train_range[1] > 2 * one.train_range[0] for one in plans)
    assert all(gpu.memory_gb > 10 and gpu.sustained_tflops < 1000 for gpu in GPUS.values())


def test_what_several_give_each_other_is_counted() -> None:
    spread, shared = replace(JOB, num_devices=2), replace(JOB, num_devices=4, trained=10)
    assert JOB.exchanged_bytes == 0 and not JOB.is_spread
    assert spread.exchanged_bytes == 1000 * (2 * 2 + 4) / 2 and spread.is_spread
    assert shared.exchanged_bytes == 10 * 4 * 2 * 3 / 4 and not shared.is_spread
    assert spread.moved_bytes < JOB.moved_bytes
