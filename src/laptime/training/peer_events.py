"""Events of a record, made of the lines that another trainer's process writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from laptime.hardware.machine import describe_machine
from laptime.hardware.system_memory import tree_bytes
from laptime.runs.events import Machine, Model, Phase, Step
from laptime.runs.record import RecordWriter
from laptime.training.description import SHAPE_KEYS, describe_data
from laptime.training.peer_work import Around


class PeerListener:
    """Makes events of a record from the lines that the trainer writes."""

    def __init__(self, around: Around, record: RecordWriter) -> None:
        self.around, self.record = around, record
        self.path = around.scratch / "events.jsonl"
        self.position = 0
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, int] = {}
        self.tree_bytes = 0  # the most that all its processes held together, until the training ended
        self.saved_at: float | None = None
        self.per_epoch = around.plans.steps_per_epoch

    def look(self, pid: int) -> None:
        """Read the lines that are new, and what the processes of the trainer hold."""
        if "train" not in self.seconds:
            self.tree_bytes = max(self.tree_bytes, tree_bytes(pid))
        self.read()

    def read(self) -> None:
        """Read the lines that are new; a half-written one waits."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.position)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self.position += len(whole)
        for line in whole.splitlines():
            told = msgspec.json.decode(line)
            getattr(self, f"hear_{told.pop('event')}")(**told)

    def hear_phase(self, name: Any, seconds: float, peak_bytes: Mapping[str, int]) -> None:
        """A phase is over; memory counts until the end of the training, as in our own runs."""
        if "train" not in self.seconds:
            self.peaks = {counter: max(self.peaks.get(counter, 0), n) for counter, n in peak_bytes.items()}
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.record.write(Phase(name=name, seconds=seconds, peak_bytes=dict(peak_bytes)))

    def hear_model(
        self, *, num_steps: int | None, threads: int, python: str, versions: dict[str, str], **told: Any
    ) -> None:
        """The training is about to begin: what trains, and on what."""
        around, manifest = self.around, self.around.manifest
        machine = describe_machine(around.device)
        self.record.write(
            Machine(facts=machine | {"threads": threads, "python": python, "versions": versions})
        )
        own, reason = around.spec.as_it_comes, around.precision.reason
        self.record.write(
            Model(
                name=manifest.model_name,
                architecture=manifest.shape.architecture,
                parameters=manifest.shape.num_parameters,
                random_weights=manifest.random_weights,
                toy=manifest.toy,
                digest=manifest.model_digest,
                shape={key: getattr(manifest.shape, key) for key in SHAPE_KEYS},
                precision_reason=f"{around.trainer.title}'s own choice" if own else reason,
                flops_per_token=around.method.cost(manifest.shape, manifest.weight_bytes).flops_per_token,
                **told,
            )
        )
        steps = num_steps or len(around.plans)
        self.record.write(describe_data(manifest, steps, around.spec.data.train_on))

    def hear_step(self, step: int, **told: Any) -> None:
        """A step is over."""
        self.record.write(Step(step=step, epoch=1 + (step - 1) // self.per_epoch, **told))

    def hear_saved(self, time: float) -> None:
        """The result lies on the disk."""
        self.saved_at = time
