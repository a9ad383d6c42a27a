"""Tries whether the C products or torch's are faster on this machine: before a model's first run, once.

Which is depends on the processor and on the library that torch multiplies with. A layer of the model's own
widths, with an adapter, goes forward and back by both, in turn. What was found is kept in the user's cache,
by all that it depends on, and serves every run of a comparison.

Shapes: T tokens, K inputs, N outputs, r rank.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from statistics import median

import msgspec
import torch
from torch import nn

from laptime.data.encoded import EncodedData
from laptime.data.input_manifest import InputJob, InputManifest, ProductTrial
from laptime.decoder.linear_layers import Linear, Weight
from laptime.hardware.machine import describe_machine, describe_processor
from laptime.hardware.precision import native_formats
from laptime.kernels import library
from laptime.kernels.build import NotBuiltError, name_library
from laptime.speedups import compiled_projections, fused_projections
from laptime.speedups.prepacked_weights import PackedWeight
from laptime.startup.speedup_switches import is_wanted
from laptime.training.trial import threads_of_run, try_once
from laptime.util.user_cache import user_cache

RANK = 16
MOST_NUMBERS = (
    1 << 20
)  # of the weight, so that trying it takes little memory: fewer outputs where it has more
MOST_TOKENS = 512
TURNS, MOST_SECONDS = 12, 0.3  # of both ways in turn, in one format


def try_products(job: InputJob, manifest: InputManifest, encoded: EncodedData) -> ProductTrial | None:
    """Return how long both ways took in every format with a choice; None where there is none."""
    formats = list_formats(job)
    if not formats:
        return None
    sizes = find_sizes(job, manifest, encoded)
    file = user_cache() / "products" / f"{name_trial(job, formats, sizes)}.json"

    def make() -> ProductTrial:
        with threads_of_run(job):
            found = {str(dtype).removeprefix("torch."): time_ways(*sizes, dtype) for dtype in formats}
        return ProductTrial(
            c_seconds={name: ours for name, (ours, _) in found.items()},
            torch_seconds={name: theirs for name, (_, theirs) in found.items()},
            seconds=0.0,
        )

    return try_once(file, ProductTrial, make)


def list_formats(job: InputJob) -> list[torch.dtype]:
    """Return the formats in which a run may choose between the C products and torch's."""
    settings = msgspec.structs.asdict(job.training)
    on_cpu = job.training.device == "cpu" or not torch.cuda.is_available()
    ways = ("compiled_projections", "fused_projections", "fused_blocks")
    if not on_cpu or not all(is_wanted(name, settings) for name in ways):
        return []
    native = native_formats(describe_processor(torch.device("cpu")))
    known = [dtype for dtype in library.NAMES if str(dtype).removeprefix("torch.") in native]
    try:
        return [dtype for dtype in known if library.has_products(dtype)]
    except NotBuiltError:
        return []


def find_sizes(job: InputJob, manifest: InputManifest, encoded: EncodedData) -> tuple[int, int, int]:
    """Return T, K and N of a layer that stands for the model's: the largest, of a usual batch."""
    shape = manifest.shape
    rows, columns = max(
        (sizes for name, sizes in shape.linears.items() if name != shape.head),
        key=lambda sizes: sizes[0] * sizes[1],
        default=(shape.hidden_size, shape.hidden_size),
    )
    outputs = max(2, min(rows, MOST_NUMBERS // columns) // 2 * 2)
    tokens = int(median(encoded.examples.lengths.tolist())) * job.training.batch_size
    return min(tokens, MOST_TOKENS), max(2, columns // 2 * 2), outputs


def name_trial(job: InputJob, formats: list[torch.dtype], sizes: tuple[int, int, int]) -> str:
    """Return the name of a trial: by machine, versions, C parts, formats, sizes and threads."""
    machine = describe_machine(torch.device("cpu"))
    known = [machine.get(name) for name in ("cpu", "cores", "versions")]
    depends = [
        known,
        name_library(),
        sorted(map(str, formats)),
        sizes,
        job.threads or torch.get_num_threads(),
    ]
    return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()[:32]


def time_ways(num_tokens: int, inputs: int, outputs: int, dtype: torch.dtype) -> tuple[float, float]:
    """Return the seconds of a layer, forward and back, by C products and by torch's: the fastest of each."""
    weight_NK = torch.randn(outputs, inputs).to(dtype)
    a_rK, b_Nr = (nn.Parameter(torch.randn(size)) for size in ((RANK, inputs), (outputs, RANK)))
    x_TK = torch.randn(num_tokens, inputs).to(dtype).requires_grad_()
    grad_TN = torch.randn(num_tokens, outputs).to(dtype)
    packed = torch.backends.mkldnn.is_available()
    theirs = PackedWeight(weight_NK) if packed else Weight(weight_NK)

    def pass_through(project: Callable[..., list[torch.Tensor]], weight: Weight) -> float:
        layer = Linear(nn.Identity(), weight, None, a_rK, b_Nr, 2.0)
        begun = time.perf_counter()
        project(x_TK, [layer])[0].backward(grad_TN)
        return time.perf_counter() - begun

    c_seconds, torch_seconds = [], []
    begun = time.perf_counter()
    for turn in range(TURNS):
        c_seconds.append(pass_through(compiled_projections.project, Weight(weight_NK)))
        torch_seconds.append(pass_through(fused_projections.project, theirs))
        if turn and time.perf_counter() - begun > MOST_SECONDS:
            break
    return min(c_seconds), min(torch_seconds)
