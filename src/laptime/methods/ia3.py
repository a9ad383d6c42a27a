"""(IA)3 (Liu et al. 2022, arXiv:2205.05638): scales of keys, values and inner units train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from laptime.methods.adapter import (
    ADAPTER_BYTES,
    Adapter,
    are_transposed,
    choose_named,
    find_words,
    list_body,
)
from laptime.methods.method import Cost
from laptime.models.shape import Shape, last_word
from laptime.spec import Options

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RATE = (
    1e-2  # whatever the width, for what trains begins at 1; PEFT's examples have 5e-3, stories260K wants more
)
# The last layer of a feed-forward part, of which what goes in is scaled.
FEED_FORWARD = ("down_proj", "fc2", "c_proj", "w2", "dense_4h_to_h", "fc_out", "wo")


class Ia3Options(Options, frozen=True):
    """(IA)3's options."""

    ia3_targets: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Layers that are scaled: keys, values, the last feed-forward one."),
    ] = ("k_proj", "v_proj", "down_proj")


class Ia3(Adapter):
    """The fewest numbers of all: a scale for each key, value and inner unit."""

    name: ClassVar[str] = "ia3"
    summary: ClassVar[str] = "trains scales of keys, values and inner units, and nothing else"
    paper: ClassVar[str] = "arXiv:2205.05638"
    options_type: ClassVar[type[Options]] = Ia3Options
    targets_flag: ClassVar[str] = "--ia3-targets"
    options: Ia3Options

    def learning_rate(self, shape: Shape) -> float:
        """The same for models of any width."""
        return RATE

    def targets(self, shape: Shape) -> dict[str, int]:
        """Return how many scales each layer gets; raises UserError for a name that means none."""
        body = {n: size for n, size in list_body(shape, self.name).items() if n not in shape.experts}
        named = choose_named(body, self.options.ia3_targets, self.targets_flag)
        return {name: body[name][1 if last_word(name) in FEED_FORWARD else 2] for name in named}

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """Scales are no products; the gradient goes through all layers."""
        scales = sum(self.targets(shape).values())
        return Cost(
            trainable_parameters=scales,
            saved_bytes=scales * ADAPTER_BYTES,
            flops_per_token=4.0 * shape.num_matmul_weights,
        )

    def peft_config(self, model: PreTrainedModel, shape: Shape) -> Any:
        """Return (IA)3's configuration."""
        from peft import IA3Config

        modules = set(self.targets(shape))
        words, others = find_words(model, modules)
        return IA3Config(
            target_modules=words,
            exclude_modules=others or None,
            feedforward_modules=[word for word in words if word in FEED_FORWARD],
            fan_in_fan_out=are_transposed(model, modules),
            task_type="CAUSAL_LM",
        )
