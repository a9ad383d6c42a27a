"""QLoRA (Dettmers et al. 2023, arXiv:2305.14314): LoRA beside a base whose linear layers have 4 bits."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import structs

from laptime.methods.lora import Lora, refuse_experts
from laptime.methods.method import Cost, Rounding
from laptime.models.shape import Shape

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from transformers import PreTrainedModel

# NF4 with blocks of 64 and a float32 scale for each, which are held in 8 bits themselves, in blocks of 256.
BLOCK, SCALES_BLOCK = 64, 256
BYTES_OF_A_WEIGHT = 0.5 + 1 / BLOCK + 4 / BLOCK / SCALES_BLOCK
GROUP = 2  # large layers that share their input, made wide for one product


class QLora(Lora):
    """The base is quantised when it is there, so that any base will do; what is saved is an ordinary adapter.

    It was trained beside the quantised base, and answers as it did there on that.
    """

    name: ClassVar[str] = "qlora"
    summary: ClassVar[str] = "LoRA beside a base held in 4 bits: less memory, more time"
    packs: ClassVar[bool] = False
    quantises: ClassVar[bool] = True
    paper: ClassVar[str] = "arXiv:2305.14314"
    needs: ClassVar[tuple[str, str]] = ("bitsandbytes", "qlora")

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """What LoRA costs: the products are those of the weights made wide again, a group at a time."""
        whole = super().cost(shape, weight_bytes, epochs)
        refuse_experts(self.name, self.targets(shape), shape)
        sizes = {name: one * other for name, (one, other) in shape.linears.items() if name != shape.head}
        largest = max(sizes.values())
        wide = largest * weight_bytes
        return structs.replace(whole, passing_bytes=GROUP * wide, plain_passing_bytes=wide)

    def held_weight_bytes(self, shape: Shape, element_bytes: int) -> int:
        """Linear layers but the head in 4 bits; the rest as it is."""
        quantised = sum(one * other for name, (one, other) in shape.linears.items() if name != shape.head)
        return round(quantised * BYTES_OF_A_WEIGHT) + (shape.num_parameters - quantised) * element_bytes

    def notes(self, shape: Shape) -> list[str]:
        """Tell what the adapter belongs to."""
        return [*super().notes(shape), "trained beside the base in 4 bits (NF4, double quantisation)"]

    def hold_base(
        self,
        base: PreTrainedModel,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        rounding: Rounding | None = None,
    ) -> PreTrainedModel:
        """Hold the linear layers in 4 bits, in their place; a base that does already is returned as it is."""
        if getattr(base, "is_loaded_in_4bit", False):
            return base
        return quantise(base, device or base.device, dtype or base.dtype, rounding)

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Quantise, then wrap with PEFT."""
        return super().attach(self.hold_base(model))

    def load(self, base: PreTrainedModel, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Put the saved adapter on the quantised base."""
        return super().load(self.hold_base(base), folder, dtype)

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Make the weights wide again and add the adapters: no second rounding to 4 bits."""
        widen(model)
        return super().merge(model)


def quantise(model: Any, device: torch.device, dtype: torch.dtype, rounding: Rounding | None = None) -> Any:
    """Put layers of 4 bits in the place of all plain linear ones but the head, the rest in `dtype`.

    One weight after the other comes to the device and goes, so that never more than one of them is whole.
    """
    from torch import nn

    head = model.get_output_embeddings()
    holders = [module for module in model.modules() if type(module) is not nn.Linear]
    for holder in holders:
        for name, child in list(holder.named_children()):
            if type(child) is nn.Linear and child is not head:
                setattr(holder, name, narrow(child, device, dtype, rounding))
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(device, dtype)
    model.config.dtype = dtype
    model.is_loaded_in_4bit = True  # by which PEFT chooses its layers
    return model.to(device)


def narrow(layer: Any, device: torch.device, dtype: torch.dtype, rounding: Rounding | None) -> Any:
    """Return a linear layer in 4 bits, with the weights of another."""
    bnb: Any = import_module("bitsandbytes")
    weight_NK = layer.weight.data.to(device, dtype).contiguous()
    made = bnb.nn.Linear4bit(
        layer.in_features, layer.out_features, bias=layer.bias is not None, compute_dtype=dtype,
        compress_statistics=True, quant_type="nf4", device="meta",
    )  # fmt: skip
    settings = {"requires_grad": False, "compress_statistics": True, "quant_type": "nf4", "module": made}
    if rounding and weight_NK.numel() % BLOCK == 0:
        codes, made.quant_state = round_weight(weight_NK, rounding)
        settings |= {"quant_state": made.quant_state, "bnb_quantized": True}
        made.weight = bnb.nn.Params4bit(codes, **settings)
    else:
        made.weight = bnb.nn.Params4bit(weight_NK, **settings).to(device)
    made.bias = layer.bias
    # For answers it would put the weights into another order for good, and not of every size.
    made.support_avx512bf16_for_cpu = False
    return made


def round_weight(weight_NK: torch.Tensor, rounding: Rounding) -> tuple[torch.Tensor, Any]:
    """Return what bitsandbytes makes of a weight, to the last bit: its codes, and what undoes them."""
    functional: Any = import_module("bitsandbytes.functional")
    code = functional.get_4bit_type("nf4", device=weight_NK.device)
    codes, scales = rounding(weight_NK, (code[:-1] + code[1:]) / 2)
    offset = scales.mean()
    narrow_scales, state = functional.quantize_blockwise(scales - offset, blocksize=SCALES_BLOCK)
    return codes, functional.QuantState(
        absmax=narrow_scales, shape=weight_NK.shape, dtype=weight_NK.dtype, blocksize=BLOCK, code=code,
        quant_type="nf4", offset=offset, state2=state,
    )  # fmt: skip


def widen(model: Any) -> None:
    """Put plain linear layers in the place of those in 4 bits, below their adapters."""
    bnb: Any = import_module("bitsandbytes")
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            base = getattr(child, "base_layer", None)
            if isinstance(base, bnb.nn.Linear4bit):
                setattr(module, name, rewrap(child, widen_weight(base), base.bias))


def widen_weight(layer: Any) -> torch.Tensor:
    """Return the weight of a layer in 4 bits as it multiplies, NxK."""
    bnb: Any = import_module("bitsandbytes")
    weight: torch.Tensor = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return weight.to(layer.compute_dtype)


def rewrap(adapter: Any, weight_NK: torch.Tensor, bias_N: torch.Tensor | None) -> Any:
    """Return PEFT's layer around a plain linear one of these weights, with the adapter of another."""
    from peft import LoraConfig
    from peft.tuners.lora.layer import Linear
    from torch import nn

    plain: Any = nn.Linear(weight_NK.shape[1], weight_NK.shape[0], False, device="meta")
    plain.weight = nn.Parameter(weight_NK, requires_grad=False)
    plain.bias = bias_N
    (key,) = adapter.active_adapters
    rank, alpha = adapter.r[key], adapter.lora_alpha[key]
    made: Any = Linear(plain, key, config=LoraConfig(r=rank, lora_alpha=alpha), r=rank, lora_alpha=alpha)
    made.lora_A, made.lora_B, made.scaling = adapter.lora_A, adapter.lora_B, adapter.scaling
    return made
