"""AdaLoRA (Zhang et al. 2023, arXiv:2303.10512): ranks go where they matter while it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, structs

from laptime.errors import UserError
from laptime.methods.adapter import ADAPTER_BYTES
from laptime.methods.lora import Lora, LoraOptions, refuse_experts
from laptime.methods.method import Cost
from laptime.models.shape import Shape

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Of the steps: all ranks train in the first, and in the last those that are left; between them the rest goes.
BEGINNING, END = 0.1, 0.3
RATE = 3  # times LoRA's: E begins at 0, and A and B are small
LEAST_STEPS = 2  # PEFT has nothing to go by at the last one, if that is the first
ALLOCATIONS = 100  # at which ranks are taken away, at the most
KEPT_BY_ALLOCATOR = ("ipt", "exp_avg_ipt", "exp_avg_unc")
MASK = "mask"


class AdaLoraOptions(LoraOptions, frozen=True):
    """What LoRA has, where the rank is the average that is left, and the rank of all adapters at first."""

    adalora_start_rank: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Rank of AdaLoRA's adapters at first (default: half as much again as --lora-rank)."),
    ] = None


class AdaLora(Lora):
    """B times E times A beside each layer; those E go to zero that change the loss least."""

    name: ClassVar[str] = "adalora"
    summary: ClassVar[str] = "LoRA that takes ranks from the layers in which they matter least"
    paper: ClassVar[str] = "arXiv:2303.10512"
    saves_others: ClassVar[bool] = True
    options_type: ClassVar[type[AdaLoraOptions]] = AdaLoraOptions
    options: AdaLoraOptions

    @property
    def start_rank(self) -> int:
        """The rank of each adapter before any is taken away."""
        return self.options.adalora_start_rank or -(-3 * self.options.lora_rank // 2)

    def learning_rate(self, shape: Shape) -> float:
        """Three times LoRA's, between the paper's and what stories260K wants (by --tune)."""
        return RATE * super().learning_rate(shape)

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """What LoRA of the first rank costs; saved is the rank that is left, if all layers keep as much."""
        whole, targets = super().cost(shape, weight_bytes, epochs), self.targets(shape)
        refuse_experts(self.name, targets, shape)
        first, left = self.start_rank, self.options.lora_rank
        if first <= left:
            raise UserError(
                f"--adalora-start-rank {first}: not above --lora-rank {left}, to which AdaLoRA comes down; "
                f"use more, or lora"
            )
        inputs = sum(one for _, one, _ in targets.values())
        of_rank = sum(one + other + 1 for _, one, other in targets.values())
        products = sum(one + other for _, one, other in targets.values())
        return structs.replace(
            whole,
            trainable_parameters=first * of_rank,
            saved_bytes=left * of_rank * ADAPTER_BYTES,
            flops_per_token=4.0 * shape.num_matmul_weights + 6.0 * first * products,
            plain_kept_bytes_per_token=ADAPTER_BYTES * inputs,
        )

    def notes(self, shape: Shape) -> list[str]:
        """Tell what becomes of the ranks."""
        return [
            *super().notes(shape),
            f"ranks go from {self.start_rank} to {self.options.lora_rank} on average; what trains is held "
            f"orthogonal beside the loss that is shown",
        ]

    def peft_config(self, model: PreTrainedModel, shape: Shape) -> Any:
        """Return AdaLoRA's configuration; how many steps there are is known to `prepare` alone."""
        from peft import AdaLoraConfig

        settings = self.peft_settings(model, shape)
        del settings["r"]
        alpha = self.options.lora_alpha or 2 * self.start_rank
        ranks = {"init_r": self.start_rank, "target_r": self.options.lora_rank, "lora_alpha": alpha}
        return AdaLoraConfig(**settings | ranks, total_step=LEAST_STEPS)

    def mark(self, adapted: PreTrainedModel) -> None:
        """Keep the ranks that the scale is divided by, which PEFT lets train where it makes them float32."""
        for name, parameter in adapted.named_parameters():
            if ".ranknum." in name:
                parameter.requires_grad_(False)

    def prepare(self, model: PreTrainedModel, steps: Sequence[Any]) -> Sequence[Any]:
        """Tell PEFT when ranks are taken away."""
        total, allocator = max(LEAST_STEPS, len(steps)), find_allocator(model)
        config = allocator.peft_config
        config.tinit, config.tfinal = int(BEGINNING * total), int(END * total)
        config.deltaT = max(1, total // ALLOCATIONS)
        allocator.set_total_step(total)
        return steps

    def penalty(self, model: PreTrainedModel) -> torch.Tensor:
        """Return how far A and B are from orthogonal, as PEFT weighs it."""
        import torch

        (config,) = model.peft_config.values()  # type: ignore[operator, union-attr]
        trained = [
            (name, p) for name, p in model.named_parameters() if ".lora_A." in name or ".lora_B." in name
        ]
        squares = [p @ p.T if ".lora_A." in name else p.T @ p for name, p in trained]
        distances = [torch.linalg.norm(one - torch.eye(len(one), device=one.device)) for one in squares]
        return config.orth_reg_weight * torch.stack(distances).mean()

    def before_update(self, model: PreTrainedModel, divisor: torch.Tensor) -> None:
        """Keep the gradients: PEFT weighs the numbers that they led to with them."""
        self.gradients = {
            parameter: (parameter.grad / divisor).nan_to_num_(0.0, 0.0, 0.0)
            for parameter in model.parameters()
            if parameter.grad is not None
        }

    def after_step(self, model: PreTrainedModel, step: int) -> None:
        """Let PEFT weigh what trains, and take ranks away."""
        for parameter, gradient in self.gradients.items():
            parameter.grad = gradient
        model.base_model.update_and_allocate(step)  # type: ignore[operator, union-attr]
        for parameter in self.gradients:
            parameter.grad = None
        self.gradients = {}

    def capture(self, model: PreTrainedModel) -> dict[str, torch.Tensor]:
        """Return the allocator's averages, and which ranks are left."""
        import torch

        allocator = find_allocator(model)
        masks = allocator.peft_config.rank_pattern or {}
        averages = {
            f"{kind}.{name}": tensor
            for kind in KEPT_BY_ALLOCATOR
            for name, tensor in getattr(allocator, kind).items()
        }
        return averages | {
            f"{MASK}.{name}": torch.tensor(mask, dtype=torch.uint8) for name, mask in masks.items()
        }

    def restore(self, model: PreTrainedModel, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put them back."""
        allocator = find_allocator(model)
        masks = {}
        for key, tensor in tensors.items():
            kind, _, name = key.partition(".")
            if kind == MASK:
                masks[name] = tensor.bool().tolist()
            else:
                getattr(allocator, kind)[name] = tensor.to(model.device, copy=True)
        allocator.peft_config.rank_pattern = masks or None


def find_allocator(model: PreTrainedModel) -> Any:
    """Return what PEFT takes ranks away with."""
    return model.base_model.rankallocator
