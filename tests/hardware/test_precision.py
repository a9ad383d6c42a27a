"""Which precision a stated machine gets."""

from __future__ import annotations

import pytest

from laptime.errors import UserError
from laptime.hardware.precision import Processor, check_kernels, choose_precision, expands_heads


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
    with pytest.raises(UserError) as error:
        choose_precision(processor, "fp16")
    assert str(error.value) == (
        "--precision fp16: GPUs alone train in fp16, and this run is on a CPU; use auto"
    )


@pytest.mark.parametrize(
    ("processor", "expected"), [(gpu(9, 0), False), (gpu(8, 0), False), (gpu(7, 5), True), (cpu(), False)]
)
def test_grouped_heads_are_copied_where_kernels_know_no_groups(processor: Processor, expected: bool) -> None:
    assert expands_heads(processor) is expected


CUDA_13 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")
CUDA_12 = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_90a")


@pytest.mark.parametrize(
    ("capability", "kernels", "runs"),
    [
        ((7, 0), CUDA_13, False),  # V100
        ((7, 0), CUDA_12, True),
        ((7, 5), CUDA_13, True),  # T4
        ((7, 5), CUDA_12, True),
        ((8, 0), CUDA_13, True),  # A100
        ((8, 6), CUDA_12, True),  # A10G
        ((8, 9), CUDA_12, True),  # L4: kernels of 8.6 run there
        ((9, 0), CUDA_13, True),  # H100
        ((9, 0), ("sm_90a",), True),
        ((10, 0), CUDA_12, False),  # B200
        ((10, 0), (*CUDA_12, "compute_90"), True),  # compiled when they are used
        ((10, 0), CUDA_13, True),
        ((10, 3), ("sm_100a",), False),
        ((12, 0), CUDA_12, False),  # RTX 5090
        ((12, 0), CUDA_13, True),
        ((12, 1), CUDA_13, True),
        ((6, 0), CUDA_13, False),  # P100
        ((9, 4), ("gfx942",), True),  # of another maker: nothing is known
    ],
)
def test_a_card_without_kernels_is_named(
    capability: tuple[int, int], kernels: tuple[str, ...], runs: bool
) -> None:
    card = Processor(kind="cuda", name="a card", capability=capability, kernels=kernels)
    if runs:
        check_kernels(card)
        return
    with pytest.raises(UserError) as error:
        choose_precision(card, "auto")
    assert str(error.value) == (
        f"--device: a card (compute capability {capability[0]}.{capability[1]}) has no kernels in this "
        f"torch, which is built for {', '.join(kernels)}; install a torch that is built for it, or use "
        f"--device cpu"
    )


def test_a_processor_that_nothing_is_known_of_has_kernels() -> None:
    check_kernels(gpu(7, 0))
    check_kernels(cpu())


def test_what_was_tried_decides_on_a_processor_with_both() -> None:
    processor = cpu("avx512_bf16")
    tried = {"bfloat16": 0.025, "float32": 0.021}
    chosen = choose_precision(processor, "auto", tried)
    assert chosen.compute == "float32"
    assert chosen.reason == "tried on this model: a step takes 25 ms in bfloat16, 21 ms in float32"
    assert choose_precision(processor, "auto", tried | {"bfloat16": 0.02}).compute == "bfloat16"
    assert choose_precision(processor, "auto", tried | {"bfloat16": 0.021}).compute == "float32", "the wider"
    assert choose_precision(processor, "bf16", tried).compute == "bfloat16", "asked for"
    assert choose_precision(cpu("avx2"), "auto", {"bfloat16": 0.1}).compute == "float32", "another machine's"
