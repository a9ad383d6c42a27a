"""The plain parts of a layer: norm, rotation, attention and gate as transformers writes them.

The norm is Zhang and Sennrich's (2019, arXiv:1910.07467), the rotation that of Su et al. (2021,
arXiv:2104.09864) in the half-and-half layout, the gate SwiGLU (Shazeer 2020, arXiv:2002.05202). Attention is
causal and goes example by example: no example sees another, and no token is padding.

Shapes: T tokens of all examples, t of one example, D width, H heads of queries, G heads of keys and values,
E width of a head, F width between gate and up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]


def plain_norm(x_TD: torch.Tensor, weight_D: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Normalize as transformers writes it: in float32, rounded before the weight."""
    wide_TD = x_TD.float()
    wide_TD = wide_TD * torch.rsqrt(wide_TD.pow(2).mean(-1, keepdim=True) + epsilon)
    return weight_D * wide_TD.to(x_TD.dtype)


def plain_rotate(x_THE: torch.Tensor, cos_TE: torch.Tensor, sin_TE: torch.Tensor) -> torch.Tensor:
    """Rotate as transformers writes it."""
    left, right = x_THE.chunk(2, dim=-1)
    turned_THE = torch.cat((-right, left), dim=-1)
    return x_THE * cos_TE[:, None] + turned_THE * sin_TE[:, None]


def attend_examples(
    attend: Attend,
    query_THE: torch.Tensor,
    key_TGE: torch.Tensor,
    value_TGE: torch.Tensor,
    lengths: Sequence[int],
    scale: float,
) -> torch.Tensor:
    """Attend within each of the examples whose `lengths` add up to T; returns THE."""
    if len(lengths) == 1:
        return attend(query_THE, key_TGE, value_TGE, scale)
    parts = zip(
        query_THE.split(list(lengths)),
        key_TGE.split(list(lengths)),
        value_TGE.split(list(lengths)),
        strict=True,
    )
    return torch.cat([attend(query, key, value, scale) for query, key, value in parts])


def sdpa_attend(
    query_tHE: torch.Tensor, key_tGE: torch.Tensor, value_tGE: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attend through torch's scaled_dot_product_attention, which chooses the kernel."""
    query, key, value = (x.transpose(0, 1)[None] for x in (query_tHE, key_tGE, value_tGE))
    grouped = query_tHE.shape[1] != key_tGE.shape[1]
    attended = F.scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=scale, enable_gqa=grouped
    )
    return attended[0].transpose(0, 1)


def plain_gate(gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) * up, as transformers writes it."""
    return F.silu(gate_TF) * up_TF


def plain_keep(
    gated_TF: torch.Tensor, gate_TF: torch.Tensor, up_TF: torch.Tensor
) -> AbstractContextManager[Any]:
    """Return a block in which autograd keeps what it multiplies, `gated_TF` too, as it does by itself."""
    return nullcontext()
