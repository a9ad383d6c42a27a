"""The reference: the same training written with transformers, PEFT and torch alone, in any precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from msgspec import Struct
from peft import (
    AdaLoraConfig,
    IA3Config,
    LoraConfig,
    OFTConfig,
    PeftConfig,
    PromptTuningConfig,
    VeraConfig,
    get_peft_model,
)
from transformers import Trainer

from laptime.data.batches import plan_steps
from laptime.data.encoded import EncodedExample
from laptime.methods.galore import Galore, GaloreOptions
from laptime.methods.lisa import Lisa
from laptime.methods.method import make_method
from laptime.models.module_shape import measure_shape
from laptime.spec import TrainingSpec
from laptime.training.optimizer import scheduled_rate
from tests.speedups.jobs import NAMED, Job, fill_adapters

RATE = 5e-3
SEED = 3
BATCH = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # ids, mask, labels: BxT


class Trained(Struct):
    """What a training left: a loss a step, the gradients of step 1, the weights that trained, a last loss."""

    losses: torch.Tensor
    gradients: dict[str, torch.Tensor]
    changes: dict[str, torch.Tensor]
    last_loss: float


class Order(Struct, frozen=True):
    """What may differ between two trainings without any difference in the mathematics."""

    reverses: bool = False  # the examples of a batch
    extra_room: int = 0  # more padding than needed
    attention: str = "sdpa"


ORDERS = (Order(), Order(reverses=True, extra_room=3, attention="eager"))


def train_plain(job: Job, training: TrainingSpec, dtype: torch.dtype, order: Order, exact: bool) -> Trained:
    """Train; `exact` does it in float64, from the same weights, rounded to `dtype`."""
    model = deepcopy(make_model(job.name, dtype)).train()
    model.set_attn_implementation(order.attention)
    if exact:
        model = widen(model)
    examples = job.make_examples()
    steps = plan_steps(len(examples), training, seed=1)
    batches = [
        [make_batch([examples[i] for i in micro], order) for micro in step.micro_batches] for step in steps
    ]
    before = trained_weights(model)
    torch.manual_seed(SEED)
    method = make_method(job.method, job.options)
    draw = partial(method.draw, len(model.model.layers)) if isinstance(method, Lisa) else None
    master_dtype = torch.float64 if exact else torch.float32
    galore = None
    if isinstance(method, Galore):
        shape = measure_shape(model)
        names = [f"{name}.weight" for name in method.targets(shape)]
        galore = PlainGalore(names, method.find_rank(shape), method.options)
    losses, gradients = take_steps(model, batches, training, master_dtype, draw, galore)
    if draw:
        model.requires_grad_(True)
    changes = {name: weight - before[name] for name, weight in trained_weights(model).items()}
    with torch.no_grad():
        last = make_batch(examples[:3], order)
        loss = sum_loss(model.eval(), last) / num_trained([last])
    return Trained(torch.tensor(losses, dtype=torch.float64), gradients, changes, float(loss))


@cache
def make_model(name: str, dtype: torch.dtype) -> Any:
    """Make the base, with PEFT's adapters where the job has some; to be copied, since wrapping takes long."""
    job = NAMED[name]
    model = job.make_model(dtype)
    torch.manual_seed(SEED)
    if job.method in ("full", "galore", "lisa"):
        return model
    if job.method == "bitfit":
        model.requires_grad_(False)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.endswith(".bias"))
        return model
    if job.method == "top_layers":
        return freeze_below(model, job.options["top_layers"])
    adapted = fill_adapters(get_peft_model(model, peft_config(job)))
    for name, parameter in adapted.named_parameters():
        # PEFT lets the rank by which it divides train where it makes it float32: no part of AdaLoRA.
        if (job.method == "lora_fa" and ".lora_A." in name) or ".ranknum." in name:
            parameter.requires_grad_(False)
    return adapted


def freeze_below(model: Any, number: int) -> Any:
    """Let the weights of the highest layers train, and nothing else."""
    model.requires_grad_(False)
    for layer in model.model.layers[-number:]:
        layer.requires_grad_(True)
    return model


VARIANTS: dict[str, dict[str, Any]] = {
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa_niter_16"},
    "olora": {"init_lora_weights": "olora"},
}


def peft_config(job: Job) -> PeftConfig:
    """Say in PEFT's words what the job's method says in ours."""
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    if job.method == "vera":
        return VeraConfig(r=job.options["vera_rank"], target_modules=names, task_type="CAUSAL_LM")
    if job.method == "ia3":
        return IA3Config(
            target_modules=["k_proj", "v_proj", "down_proj"],
            feedforward_modules=["down_proj"],
            task_type="CAUSAL_LM",
        )
    if job.method == "prompt_tuning":
        number = job.options["virtual_tokens"]
        return PromptTuningConfig(
            num_virtual_tokens=number, prompt_tuning_init="SAMPLE_VOCAB", task_type="CAUSAL_LM"
        )
    if job.method == "oft":
        size = job.options["oft_block_size"]
        return OFTConfig(r=0, oft_block_size=size, target_modules=names, task_type="CAUSAL_LM")
    if job.method == "adalora":
        rank = job.options["lora_rank"]
        return AdaLoraConfig(
            target_r=rank, init_r=3 * rank // 2, lora_alpha=3 * rank, target_modules=names, total_step=3,
            task_type="CAUSAL_LM",
        )  # fmt: skip
    targets = job.options.get("lora_targets", "all-linear")
    if job.layers is not None:  # PEFT finds layers by number only where modules have names
        targets = names
    return LoraConfig(
        r=job.options["lora_rank"],
        lora_alpha=job.options.get("lora_alpha", 2 * job.options["lora_rank"]),
        lora_dropout=job.options.get("lora_dropout", 0.0),
        target_modules=targets if isinstance(targets, str) else list(targets),
        layers_to_transform=job.layers,
        task_type="CAUSAL_LM",
        **VARIANTS.get(job.method, {}),
    )


def widen(model: Any) -> Any:
    """Compute in float64; transformers' norms would go down to float32 by themselves."""
    model = model.double()
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            module.forward = lambda x, norm=module: (
                norm.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon)
            )
    return model


def make_batch(examples: Sequence[EncodedExample], order: Order) -> BATCH:
    """Pad on the right; labels are -100 where nothing is trained."""
    examples = list(reversed(examples)) if order.reverses else list(examples)
    room = max(len(example.token_ids) for example in examples) + order.extra_room
    ids_BT, mask_BT = torch.zeros(2, len(examples), room, dtype=torch.long)
    labels_BT = torch.full_like(ids_BT, -100)
    for row, example in enumerate(examples):
        length = len(example.token_ids)
        ids_BT[row, :length] = torch.tensor(example.token_ids)
        mask_BT[row, :length] = 1
        labels_BT[row, :length] = torch.where(torch.tensor(example.trained), ids_BT[row, :length], -100)
    return ids_BT, mask_BT, labels_BT


def sum_loss(model: Any, batch: BATCH) -> torch.Tensor:
    """Return the summed loss, in float32 at least."""
    ids_BT, mask_BT, labels_BT = batch
    logits_BTV = model(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).logits
    logits_BTV = logits_BTV[:, logits_BTV.shape[1] - ids_BT.shape[1] :]  # without those of prompt tuning
    logits_NV = logits_BTV[:, :-1].flatten(0, 1).to(torch.promote_types(logits_BTV.dtype, torch.float32))
    return F.cross_entropy(logits_NV, labels_BT[:, 1:].flatten(), ignore_index=-100, reduction="sum")


def num_trained(batches: list[BATCH]) -> int:
    """Count the trained tokens."""
    return sum(int((labels_BT[:, 1:] != -100).sum()) for _, _, labels_BT in batches)


def copy_gradients(model: Any) -> dict[str, torch.Tensor]:
    """Return the gradients of all that trains, in float64."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert [name for name, p in named.items() if p.grad is None] == []
    return {name: p.grad.to(torch.float64, copy=True) for name, p in named.items()}


def trained_weights(model: Any) -> dict[str, torch.Tensor]:
    """Return what trains, in float64."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return {name: p.detach().to(torch.float64, copy=True) for name, p in named.items()}


class PlainGalore:
    """Algorithm 2 of GaLore's paper as it stands there, in the precision of the weights.

    The signs of singular vectors are nobody's choice: here the largest number of each is positive.
    """

    def __init__(self, names: Sequence[str], rank: int, options: GaloreOptions) -> None:
        self.names, self.rank, self.options = names, rank, options
        self.kept: dict[str, tuple[Any, ...]] = {}

    @torch.no_grad()
    def step(self, weights: dict[str, torch.Tensor], rate: float, training: TrainingSpec) -> None:
        """Update the weights by their gradients, which are taken away."""
        for name in self.names:
            weight, gradient = weights[name], weights[name].grad
            assert gradient is not None
            weight.grad = None
            if weight.shape[0] > weight.shape[1]:
                weight, gradient = weight.T, gradient.T
            weight.mul_(1 - rate * training.weight_decay)
            weight.sub_(rate * self.options.galore_scale * self.find_update(name, gradient, training))

    def find_update(self, name: str, gradient: torch.Tensor, training: TrainingSpec) -> torch.Tensor:
        """Return P times Adam's step for P^T G."""
        basis, mean, square, count = self.kept.get(name, (None, 0.0, 0.0, 0))
        if count % self.options.galore_interval == 0:
            basis = torch.linalg.svd(gradient, full_matrices=False)[0][:, : self.rank]
            largest = basis.abs().argmax(0)
            basis = basis * basis[largest, range(self.rank)].sign()
        first, second, seen = training.adam_beta1, training.adam_beta2, basis.T @ gradient
        mean = first * mean + (1 - first) * seen
        square = second * square + (1 - second) * seen**2
        count += 1
        self.kept[name] = basis, mean, square, count
        size = (square / (1 - second**count)).sqrt() + training.adam_epsilon
        return basis @ (mean / (1 - first**count) / size)


def adalora_penalty(tuner: Any) -> torch.Tensor:
    """Return what PEFT itself adds to the loss of a model: to one that is 0."""
    inner = tuner.model.forward
    tuner.model.forward = lambda: SimpleNamespace(loss=torch.zeros((), dtype=tuner.model.dtype))
    try:
        loss: torch.Tensor = tuner.forward().loss
        return loss
    finally:
        tuner.model.forward = inner


def take_steps(
    model: Any,
    batches: list[list[BATCH]],
    training: TrainingSpec,
    master_dtype: torch.dtype,
    draw: Callable[[int], set[int]] | None = None,
    galore: PlainGalore | None = None,
) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Train with clipping and AdamW over masters of `master_dtype`; returns losses and first gradients.

    `draw` gives the layers that train in a step; those that do no more have no moments any more. `galore`
    updates what is its own.
    """
    names, parameters = zip(*((n, p) for n, p in model.named_parameters() if p.requires_grad), strict=True)
    masters = [p.detach().to(master_dtype, copy=True) for p in parameters]
    decayed = Trainer.get_decay_parameter_names(None, model)  # type: ignore[arg-type]
    groups = [
        {
            "params": [m for n, m in zip(names, masters, strict=True) if (n in decayed) is decays],
            "weight_decay": decay,
        }
        for decays, decay in ((True, training.weight_decay), (False, 0.0))
    ]
    adam = torch.optim.AdamW(groups, eps=training.adam_epsilon, foreach=False, fused=False)
    losses, gradients = [], {}
    for step, step_batches in enumerate(batches, 1):
        loss = 0.0
        for number, layer in enumerate(model.model.layers if draw else ()):
            layer.requires_grad_(number in draw(step))
            for master, parameter in zip(masters, parameters, strict=True):
                if not parameter.requires_grad:
                    adam.state.pop(master, None)
        for batch in step_batches:
            batch_loss = sum_loss(model, batch) / num_trained(step_batches)
            batch_loss.backward()
            loss += batch_loss.item()
        allocates = hasattr(getattr(model, "base_model", None), "rankallocator")
        if allocates:
            adalora_penalty(model.base_model).backward()
        gradients = gradients or copy_gradients(model)
        for master, parameter in zip(masters, parameters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.to(master_dtype)
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(masters, training.max_grad_norm)
        for group in adam.param_groups:
            group["lr"] = scheduled_rate(RATE, step, len(batches), training)
        if galore:
            galore.step(dict(zip(names, masters, strict=True)), group["lr"], training)
        adam.step()
        with torch.no_grad():
            for master, parameter in zip(masters, parameters, strict=True):
                parameter.copy_(master)
        if allocates:
            for master, parameter in zip(masters, parameters, strict=True):
                parameter.grad = master.grad.to(parameter.dtype)
            model.base_model.update_and_allocate(step)
            for master, parameter in zip(masters, parameters, strict=True):
                parameter.grad = None
                master.data.copy_(parameter)
        losses.append(loss)
    return losses, gradients
