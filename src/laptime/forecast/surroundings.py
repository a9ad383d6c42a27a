"""What forecasts stand on, gathered: the inputs, this machine's speed, what is free, its past runs."""

from __future__ import annotations

from collections.abc import Sequence

from laptime.data.input_manifest import InputManifest
from laptime.forecast.calibration import Speed, speed_of
from laptime.forecast.forecast import Forecast, Surroundings, forecast
from laptime.forecast.gpus import GpuModel
from laptime.hardware.device_choice import read_devices
from laptime.hardware.devices import describe_cpu, lacks_cuda
from laptime.hardware.inventory import describe_hardware, name_processor
from laptime.hardware.measurements import list_measurements
from laptime.hardware.system_memory import free_bytes
from laptime.methods.method import find_method
from laptime.runs.contestants import list_contestants
from laptime.runs.devices import choose_devices
from laptime.runs.past_runs import PastRun, list_past_runs
from laptime.spec import OURS, CompareSpec, RunSpec

SLOW = Speed(flops_per_second=50e9, bytes_per_second=10e9)  # a core of a machine that nobody measured


def forecast_all(
    spec: CompareSpec,
    manifest: InputManifest,
    num_threads: int,
    gpu: GpuModel | None = None,
    probes: Sequence[PastRun] = (),
) -> list[Forecast]:
    """Return a forecast for each contestant that Laptime trains itself, in the order of the comparison.

    On this machine, or on a `gpu` that is elsewhere. `probes` count beside the past runs that are kept.
    """
    found: list[Forecast] = []
    if not {"num_tokens", "num_trained_tokens", "longest"} <= manifest.data.keys():
        return found  # an earlier version did not count them
    for one in list_contestants(spec):
        if one.run_spec.trainer == OURS:
            if gpu:
                found.append(forecast_elsewhere(one.name, one.run_spec, manifest, gpu))
                continue
            around = look_around(one.run_spec, manifest, num_threads, probes)
            devices, _ = choose_devices(one.run_spec, manifest)
            found.append(forecast(one.name, one.run_spec, around, max(1, len(devices))))
    return found


def forecast_elsewhere(name: str, spec: RunSpec, manifest: InputManifest, gpu: GpuModel) -> Forecast:
    """Return a forecast for GPUs that are not here, of which nothing has run yet.

    A whole model is spread over as many as it needs, adapters train on one, unless --devices says otherwise.
    """
    around = Surroundings(
        manifest=manifest,
        dtype=gpu.dtype,
        speed=gpu.speed,
        on_cuda=True,
        available_bytes=round(1e9 * gpu.memory_gb),
        past=[],
    )
    asked = read_devices(spec.training.devices).number
    if not find_method(spec.method).spreads_weights:
        of_step = spec.training.batch_size * spec.training.gradient_accumulation
        return forecast(name, spec, around, max(1, min(asked or 1, of_step)))
    if asked:
        return forecast(name, spec, around, asked)
    tried = (forecast(name, spec, around, number) for number in range(1, gpu.count + 1))
    *others, last = tried
    return next((one for one in others if one.fits), last)


def look_around(
    spec: RunSpec, manifest: InputManifest, num_threads: int, probes: Sequence[PastRun] = ()
) -> Surroundings:
    """Gather what a forecast of one run stands on."""
    on_cuda = spec.training.device != "cpu" and bool(manifest.gpus) and not lacks_cuda()
    processor = manifest.gpus[0].name if on_cuda else name_processor(describe_hardware(), "cpu")
    number = spec.training.threads or num_threads
    dtype = choose_dtype(spec, manifest, on_cuda)
    past = [
        run
        for run in [*list_past_runs(), *probes]
        if run.processor == processor and (on_cuda or run.threads == number) and not is_stripped(spec)
    ]
    return Surroundings(
        manifest=manifest,
        dtype=dtype,
        speed=find_speed(processor, number, dtype, on_cuda, manifest.shape.hidden_size),
        on_cuda=on_cuda,
        available_bytes=manifest.gpus[0].num_bytes if on_cuda else free_bytes(),
        past=past,
    )


def is_stripped(spec: RunSpec) -> bool:
    """Tell whether speedups are switched off, with which the past runs were made."""
    return spec.training.plain or bool(spec.training.without)


def choose_dtype(spec: RunSpec, manifest: InputManifest, on_cuda: bool) -> str:
    """Return the format in which a run would compute."""
    from laptime.hardware.precision import choose_precision

    asked = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}.get(spec.training.precision)
    if asked:
        return asked
    if on_cuda:
        formats = manifest.gpus[0].formats
        return next(name for name in ("bfloat16", "float16", "float32") if name in formats)
    return choose_precision(describe_cpu(), "auto", manifest.tried_formats).compute


def find_speed(processor: str, threads: int, dtype: str, on_cuda: bool, width: int) -> Speed:
    """Return what was measured of a processor in a format, at widths like the model's if there are some."""
    known = [
        one
        for one in list_measurements()
        if one.processor == processor and (on_cuda or one.threads == threads) and speed_of(one, dtype)
    ]
    if not known:
        return SLOW
    near = min(known, key=lambda one: abs(max(rate.inputs for rate in one.rates_of(dtype)) - 4 * width))
    return speed_of(near, dtype) or SLOW
