"""Linear layers with PEFT's adapters, taken apart as far as these are known.

Each adapter is here what it does beside, before and behind the product with a frozen weight, which all layers
share. What a layer computes is PEFT's mathematics, in another order.

Shapes: T tokens, K inputs, N outputs of a layer, r rank of its adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.autograd import Function

from laptime.decoder.linear_layers import Linear, QuantisedWeight, Weight


class AdaLoraLinear(Linear, kw_only=True):
    """AdaLoRA (Zhang et al. 2023, arXiv:2303.10512): E, a number for each rank, stands between A and B."""

    e_r1: torch.Tensor

    def make_a(self) -> torch.Tensor:
        """Return E A in the place of A; autograd goes through the product."""
        assert self.a_rK is not None
        return self.a_rK * self.e_r1


class VeraLinear(Linear, kw_only=True):
    """VeRA (Kopiczko et al. 2023, arXiv:2310.11454): A and B are frozen, their rows are scaled."""

    scales_r: torch.Tensor
    scales_N: torch.Tensor

    def make_a(self) -> torch.Tensor:
        """Return A with its scales."""
        assert self.a_rK is not None
        return self.a_rK * self.scales_r[:, None]

    def make_b(self) -> torch.Tensor:
        """Return B with its scales."""
        assert self.b_Nr is not None
        return self.b_Nr * self.scales_N[:, None]


class DoraLinear(Linear, kw_only=True):
    """DoRA (Liu et al. 2024, arXiv:2402.09353): a row of W + scale B A gets a length that trains.

    The bias is added behind that, so that the product knows of none.
    """

    length_N: torch.Tensor
    last_bias_N: torch.Tensor | None
    squares_N: torch.Tensor | None = None  # of the frozen weight's rows

    def finish(self, y_TN: torch.Tensor) -> torch.Tensor:
        """Give every output its length, the norm taken as constant (section 4.3), and add the bias."""
        y_TN = Scaling.apply(y_TN, self.length_N / self.measure(y_TN.dtype))
        return y_TN if self.last_bias_N is None else y_TN + self.last_bias_N

    @torch.no_grad()
    def measure(self, dtype: torch.dtype) -> torch.Tensor:
        """Return the norms of the rows of W + scale B A, N, without making that.

        The squares of W + D are those of W, those of D and twice the products of both; W itself is
        multiplied with the r rows of A alone, in `dtype`.
        """
        assert self.a_rK is not None and self.b_Nr is not None
        if self.squares_N is None:
            wide_NK = self.weight.make_wide()
            self.squares_N = torch.linalg.vector_norm(wide_NK, dim=1, dtype=torch.float32).square_()
        a_rK, b_Nr = self.a_rK.float(), self.b_Nr.float()
        between_Nr = self.weight.forward(a_rK.to(dtype)).t().float()
        between_Nr = between_Nr.mul_(2 * self.scale).addmm_(b_Nr, a_rK @ a_rK.t(), alpha=self.scale**2)
        return (self.squares_N + (between_Nr * b_Nr).sum(1)).clamp_min_(0).sqrt_()


class Ia3Linear(Linear, kw_only=True):
    """(IA)3 (Liu et al. 2022, arXiv:2205.05638): scales of what goes into a layer, or of what comes out."""

    scales: torch.Tensor  # K or N
    scales_inputs: bool

    def begin(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Scale the inputs of a feed-forward part's last layer."""
        return Scaling.apply(x_TK, self.scales.flatten()) if self.scales_inputs else x_TK

    def finish(self, y_TN: torch.Tensor) -> torch.Tensor:
        """Scale the outputs of any other."""
        return y_TN if self.scales_inputs else Scaling.apply(y_TN, self.scales.flatten())


class OftLinear(Linear, kw_only=True):
    """OFT (Qiu et al. 2023, arXiv:2306.07280): blocks of the inputs are rotated, by PEFT's own module."""

    rotate: Callable[[torch.Tensor], torch.Tensor]
    dtype: torch.dtype  # in which it does

    def begin(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Rotate the inputs."""
        return self.rotate(x_TK[None].to(self.dtype))[0].to(x_TK.dtype)


class Scaling(Function):
    """Columns times a number each, in float32 and rounded once, without a wide copy."""

    @staticmethod
    def forward(ctx: Any, y_TN: torch.Tensor, scales_N: torch.Tensor) -> torch.Tensor:
        """Save both."""
        ctx.save_for_backward(y_TN, scales_N)
        return torch.mul(y_TN, scales_N, out=torch.empty_like(y_TN))

    @staticmethod
    def backward(ctx: Any, grad_TN: torch.Tensor) -> Any:
        """Return the gradients of both."""
        y_TN, scales_N = ctx.saved_tensors
        own_TN = torch.mul(grad_TN, scales_N, out=torch.empty_like(y_TN)) if ctx.needs_input_grad[0] else None
        return own_TN, (grad_TN * y_TN).sum(0, dtype=scales_N.dtype)


def take_apart(module: Any) -> Linear | None:
    """Return the parts of a linear layer with at most one known adapter; None for anything else."""
    if type(module) is nn.Linear:
        return Linear(module, Weight(module.weight), module.bias)
    weight = take_weight(getattr(module, "base_layer", None))
    if weight is None or len(module.active_adapters) != 1 or module.merged:
        return None
    name = module.active_adapters[0]
    takes = (take_lora, take_adalora, take_vera, take_ia3, take_oft)
    return next((found for take in takes if (found := take(module, weight, name))), None)


def take_weight(layer: Any) -> Weight | None:
    """Return the weight of a linear layer below an adapter; None for a layer of an unknown kind."""
    if type(layer) is nn.Linear:
        return Weight(layer.weight)
    is_quantised = type(layer).__name__ == "Linear4bit" and getattr(layer.weight, "quant_state", None)
    return QuantisedWeight(layer) if is_quantised else None


def take_lora(module: Any, weight: Weight, name: str) -> Linear | None:
    """Return the parts of a layer with LoRA's adapter or DoRA's, without biases of its own."""
    if not isinstance(getattr(module, "lora_A", None), nn.ModuleDict) or name not in module.lora_A:
        return None
    down, up = module.lora_A[name], module.lora_B[name]
    if down.bias is not None or up.bias is not None:
        return None
    parts = {
        "module": module,
        "weight": weight,
        "a_rK": down.weight,
        "b_Nr": up.weight,
        "scale": float(module.scaling[name]),
        "dropout": chance_of(module.lora_dropout[name]),
    }
    variant = getattr(module, "lora_variant", {}).get(name)
    if variant is None:
        return Linear(bias_N=module.base_layer.bias, **parts)
    if type(variant).__name__ != "DoraLinearVariant":
        return None
    length_N = module.lora_magnitude_vector[name].weight
    return DoraLinear(length_N=length_N, last_bias_N=module.base_layer.bias, **parts)


def take_adalora(module: Any, weight: Weight, name: str) -> Linear | None:
    """Return the parts of a layer with AdaLoRA's adapter, whose scale PEFT divides by the first rank."""
    if name not in getattr(module, "lora_E", {}):
        return None
    return AdaLoraLinear(
        module=module,
        weight=weight,
        bias_N=module.base_layer.bias,
        a_rK=module.lora_A[name],
        b_Nr=module.lora_B[name],
        e_r1=module.lora_E[name],
        scale=float(module.scaling[name]) / (float(module.ranknum[name]) + 1e-5),
        dropout=chance_of(module.lora_dropout[name]),
    )


def take_vera(module: Any, weight: Weight, name: str) -> Linear | None:
    """Return the parts of a layer with VeRA's adapter: of the shared matrices, as much as it is wide."""
    if name not in getattr(module, "vera_lambda_d", {}):
        return None
    outputs, inputs = weight.shape
    return VeraLinear(
        module=module,
        weight=weight,
        bias_N=module.base_layer.bias,
        a_rK=module.vera_A[name][:, :inputs],
        b_Nr=module.vera_B[name][:outputs],
        scales_r=module.vera_lambda_d[name],
        scales_N=module.vera_lambda_b[name],
        dropout=chance_of(module.vera_dropout[name]),
    )


def take_ia3(module: Any, weight: Weight, name: str) -> Linear | None:
    """Return the parts of a layer with (IA)3's scales."""
    if name not in getattr(module, "ia3_l", {}):
        return None
    return Ia3Linear(
        module=module,
        weight=weight,
        bias_N=module.base_layer.bias,
        scales=module.ia3_l[name],
        scales_inputs=module.is_feedforward,
    )


def take_oft(module: Any, weight: Weight, name: str) -> Linear | None:
    """Return the parts of a layer with OFT's rotation."""
    if name not in getattr(module, "oft_R", {}):
        return None
    rotate = module.oft_R[name]
    return OftLinear(
        module=module,
        weight=weight,
        bias_N=module.base_layer.bias,
        rotate=rotate,
        dtype=rotate.weight.dtype,
        dropout=chance_of(module.oft_dropout[name]),
    )


def chance_of(dropout: nn.Module) -> float:
    """Return how often a number is dropped."""
    return float(getattr(dropout, "p", 0.0))
