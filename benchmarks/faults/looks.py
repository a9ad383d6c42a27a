"""What the commands would do with a folder, found out in this process by their own code, without a training.

A command is followed to the point where a run would begin its first step. A look gives the one line that the
command ends with, or a picture of all that would be trained, reported or asked: equal pictures, equal ends.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch
from msgspec import Struct

from laptime.api import resumed_spec
from laptime.cli import main as cli
from laptime.comparison.belonging import refuse_other_result
from laptime.comparison.checks import check_spec
from laptime.comparison.collection import read_measured
from laptime.comparison.race import compare
from laptime.data.batches import plan_steps
from laptime.data.encoded import EncodedData, EncodedFacts, read_inputs
from laptime.data.input_manifest import InputJob, InputManifest
from laptime.errors import UserError
from laptime.interview import find_base
from laptime.models.folder import check_saved
from laptime.models.loading import load_model, load_tokenizer
from laptime.models.source import ModelSource
from laptime.options.flags import flags as options
from laptime.report.progress import Watcher
from laptime.report.screen import Screen
from laptime.runs.checks import check_training
from laptime.runs.events import AnyEvent, Failed
from laptime.runs.job import RunJob
from laptime.runs.process import write_first_line
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.runs.record_lines import decode_events
from laptime.runs.resumption import find_damaged_records
from laptime.runs.single_run import go_on_training
from laptime.session import gather_result
from laptime.spec import WITHOUT_EFFECT, CompareSpec, ModelSpec
from laptime.training import preprocess as preparation
from laptime.training.checkpoint import PARTS, SavedState
from laptime.training.run import Run
from laptime.util.untrusted import told_in_one_line

SAMPLE = "검색 증강 생성이 무엇인가요? <s>"
Pictures = list[tuple[str, dict[str, str]]]  # by run: what it would train, in parts


class Look(Struct):
    """What a command came to: its one line, or pictures and what it said on the way."""

    refusal: str = ""
    said: str = ""
    pictures: Pictures = []


def look(command: Callable[[], tuple[str, Pictures]]) -> Look:
    """Follow a command; what no user should see (a traceback) is left to the caller."""
    try:
        said, pictures = command()
    except UserError as error:
        return Look(refusal=str(error))
    return Look(said=said, pictures=pictures)


def digest(value: Any) -> str:
    """Return the SHA-256 of a value that JSON can hold, or of bytes."""
    content = value if isinstance(value, bytes) else msgspec.json.encode(value, order="sorted")
    return hashlib.sha256(content).hexdigest()


class LookingRunner:
    """Opens every run as its process would, and notes what it would train."""

    def __init__(self) -> None:
        self.pictures: Pictures = []

    def prepare(self, job: InputJob) -> InputManifest:
        """Prepare the inputs in this process."""
        return preparation.prepare(job)

    def run(self, job: RunJob, on_event: Callable[[AnyEvent], None]) -> None:
        """Open the run and close it before its first step."""
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not job.resumes:
            write_first_line(job)
        position = (folder / FILE_NAME).stat().st_size
        record = RecordWriter(folder)
        try:
            this = Run(job, record)
            this.open()
            self.pictures.append((job.run, draw_run(this)))
        except UserError as error:
            record.write(Failed(reason="refused", message=" ".join(str(error).split())))
        finally:
            record.close()
        for event in decode_events((folder / FILE_NAME).read_bytes()[position:]):
            on_event(event)


def draw_run(this: Run) -> dict[str, str]:
    """Return what a run would train, each part as a digest."""
    training, job = this.spec.training, msgspec.to_builtins(this.job)
    for name in WITHOUT_EFFECT:  # a user may change them on the way
        del job["spec"]["training"][name]
    found = this.checkpoints.found
    decisions = [this.checkpoints.threads, this.checkpoints.recomputes, str(this.device)]
    return {
        "job": digest({name: job[name] for name in ("run", "spec", "role", "until", "comparison")}),
        "decisions": digest([*decisions, msgspec.to_builtins(this.precision)]),
        "steps": digest(repr(plan_steps(len(this.encoded.examples), training, this.seed))),
        "facts": draw_facts(this.facts),
        "records": draw_examples(this.encoded),
        "base": draw_base(Path(this.facts.model_folder), this.spec.model),
        "checkpoint": draw_checkpoint(found) if found else "",
    }


def draw_facts(facts: InputManifest) -> str:
    """Return the facts, but for times and places on the disk."""
    kept = msgspec.to_builtins(facts)
    kept["data"].pop("encode_seconds")
    kept["base_files"] = {name: file["sha256"] for name, file in kept["base_files"].items()}
    return digest(kept)


def draw_examples(encoded: EncodedData) -> str:
    """Return token ids, masks and questions."""
    facts = {name: getattr(encoded, name) for name in EncodedFacts.__struct_fields__}
    del facts["encode_seconds"]
    sets = [
        [list(example.words) for example in examples] for examples in (encoded.examples, encoded.held_out)
    ]
    return digest([msgspec.to_builtins(facts), sets])


def draw_checkpoint(found: SavedState) -> str:
    """Return the state and every tensor of a checkpoint."""
    parts = []
    for part in PARTS:
        tensors = found.tensors(part)
        parts += [[part, name, digest(raw_bytes(tensors[name]))] for name in sorted(tensors)]
    return digest([msgspec.to_builtins(found.state), parts])


def raw_bytes(tensor: torch.Tensor) -> bytes:
    """Return the bits of a tensor."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


_bases: dict[str, str] = {}  # by the bytes of all files, so that an unchanged base is loaded once


def draw_base(folder: Path, spec: ModelSpec) -> str:
    """Return every weight of the base as it is loaded, and what its tokenizer makes of a text."""
    key = digest(b"".join(file.read_bytes() for file in sorted(folder.iterdir())))
    if key not in _bases:
        model = load_model(spec, folder, torch.float32)
        tokenizer = load_tokenizer(spec, ModelSource(name="", folder=str(folder), config={}, toy=False))
        weights = {name: digest(raw_bytes(tensor)) for name, tensor in model.state_dict().items()}
        _bases[key] = digest([weights, model.config.to_json_string(), tokenizer(SAMPLE)["input_ids"]])
    return _bases[key]


def quiet_watcher() -> tuple[Watcher, io.StringIO]:
    """Return a listener as a user has it, and what it prints."""
    said = io.StringIO()
    return Watcher(Screen(file=said, width=10_000, force_terminal=False)), said


def resume_training(folder: Path) -> tuple[str, Pictures]:
    """Follow `laptime train --resume FOLDER`."""
    spec = resumed_spec(folder, {})
    runner, (watcher, said) = LookingRunner(), quiet_watcher()
    go_on_training(spec, folder, runner, watcher, check_training(spec))
    return said.getvalue(), runner.pictures


def go_on_comparing(folder: Path) -> tuple[str, Pictures]:
    """Follow `laptime compare --config FOLDER/spec.json --out FOLDER`."""
    if not cli.commands.commands.get("compare"):
        cli.build_commands()
    words = ["--config", str(folder / "spec.json"), "--out", str(folder)]
    with cli.commands.commands["compare"].make_context("compare", words) as context:
        values = options.gather(context)
    chosen = options.section_values(CompareSpec, values)
    spec = CompareSpec(
        methods=chosen.methods,
        rounds=chosen.rounds,
        ablate=chosen.ablate,
        **options.sections(values),
        method_options=options.options_by_method(values, chosen.methods),
    )
    runner, (watcher, said) = LookingRunner(), quiet_watcher()
    compare(spec, folder, runner, watcher, check_spec(spec))
    return said.getvalue(), runner.pictures


def report(folder: Path) -> tuple[str, Pictures]:
    """Follow `laptime report FOLDER` to the result that it renders, whose failures count as said."""
    with told_in_one_line(folder):
        result = gather_result(folder)
    failures = [failure.message for method in result.methods for failure in method.failures]
    failures += [failure.message for failure in (result.base.failures if result.base else [])]
    return "\n".join(failures), [("report", {"result": digest(msgspec.json.encode(result))})]


def ask(folder: Path) -> tuple[str, Pictures]:
    """Follow `laptime ask FOLDER` to the models and the prompts that it would ask with."""
    with told_in_one_line(folder):
        result = gather_result(folder)
    spec = msgspec.convert(result.spec["model"], ModelSpec)
    source = find_base(folder, spec)
    _, encoded = read_inputs(folder / "inputs")
    saved = []
    for record in read_measured(folder, result):
        if record.saved:
            refuse_other_result(record)
            place = record.folder / record.saved.path
            check_saved(place, record.saved.kind)
            saved += [[file.name, digest(file.read_bytes())] for file in sorted(place.iterdir())]
    base = draw_base(Path(source.folder), spec)
    return "\n".join(find_damaged_records(folder)), [
        ("ask", {"base": base, "records": draw_examples(encoded), "saved": digest(saved)})
    ]
