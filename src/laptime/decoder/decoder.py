"""The forward pass of a decoder of the Llama family, written out over the weights of a loaded model.

Examples stand one after another without padding; every part (norm, rotation, attention, projections,
gate) is a function that a speedup may replace. The model itself is not touched: it is called through
its own code wherever nothing is to be fast.

Shapes: T tokens of all examples of a batch, N of them trained, D width, H heads, E width of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from laptime.decoder.adapted_layers import take_apart
from laptime.decoder.linear_layers import Linear, call_modules
from laptime.decoder.plain_parts import (
    Attend,
    attend_examples,
    plain_gate,
    plain_keep,
    plain_norm,
    plain_rotate,
    sdpa_attend,
)
from laptime.models.config_shape import find_unknown_part

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ATTENTION_GROUPS = (("q_proj", "k_proj", "v_proj"), ("o_proj",))
FEED_FORWARD_GROUPS = (("gate_proj", "up_proj"), ("down_proj",))

Project = Callable[[torch.Tensor, Sequence[Linear]], list[torch.Tensor]]
# (query_THE, key_TGE, value_TGE, (cos_TE, sin_TE), lengths, scale) -> THE
Mix = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor], Sequence[int], float],
    torch.Tensor,
]
# (gated_TF, gate_TF, up_TF) -> the block in which the gated values are multiplied with the next weight
KeepGated = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], AbstractContextManager[Any]]


class Layer:
    """One layer taken apart."""

    def __init__(self, module: Any) -> None:
        self.module = module
        attention, feed_forward = module.self_attn, module.mlp
        self.qkv, self.out = (take_group(attention, names) for names in ATTENTION_GROUPS)
        self.gate_up, self.down = (take_group(feed_forward, names) for names in FEED_FORWARD_GROUPS)
        self.query_norm = getattr(attention, "q_norm", None)
        self.key_norm = getattr(attention, "k_norm", None)
        self.head_width: int = attention.head_dim
        self.scale: float = attention.scaling

    @property
    def linears(self) -> list[Linear]:
        """Every linear layer in it."""
        return [*self.qkv, *self.out, *self.gate_up, *self.down]


class UnknownLayerError(Exception):
    """A layer is not made of the parts that this code knows; the message says which."""


def take_group(module: Any, names: Sequence[str]) -> list[Linear]:
    """Take apart the linear layers `names` of `module`; raises UnknownLayerError."""
    found: list[Linear] = []
    for name in names:
        layer = getattr(module, name)
        part = take_apart(layer)
        if part is None:
            kind = type(layer)
            raise UnknownLayerError(f"{name} is a {kind.__module__}.{kind.__qualname__} of an unknown kind")
        found.append(part)
    return found


class Decoder:
    """Runs the layers of a model from token ids, or from the output of a lower layer."""

    def __init__(self, model: PreTrainedModel) -> None:
        body = model.get_decoder()
        self.body: Any = body
        self.layers = [Layer(module) for module in body.layers]
        self.norm = plain_norm
        self.rotate = plain_rotate
        self.gate = plain_gate
        self.keep_gated: KeepGated = plain_keep
        self.attend: Attend = sdpa_attend
        self.mix: Mix | None = None  # rotates and attends at once, where a speedup knows how
        self.project: Project = call_modules
        self.dtype: torch.dtype = model.dtype  # of the activations
        self.recomputes = False
        self.run_layer: Callable[..., torch.Tensor] = self._run_layer

    def call_through_modules(self) -> None:
        """Run each layer by calling its module, so that hooks around it are heard."""
        for layer in self.layers:
            layer.module.forward = partial(self._run_anew, layer)
            layer.module.gradient_checkpointing = False  # what recomputes is here
        self.run_layer = lambda layer, *args: layer.module(*args)

    def _run_anew(self, layer: Layer, *args: Any) -> torch.Tensor:
        """Run a layer whose parameters may be others than they were."""
        for one in layer.linears:
            module: Any = one.module
            one.weight, one.bias_N = type(one.weight)(module.weight), module.bias
        return self._run_layer(layer, *args)

    def num_frozen_layers(self) -> int:
        """Count the layers from below in which nothing trains; 0 when the embedding trains."""
        if self.body.embed_tokens.weight.requires_grad:
            return 0
        trains = [any(p.requires_grad for p in layer.module.parameters()) for layer in self.layers]
        return trains.index(True) if True in trains else 0

    def embed(self, token_ids_T: torch.Tensor) -> torch.Tensor:
        """Look up the tokens; returns TxD."""
        module = self.body.embed_tokens  # its padding token learns nothing, inside an example too
        return F.embedding(token_ids_T, module.weight, module.padding_idx).to(self.dtype)

    def run_layers(
        self,
        hidden_TD: torch.Tensor,
        lengths: Sequence[int],
        first: int = 0,
        last: int | None = None,
        rows_N: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Run layers first..last-1; `rows_N` are the tokens whose output the caller wants, all if None."""
        angles = self._angles(hidden_TD, lengths)
        layers = self.layers[first:last]
        for index, layer in enumerate(layers):
            wanted_N = rows_N if index == len(layers) - 1 else None
            if self.recomputes and torch.is_grad_enabled():
                hidden_TD = checkpoint(
                    self.run_layer, layer, hidden_TD, angles, lengths, wanted_N, use_reentrant=False
                )
            else:
                hidden_TD = self.run_layer(layer, hidden_TD, angles, lengths, wanted_N)
        return hidden_TD

    def finish(self, hidden_TD: torch.Tensor) -> torch.Tensor:
        """Apply the last norm."""
        return self._normalize(hidden_TD, self.body.norm)

    def _angles(self, hidden_TD: torch.Tensor, lengths: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cos and sin, TxE; the positions of every example begin at 0."""
        positions_T = torch.cat([torch.arange(length, device=hidden_TD.device) for length in lengths])
        cos, sin = self.body.rotary_emb(hidden_TD[None], position_ids=positions_T[None])
        return cos[0], sin[0]

    def _run_layer(
        self,
        layer: Layer,
        hidden_TD: torch.Tensor,
        angles: tuple[torch.Tensor, torch.Tensor],
        lengths: Sequence[int],
        rows_N: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return the output of one layer, of the tokens `rows_N` alone where they are given."""
        normed_TD = self._normalize(hidden_TD, layer.module.input_layernorm)
        attended_TD = self._attend(layer, normed_TD, angles, lengths)
        if rows_N is not None:
            attended_TD, hidden_TD = attended_TD[rows_N], hidden_TD[rows_N]
        hidden_TD = hidden_TD + self.project(attended_TD, layer.out)[0]
        normed_TD = self._normalize(hidden_TD, layer.module.post_attention_layernorm)
        gate_TF, up_TF = self.project(normed_TD, layer.gate_up)
        gated_TF = self.gate(gate_TF, up_TF)
        with self.keep_gated(gated_TF, gate_TF, up_TF):
            return hidden_TD + self.project(gated_TF, layer.down)[0]

    def _attend(
        self,
        layer: Layer,
        normed_TD: torch.Tensor,
        angles: tuple[torch.Tensor, torch.Tensor],
        lengths: Sequence[int],
    ) -> torch.Tensor:
        """Return what the heads gathered, T x (H E)."""
        query, key, value = (
            projected.unflatten(-1, (-1, layer.head_width))
            for projected in self.project(normed_TD, layer.qkv)
        )
        if layer.query_norm is not None and layer.key_norm is not None:
            query, key = self._normalize(query, layer.query_norm), self._normalize(key, layer.key_norm)
        if self.mix is not None:
            return self.mix(query, key, value, angles, lengths, layer.scale).flatten(1)
        query, key = self.rotate(query, *angles), self.rotate(key, *angles)
        return attend_examples(self.attend, query, key, value, lengths, layer.scale).flatten(1)

    def _normalize(self, x: torch.Tensor, module: Any) -> torch.Tensor:
        """Apply one of the model's norms."""
        return self.norm(x, module.weight, module.variance_epsilon)


def reason_against(model: PreTrainedModel, longest: int) -> str | None:
    """Say why the layers of `model` cannot be run by `Decoder` on examples of up to `longest` tokens."""
    config = model.config
    dropout = getattr(config, "attention_dropout", 0.0)
    if unknown := find_unknown_part(config.model_type, getattr(config, "hidden_act", ""), dropout):
        return unknown
    window = getattr(config, "sliding_window", None)
    if window is not None and window < longest and getattr(config, "use_sliding_window", True):
        return f"examples are longer than the attention window of {window} tokens"
    try:
        Decoder(model)
    except (UnknownLayerError, AttributeError) as error:
        return f"a layer is not as expected ({error})"
    return None
