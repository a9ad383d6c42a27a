"""Tokens of a method's own, which stand before each example and are no words: they are what it trains.

Shapes: V own tokens, T tokens of all examples of a batch, N of them trained, B examples, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch


def put_before(
    own_VD: torch.Tensor, hidden_TD: torch.Tensor, lengths: Sequence[int], rows_N: torch.Tensor
) -> tuple[torch.Tensor, list[int], torch.Tensor]:
    """Return the states with own tokens before each example, the new lengths, and where the rows are now.

    They are cast anew for each example, so that their gradients add up in their own format.
    """
    parts = [part for one_tD in hidden_TD.split(list(lengths)) for part in (own_VD.to(one_tD.dtype), one_tD)]
    ends = torch.tensor(lengths, device=rows_N.device).cumsum(0)
    num_before_N = (torch.searchsorted(ends, rows_N, right=True) + 1) * len(own_VD)
    return torch.cat(parts), [length + len(own_VD) for length in lengths], rows_N + num_before_N
