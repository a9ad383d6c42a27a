"""What one training step of Laptime is made of: seconds by kind of work, from torch's profiler.

    python benchmarks/profile_step.py --model DIR --data FILE.jsonl --method lora --precision fp32

prints one JSON line. The third step of a training is profiled;
the profiler itself costs some of its time. CPU only.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results_folder import RESULTS, machine_name

if TYPE_CHECKING:
    import torch

PROFILED_STEP = 3
HEAD_ROWS = 20_000  # a weight of more outputs is taken for the head's
IN_C = "in C: "  # before the kind of work of the parts in C, which torch's profiler does not see by itself
C_PARTS = {
    "attention_forward": "attention", "attention_backward": "attention",
    "norm_forward": "gate, norm, rotary", "norm_backward": "gate, norm, rotary",
    "gate_forward": "gate, norm, rotary", "gate_backward": "gate, norm, rotary",
    "cross_entropy": "loss over the vocabulary",
    "sum_squares": "optimizer and clipping", "update_adamw": "optimizer and clipping",
    "project_forward": "", "project_backward": "",  # of the head or of the layers, by the weights
}  # fmt: skip
PRODUCTS = {"aten::mm", "aten::addmm", "aten::addmm_", "aten::addmv_", "mkldnn::_linear_pointwise"}
KINDS = {
    "attention": ("aten::bmm", "aten::baddbmm", "aten::_softmax", "aten::_scaled_dot_product"),
    "loss over the vocabulary": ("aten::_log_softmax", "aten::nll_loss", "aten::logsumexp", "aten::gather"),
    "optimizer and clipping": ("aten::_fused_adam", "aten::_foreach", "aten::linalg_vector_norm"),
    "copies and conversions": ("aten::copy_", "aten::clone", "aten::cat", "aten::index", "aten::fill_"),
    "gate, norm, rotary": (
        "aten::silu", "aten::mul", "aten::addcmul", "aten::rsqrt", "aten::pow", "aten::mean", "aten::sum",
        "aten::add", "aten::sub", "aten::neg",
    ),
}  # fmt: skip


def profile_step(model: str, data: str, method: str, precision: str, rank: int) -> dict[str, Any]:
    """Train three steps as a run does and return what the last one was made of, in seconds."""
    from torch.profiler import ProfilerActivity, profile

    from laptime.data.input_manifest import read_manifest
    from laptime.runs.record import RecordWriter
    from laptime.speedups.forward import Forward
    from laptime.training.run import run

    name_c_parts()
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        job = make_job(Path(folder), model, data, method, precision, rank)
        profiler = profile(activities=[ProfilerActivity.CPU], record_shapes=True)
        sum_loss, calls = Forward.sum_loss, 0

        def profiled_sum_loss(*words: Any) -> torch.Tensor:
            nonlocal calls
            calls += 1
            if calls == PROFILED_STEP:
                profiler.start()
            return sum_loss(*words)

        Forward.sum_loss = profiled_sum_loss  # type: ignore[method-assign]
        run(job, RecordWriter(Path(job.folder)))
        profiler.stop()
        shape = read_manifest(Path(job.inputs)).shape
        widest = max(size for name, sizes in shape.linears.items() if name != shape.head for size in sizes)
    parts: dict[str, float] = {}
    for event in profiler.key_averages(group_by_input_shape=True):
        kind = kind_of(event.key, event.input_shapes, rank if method != "full" else 0, widest)
        parts[kind] = parts.get(kind, 0.0) + event.self_cpu_time_total / 1e6
    total = sum(parts.values())
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return {"profiled_seconds": total, "share": {name: round(part / total, 4) for name, part in ordered}}


def name_c_parts() -> None:
    """Give the parts in C names in the profile, by their kinds of work."""
    from laptime.kernels import library

    for name, kind in C_PARTS.items():
        setattr(library, name, named(getattr(library, name), kind))


def named(part: Callable[..., Any], kind: str) -> Callable[..., Any]:
    """Return a part that the profiler sees; where `kind` is left open its layers say which products."""
    import torch

    def call(*words: Any, **options: Any) -> Any:
        own = kind
        if not own:
            layers = next(word for word in words if isinstance(word, list))
            is_head = len(layers) == 1 and layers[0].a_rK is None and len(layers[0].weight_NK) > HEAD_ROWS
            own = "products of the head" if is_head else "products of the layers and adapters"
        with torch.profiler.record_function(IN_C + own):
            return part(*words, **options)

    return call


def make_job(folder: Path, model: str, data: str, method: str, precision: str, rank: int) -> Any:
    """Return a run that ends with its training, its inputs prepared."""
    from laptime.data.input_manifest import InputJob
    from laptime.models.loading import quiet_libraries
    from laptime.runs.job import RunJob
    from laptime.spec import AnswerSpec, DataSpec, ModelSpec, RunSpec, TrainingSpec
    from laptime.training.preprocess import prepare

    quiet_libraries()
    spec = RunSpec(
        method=method,
        round=1,
        model=ModelSpec(model=model),
        data=DataSpec(data=data, template="plain"),
        training=TrainingSpec(max_steps=PROFILED_STEP, precision=precision),  # type: ignore[arg-type]
        answers=AnswerSpec(max_questions=0),
        method_options={} if method == "full" else {"lora_rank": rank, "lora_alpha": 2 * rank},
    )
    inputs = InputJob(
        model=spec.model,
        data=spec.data,
        answers=spec.answers,
        training=spec.training,
        folder=str(folder / "inputs"),
    )
    prepare(inputs)
    return RunJob(
        run="profile", spec=spec, folder=str(folder / "run"), inputs=inputs.folder, until="training"
    )


def kind_of(name: str, shapes: list[Any], rank: int, widest: int) -> str:
    """Return the kind of work of one operation, by its name and the shapes of its inputs.

    The head may be multiplied a block of words at a time: a block is still wider than the widest layer.
    """
    if name.startswith(IN_C):
        return name.removeprefix(IN_C)
    if name in PRODUCTS:
        sizes = {size for shape in shapes if isinstance(shape, list) for size in shape}
        if max(sizes, default=0) > widest:
            return "products of the head"
        return "products of the adapters" if rank in sizes else "products of the layers"
    other = "other tensor operations" if name.startswith("aten::") else "Python and autograd"
    return next((kind for kind, starts in KINDS.items() if name.startswith(starts)), other)


def main() -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--method", default="lora")
    parser.add_argument("--precision", choices=["fp32", "bf16"], required=True)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--save", metavar="NAME", help="keep it as results/profile_NAME_<processor>.json")
    options = parser.parse_args()
    words = {name: value for name, value in vars(options).items() if name != "save"}
    found = profile_step(**words)
    print(json.dumps(found))
    if options.save:
        save_profile(options.save, found)


def save_profile(name: str, found: dict[str, Any]) -> None:
    """Keep a profile beside the machine and the command that made it."""
    import torch

    from laptime import __version__
    from laptime.hardware.machine import describe_machine

    machine = describe_machine(torch.device("cpu"))
    command = ["python", "benchmarks/profile_step.py", *(one.rpartition("/")[2] for one in sys.argv[1:])]
    content = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"), "laptime": __version__, "machine": machine,
        "command": shlex.join(command), "profile": found,
    }  # fmt: skip
    file = RESULTS / f"profile_{name}_{machine_name(machine)}.json"
    file.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
