"""The head runs on trained tokens alone, in chunks, and its gradient is made in the forward pass."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from laptime.decoder.answer_loss import answer_loss
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

if TYPE_CHECKING:
    import torch

# What some families do to the logits after the head.
CHANGES_OF_LOGITS = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "mup_scale",
    "lm_head_multiplier",
)


class AnswerHead(Speedup):
    """Full logits never exist, nor does their gradient."""

    name: ClassVar[str] = "answer_head"
    summary: ClassVar[str] = "runs the head on trained tokens only, in chunks, with its gradient made at once"
    claims: ClassVar[Claim] = "rounding"

    def apply(self, setup: Setup) -> str:
        """Replace head and cross-entropy."""
        head = setup.model.get_output_embeddings()
        if type(head) is not nn.Linear:
            raise NoEffect(f"the head is a {type(head).__name__}, not a plain linear layer")
        text = setup.model.config.get_text_config()
        if changed := [name for name in CHANGES_OF_LOGITS if getattr(text, name, None) not in (None, 1.0)]:
            raise NoEffect(f"the model changes its logits ({changed[0]})")
        setup.forward.head_loss = partial(loss_of_head, head)
        return f"{head.out_features} words, trained tokens only"


def loss_of_head(head: Any, hidden_ND: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor:
    """Return the summed loss; looks the weight up anew, since a tied one may be replaced."""
    return answer_loss(hidden_ND, head.weight, head.bias, targets_N)
