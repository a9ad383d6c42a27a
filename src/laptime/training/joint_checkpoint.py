"""A checkpoint that several processes write together: each its parts, one manifest when all are on the disk.

What fails in one fails in all, with its own message there and a general one elsewhere: nobody waits for a
process that has given up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from laptime.training.checkpoint import (
    State,
    Tensors,
    finish_checkpoint,
    make_place,
    name_file,
    write_parts,
)
from laptime.training.sharding import boundaries, take_rows
from laptime.training.team import Team
from laptime.training.tensor_file import FileFacts
from laptime.util.atomic import ASIDE, hidden, whole_folder

DIGEST_BYTES = 32


def write_together(
    home: Path, state: State, tensors: Tensors, offsets: Mapping[str, Sequence[int]], team: Team
) -> Path:
    """Write a checkpoint below `home`, this process's parts of it, and return its folder.

    All processes of the team must call it. Raises OSError in all of them, leaving no trace.
    """
    folder = home / f"step-{state.step:08d}"
    facts: dict[str, FileFacts] = {}
    with ExitStack() as stack:
        with agreed(team):
            if team.leads:
                stack.enter_context(whole_folder(make_place(home, state.step)))
        aside = hidden(folder, ASIDE)
        with agreed(team):
            facts = write_parts(aside, tensors, offsets, team.rank)
        facts = gather_facts(facts, team)
        with agreed(team):
            if team.leads:
                finish_checkpoint(aside, state, facts)
                stack.close()  # the folder gets its name
    return folder


@contextmanager
def agreed(team: Team) -> Iterator[None]:
    """Do a part that may fail; raises OSError where it has failed in any process."""
    failure: OSError | None = None
    try:
        yield
    except OSError as error:
        failure = error
    if team.agree_on([int(failure is not None)])[0]:
        raise failure or OSError("another process could not write its part")


def gather_facts(facts: Mapping[str, FileFacts], team: Team) -> dict[str, FileFacts]:
    """Return size and digest of the files of all processes; each has those of its own."""
    gathered = dict(facts)
    for part in ("weights", "optimizer"):
        own = facts[name_file(part, team.rank)]
        content = own.num_bytes.to_bytes(8, "little") + bytes.fromhex(own.sha256)
        for rank, one in enumerate(team.gather(torch.frombuffer(bytearray(content), dtype=torch.uint8))):
            raw = bytes(one.tolist())
            gathered[name_file(part, rank)] = FileFacts(
                num_bytes=int.from_bytes(raw[:8], "little"), sha256=raw[8:].hex()
            )
    return gathered


class OwnRows(Mapping[str, torch.Tensor]):
    """Whole tensors as one rank holds them: its rows of each."""

    def __init__(self, whole: Mapping[str, torch.Tensor], rank: int, num_ranks: int) -> None:
        self.whole = whole
        self.rank = rank
        self.num_ranks = num_ranks

    def __getitem__(self, name: str) -> torch.Tensor:
        return take_rows(self.whole[name], self.rank, self.num_ranks)

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole)

    def __len__(self) -> int:
        return len(self.whole)


def find_offsets(shapes: Mapping[str, Sequence[int]], rank: int, num_ranks: int) -> dict[str, list[int]]:
    """Return where a rank's part of each whole tensor begins, by the shapes of the whole."""
    return {
        name: [[0, *boundaries(shape[0], num_ranks)][rank], *([0] * (len(shape) - 1))]
        for name, shape in shapes.items()
    }


class WithMasters(Mapping[str, torch.Tensor]):
    """The state of an optimizer in which the masters of half-precision weights are found, whoever wrote it.

    A spread model keeps its weights in float32, and no masters beside them.
    """

    def __init__(self, state: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]) -> None:
        self.state = state
        self.weights = weights

    def __getitem__(self, name: str) -> torch.Tensor:
        kind, _, parameter = name.partition(".")
        if name not in self.state and kind == "master":
            return self.weights[parameter]
        return self.state[name]

    def __contains__(self, name: object) -> bool:
        return name in self.state

    def __iter__(self) -> Iterator[str]:
        return iter(self.state)

    def __len__(self) -> int:
        return len(self.state)
