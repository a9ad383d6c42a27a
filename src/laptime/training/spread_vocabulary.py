"""The rows of a spread model's vocabulary stay where they are: the tokens travel instead.

To gather embedding and head costs each process the whole matrix, its gradient, and what is exchanged of both:
the largest part of a small model's memory. Here each process looks up and scores its own rows for the tokens
of all; what is exchanged are hidden states, the halves of a softmax, and the gradients of hidden states. The
gradient of a row is made where the row is, of all tokens, and needs no exchange (Megatron-LM's parallel
vocabulary, Shoeybi et al. 2019, arXiv:1909.08053).

Shapes: S processes; T tokens here, t of the process with the most; D width; V words, of which R here; N
trained tokens here, n of the process with the most, c of all processes' trained tokens at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import torch
from torch import nn
from torch.autograd import Function

from laptime.data.encoded import EncodedData
from laptime.decoder.decoder import reason_against
from laptime.decoder.linear_layers import Weight, add_product
from laptime.spec import TrainingSpec
from laptime.speedups.answer_head import CHUNK_TOKENS, SOFTMAX_TOKENS, enlarge
from laptime.startup.speedup_switches import is_wanted
from laptime.training.sharding import boundaries, take_rows
from laptime.training.team import Team

MOST_TOKENS = 0.25  # of all processes, for each word: with more it is cheaper to gather the rows
NOBODY = -1  # a place that only fills up


class SpreadVocabulary:
    """Embedding and head of a model, of which this process has some rows."""

    def __init__(self, model: Any, team: Team, compute: torch.dtype, device: torch.device) -> None:
        self.team = team
        self.compute = compute
        embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
        self.num_words = embedding.num_embeddings
        self.padding: int | None = embedding.padding_idx
        self.first = [0, *boundaries(self.num_words, team.size)][team.rank]
        is_tied = head.weight is embedding.weight
        embedding.weight = self.keep_rows(embedding.weight, device)
        head.weight = embedding.weight if is_tied else self.keep_rows(head.weight, device)
        self.embedding_RD: nn.Parameter = embedding.weight
        self.head_RD: nn.Parameter = head.weight
        self.most_trained = 0  # n of the batch that is looked up
        self._anchor = torch.zeros((), device=device, requires_grad=True)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What it has taken out of the model: one parameter where both are the same."""
        return [*dict.fromkeys([self.embedding_RD, self.head_RD])]

    def keep_rows(self, weight_VD: torch.Tensor, device: torch.device) -> nn.Parameter:
        """Return this process's rows, in float32."""
        own_RD = take_rows(weight_VD.detach(), self.team.rank, self.team.size)
        return nn.Parameter(own_RD.to(device, torch.float32, copy=True), weight_VD.requires_grad)

    def embed(self, token_ids_T: torch.Tensor, num_trained: int) -> torch.Tensor:
        """Look up the tokens; returns TxD. All processes must call it, each for a batch of its own."""
        most_tokens, self.most_trained = self.team.agree_on([len(token_ids_T), num_trained])
        return Lookup.apply(self._anchor, token_ids_T, most_tokens, self)

    def sum_loss(
        self, hidden_ND: torch.Tensor, targets_N: torch.Tensor, factor: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the cross-entropy summed over this process's tokens, as `answer_loss` does."""
        return SpreadLoss.apply(hidden_ND, self.head_RD, targets_N, factor, self)

    def find_rows(self, token_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the places of tokens among the rows here, and which of them are here; places are valid."""
        places = token_ids - self.first
        is_here = (places >= 0) & (places < len(self.embedding_RD))
        return places.where(is_here, 0), is_here

    def gather(self, own: torch.Tensor, most: int, filling: int = 0) -> torch.Tensor:
        """Return the rows of all processes, one behind another, each filled up to `most`."""
        padded = own.new_full((most, *own.shape[1:]), filling)
        padded[: len(own)] = own
        return torch.cat(self.team.gather(padded))

    def own_part(self, everybody: torch.Tensor, most: int, num_own: int) -> torch.Tensor:
        """Return what of the rows of all processes is this one's."""
        begin = self.team.rank * most
        return everybody[begin : begin + num_own]


class Lookup(Function):
    """Row by token id; the gradient of a row is the sum of those of its tokens, whoever has them."""

    @staticmethod
    def forward(
        ctx: Any, anchor: torch.Tensor, token_ids_T: torch.Tensor, most: int, vocabulary: SpreadVocabulary
    ) -> torch.Tensor:
        """Sum what the processes have: of each token one has the row, all others give zeros."""
        token_ids_St = vocabulary.gather(token_ids_T, most, NOBODY)
        places_St, is_here_St = vocabulary.find_rows(token_ids_St)
        rows_StD = vocabulary.embedding_RD.index_select(0, places_St) * is_here_St[:, None]
        vocabulary.team.sum_tensor(rows_StD)
        if vocabulary.padding is not None:  # its row learns nothing
            is_here_St &= token_ids_St != vocabulary.padding
        ctx.vocabulary, ctx.most = vocabulary, most
        ctx.save_for_backward(places_St, is_here_St)
        return vocabulary.own_part(rows_StD, most, len(token_ids_T)).to(vocabulary.compute)

    @staticmethod
    def backward(ctx: Any, *grads_TD: torch.Tensor) -> Any:
        """Add the gradients where the rows are: a head that is the same matrix has left its own there."""
        places_St, is_here_St = ctx.saved_tensors
        weight_RD = ctx.vocabulary.embedding_RD
        if weight_RD.requires_grad:
            grads_StD = ctx.vocabulary.gather(grads_TD[0], ctx.most).float() * is_here_St[:, None]
            if weight_RD.grad is None:
                weight_RD.grad = torch.zeros_like(weight_RD)
            weight_RD.grad.index_add_(0, places_St, grads_StD)
        return None, None, None, None


class SpreadLoss(Function):
    """The loss of `answer_loss` over rows that several processes have: its gradients are made at once."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: torch.Tensor,
        weight_RD: torch.Tensor,
        targets_N: torch.Tensor,
        factor: torch.Tensor | None,
        vocabulary: SpreadVocabulary,
    ) -> torch.Tensor:
        """Score the tokens of all processes, some at a time."""
        most, team = vocabulary.most_trained, vocabulary.team
        hidden_SnD = vocabulary.gather(hidden_ND, most)
        targets_Sn = vocabulary.gather(targets_N, most, NOBODY)
        weight = Weight(weight_RD.to(hidden_ND.dtype))
        grad_SnD = torch.zeros_like(hidden_SnD, dtype=torch.float32)
        grad_RD: torch.Tensor | None = None
        losses_Sn: list[torch.Tensor] = []
        for grad_cD, hidden_cD, targets_c in zip(
            *(one.split(CHUNK_TOKENS) for one in (grad_SnD, hidden_SnD, targets_Sn)), strict=True
        ):
            losses_c, grad_cR = score(weight, hidden_cD, targets_c, factor, vocabulary)
            losses_Sn.append(losses_c)
            grad_cD.copy_(weight.backward(grad_cR))
            grad_RD = add_product(grad_RD, grad_cR.t(), hidden_cD)
        team.sum_tensor(grad_SnD)
        grad_ND = vocabulary.own_part(grad_SnD, most, len(hidden_ND)).to(hidden_ND.dtype)
        grad_RD = torch.zeros_like(weight_RD) if grad_RD is None else grad_RD.to(weight_RD.dtype)
        ctx.save_for_backward(grad_ND, grad_RD, factor)
        losses = torch.cat(losses_Sn) if losses_Sn else hidden_ND.new_zeros(0, dtype=torch.float32)
        return vocabulary.own_part(losses, most, len(hidden_ND)).sum()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """Scale what the forward pass has made, by 1 where it knew the factor."""
        *made, factor = ctx.saved_tensors
        enlarge(made, factor, grads[0])
        return *made, None, None, None


def score(
    weight: Weight,
    hidden_cD: torch.Tensor,
    targets_c: torch.Tensor,
    factor: torch.Tensor | None,
    vocabulary: SpreadVocabulary,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each token, and the gradient of its logits by the rows here, cR.

    Of a softmax over all words each process has the largest logit of its own, the sum of their odds to that
    one, and perhaps the target's: three numbers a token are exchanged. The odds are made of them as
    log_softmax makes them, so that they differ from those of one process by a factor for each token at most.
    """
    logits_cR = weight.forward(hidden_cD).float()
    places_c, is_here_c = vocabulary.find_rows(targets_c)
    top_c = logits_cR.amax(1)
    sum_c = torch.cat(
        [(rows_mR - top_m1).exp_().sum(1) for rows_mR, top_m1 in split(logits_cR, top_c[:, None])]
    )
    target_c = logits_cR.gather(1, places_c[:, None])[:, 0] * is_here_c
    tops, sums, targets = torch.stack(vocabulary.team.gather(torch.stack([top_c, sum_c, target_c])), 1)
    highest_c = tops.amax(0)
    rest_c = (sums * (tops - highest_c).exp()).sum(0).log()
    is_token_c = targets_c != NOBODY
    losses_c = (rest_c - (targets.sum(0) - highest_c)) * is_token_c
    odds_cR = logits_cR.sub_(highest_c[:, None]).sub_(rest_c[:, None]).exp_()
    odds_cR.scatter_add_(1, places_c[:, None], -is_here_c.to(odds_cR.dtype)[:, None])
    size_c = is_token_c if factor is None else is_token_c * factor
    return losses_c, odds_cR.mul_(size_c[:, None]).to(hidden_cD.dtype)


def split(*tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield some rows of each at a time."""
    return zip(*(one.split(SOFTMAX_TOKENS) for one in tensors), strict=True)


def tell_why_gathered(
    model: Any, encoded: EncodedData, training: TrainingSpec, num_ranks: int, micro_batch: int = 0
) -> str:
    """Return why embedding and head of a model are gathered instead, as a phrase; "" where they need not be.

    Tokens can travel only where the head's loss and the layers are Laptime's own.
    """
    options = msgspec.structs.asdict(training)
    if off := [name for name in ("answer_head", "fused_blocks") if not is_wanted(name, options)]:
        return f"{off[0]} is switched off"
    if reason := reason_against(model, encoded.longest):
        return reason
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if type(embedding) is not nn.Embedding or embedding.max_norm is not None or embedding.scale_grad_by_freq:
        return "the embedding is more than a table"
    if type(head) is not nn.Linear or head.bias is not None or head.out_features != embedding.num_embeddings:
        return "the head is no plain linear layer over the same words"
    num_words, lengths = embedding.num_embeddings, encoded.examples.lengths
    if [0, *boundaries(num_words, num_ranks)][-1] >= num_words:
        return f"{num_words} words are too few for {num_ranks} processes"
    most_tokens = int(lengths.max()) * min(micro_batch or training.batch_size, len(lengths)) * num_ranks
    if most_tokens > MOST_TOKENS * num_words:
        return f"{most_tokens} tokens at a time are many for {num_words} words"
    return ""
