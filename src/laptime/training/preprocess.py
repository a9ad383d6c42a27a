"""Prepares the inputs of every run in a process of its own: tokenised once, digested once.

    python -m laptime.training.preprocess JOB.json

It ends with exit code 2 and one line on standard error for a user's mistake.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import torch

from laptime.credentials import forget_secrets, hide, print_traceback
from laptime.data.encoded import count_encoded_bytes
from laptime.data.encoding import EncodedData, encode, write_encoded
from laptime.data.formats import ExampleSet, list_files, read_examples
from laptime.data.general import write_general
from laptime.data.input_manifest import (
    ENCODED_FILE,
    VERSION,
    Gpu,
    InputJob,
    InputManifest,
    write_manifest,
)
from laptime.data.room import room_for, tell_full
from laptime.data.tables import tell_columns
from laptime.data.token_cache import find_entry, give_entry, keep_entry, name_entry
from laptime.errors import UserError, told_of
from laptime.hardware.machine import choose_device, describe_processor
from laptime.hardware.precision import choose_precision, native_formats
from laptime.hardware.processors import count_usable_cores
from laptime.kernels.build import build_library
from laptime.models.config_shape import model_max_length
from laptime.models.digest import begin_digest, digest_model
from laptime.models.loading import (
    build_empty_model,
    load_tokenizer,
    quiet_libraries,
)
from laptime.models.module_shape import measure_shape
from laptime.models.source import ModelSource, locate_model
from laptime.models.stored_weights import check_weights
from laptime.runs.job import LOG_FILE
from laptime.spec import AnswerSpec, DataSpec, ModelSpec
from laptime.speedups.speedup import speedup_names
from laptime.startup.imports import hide_libraries
from laptime.startup.page_cache import begin_reading
from laptime.startup.speedup_switches import is_wanted
from laptime.training.product_trial import try_products
from laptime.training.trial import try_formats
from laptime.util.atomic import open_log
from laptime.util.disk import is_full


def prepare(job: InputJob) -> InputManifest:
    """Encode the examples and gather what is known of model and data in `job.folder`."""
    begun = time.perf_counter()
    check_precisions(job)
    source = locate_model(job.model)
    if is_wanted("read_ahead", msgspec.structs.asdict(job.training)) and not job.model.random_weights:
        begin_reading(Path(source.folder))
    base_files = begin_digest(source, job.model.random_weights)
    kernels = begin_building(job)
    examples = read_examples(job.data, seed=job.training.seed)
    answers = job.answers
    if job.model.random_weights and not answers.ask:
        answers = msgspec.structs.replace(answers, max_questions=0)  # noise would be the answer
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    encoded, is_kept = encode_once(examples, source, job.model, job.data, answers, folder / ENCODED_FILE)
    model = build_empty_model(job.model, Path(source.folder))
    shape = measure_shape(model)
    notes = [] if job.model.random_weights else check_weights(job.model, Path(source.folder), model)
    largest = encoded.examples.largest_token
    if largest >= shape.vocabulary_size:
        raise UserError(
            f"--model {job.model.model}: its tokenizer gives token {largest}, "
            f"its vocabulary ends at {shape.vocabulary_size - 1}; the two do not belong together"
        )
    manifest = InputManifest(
        model_name=source.name,
        model_folder=str(Path(source.folder).resolve()),
        model_digest=digest_model(source, base_files.result()),
        toy=source.toy,
        random_weights=job.model.random_weights,
        weight_bytes=4 if source.config.get("dtype", source.config.get("torch_dtype")) == "float32" else 2,
        shape=shape,
        data={
            "name": encoded.name,
            "records_digest": examples.digest,
            "digest": encoded.digest,
            "template": encoded.template,
            "template_reason": encoded.template_reason,
            "shape": encoded.shape,
            "num_records": encoded.counts.num_records,
            "num_held_out": encoded.counts.num_held_out,
            "num_questions": len(encoded.questions),
            "num_tokens": encoded.counts.num_tokens,
            "num_trained_tokens": encoded.counts.num_trained_tokens,
            "num_cut": encoded.examples.num_cut,
            "longest": int(encoded.examples.lengths.max()),
            "num_skipped": encoded.counts.num_skipped,
            "num_held_out_skipped": encoded.counts.num_held_out_skipped,
            "chat_template": encoded.chat_template_name,
            "notes": [*tell_ignored(encoded.ignored_columns), *encoded.notes, *notes],
            "encode_seconds": time.perf_counter() - begun,
            "encoded_before": is_kept,
        },
        begun_in=str(Path.cwd()),
        base_files=base_files.result(),
        gpus=[] if job.training.device == "cpu" else list_gpus(),
        version=VERSION,
    )
    kernels.result()
    manifest.product_trial = try_products(job, manifest, encoded)
    manifest.format_trial = try_formats(job, manifest, encoded)
    if not job.model.random_weights:  # whose losses mean nothing
        write_general(folder, answers.general)
    write_manifest(folder, manifest)
    return manifest


def begin_building(job: InputJob) -> Future[None]:
    """Build the C parts beside all else, where a run on the CPU would use them and they are not there yet."""
    on_cpu = job.training.device == "cpu" or not torch.cuda.is_available()
    training = msgspec.structs.asdict(job.training)
    pool = ThreadPoolExecutor(1)
    try:
        if on_cpu and any(
            is_wanted(name, training) for name in speedup_names() if name.startswith("compiled_")
        ):
            return pool.submit(build_library)
        return pool.submit(lambda: None)
    finally:
        pool.shutdown(wait=False)


def list_gpus() -> list[Gpu]:
    """Return the GPUs that torch sees."""
    devices = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [
        Gpu(
            name=torch.cuda.get_device_name(device),
            num_bytes=torch.cuda.get_device_properties(device).total_memory,
            formats=sorted(native_formats(describe_processor(device))),
        )
        for device in devices
    ]


def encode_once(
    examples: ExampleSet,
    source: ModelSource,
    model: ModelSpec,
    data: DataSpec,
    answers: AnswerSpec,
    place: Path,
) -> tuple[EncodedData, bool]:
    """Return encoded examples, which then lie at `place`, and whether an earlier preparation left them."""
    name = ""
    if not model.trust_remote_code:  # a tokenizer of any code may give other tokens each time
        limit, base = model_max_length(source.config), Path(source.folder)
        with suppress(OSError):  # a file that is gone is told of by whoever needs it
            name = name_entry(examples, list_files(data), base, data, answers, limit)
    if kept := find_entry(name):
        with room_for(place, count_encoded_bytes(kept)):
            give_entry(name, place)
        return kept, True
    encoded, _ = encode_examples(examples, source, model, data, answers, inputs=place.parent)
    encoded.cache_name = name
    with room_for(place, count_encoded_bytes(encoded)):
        write_encoded(place, encoded)
    if name:
        keep_entry(name, place)
    return encoded, False


def check_precisions(job: InputJob) -> None:
    """Raise UserError where this machine has not the precision that one of the runs is to compute in."""
    processor = describe_processor(choose_device(job.training.device))
    for place, wanted in (job.precisions or {"": job.training.precision}).items():
        with told_of(place):
            choose_precision(processor, wanted)


def tell_ignored(columns: list[str]) -> list[str]:
    """Return the sentence on columns that nothing is trained on, where there are any."""
    return [f"left out of the training: {tell_columns(columns, 12)}"] if columns else []


def encode_examples(
    examples: ExampleSet,
    source: ModelSource,
    model: ModelSpec,
    data: DataSpec,
    answers: AnswerSpec,
    lists_bad: bool = False,
    inputs: Path | None = None,
) -> tuple[EncodedData, Any]:
    """Encode examples with the model's tokenizer, which comes second; the last two as for `encode`."""
    tokenizer = load_tokenizer(model, source)
    limit = model_max_length(source.config)
    processes = count_usable_cores() if sys.platform == "linux" else 1
    return encode(examples, tokenizer, data, answers, limit, lists_bad, processes, inputs), tokenizer


def main() -> None:
    """Prepare what the job file says, then do the run that standard input names, if it names one."""
    quiet_libraries()
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=InputJob)
    import_seconds = time.time() - job.spawned
    if is_wanted("light_imports", msgspec.structs.asdict(job.training)):
        hide_libraries(job.libraries)
    try:
        prepare(job)
    except UserError as error:
        print(hide(str(error)), file=sys.stderr)
        sys.exit(2)
    except BaseException as error:  # also what a native library ends with, which is no Exception
        refuse_full(error, Path(job.folder))
        print_traceback(type(error), error, error.__traceback__)
        sys.stderr.flush()
        os._exit(1)  # no thread of a library that has failed is waited for
    if run_file := sys.stdin.readline().strip():
        go_on_as_run(Path(run_file), import_seconds)


def refuse_full(error: BaseException, inputs: Path) -> None:
    """End with the line for a full disk, where that is what an error is about."""
    if isinstance(error, OSError) and is_full(error):
        print(hide(tell_full(error, inputs)), file=sys.stderr)
        sys.exit(2)


def go_on_as_run(file: Path, import_seconds: float) -> None:
    """Do a run in this process: its log, its environment and its peak of memory begin anew.

    What was imported counts as the run's import, as if it had begun with it.
    """
    with open_log(file.parent / LOG_FILE) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    forget_secrets()
    with suppress(OSError):  # Linux: forget the highest VmHWM so far
        Path("/proc/self/clear_refs").write_text("5")
    begun = time.time()
    from laptime.training import run

    run.main(file, begun - import_seconds)


if __name__ == "__main__":
    main()
