"""The update over float32 masters, with clipping and loss scaling folded in; by AdamW or who was asked for.

A bfloat16 weight of 1.0 cannot hold an update of 1e-5: it would be rounded away at every step. So what
trains in half precision has a float32 master; the update goes to the master, the weight is its rounding.
Nothing here waits for the device: a gradient that is not finite makes the fused kernel leave weights
and moments alone, and the loop learns of it when the numbers of that step arrive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from msgspec import Struct

from laptime.optimizers import OptimizerKind
from laptime.spec import TrainingSpec
from laptime.speedups.speedup import OptimizerKernels
from laptime.training.update_rules import kind_of, list_state, make_rule

CHUNK_ELEMENTS = 1 << 26  # float32 gradients exist for one chunk of masters at a time: 256 MiB
FIRST_LOSS_SCALE = 2**16  # at the most
STEPS_TO_GROW = 2000


class Chunk(Struct):
    """Parameters updated together; `masters` are the parameters themselves where those are float32."""

    parameters: list[torch.nn.Parameter]
    masters: list[torch.Tensor]
    kind: OptimizerKind
    rule: torch.optim.Optimizer
    rate_factor: float
    is_own: bool = False  # an optimizer that the method brings along


class Optimizer:
    """Updates every trained parameter once a step."""

    def __init__(
        self,
        groups: list[dict[str, Any]],
        training: TrainingSpec,
        loss_scaling: bool,
        fused: bool = True,
        kernels: OptimizerKernels | None = None,
    ) -> None:
        self.max_grad_norm = training.max_grad_norm
        self.kernels = kernels
        self.chunks = [
            make_chunk(parameters, group, training, fused)
            for group in groups
            for parameters in split_parameters(group["params"])
        ]
        self.parameters = [p for chunk in self.chunks for p in chunk.parameters]
        device = self.parameters[0].device
        self.loss_scale = torch.tensor(float(FIRST_LOSS_SCALE), device=device) if loss_scaling else None
        self._growth_tracker = torch.zeros((), dtype=torch.int32, device=device)
        self.used_scale = torch.ones((), device=device)  # in the last step
        # Once set, no update is made any more: a GPU has queued the next steps before the host learns of it.
        self._stopped = torch.zeros((), device=device)
        # Over the processes that hold parts of the gradients; None where all are here.
        self.sum_parts: Callable[[torch.Tensor], torch.Tensor] | None = None
        # Sees the gradients, and what they are divided by.
        self.before_update: Callable[[torch.Tensor], None] | None = None

    def has_finite_gradients(self) -> bool:
        """Tell whether no gradient holds an infinity; waits for the device."""
        return bool(torch.isfinite(self._gradient_norm([p for p in self.parameters if p.grad is not None])))

    def forget_gradients(self) -> None:
        """Let go of all gradients, as an update does."""
        for parameter in self.parameters:
            parameter.grad = None

    def forget(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Drop the moments of some parameters, which begin anew if they are ever updated again."""
        dropped = set(parameters)
        for chunk in self.chunks:
            for parameter, master in zip(chunk.parameters, chunk.masters, strict=True):
                if parameter in dropped:
                    chunk.rule.state.pop(master, None)

    def scale(self, loss: torch.Tensor) -> torch.Tensor:
        """Scale the loss so that fp16 gradients do not underflow."""
        return loss if self.loss_scale is None else loss * self.loss_scale

    def step(
        self, learning_rate: float, loss: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Clip, update, clear the gradients; returns (gradient norm, 1.0 if the update was left out).

        After a `loss` that is not finite no update is made any more, nor after such a gradient, unless a
        smaller loss scale may mend it.
        """
        parameters = [p for p in self.parameters if p.grad is not None]
        norm = self._gradient_norm(parameters)
        found_inf = torch.logical_not(torch.isfinite(norm)).float()
        if loss is not None:
            self._stopped = torch.maximum(self._stopped, torch.logical_not(torch.isfinite(loss)).float())
        if self.loss_scale is None:
            self._stopped = torch.maximum(self._stopped, found_inf)
        found_inf = torch.maximum(found_inf, self._stopped)
        divisor = self._gradient_divisor(norm)
        if self.before_update:
            self.before_update(divisor)
        for chunk in self.chunks:
            update_chunk(chunk, learning_rate, divisor, found_inf, self.kernels)
        if self.loss_scale is not None:
            self.used_scale = self.loss_scale.clone()
            torch._amp_update_scale_(
                self.loss_scale, self._growth_tracker, found_inf, 2.0, 0.5, STEPS_TO_GROW
            )
        return norm, found_inf

    def capture(self, names: dict[torch.nn.Parameter, str]) -> dict[str, torch.Tensor]:
        """Return all that the next steps depend on, under the names of the parameters."""
        tensors: dict[str, torch.Tensor] = {}
        for chunk in self.chunks:
            for parameter, master in zip(chunk.parameters, chunk.masters, strict=True):
                if master is not parameter:
                    tensors[f"master.{names[parameter]}"] = master
                for part, value in chunk.rule.state.get(master, {}).items():
                    tensors[f"{part}.{names[parameter]}"] = torch.as_tensor(value)
        if self.loss_scale is not None:
            tensors |= {"loss_scale": self.loss_scale, "growth_tracker": self._growth_tracker}
        return tensors

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, torch.Tensor], names: dict[torch.nn.Parameter, str]) -> None:
        """Put back what `capture` returned; raises KeyError for what is missing."""
        for chunk in self.chunks:
            for parameter, master in zip(chunk.parameters, chunk.masters, strict=True):
                name = names[parameter]
                if master is not parameter:
                    master.copy_(tensors[f"master.{name}"])
                needed, others = list_parts(chunk, master)
                if any(f"{part}.{name}" in tensors for part in needed):
                    known = [*needed, *(part for part in others if f"{part}.{name}" in tensors)]
                    chunk.rule.state[master] = {
                        part: place(tensors[f"{part}.{name}"], part, chunk, master) for part in known
                    }
        if self.loss_scale is not None:
            self.loss_scale.copy_(tensors["loss_scale"])
            self._growth_tracker.copy_(tensors["growth_tracker"])

    def _gradient_norm(self, parameters: list[torch.nn.Parameter]) -> torch.Tensor:
        """Return the norm of all gradients in float32, without the loss scale."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = self.kernels.norm(gradients) if self.kernels else None
        if norm is None:
            norms = torch._foreach_norm(gradients, 2, dtype=torch.float32)
            norm = torch.linalg.vector_norm(torch.stack(norms))
        if self.sum_parts is not None:
            norm = self.sum_parts(norm.square()).sqrt()
        return norm if self.loss_scale is None else norm / self.loss_scale

    def _gradient_divisor(self, norm: torch.Tensor) -> torch.Tensor:
        """Return what gradients are divided by: the loss scale, and what clipping takes away."""
        divisor = torch.ones_like(norm) if self.loss_scale is None else self.loss_scale.clone()
        if self.max_grad_norm > 0:
            divisor = divisor * ((norm + 1e-6) / self.max_grad_norm).clamp(min=1.0)
        return divisor


def list_parts(chunk: Chunk, master: torch.Tensor) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a state must have, and what it may have; what a method brings says so itself."""
    parts = getattr(chunk.rule, "state_parts", None)
    return (parts, ()) if parts else list_state(chunk.kind, master)


def place(tensor: torch.Tensor, part: str, chunk: Chunk, master: torch.Tensor) -> torch.Tensor | int:
    """Return a tensor of the state where it is kept: steps are counted on the CPU unless fused.

    Some count them in a plain number.
    """
    if part == "step" and (chunk.is_own or chunk.kind.counts_in_python):
        return int(tensor)
    stays = part == "step" and not is_fused(chunk)
    return tensor.clone() if stays else tensor.to(master.device, copy=True)


def is_fused(chunk: Chunk) -> bool:
    """Tell whether one kernel of torch makes the whole update."""
    return bool(chunk.rule.defaults.get("fused"))


def split_parameters(parameters: list[torch.nn.Parameter]) -> list[list[torch.nn.Parameter]]:
    """Split into chunks of bounded size, in order."""
    chunks: list[list[torch.nn.Parameter]] = []
    filled = math.inf
    for parameter in parameters:
        if filled + parameter.numel() > CHUNK_ELEMENTS:
            chunks.append([])
            filled = 0
        chunks[-1].append(parameter)
        filled += parameter.numel()
    return chunks


def make_own(
    make: Callable[..., torch.optim.Optimizer],
    masters: list[torch.Tensor],
    training: TrainingSpec,
    decays: bool,
) -> torch.optim.Optimizer:
    """Make the optimizer that a method brings for a group."""
    return make(
        masters,
        betas=(training.adam_beta1, training.adam_beta2),
        eps=training.adam_epsilon,
        weight_decay=training.weight_decay if decays else 0.0,
    )


def make_chunk(
    parameters: list[torch.nn.Parameter], group: dict[str, Any], training: TrainingSpec, fused: bool
) -> Chunk:
    """Make the masters and the moments of some parameters of a group."""
    masters = [p if p.dtype == torch.float32 else p.detach().float() for p in parameters]
    kind, decays = kind_of(group, training), group.get("decays", True)
    own = group.get("make_optimizer")
    rule = (
        make_own(own, masters, training, decays) if own else make_rule(kind, masters, training, decays, fused)
    )
    return Chunk(parameters, masters, kind, rule, group.get("rate_factor", 1.0), bool(own))


@torch.no_grad()
def update_chunk(
    chunk: Chunk,
    learning_rate: float,
    divisor: torch.Tensor,
    found_inf: torch.Tensor,
    kernels: OptimizerKernels | None = None,
) -> None:
    """Update one chunk and free its gradients."""
    if kernels and not chunk.is_own and update_at_once(chunk, learning_rate, divisor, found_inf, kernels):
        return
    for parameter, master in zip(chunk.parameters, chunk.masters, strict=True):
        if master is not parameter:
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
    for group in chunk.rule.param_groups:
        group["lr"] = learning_rate * chunk.rate_factor
    if is_fused(chunk):
        # The fused kernel divides by grad_scale and does nothing where found_inf is set.
        vars(chunk.rule).update(grad_scale=divisor, found_inf=found_inf)  # which its class does not declare
        chunk.rule.step()
    elif not found_inf:
        torch._foreach_div_([m.grad for m in chunk.masters if m.grad is not None], divisor)
        chunk.rule.step()
    for parameter, master in zip(chunk.parameters, chunk.masters, strict=True):
        if master is not parameter:
            parameter.copy_(master)
        master.grad = None


def update_at_once(
    chunk: Chunk,
    learning_rate: float,
    divisor: torch.Tensor,
    found_inf: torch.Tensor,
    kernels: OptimizerKernels,
) -> bool:
    """Update one chunk by a kernel that widens and rounds on the way; returns False where it can't."""
    trained = [
        (master, parameter, parameter.grad)
        for parameter, master in zip(chunk.parameters, chunk.masters, strict=True)
        if parameter.grad is not None
    ]
    rate = learning_rate * chunk.rate_factor
    if trained and not found_inf:
        masters, weights, gradients = (list(parts) for parts in zip(*trained, strict=True))
        if not kernels.update(chunk.rule, masters, weights, gradients, rate, float(divisor)):
            return False
    for parameter in chunk.parameters:
        parameter.grad = None
    return True


def scheduled_rate(peak: float, step: int, num_steps: int, training: TrainingSpec) -> float:
    """Return the learning rate of `step` (from 1): a linear warm-up, then the schedule, 0 after the end."""
    warmup = math.ceil(training.warmup_ratio * num_steps)
    if step <= warmup:
        return peak * step / warmup
    left = (num_steps - step + 1) / (num_steps - warmup + 1)
    if training.schedule == "linear":
        return peak * left
    return peak * 0.5 * (1 - math.cos(math.pi * left)) if training.schedule == "cosine" else peak
