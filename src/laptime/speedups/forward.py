"""From a batch to its summed loss: through the model's own code, or through the parts that speedups chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from laptime.decoder.own_tokens import put_before

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from laptime.data.batches import Batch
    from laptime.decoder.decoder import Decoder
    from laptime.decoder.prefix import Prefix

# (hidden_ND, targets_N, factor) -> scalar
HeadLoss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]

# (token_ids_T, number of trained tokens) -> hidden_TD
Embed = Callable[[torch.Tensor, int], torch.Tensor]


class Forward:
    """The forward pass of one run; what is None is left to the model's own code."""

    def __init__(self, model: PreTrainedModel, own_VD: torch.Tensor | None = None) -> None:
        self.model = model
        self.own_VD = own_VD  # embeddings that the method puts before each example
        self.decoder: Decoder | None = None
        self.prefix: Prefix | None = None
        self.head_loss: HeadLoss | None = None
        self.answer_rows_only = False
        self.embed: Embed | None = None  # where the decoder does not look tokens up itself
        self.root: Callable[..., torch.Tensor] | None = None  # around it all, where weights must be gathered

    def sum_loss(self, batch: Batch, factor: torch.Tensor | None = None) -> torch.Tensor:
        """Return the cross-entropy summed over the trained tokens of a batch, in float32.

        Only the logits that predict a trained token (N of them, V words each) become float32. `factor` is
        what the sum will be multiplied with before its backward pass: some make their gradient at once.
        """
        if self.root is not None:
            return self.root(batch, factor)
        return self.sum_loss_here(batch, factor)

    def sum_loss_here(self, batch: Batch, factor: torch.Tensor | None = None) -> torch.Tensor:
        """Do what `sum_loss` says, where the weights are there."""
        if self.decoder is None and self.head_loss is None:
            logits_BTV = self.model(
                input_ids=batch.token_ids_BT, attention_mask=batch.attention_mask_BT, use_cache=False
            ).logits
            logits_BTV = logits_BTV[:, -batch.token_ids_BT.shape[1] :]  # a method may put tokens before them
            logits_NV = logits_BTV.flatten(0, 1).index_select(0, batch.positions_N).float()
            return F.cross_entropy(logits_NV, batch.targets_N, reduction="sum")
        hidden_ND = self._decode(batch)
        if self.head_loss is not None:
            return self.head_loss(hidden_ND, batch.targets_N, factor)
        logits_NV = self.model.get_output_embeddings()(hidden_ND.to(self.model.dtype)).float()
        return F.cross_entropy(logits_NV, batch.targets_N, reduction="sum")

    def _decode(self, batch: Batch) -> torch.Tensor:
        """Return the hidden states that predict the trained tokens, NxD."""
        decoder, rows_N, lengths = self.decoder, batch.positions_N, batch.segments
        if decoder is None:
            return self._call_body(batch).flatten(0, 1).index_select(0, rows_N)
        first = 0
        if self.prefix is None:
            token_ids_T = batch.token_ids_BT.flatten()
            hidden_TD = self.embed(token_ids_T, len(rows_N)) if self.embed else decoder.embed(token_ids_T)
        else:
            first, hidden_TD = self.prefix.num_layers, self.prefix.run(batch)
        if self.own_VD is not None:
            hidden_TD, lengths, rows_N = put_before(self.own_VD, hidden_TD, lengths, rows_N)
        only_rows_N = rows_N if self.answer_rows_only else None
        hidden_TD = decoder.run_layers(hidden_TD, lengths, first, rows_N=only_rows_N)
        hidden_ND = hidden_TD if only_rows_N is not None else hidden_TD.index_select(0, rows_N)
        return decoder.finish(hidden_ND)

    def _call_body(self, batch: Batch) -> torch.Tensor:
        """Return the hidden states of all tokens of a batch by the model's own code, BxTxD."""
        body, ids_BT, mask_BT = self.model.get_decoder(), batch.token_ids_BT, batch.attention_mask_BT
        if self.own_VD is None:
            given: dict[str, torch.Tensor] = {"input_ids": ids_BT}
        else:
            words_BTD = body.get_input_embeddings()(ids_BT)
            own_BVD = self.own_VD.expand(len(ids_BT), -1, -1).to(words_BTD.dtype)
            given = {"inputs_embeds": torch.cat([own_BVD, words_BTD], dim=1)}
            mask_BT = None if mask_BT is None else F.pad(mask_BT, (len(self.own_VD), 0), value=1)
        hidden_BTD = body(**given, attention_mask=mask_BT, use_cache=False).last_hidden_state
        return hidden_BTD[:, -ids_BT.shape[1] :]

    def end_training(self) -> None:
        """Let go of what only training needs."""
        if self.prefix is not None and self.prefix.store is not None:
            self.prefix.store.close()
            self.prefix.store = None
