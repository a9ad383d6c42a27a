"""The sizes of a model, read from its modules: every family names and stores its layers in its own way."""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from laptime.models.shape import Shape, is_bias, layer_of

# What configurations call the number of experts that a token goes through.
EXPERTS_PER_TOKEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
    "moe_k",
)
READ_PAST = ("dt_proj", "out_proj")  # of a Mamba mixer: its kernels take the weights, not the layers


def measure_shape(model: PreTrainedModel) -> Shape:
    """Read the sizes of a model, which may be empty."""
    head, modules = model.get_output_embeddings(), dict(model.named_modules())
    sizes = {name: linear_size(module) for name, module in modules.items()}
    seen = find_text_part(model, modules)
    linears = {n: size for n, size in sizes.items() if size and (n.startswith(seen) or modules[n] is head)}
    experts = find_experts(modules)
    text: Any = model.config.get_text_config()
    embedding = model.get_input_embeddings()
    return Shape(
        architecture=type(model).__name__,
        hidden_size=getattr(text, "hidden_size", None) or embedding.weight.shape[1],
        num_layers=getattr(text, "num_hidden_layers", None) or 1 + max(map(layer_of, linears), default=0),
        vocabulary_size=getattr(text, "vocab_size", None) or embedding.weight.shape[0],
        num_parameters=sum(p.numel() for p in model.parameters()),
        linears=linears,
        head=next((name for name, module in modules.items() if module is head), None),
        model_type=text.model_type,
        experts=experts,
        experts_per_token=count_experts_per_token(text, experts),
        unwrapped=tuple(name for name in linears if is_read_past(name, modules)),
        layer_parameters=count_by_layer(model, seen),
        num_biases=sum(parameter.numel() for parameter in list_biases(model).values()),
        transposed=any(isinstance(modules[name], Conv1D) for name in linears),
    )


def count_by_layer(model: nn.Module, seen: str) -> tuple[int, ...]:
    """Return the parameters of each layer of what text passes through; () where layers have no numbers."""
    counts: dict[int, int] = {}
    for number, parameter in number_parameters(model, seen):
        if number >= 0:
            counts[number] = counts.get(number, 0) + parameter.numel()
    return (
        tuple(counts[number] for number in range(len(counts)))
        if all(map(counts.get, range(len(counts))))
        else ()
    )


def number_parameters(model: nn.Module, seen: str) -> list[tuple[int, nn.Parameter]]:
    """Return each parameter with the number of its layer, -1 outside of those that text passes through."""
    named = model.named_parameters()
    return [(layer_of(name) if name.startswith(seen) else -1, parameter) for name, parameter in named]


def list_biases(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    """Return the biases of what text passes through, and of the head, by name."""
    modules = dict(model.named_modules())
    seen, head = find_text_part(model, modules), model.get_output_embeddings()
    own = {id(parameter) for parameter in head.parameters()} if head is not None else set()
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if is_bias(name) and (name.startswith(seen) or id(parameter) in own)
    }


def find_text_part(model: PreTrainedModel, modules: dict[str, nn.Module]) -> str:
    """Return how the names begin of what text passes through: all of a model that sees or hears nothing."""
    if model.config.get_text_config() is model.config:
        return ""
    decoder = model.get_decoder()
    return next((f"{name}." for name, module in modules.items() if module is decoder and name), "")


def linear_size(module: nn.Module) -> tuple[int, int] | None:
    """Return (inputs, outputs) of a linear layer, of GPT-2's Conv1D or of a router; None for others."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):
        return module.nx, module.nf
    if is_router(module):
        weight: Any = module.weight
        return weight.shape[1], weight.shape[0]
    return None


def is_router(module: Any) -> bool:
    """Tell whether a module chooses experts by a weight of its own."""
    if not type(module).__name__.endswith("Router"):
        return False
    weight = getattr(module, "weight", None)
    return isinstance(weight, nn.Parameter) and weight.dim() == 2


def find_experts(modules: dict[str, nn.Module]) -> dict[str, tuple[int, int, int]]:
    """Return the parameters that hold the weights of several experts, with their sizes."""
    found = {}
    for name, module in modules.items():
        if "Experts" in type(module).__name__:
            for own, parameter in module.named_parameters(recurse=False):
                if parameter.dim() == 3:
                    number, one, other = parameter.shape
                    found[f"{name}.{own}"] = (number, one, other)
    return found


def count_experts_per_token(config: Any, experts: dict[str, tuple[int, int, int]]) -> int:
    """Return how many experts a token goes through: all of them where the configuration does not say."""
    if not experts:
        return 0
    most = max(number for number, _, _ in experts.values())
    said = (getattr(config, key, None) for key in EXPERTS_PER_TOKEN)
    return next((min(number, most) for number in said if isinstance(number, int)), most)


def is_read_past(name: str, modules: dict[str, nn.Module]) -> bool:
    """Tell whether a linear layer gives more than a product, or its weight is used without calling it."""
    if is_router(modules[name]):
        return True
    parent, _, own = name.rpartition(".")
    mixer = modules[parent]
    return own in READ_PAST and hasattr(mixer, "A_log") and hasattr(mixer, "D")
