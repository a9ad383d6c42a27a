"""The processes that train one model together: each with its share of every step, all with the same weights.

Alone, nothing of this costs anything, and torch.distributed is not imported. Together they exchange twice a
step: what the device holds (gradients and losses, in one buffer), and what the hosts must agree on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

from laptime.runs.exit_reason import LOST
from laptime.runs.given_ranks import given_rank
from laptime.runs.heartbeats import RANKS_FOLDER, Heartbeats, State, beats_file
from laptime.runs.job import RunJob

TEXT_BYTES = 256
PATIENCE = timedelta(days=7)  # who hangs is found by the heartbeats, not by the backend
# What a backend says where a connection broke or another process is gone; torch has no class for all of it.
GONE = ("gloo/transport/", "ncclRemoteError", "remote process exited")


class LeftAloneError(Exception):
    """Another process is gone; whoever started them knows which."""


class Team:
    """All processes of a run as one of them, `rank`, sees them."""

    def __init__(
        self, rank: int = 0, size: int = 1, beats: Heartbeats | None = None, num_here: int = 1
    ) -> None:
        self.rank = rank
        self.size = size
        self.num_here = num_here  # that share this machine
        self.waited_seconds = 0.0  # in exchanges, for the slower ones and for the wire
        self._beats = beats
        self._exchanges = 0
        self._state = State.WORKING
        self._cuda_waits: list[tuple[Any, Any]] = []

    @classmethod
    def begin(cls, job: RunJob) -> Team:
        """Return the team of this process, numbered by its starter; it meets nobody yet."""
        size, given = len(job.devices), given_rank()
        if size < 2:
            return cls()
        rank = given.rank if given else int(os.environ["RANK"])
        file = Path(given.heartbeats) if given else beats_file(Path(job.folder))
        team = cls(rank, size, Heartbeats(file, size), min(size, given.local_size) if given else size)
        team.tell(State.STARTING)
        return team

    def join(self, job: RunJob) -> None:
        """Meet the others of the run."""
        if self.size == 1:
            return
        import torch.distributed as dist

        on_cuda = job.devices[0].startswith("cuda")
        if on_cuda:
            torch.cuda.set_device(self.find_device(job))
        with self.exchange():
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if on_cuda else "gloo",
                timeout=PATIENCE,
                store=find_meeting(job),
                rank=self.rank,
                world_size=self.size,
            )

    def find_device(self, job: RunJob) -> str:
        """Return the device of this process, "" where nobody has chosen one for it.

        A launcher's processes see all GPUs of their machine, and take one each, or their own alone.
        """
        named, given = "".join(job.devices[self.rank :][:1]), given_rank()
        if named == "cuda" and given:
            return f"cuda:{given.local_rank if torch.cuda.device_count() > 1 else 0}"
        return named

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do what the others take part in; raises LeftAloneError where one of them is gone.

        An exchange may be anywhere, also within a pass through a spread model: what fails there fails as an
        ordinary RuntimeError.
        """
        try:
            yield
        except RuntimeError as error:
            if self.size == 1 or not means_gone(error):
                raise
            self.tell(State.LEFT_ALONE)
            line = " ".join(str(error).split())
            raise LeftAloneError(f"rank {self.rank} {LOST}{line}") from error

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Write to a disk, for which the others wait as long as it takes."""
        self._state = State.SAVING
        self.tell(self._state)
        try:
            yield
        finally:
            self._state = State.WORKING
            self.tell(self._state)

    @property
    def leads(self) -> bool:
        """Tell whether this is the one that writes the record and saves."""
        return self.rank == 0

    def folder(self, home: Path) -> Path:
        """Return where this one writes its record: the run's folder `home`, or one in it."""
        return home if self.leads else home / RANKS_FOLDER / str(self.rank)

    def tell(self, state: State) -> None:
        """Say to whoever watches what this process does."""
        if self._beats:
            self._beats.write(self.rank, os.getpid(), state, self._exchanges)

    def count(self) -> None:
        """Note that an exchange begins; whoever has begun fewest is waited for."""
        self._exchanges += 1
        self.tell(self._state)

    def begin_training(self) -> None:
        """Wait until all are ready: what one waits for another's loading is no part of its training."""
        self.agree_on([0])
        self.waited_seconds = 0.0

    def agree_on(self, numbers: Sequence[int]) -> list[int]:
        """Return the largest of each of the `numbers` that the processes give."""
        if self.size == 1:
            return list(numbers)
        import torch.distributed as dist

        together = torch.tensor(numbers, dtype=torch.int64)
        with self.exchange():
            dist.all_reduce(together, op=dist.ReduceOp.MAX)
        agreed: list[int] = together.tolist()
        return agreed

    def agree_on_least(self, number: int | None) -> int | None:
        """Return the least of what the processes give; None where one of them knows none."""
        is_unknown, least = self.agree_on([int(number is None), -(number or 0)])
        return None if is_unknown else -least

    def gather(self, numbers: torch.Tensor) -> list[torch.Tensor]:
        """Return the tensor of each rank; all are of one shape."""
        if self.size == 1:
            return [numbers]
        import torch.distributed as dist

        gathered = [torch.empty_like(numbers) for _ in range(self.size)]
        with self.exchange(numbers.device):
            dist.all_gather(gathered, numbers.contiguous())
        return gathered

    def gather_texts(self, text: str) -> list[str]:
        """Return the text of each rank, of each at most TEXT_BYTES."""
        encoded = text.encode()[:TEXT_BYTES].ljust(TEXT_BYTES, b"\0")
        gathered = self.gather(torch.tensor(list(encoded), dtype=torch.uint8))
        return [bytes(one.tolist()).rstrip(b"\0").decode(errors="replace") for one in gathered]

    def sum_gradients(
        self, parameters: Sequence[torch.nn.Parameter], losses: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Give all processes the sum of their gradients; returns the losses: alone as given, else by rank.

        One buffer in float32 and one exchange, whatever the number of parameters. A parameter of which no
        process has a gradient keeps none, as it would in one process.
        """
        if self.size == 1:
            return list(losses)
        present = self._find_present(parameters)
        device = parameters[0].device
        by_rank = self._place_losses(losses, device)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in present]
        flat = torch.cat([*(grad.reshape(-1).float() for grad in grads), by_rank])
        self.sum_tensor(flat)
        summed = flat[: -self.size].split([grad.numel() for grad in grads])
        for parameter, total in zip(present, summed, strict=True):
            parameter.grad = total.view_as(parameter).to(parameter.dtype)
        return list(flat[-self.size :].unbind())

    def sum_losses(self, losses: Sequence[torch.Tensor], device: torch.device) -> list[torch.Tensor]:
        """Return the losses of all processes, by rank."""
        return list(self.sum_tensor(self._place_losses(losses, device)).unbind())

    def sum_tensor(self, numbers: torch.Tensor) -> torch.Tensor:
        """Sum a tensor over all processes, in its place, and return it."""
        import torch.distributed as dist

        with self.exchange(numbers.device):
            dist.all_reduce(numbers)
        return numbers

    def _place_losses(self, losses: Sequence[torch.Tensor], device: torch.device) -> torch.Tensor:
        """Return a place for the loss of each rank, in which this one's stands."""
        by_rank = torch.zeros(self.size, device=device)
        if losses:
            by_rank[self.rank] = torch.stack(list(losses)).sum()
        return by_rank

    def total_wait(self) -> float:
        """Return the seconds in exchanges so far; waits for the device."""
        for begin, end in self._cuda_waits:
            end.synchronize()
            self.waited_seconds += begin.elapsed_time(end) / 1000
        self._cuda_waits = []
        return self.waited_seconds

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take a block, and the waiting for the slowest one in it, out of what counts as exchanging."""
        waited = self.total_wait()
        yield
        self.agree_on([0])
        self.waited_seconds = waited

    def leave(self) -> None:
        """Let the others go their way."""
        if self.size == 1:
            return
        import torch.distributed as dist

        self.agree_on([0])
        dist.destroy_process_group()
        self.size = 1
        self.tell(State.WORKING)

    def _find_present(self, parameters: Sequence[torch.nn.Parameter]) -> list[torch.nn.Parameter]:
        """Return the parameters of which some process has a gradient."""
        lacks = any(p.grad is None for p in parameters)
        if not self.agree_on([int(lacks)])[0]:
            return list(parameters)
        has = self.agree_on([int(p.grad is not None) for p in parameters])
        return [p for p, one in zip(parameters, has, strict=True) if one]

    @contextmanager
    def exchange(self, device: torch.device | None = None) -> Iterator[None]:
        """Count an exchange and time it: by the clock of the host, or of the GPU on which its numbers lie."""
        self._exchanges += 1
        self.tell(State.WAITING)
        begun = time.perf_counter()
        on_cuda = device is not None and device.type == "cuda"
        events = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if on_cuda else []
        if events:
            events[0].record()
        yield
        if events:
            events[1].record()
            self._cuda_waits.append((events[0], events[1]))
        else:
            self.waited_seconds += time.perf_counter() - begun
        self.tell(self._state)


def find_meeting(job: RunJob) -> Any:
    """Return the store by which the processes of a run find each other: a file, or a launcher's."""
    if given := given_rank():
        from laptime.training.board import meet

        return meet(given)
    from laptime.training.meeting import find_store

    return find_store(len(job.devices))


def means_gone(error: RuntimeError) -> bool:
    """Tell whether an error means that another process of the team cannot be reached."""
    import torch.distributed as dist

    if isinstance(error, (dist.DistNetworkError, dist.DistStoreError)):
        return True
    return any(words in str(error) for words in GONE)
