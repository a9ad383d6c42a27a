"""The head runs on trained tokens alone, in chunks, and its gradient is made in the forward pass."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from laptime.decoder.answer_loss import answer_loss
from laptime.models.shape import FAMILIES
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

if TYPE_CHECKING:
    import torch


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
        if setup.model.config.model_type not in FAMILIES and not makes_the_logits(head, setup.model):
            raise NoEffect("the model's logits are not what its head makes of its last layer's output")
        setup.forward.head_loss = partial(loss_of_head, head)
        return f"{head.out_features} words, trained tokens only"


def loss_of_head(
    head: Any, hidden_ND: torch.Tensor, targets_N: torch.Tensor, factor: torch.Tensor | None
) -> torch.Tensor:
    """Return the summed loss; looks the weight up anew, since a tied one may be replaced."""
    return answer_loss(hidden_ND, head.weight, head.bias, targets_N, factor)


def makes_the_logits(head: Any, model: Any) -> bool:
    """Try on a few tokens whether nothing stands between body, head and logits (no scale, cap or layer)."""
    import torch

    token_ids_BT = torch.arange(4, device=model.device)[None]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            logits_BTV = model(input_ids=token_ids_BT, use_cache=False).logits
            hidden_BTD = model.get_decoder()(input_ids=token_ids_BT, use_cache=False).last_hidden_state
            return torch.equal(head(hidden_BTD).float(), logits_BTV.float())
    except (AttributeError, RuntimeError, TypeError, ValueError):  # a body that cannot be called like this
        return False
    finally:
        model.train(was_training)
