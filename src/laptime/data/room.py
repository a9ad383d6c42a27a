"""Whether encoded examples find room where they go: foreseen while they are made, and asked when they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from laptime.data.spool import IN_MEMORY, Chosen, Spool
from laptime.errors import UserError
from laptime.util.disk import is_full, no_room, show_size
from laptime.util.temporary import no_temporary_room, temporary_folder

SURE = 0.5  # of what is foreseen: the examples to come may be of another language, or cut


class Room:
    """Foresees how much all `examples` will take; `inputs` is the folder that keeps them, if any does."""

    def __init__(self, examples: Sequence[Any], inputs: Path | None) -> None:
        self.examples = examples
        self.inputs = inputs

    def look(self, num_bytes: int, num_done: int) -> None:
        """Raise UserError where there is surely no room for all, of which the first take `num_bytes`."""
        whole = num_bytes / (_share_before(self.examples, num_done) or 1.0)
        rest = SURE * (whole - num_bytes)
        if num_bytes + rest > IN_MEMORY and shutil.disk_usage(temporary_folder()).free < rest:
            needs = f"the encoded examples need about {show_size(whole)} while they are made"
            raise no_temporary_room(needs)
        if self.inputs and shutil.disk_usage(self.inputs).free < num_bytes + rest:
            raise _no_room_in(self.inputs, f"about {show_size(whole)}")


@contextmanager
def room_for(file: Path, num_bytes: int) -> Iterator[None]:
    """Let the block write `num_bytes` to a file of a preparation; raises UserError where they don't fit."""
    if shutil.disk_usage(file.parent).free < num_bytes:
        raise _no_room_in(file.parent, show_size(num_bytes))
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise _no_room_in(file.parent, show_size(num_bytes), error.strerror or str(error)) from None


def tell_full(error: OSError, inputs: Path) -> str:
    """Return the line for a disk that was full at anything else that a preparation wrote."""
    place = error.filename or ""
    is_ours = not place or Path(place).absolute().is_relative_to(inputs.absolute())
    name, folder = (f"--out {inputs.parent}", inputs) if is_ours else (str(place), Path(place))
    needs = "the preparation of the data has more to write"
    return str(no_room(name, folder, needs, error.strerror or ""))


def _no_room_in(inputs: Path, size: str, why: str = "") -> UserError:
    """Return the refusal of the folder of --out, which holds that of the inputs."""
    return no_room(f"--out {inputs.parent}", inputs, f"the encoded examples need {size}", why)


def _share_before(examples: Sequence[Any], num: int) -> float:
    """Return which share of all examples the first `num` are, by their bytes where these are known."""
    if isinstance(examples, (Spool, Chosen)):
        return examples.share_before(num)
    return num / len(examples)
