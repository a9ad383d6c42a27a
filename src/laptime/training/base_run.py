"""The run of the base: loaded, evaluated and asked; it trains nothing."""

from __future__ import annotations

from laptime.data.batches import plan_steps
from laptime.runs.job import RunJob
from laptime.runs.record import RecordWriter
from laptime.speedups.speedup import apply_all
from laptime.training.description import describe_data, describe_model
from laptime.training.judging import ask_questions, measure_general, measure_held_out
from laptime.training.meter import Meter
from laptime.training.opening import open_run
from laptime.training.setup import make_setup


def run_base(job: RunJob, record: RecordWriter, meter: Meter, import_seconds: float) -> dict[str, int]:
    """Do all of the base's run but its last line; returns the peaks of memory before it is evaluated."""
    with meter.phase("load"):
        opened = open_run(job, record, meter, import_seconds)
        model = opened.load_frozen()
    spec, manifest, precision = job.spec, opened.manifest, opened.precision
    with meter.phase("prepare"):
        setup = make_setup(
            spec, model, None, manifest, opened.encoded, opened.device,
            compute=precision.compute, recomputes=False, folder=opened.folder,
        )  # fmt: skip
        apply_all(setup)
        device = str(opened.device)
        record.write(
            describe_model(model, manifest, precision, device=device, learning_rate=0.0, notes=[], cost=None)
        )
        num_steps = len(plan_steps(len(opened.encoded.examples), spec.training, opened.seed))
        record.write(describe_data(manifest, num_steps, spec.data.train_on))
    peak_bytes = meter.peak_bytes()
    measure_held_out(opened, setup.forward, record, meter, "before", setup.packs_examples, num_steps)
    measure_general(opened, setup.forward, record, meter)
    ask_questions(opened, model, record, meter)
    return peak_bytes
