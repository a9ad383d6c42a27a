"""The shape of a model: what its cost and default learning rate depend on; no torch needed to hold it."""

from __future__ import annotations

import re

from msgspec import Struct

FAMILIES = {"llama", "mistral", "qwen2", "qwen3"}  # whose forward pass decoder/ has written out


class Shape(Struct, kw_only=True, frozen=True):
    """Sizes of a causal language model.

    `linears` maps the name of every linear layer to (inputs, outputs); `head` names the output layer.
    `experts` maps the name of every parameter that holds the weights of several experts to (experts, two
    sizes); a token goes through `experts_per_token` of them. `unwrapped` names the linear layers whose
    weights are read past the layer, so that nothing can be put around it.
    """

    architecture: str
    hidden_size: int
    num_layers: int
    vocabulary_size: int
    num_parameters: int  # tied weights counted once
    linears: dict[str, tuple[int, int]]
    head: str | None
    model_type: str = ""
    experts: dict[str, tuple[int, int, int]] = {}
    experts_per_token: int = 0
    unwrapped: tuple[str, ...] = ()
    layer_parameters: tuple[int, ...] = ()  # of each layer, from the lowest; () where layers have no numbers
    num_biases: int = 0  # numbers in all biases, those of norms included
    transposed: bool = False  # linear layers store their weights the other way round, as GPT-2's do

    @property
    def weights_per_token(self) -> dict[str, int]:
        """Count by name the weights that a token is multiplied with; a tied head counts, embeddings not."""
        counts = {name: inputs * outputs for name, (inputs, outputs) in self.linears.items()}
        return counts | {
            name: self.experts_per_token * one * other for name, (_, one, other) in self.experts.items()
        }

    @property
    def num_matmul_weights(self) -> int:
        """Count the weights that every token is multiplied with."""
        return sum(self.weights_per_token.values())

    def values_per_token(self, lowest: int = 0) -> int:
        """Count what goes into and comes out of the linear layers, for one token: the head's left out.

        Of the layers below the `lowest` that trains nothing is kept.
        """
        linears = (
            sum(size) for name, size in self.linears.items() if name != self.head and is_above(name, lowest)
        )
        experts = (one + other for name, (_, one, other) in self.experts.items() if is_above(name, lowest))
        return sum(linears) + self.experts_per_token * sum(experts)


def layer_of(name: str) -> int:
    """Return the number of the layer in a module's name, -1 for none: model.layers.12.mlp.up_proj -> 12."""
    found = re.search(r"\.(\d+)\.", name)
    return int(found[1]) if found else -1


def is_above(name: str, lowest: int) -> bool:
    """Tell whether a module lies in the layer `lowest`, above it, or in no layer."""
    return not 0 <= layer_of(name) < lowest


def is_bias(name: str) -> bool:
    """Tell by its name whether a parameter is a bias: of a layer, a norm, or of several experts."""
    return name.endswith((".bias", "_bias"))


def last_word(name: str) -> str:
    """Return a module's name within the module that holds it: model.layers.12.mlp.up_proj -> up_proj."""
    return name.rpartition(".")[2]
