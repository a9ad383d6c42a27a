"""How a run is made to fit the memory that is there: decided once, kept by checkpoints, said in its notes."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from laptime.memory_estimate import MemoryEstimate

KEPT = "as before it was interrupted"


class Fit(Struct, frozen=True):
    """What was decided; `micro_batch` examples go through at once where a step is cut, 0: it is not."""

    estimate: MemoryEstimate
    recomputes: bool
    notes: list[str]

    @property
    def micro_batch(self) -> int:
        """The examples of a micro-batch of a step that is cut; 0 for one that is not."""
        return self.estimate.micro_batch


def find_fit(
    asked: MemoryEstimate,
    available_bytes: int,
    recomputes: bool | None = None,
    micro_batch: int | None = None,
) -> Fit:
    """Decide for a job what makes it fit: activations recomputed first, then steps cut.

    `recomputes` and `micro_batch` were decided by an earlier attempt, however much memory was free then; None
    where there was none, or its bits are not to be those of this one.
    """
    begun = asked if recomputes is None else replace(asked, recomputes=recomputes)
    notes = []
    if why := begun.tell_recomputing(available_bytes):
        notes.append(f"activations are recomputed: {KEPT if recomputes and not asked.recomputes else why}")
    if micro_batch is None:
        estimate = begun.cut_to_fit(available_bytes)
    else:
        estimate = replace(begun, micro_batch=micro_batch)
    if why := estimate.tell_cutting(available_bytes):
        most = replace(estimate, micro_batch=0).most_at_once
        cut = f"a step's examples go through {estimate.most_at_once} at a time instead of {most}"
        notes.append(f"{cut}, for the same update: {why if micro_batch is None else KEPT}")
    return Fit(estimate, bool(begun.will_recompute(available_bytes)), notes)
