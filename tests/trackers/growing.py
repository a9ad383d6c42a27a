"""A comparison of which one run is under way: its record as long as a test wants it."""

from __future__ import annotations

from pathlib import Path

from laptime.runs.record import FILE_NAME
from tests.comparison.scripted import write_scripted_comparison


class Growing:
    """A scripted comparison of lora alone; `show(n)` leaves the record as it was after its nth step."""

    def __init__(self, folder: Path) -> None:
        self.folder = write_scripted_comparison(folder, {"lora": [10]})
        self.record = folder / "runs" / "lora-r1" / FILE_NAME
        self.lines = self.record.read_bytes().splitlines(keepends=True)
        self.show(0)

    def show(self, num_steps: int | None) -> None:
        """Cut the record behind a step; None: leave it whole."""
        steps = [place for place, line in enumerate(self.lines) if b'"event":"step"' in line]
        end = (
            len(self.lines) if num_steps is None else steps[0] if not num_steps else steps[num_steps - 1] + 1
        )
        self.record.write_bytes(b"".join(self.lines[:end]))
