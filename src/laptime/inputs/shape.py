"""The shape of a model: what its cost and default learning rate depend on; no torch needed to hold it."""

from __future__ import annotations

from msgspec import Struct


class Shape(Struct, kw_only=True, frozen=True):
    """Sizes of a causal language model.

    `linears` maps the name of every linear layer to (inputs, outputs); `head` names the output layer.
    """

    architecture: str
    hidden_size: int
    num_layers: int
    vocabulary_size: int
    num_parameters: int  # tied weights counted once
    linears: dict[str, tuple[int, int]]
    head: str | None

    @property
    def num_matmul_weights(self) -> int:
        """Count the weights that every token is multiplied with (a tied head counts, embeddings do not)."""
        return sum(inputs * outputs for inputs, outputs in self.linears.values())
