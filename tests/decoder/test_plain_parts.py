"""What every attention is held to, the plain one and those of the speedups."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from laptime.decoder.plain_parts import attend_examples, sdpa_attend
from laptime.speedups.fused_blocks import expanded_attend
from laptime.speedups.short_attention import short_attend
from tests.speedups.kernels import draw

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.parametrize("attend", [sdpa_attend, expanded_attend, short_attend])
def test_no_example_sees_another(attend: Any) -> None:
    lengths = [3, 1, 4]
    query, key, value = draw(8, 4, 4), draw(8, 2, 4), draw(8, 2, 4)
    together = attend_examples(attend, query, key, value, lengths, 0.5)
    parts = zip(query.split(lengths), key.split(lengths), value.split(lengths), strict=True)
    alone = torch.cat([attend_examples(attend, *part, [len(part[0])], 0.5) for part in parts])
    torch.testing.assert_close(together, alone, rtol=0, atol=0)
