"""The last layer works only for the tokens whose output is asked for.

`Decoder` leaves the others out in the midst of a layer, behind the attention that needs them all, so that is
where the work stands; `Forward` names the rows.
"""

from __future__ import annotations

from typing import ClassVar

from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class AnswerRows(Speedup):
    """Leaves out what the last layer would do for tokens that carry no loss."""

    name: ClassVar[str] = "answer_rows"
    summary: ClassVar[str] = "runs the last layer behind its attention on the trained tokens alone"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)

    def apply(self, setup: Setup) -> str:
        """Have the decoder asked for the trained tokens only."""
        if any(one.dropout for one in setup.decoder.layers[-1].linears):
            raise NoEffect("LoRA dropout draws one number for each token")
        setup.forward.answer_rows_only = True
        return "the last layer's feed-forward part sees the trained tokens only"
