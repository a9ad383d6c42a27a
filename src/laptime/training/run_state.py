"""What a run puts into its checkpoints, and what it takes from the one that it goes on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from msgspec.structs import replace

from laptime.data.encoded import EncodedData
from laptime.data.input_manifest import InputManifest
from laptime.errors import UserError
from laptime.hardware.machine import describe_machine
from laptime.methods.method import Method
from laptime.models.digest import describe_base, digest_model
from laptime.models.source import ModelSource
from laptime.runs.events import Checkpoint, Resumed
from laptime.runs.job import CHECKPOINT_NAMES, CHECKPOINTS_FOLDER, PREFIX_FOLDER, SAVED_FOLDER, RunJob
from laptime.runs.record import RecordWriter, read_record
from laptime.runs.spec_changes import complete_run, differing_keys
from laptime.spec import MAY_CHANGE, flag
from laptime.speedups.prefix_cache import CACHE_FILES
from laptime.training.checkpoint import (
    SavedState,
    State,
    count_bytes,
    discard_checkpoint,
    find_newest,
    list_checkpoints,
    prune,
    write_checkpoint,
)
from laptime.training.joint_checkpoint import OwnRows, WithMasters, find_offsets, write_together
from laptime.training.meter import Meter, StepTimer
from laptime.training.optimizer import Optimizer
from laptime.training.random_state import capture_all, restore_rank
from laptime.training.sharding import Sharding
from laptime.training.team import Team
from laptime.util.atomic import as_read, remove_files, remove_leftovers, set_aside

if TYPE_CHECKING:
    from transformers import PreTrainedModel

OF_METHOD = "method."  # before the names of its tensors, among those of the optimizer
ALONE = {"processes": "1"}  # what is not said of an environment that has it


class Checkpoints:
    """The checkpoints of one run: the one that it goes on from, and those that it writes."""

    def __init__(self, job: RunJob, record: RecordWriter, meter: Meter, team: Team | None = None) -> None:
        self.job = job
        self.team = team or Team()
        self.sharding: Sharding | None = None  # where the model is spread over the team
        self.record = record
        self.meter = meter
        self.home = Path(job.folder) / CHECKPOINTS_FOLDER
        self.found: SavedState | None = None
        self.seconds = 0.0  # of saving, over all attempts
        self.saved_before: set[str] = set()  # the files of the result that an earlier attempt left

    def find(self, manifest: InputManifest, encoded: EncodedData) -> None:
        """Find the newest whole checkpoint of a resumed run; what a kill left of others is removed.

        Raises UserError when there is none, or it is of other work.
        """
        if self.team.leads:
            remove_leftovers(self.home, CHECKPOINT_NAMES)
            remove_leftovers(self.home.parent, SAVED_FOLDER)
        if not self.job.resumes:
            return
        remove_files(self.home.parent / PREFIX_FOLDER, CACHE_FILES)  # nobody knows how whole they are
        record = read_record(self.home.parent)
        self.saved_before = set(record.saved.files) if record.saved else set()
        self.left_out = [f"line {one.line} ({one.why}; kept in {one.kept_in})" for one in record.damaged]
        if not list_checkpoints(self.home):
            return  # none was written before the first attempt ended: it begins anew
        self.found, self.unusable = find_newest(self.home)
        if self.found is None:
            reasons = "; ".join(self.unusable) or "there is none"
            raise UserError(f"{self.home}: no checkpoint to go on from ({reasons}); start a new --out")
        refuse_other_work(self.found, self.job, manifest, encoded)
        self.seconds = sum(one.seconds for one in record.checkpoints if one.step <= self.num_done)

    @property
    def num_done(self) -> int:
        """The steps that need not be done again."""
        return self.found.state.step if self.found else 0

    @property
    def num_skipped(self) -> int:
        """The updates left out in a row, up to the checkpoint."""
        return self.found.state.skipped_steps if self.found else 0

    @property
    def threads(self) -> int | None:
        """The threads that the bits of a run that is gone on with by as many processes depend on."""
        return self.found.state.threads if self.found and self.is_by_as_many else None

    @property
    def recomputes(self) -> bool | None:
        """Whether the first attempt recomputed activations; how much memory is free now does not count."""
        return self.found.state.recomputes if self.found else None

    @property
    def micro_batch(self) -> int | None:
        """How the steps of a run that is gone on with by as many processes are cut, 0 for not; None: anew."""
        return self.found.state.micro_batch if self.found and self.is_by_as_many else None

    @property
    def is_by_as_many(self) -> bool:
        """Tell whether as many processes train as wrote the checkpoint: the bits are to be the same."""
        return self.found is not None and self.found.state.world_size == self.team.size

    @property
    def seconds_before(self) -> float:
        """The seconds of training in earlier attempts, up to the checkpoint."""
        return self.found.state.train_seconds if self.found else 0.0

    def describe(self, compute_dtype: str, device: torch.device) -> None:
        """Say what a resumed run goes on from; raises UserError where this machine computes otherwise."""
        self.compute_dtype, self.environment = compute_dtype, name_environment(device, self.team.size)
        resumed = Resumed(
            step=0,
            from_checkpoint="",
            seconds_before=0.0,
            restart=self.job.restart,
            restarted_after=self.job.restarted_after,
        )
        if self.found is None:
            if self.job.resumes:
                self.record.write(replace(resumed, left_out=self.left_out))
            return
        state = self.found.state
        if state.compute_dtype != compute_dtype:
            raise UserError(
                f"{self.found.folder}: trained in {state.compute_dtype}, this machine would go on in "
                f"{compute_dtype}; resume on a machine like the first, or start a new --out"
            )
        before, now = state.environment, self.environment
        self.record.write(
            replace(
                resumed,
                step=state.step,
                from_checkpoint=f"{CHECKPOINTS_FOLDER}/{self.found.folder.name}",
                seconds_before=state.train_seconds,
                unusable=self.unusable,
                changed=[
                    f"{name} {before.get(name, ALONE.get(name))} -> {now.get(name, ALONE.get(name))}"
                    for name in sorted(before.keys() | now.keys())
                    if before.get(name) != now.get(name)
                ],
                left_out=self.left_out,
            )
        )

    @torch.no_grad()
    def restore_weights(self, model: PreTrainedModel) -> None:
        """Put back what trains, before anything makes a copy of it; raises UserError where it is other."""
        if self.found is None:
            return
        saved = self.saved_weights()
        trained = {name: parameter for parameter, name in self.names(model).items()}
        if saved.keys() != trained.keys():
            raise UserError(f"{self.found.folder}: holds other parameters than this run trains")
        for name, parameter in trained.items():
            weight = saved[name]
            same = weight.dtype == parameter.dtype or self.found.state.is_spread or self.sharding
            if weight.shape != parameter.shape or not same:
                raise UserError(f"{self.found.folder}: {name} has another shape or precision than here")
            parameter.copy_(weight)

    def restore_optimizer(self, model: PreTrainedModel, optimizer: Optimizer) -> None:
        """Put back masters, moments and loss scale."""
        if self.found is None:
            return
        state: Mapping[str, torch.Tensor] = self.found.tensors("optimizer")
        if self.sharding:
            state = OwnRows(state, self.team.rank, self.team.size)
        optimizer.restore(WithMasters(state, self.saved_weights()), self.names(model))

    def saved_weights(self) -> Mapping[str, torch.Tensor]:
        """Return the weights of the checkpoint that this process trains, in float32 where they are spread."""
        assert self.found is not None
        saved, masters = self.found.tensors("weights"), self.found.tensors("optimizer")
        if not self.sharding:
            return saved
        kept = {name.removeprefix("master."): masters[name] for name in masters if name.startswith("master.")}
        return OwnRows({**saved, **kept}, self.team.rank, self.team.size)

    def restore_random(self) -> None:
        """Put back the random numbers; to be done right before the next step."""
        if self.found is not None:
            restore_rank(self.found.tensors("random"), self.model.device, self.team)

    def begin(
        self,
        model: PreTrainedModel,
        method: Method,
        optimizer: Optimizer,
        timer: StepTimer,
        manifest: InputManifest,
        recomputes: bool,
        micro_batch: int,
    ) -> None:
        """Learn what there is to save."""
        self.model, self.method, self.optimizer, self.timer = model, method, optimizer, timer
        self.state: dict[str, Any] = {
            "spec": msgspec.to_builtins(self.job.spec),
            "data_digest": manifest.data["digest"],
            "model_digest": manifest.model_digest,
            "compute_dtype": self.compute_dtype,
            "environment": self.environment,
            "threads": torch.get_num_threads(),
            "world_size": self.team.size,
            "is_spread": self.sharding is not None,
            "recomputes": recomputes,
            "micro_batch": micro_batch,
        }

    def save(self, step: int) -> str:
        """Write a checkpoint, then remove older ones; returns why it could not be written, or ""."""
        self.timer.pause()  # a step that was not finite stops the run here, before it is saved
        train_seconds = self.meter.phase_seconds()
        event = Checkpoint(step=step, seconds=0.0)
        with self.meter.aside() as seconds, self.team.aside(), self.team.saving():
            random = capture_all(self.model.device, self.team)
            try:
                if not (self.team.leads or self.sharding):
                    return ""  # the one that leads writes for all
                self.record.sync()  # the steps that the checkpoint holds are on the disk before it is
                folder = self._write(step, train_seconds, random)
                event.path = f"{CHECKPOINTS_FOLDER}/{folder.name}"
                event.num_bytes = count_bytes(folder)
            except OSError as error:
                event.error = error.strerror or str(error)
            else:
                if self.team.leads:
                    with suppress(OSError):  # one too many is no harm; a disk that is full will say so
                        prune(self.home, step, self.job.spec.training.keep_checkpoints)
            event.seconds = seconds()
        self.seconds += event.seconds
        self.record.write(event)
        return event.error

    def _write(self, step: int, train_seconds: float, random: dict[str, torch.Tensor]) -> Path:
        """Gather the state and write it."""
        names = self.names(self.model)
        state = State(
            step=step, train_seconds=train_seconds, skipped_steps=self.timer.num_skipped, **self.state
        )
        tensors: dict[str, dict[str, torch.Tensor]] = {
            "weights": {name: parameter for parameter, name in names.items()},
            "optimizer": self.optimizer.capture(names) | self._capture_method(),
            "random": random,
        }
        if not self.sharding:
            return write_checkpoint(self.home, state, tensors)
        offsets = find_offsets(self.sharding.shapes(), self.team.rank, self.team.size)
        return write_together(self.home, state, tensors, offsets, self.team)

    def _capture_method(self) -> dict[str, torch.Tensor]:
        """Return the state of the method, under names of its own."""
        return {f"{OF_METHOD}{name}": one for name, one in self.method.capture(self.model).items()}

    def restore_method(self, model: PreTrainedModel, method: Method) -> None:
        """Put back the state of the method."""
        if self.found is None:
            return
        stored = self.found.tensors("optimizer")
        names = [name for name in stored if name.startswith(OF_METHOD)]
        method.restore(model, {name.removeprefix(OF_METHOD): stored[name] for name in names})

    def names(self, model: PreTrainedModel) -> dict[torch.nn.Parameter, str]:
        """Return what trains here, with its names."""
        return self.sharding.names() if self.sharding else trained_names(model)

    def end(self) -> None:
        """Let go of what was to be saved: the optimizer is most of a run's memory."""
        del self.model, self.method, self.optimizer, self.timer

    def remove_all(self) -> None:
        """Remove every checkpoint: the result is on the disk."""
        for folder in list_checkpoints(self.home):
            discard_checkpoint(folder)
        with suppress(OSError):  # what somebody else has put there stays
            self.home.rmdir()


def keep_additions(saved: Path, ours: set[str]) -> str:
    """Keep a folder in the place of the result under another name, which is returned, if not all is ours."""
    if saved.is_symlink() or any(
        str(file.relative_to(saved)) not in ours for file in saved.rglob("*") if not file.is_dir()
    ):
        return set_aside(saved).name
    return ""


def trained_names(model: PreTrainedModel) -> dict[torch.nn.Parameter, str]:
    """Return every parameter that trains, with its name."""
    return {parameter: name for name, parameter in model.named_parameters() if parameter.requires_grad}


def refuse_other_work(found: SavedState, job: RunJob, manifest: InputManifest, encoded: EncodedData) -> None:
    """Raise UserError, naming what differs, where a checkpoint does not belong to what is to be done."""
    state = found.state
    before, now = (complete_run(spec, job.spec.method) for spec in (state.spec, as_read(job.spec)))
    before["answers"] = now["answers"]  # nothing is asked before the end
    if keys := sorted(differing_keys(before, now) - MAY_CHANGE):
        options = ", ".join(flag(key) for key in keys)
        raise UserError(f"{found.folder}: written with other options ({options}); start a new --out")
    if state.data_digest != encoded.digest:
        raise UserError(f"{found.folder}: the examples have changed since; start a new --out")
    if state.model_digest != manifest.model_digest or not (manifest.base_files or is_same_base(manifest)):
        raise UserError(f"{found.folder}: the base model has changed since; start a new --out")


def is_same_base(manifest: InputManifest) -> bool:
    """Tell whether the base is as it was, by the one digest that older manifests have of it."""
    folder = Path(manifest.model_folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        source = ModelSource(name=manifest.model_name, folder=str(folder), config=config, toy=manifest.toy)
        return digest_model(source, describe_base(folder, manifest.random_weights)) == manifest.model_digest
    except (OSError, ValueError):
        return False


def name_environment(device: torch.device, num_processes: int = 1) -> dict[str, str]:
    """Return the processor, the versions, and of several the processes, that the bits depend on."""
    facts = describe_machine(device)
    names = {"python": facts["python"], "processor": str(facts.get("gpu") or facts["cpu"])}
    if num_processes > 1:
        names["processes"] = str(num_processes)
    return names | {name: str(version) for name, version in facts["versions"].items()}
