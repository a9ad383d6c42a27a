"""The CUDA path: pytest -m gpu. Skipped where torch sees no device."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from laptime.data.batches import make_steps
from laptime.data.encoding import EncodedExample
from laptime.hardware.machine import choose_device, describe_machine, describe_processor
from laptime.hardware.precision import choose_precision
from laptime.methods.method import find_lacking, find_methods, make_method
from laptime.runs.events import Memory
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.spec import TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.failure import DoesNotFitError, classify, refuse_what_cannot_fit
from laptime.training.loop import train
from laptime.training.meter import Meter, NotFiniteError, StepTimer
from laptime.training.optimizer import Optimizer
from tests.tiny import make_tiny_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

METHODS = [name for name in find_methods() if not find_lacking(name)]


def examples() -> list[EncodedExample]:
    generator = torch.Generator().manual_seed(0)
    lengths = [40, 4, 17, 23, 9, 31, 12]
    ids = [torch.randint(0, 256, (length,), generator=generator).tolist() for length in lengths]
    return [EncodedExample(row, [i >= len(row) // 2 for i in range(len(row))], "x") for row in ids]


def run(
    folder: Path, name: str, device: str, dtype: torch.dtype, out: Path, scaled: bool = False
) -> list[dict]:
    """Train on `device` and return the recorded steps."""
    from transformers import AutoModelForCausalLM

    training = TrainingSpec(epochs=3, batch_size=2)
    method = make_method(name, {})
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).requires_grad_(False).to(device)
    torch.manual_seed(0)
    model = method.attach(model)
    steps = make_steps(examples(), training, seed=1, pin=device == "cuda")
    optimizer = Optimizer(method.parameter_groups(model), training, scaled)
    timer = StepTimer(RecordWriter(out), torch.device(device), scaled)
    train(Forward(model), method, steps, optimizer, 1e-3, training, timer)
    return [json.loads(line) for line in (out / FILE_NAME).read_text().splitlines()]


@pytest.mark.parametrize("name", METHODS)
def test_the_gpu_trains_what_the_cpu_trains(tmp_path: Path, name: str) -> None:
    model = make_tiny_model(tmp_path / "model", attention_bias=True)  # for bitfit
    on_cpu = run(model, name, "cpu", torch.float32, tmp_path / "cpu")
    on_gpu = run(model, name, "cuda", torch.float32, tmp_path / "gpu")
    assert [row["digest"] for row in on_gpu] == [row["digest"] for row in on_cpu]
    assert [row["loss"] for row in on_gpu] == pytest.approx([row["loss"] for row in on_cpu], rel=1e-3)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("dtype", "scaled"), [(torch.bfloat16, False), (torch.float16, True)])
def test_half_precision_stays_near_float32(
    tmp_path: Path, name: str, dtype: torch.dtype, scaled: bool
) -> None:
    model = make_tiny_model(tmp_path / "model", attention_bias=True)  # for bitfit
    single = run(model, name, "cuda", torch.float32, tmp_path / "single")
    half = run(model, name, "cuda", dtype, tmp_path / "half", scaled)
    made = [(ours["loss"], theirs["loss"]) for ours, theirs in zip(half, single, strict=True)]
    assert all(ours == pytest.approx(theirs, rel=0.05) for ours, theirs in made)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_steps_that_are_queued_behind_one_that_is_not_finite_change_nothing(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    """The host learns of it a step or two later; the weights are those from before it."""
    from transformers import AutoModelForCausalLM

    training = TrainingSpec(epochs=3)
    model = AutoModelForCausalLM.from_pretrained(make_tiny_model(tmp_path / "model"), dtype=dtype).to("cuda")
    steps = make_steps(examples(), training, seed=1, pin=True)
    forward, good, states = Forward(model), Forward(model).sum_loss, []

    def spoil(batch, factor):  # type: ignore[no-untyped-def]
        states.append([parameter.detach().clone() for parameter in model.parameters()])
        return good(batch, factor) * (float("nan") if len(states) == 4 else 1.0)

    forward.sum_loss = spoil  # type: ignore[method-assign]
    method = make_method("full", {})
    optimizer = Optimizer(method.parameter_groups(model), training, False)
    timer = StepTimer(RecordWriter(tmp_path), torch.device("cuda"), False)
    with pytest.raises(NotFiniteError, match="step 4: loss is not finite; examples "):
        train(forward, method, steps, optimizer, 1e-3, training, timer)
    assert all(torch.equal(now, then) for now, then in zip(model.parameters(), states[3], strict=True))
    assert not torch.equal(states[3][0], states[0][0]), "there were updates before"


def test_memory_that_a_gpu_does_not_have_is_told_with_its_peak(tmp_path: Path) -> None:
    memory = Memory(device="cuda", available_bytes=10**9, needed_bytes=10**12, fixed_bytes=10**14)
    free, _ = torch.cuda.mem_get_info()
    torch.ones(1 << 20, device="cuda")
    with pytest.raises(torch.OutOfMemoryError) as error:
        torch.empty(4 * free, dtype=torch.uint8, device="cuda")
    meter = Meter(RecordWriter(tmp_path), 0.0)
    meter.device = torch.device("cuda", 0)
    reason, line = classify(error.value, memory, meter.peak_bytes())
    assert reason == "out_of_memory"
    assert re.match(r"peak \d+\.\d GB, 1000\.0 GB needed by estimate, 1\.0 GB there; ", line)
    with pytest.raises(DoesNotFitError):
        refuse_what_cannot_fit(memory, torch.device("cuda", 0))


def test_every_step_is_written_with_its_parts(tmp_path: Path) -> None:
    steps = run(make_tiny_model(tmp_path / "model"), "full", "cuda", torch.bfloat16, tmp_path / "out")
    assert [row["step"] for row in steps] == list(range(1, 13))
    assert all(set(row["parts"]) == {"data", "forward", "backward", "optimizer"} for row in steps)
    assert all(row["seconds"] > 0 for row in steps)


def test_the_machine_and_its_memory_are_described(tmp_path: Path) -> None:
    device = choose_device("auto")
    assert device.type == "cuda"
    meter = Meter(RecordWriter(tmp_path), 0.0)
    meter.device = device
    torch.zeros(1 << 20, device=device)
    assert meter.peak_bytes()["cuda_allocated"] >= 1 << 22
    assert describe_machine(device)["gpu"]
    assert choose_precision(describe_processor(device), "auto").compute in {"bfloat16", "float16"}
