"""The head runs on trained tokens alone, a chunk at a time, and its gradient is made in the forward pass.

The logits of all tokens never exist: a chunk's logits become its loss and the gradient of its hidden
states, and are gone. That gradient is made as large as the backward pass wants it: made for the plain sum
and enlarged by the loss scale afterwards, float16 would have lost the words of small odds on the way.

Shapes: N trained tokens, n of a chunk, m whose softmax is made at a time, D width, V words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn
from torch.autograd import Function

from laptime.decoder.linear_layers import Weight
from laptime.models.shape import FAMILIES
from laptime.speedups.float32_products import weight_for
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

CHUNK_TOKENS = 256  # float32 logits of 128,256 words: 131 MB
SOFTMAX_TOKENS = 32  # of a chunk at a time, so that its logits exist once

# (logits_nV, targets_n, whether the logits are to become their gradient, factor) -> losses_n in float32
Soften = Callable[[torch.Tensor, torch.Tensor, bool, torch.Tensor | None], torch.Tensor]

Weigh = Callable[[torch.Tensor, torch.dtype], Weight]


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
    head: Any,
    hidden_ND: torch.Tensor,
    targets_N: torch.Tensor,
    factor: torch.Tensor | None,
    **parts: Any,
) -> torch.Tensor:
    """Return the summed loss; looks the weight up anew, since a tied one may be replaced."""
    return answer_loss(hidden_ND, head.weight, head.bias, targets_N, factor, **parts)


def makes_the_logits(head: Any, model: Any) -> bool:
    """Try on a few tokens whether nothing stands between body, head and logits (no scale, cap or layer)."""
    token_ids_BT = torch.arange(4, device=model.device)[None]
    if hasattr(model, "get_base_model"):
        model = model.get_base_model()  # without what a method puts before the tokens
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


def answer_loss(
    hidden_ND: torch.Tensor,
    weight_VD: torch.Tensor,
    bias_V: torch.Tensor | None,
    targets_N: torch.Tensor,
    factor: torch.Tensor | None = None,
    soften: Soften | None = None,
    weigh: Weigh | None = None,
) -> torch.Tensor:
    """Return the cross-entropy summed over N tokens, in float32.

    `factor`, in float32, is what the sum will be multiplied with before its backward pass; None for 1.
    `soften` makes losses and gradients of logits, `soften_rows` if None; `weigh` says how the weight is
    multiplied, `weight_for` if None.
    """
    if not torch.is_grad_enabled():  # autograd tells a function what can train, wanted or not
        hidden_ND, weight_VD = hidden_ND.detach(), weight_VD.detach()
        bias_V = None if bias_V is None else bias_V.detach()
    return AnswerLoss.apply(
        hidden_ND, weight_VD, bias_V, targets_N, factor, soften or soften_rows, weigh or weight_for
    )


class AnswerLoss(Function):
    """sum_i logsumexp(W h_i) - (W h_i)[target_i]; its gradients are softmax minus one-hot, times W or h."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: torch.Tensor,
        weight_VD: torch.Tensor,
        bias_V: torch.Tensor | None,
        targets_N: torch.Tensor,
        factor: torch.Tensor | None,
        soften: Soften,
        weigh: Weigh,
    ) -> torch.Tensor:
        """Make loss and gradients, chunk by chunk."""
        weight = weigh(weight_VD, hidden_ND.dtype)
        needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        total = hidden_ND.new_zeros((), dtype=torch.float32)
        grads_ND: list[torch.Tensor] = []
        grad_VD: torch.Tensor | None = None
        grad_V = torch.zeros_like(bias_V) if needs_bias and bias_V is not None else None
        for hidden_nD, targets_n in zip(
            hidden_ND.split(CHUNK_TOKENS), targets_N.split(CHUNK_TOKENS), strict=True
        ):
            grad_nV = weight.forward(hidden_nD)
            if bias_V is not None:
                grad_nV += bias_V
            total += soften(grad_nV, targets_n, any(ctx.needs_input_grad), factor).sum()
            if needs_hidden:
                grads_ND.append(weight.backward(grad_nV))
            if needs_weight:
                grad_VD = weight.gradient(grad_nV, hidden_nD, grad_VD)
            if grad_V is not None:
                grad_V += grad_nV.sum(0)
        ctx.save_for_backward(torch.cat(grads_ND) if grads_ND else None, grad_VD, grad_V, factor)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """Scale what the forward pass has made, by 1 where it knew the factor."""
        *made, factor = ctx.saved_tensors
        enlarge(made, factor, grads[0])
        return *made, None, None, None, None


def enlarge(made: Sequence[torch.Tensor | None], factor: torch.Tensor | None, wanted: torch.Tensor) -> None:
    """Make gradients that were made for `factor` times the loss those of `wanted` times the loss."""
    missing = wanted if factor is None else wanted / factor
    if missing.device.type != "cpu" or missing != 1:  # to ask a GPU would be to wait for it
        for gradient in made:
            if gradient is not None:
                gradient.mul_(missing.to(gradient.dtype))


def soften_rows(
    logits_nV: torch.Tensor, targets_n: torch.Tensor, needs_gradient: bool, factor: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the losses of a chunk, n, in float32.

    The gradient of `factor` times the loss takes the place of the logits, some rows at a time.
    """
    losses: list[torch.Tensor] = []
    for rows_mV, targets_m in zip(
        logits_nV.split(SOFTMAX_TOKENS), targets_n.split(SOFTMAX_TOKENS), strict=True
    ):
        log_odds_mV = torch.log_softmax(rows_mV, -1, dtype=torch.float32)
        losses.append(-log_odds_mV.gather(1, targets_m[:, None])[:, 0])
        if needs_gradient:
            odds_mV = log_odds_mV.exp_()
            odds_mV.scatter_add_(1, targets_m[:, None], odds_mV.new_full((len(targets_m), 1), -1.0))
            rows_mV.copy_(odds_mV if factor is None else odds_mV.mul_(factor))
    return torch.cat(losses)
