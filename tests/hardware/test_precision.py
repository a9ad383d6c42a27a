"""Which precision a stated machine gets."""

from __future__ import annotations

import pytest

from laptime.errors import UserError
from laptime.hardware.precision import Processor, choose_precision, expands_heads


def gpu(major: int, minor: int, name: str = "a GPU") -> Processor:
    return Processor(kind="cuda", name=name, capability=(major, minor))


def cpu(*flags: str) -> Processor:
    return Processor(kind="cpu", name="a CPU", cpu_flags=frozenset(flags))


@pytest.mark.parametrize(
    ("processor", "compute", "scaled"),
    [
        (gpu(9, 0, "NVIDIA H200"), "bfloat16", False),
        (gpu(8, 6, "NVIDIA RTX 3090"), "bfloat16", False),
        (gpu(8, 0, "NVIDIA A100"), "bfloat16", False),
        (gpu(7, 5, "Tesla T4"), "float16", True),
        (gpu(7, 0, "Tesla V100"), "float16", True),
        (gpu(6, 0, "Tesla P100"), "float16", True),
        (gpu(3, 7, "Tesla K80"), "float32", False),
        (cpu("avx2", "avx512f"), "float32", False),
        (cpu("avx512f", "avx512_bf16"), "bfloat16", False),
        (cpu("amx_tile", "amx_bf16"), "bfloat16", False),
    ],
)
def test_auto_takes_what_is_native(processor: Processor, compute: str, scaled: bool) -> None:
    precision = choose_precision(processor, "auto")
    assert (precision.compute, precision.loss_scaling, precision.trained) == (compute, scaled, "float32")


def test_bf16_on_a_t4_is_refused_though_torch_would_emulate_it() -> None:
    with pytest.raises(UserError) as error:
        choose_precision(gpu(7, 5, "Tesla T4"), "bf16")
    assert str(error.value) == (
        "--precision bf16: Tesla T4 has no native bf16 "
        "(fp16 with loss scaling: no native bf16 below 8.0 (compute capability 7.5)); use auto"
    )


@pytest.mark.parametrize("processor", [gpu(9, 0), gpu(7, 5), cpu()])
def test_fp32_works_everywhere(processor: Processor) -> None:
    assert choose_precision(processor, "fp32").compute == "float32"


def test_bf16_on_a_cpu_without_it_is_taken_when_asked_for() -> None:
    assert choose_precision(cpu("avx512f"), "auto").compute == "float32"
    precision = choose_precision(cpu("avx512f"), "bf16")
    assert (precision.compute, precision.loss_scaling, precision.trained) == ("bfloat16", False, "float32")
    assert precision.reason == "asked for with --precision; the CPU has no native bf16"


@pytest.mark.parametrize("processor", [cpu(), cpu("avx512_bf16")])
def test_fp16_on_a_cpu_is_refused(processor: Processor) -> None:
    with pytest.raises(UserError, match="no native fp16"):
        choose_precision(processor, "fp16")


@pytest.mark.parametrize(
    ("processor", "expected"), [(gpu(9, 0), False), (gpu(8, 0), False), (gpu(7, 5), True), (cpu(), False)]
)
def test_grouped_heads_are_copied_where_kernels_know_no_groups(processor: Processor, expected: bool) -> None:
    assert expands_heads(processor) is expected
