"""What a step holds at its peak, by running Laptime's own step on fake tensors, beside what is estimated.

    python benchmarks/fake_memory.py [--save]

Two steps of each method at the widths of Llama-3.2-1B with four and eight layers, from which the whole model
follows: nothing but sizes is there. The step is that of a GPU: the parts in C are left out, since they read
memory. What it counts are bytes of tensors; beside it stands the estimate by which runs are refused, cut and
advised on, less the libraries' own share. With --save it goes to benchmarks/results/fake_memory.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from results_folder import RESULTS
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from transformers import LlamaConfig, LlamaForCausalLM

from laptime import __version__
from laptime.data.batches import make_batch
from laptime.data.encoded import EncodedExample
from laptime.memory_estimate import CUDA_BASE_BYTES, MemoryEstimate
from laptime.methods.method import Method, make_method
from laptime.models.module_shape import measure_shape
from laptime.spec import TrainingSpec
from laptime.speedups import answer_head
from laptime.speedups.forward import Forward
from laptime.speedups.speedup import Setup, apply_all
from laptime.training.optimizer import Optimizer

WIDTHS: dict[str, Any] = {
    "vocab_size": 128_256, "hidden_size": 2048, "intermediate_size": 8192, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 64, "tie_word_embeddings": True,
}  # fmt: skip
LAYERS, FEW, MORE = 16, 4, 8  # of the model; of those that are run
IN_C = ("compiled_attention", "compiled_loss", "compiled_optimizer", "compiled_parts", "compiled_projections")
ON_CPUS = (*IN_C, "prepacked_weights", "float32_products", "short_attention")
CPU = torch.device("cpu")


class Case(Struct, frozen=True, kw_only=True):
    """A method, the tokens of its one example, of which half train, and how it runs."""

    method: str
    tokens: int
    plain: bool = False
    recomputes: bool = False
    options: dict[str, Any] = {}


class Row(Struct, kw_only=True):
    """What a case holds at its peak on fake tensors, what is estimated, and by which share that is more."""

    case: Case
    peak_bytes: int
    estimated_bytes: int
    error: float


CASES = [
    Case(method=method, tokens=tokens, plain=plain, recomputes=recomputes)
    for method in ("full", "lora", "lora_top", "dora", "lora_fa", "top_layers", "vera", "ia3")
    for tokens in (512, 2048)
    for plain, recomputes in ((False, False), (True, False), (False, True))
]


def run_case(case: Case, num_layers: int) -> tuple[int, MemoryEstimate]:
    """Return the peak of a case with so many layers, and its estimate."""
    method = make_method(case.method, case.options)
    with torch.device("meta"):  # fake tensors can't be moved and changed as PEFT does
        model: Any = LlamaForCausalLM(LlamaConfig(num_hidden_layers=num_layers, **WIDTHS))
        shape = measure_shape(model)
        model = method.attach(model.to(torch.bfloat16).train().requires_grad_(False))
    if case.recomputes:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    with FakeTensorMode(allow_non_fake_inputs=True):
        make_fake(model)
        peak = take_steps(case, model, method)
    estimate = MemoryEstimate(
        shape=shape, method=method, element_bytes=2, batch_size=1, longest=case.tokens,
        recomputes=case.recomputes, plain=case.plain, on_cuda=True,
    )  # fmt: skip
    return peak, estimate


def enlarge(made: Sequence[torch.Tensor | None], factor: torch.Tensor | None, wanted: torch.Tensor) -> None:
    """Do as on a GPU, where nobody asks for the value of a factor."""
    for gradient in made:
        if gradient is not None:
            gradient.mul_(wanted.to(gradient.dtype))


class Tracker(MemTracker):
    """Counts what is there, whichever module made it: that one is called twice in a step is no error."""

    def _pre_fw_hook(self, *_: Any) -> None:
        return None

    _post_fw_hook = _pre_bw_hook = _post_bw_hook = _pre_fw_hook


def make_fake(model: Any) -> None:
    """Put fake tensors in the place of those that are on no device, tied ones once."""
    made: dict[int, Any] = {}
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is not None and id(tensor) not in made:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype)
                    is_parameter = isinstance(tensor, torch.nn.Parameter)
                    made[id(tensor)] = (
                        torch.nn.Parameter(fake, requires_grad=tensor.requires_grad) if is_parameter else fake
                    )
                if tensor is not None:
                    held[name] = made[id(tensor)]


def take_steps(case: Case, model: Any, method: Method) -> int:
    """Take two steps, of which the second finds all there is, and return the most that was held."""
    training = TrainingSpec(plain=case.plain, without=() if case.plain else ON_CPUS)
    setup = Setup(
        model=model, method=method, training=training, device=CPU, compute="bfloat16",
        native_formats=frozenset({"float32", "bfloat16"}), longest=case.tokens, batch_tokens=case.tokens,
        is_ragged=False, recomputes=case.recomputes, example_keys=set(), cache_folder=Path("none"),
        evaluates=False, forward=Forward(model),
    )  # fmt: skip
    apply_all(setup)
    half = case.tokens // 2
    batch = make_batch([EncodedExample([1] * case.tokens, [n >= half for n in range(case.tokens)], "x")])
    optimizer = Optimizer(method.parameter_groups(model), training, False, fused=True)
    tracker = Tracker()
    tracker.track_external(model, *(chunk.rule for chunk in optimizer.chunks))
    tracker.track_external(*(one for chunk in optimizer.chunks for one in chunk.masters))
    with tracker:
        for _ in range(2):
            loss = setup.forward.sum_loss(batch) / half
            loss.backward()
            optimizer.step(1e-4, loss.detach())
            tracker.reset_mod_stats()
    return int(tracker.get_tracker_snapshot("peak")[CPU]["Total"])


def compare(case: Case) -> Row:
    """Return the peak of the whole model beside its estimate."""
    (few, low), (more, high) = (run_case(case, number) for number in (FEW, MORE))
    held = [one.held_bytes - CUDA_BASE_BYTES + one.activation_bytes(case.recomputes) for one in (low, high)]
    peak, estimated = (extend(*pair) for pair in ((few, more), (held[0], held[1])))
    return Row(case=case, peak_bytes=peak, estimated_bytes=estimated, error=estimated / peak - 1)


def extend(few: int, more: int) -> int:
    """Return what LAYERS layers hold, from what FEW and MORE do."""
    return few + (more - few) * (LAYERS - FEW) // (MORE - FEW)


def main() -> None:
    """Print each case, and keep them with --save."""
    answer_head.enlarge = enlarge
    torch.Tensor.data_ptr = lambda self: self.untyped_storage()._cdata  # a fake tensor has no place in memory
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    rows = []
    for case in CASES:
        row = compare(case)
        rows.append(row)
        how = "plain" if case.plain else "recomputed" if case.recomputes else "fast"
        print(
            f"{case.method:<11}{case.tokens:>6} {how:<11}{row.peak_bytes / 1e9:7.2f} GB, estimated "
            f"{row.estimated_bytes / 1e9:6.2f} GB ({100 * row.error:+.0f} %)",
            flush=True,
        )
    if options.save:
        write(rows)


def write(rows: list[Row]) -> None:
    """Write the rows among the results."""
    told = {
        "command": "python benchmarks/fake_memory.py --save",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "laptime": __version__,
        "torch": torch.__version__,
        "meaning": "bytes of tensors at the peak of a step on fake tensors, beside the estimate",
        "widths": WIDTHS | {"num_hidden_layers": LAYERS},
        "rows": [
            {"peak_bytes": row.peak_bytes, "estimated_bytes": row.estimated_bytes, "error": row.error}
            | {name: getattr(row.case, name) for name in ("method", "tokens", "plain", "recomputes")}
            for row in rows
        ],
    }
    (RESULTS / "fake_memory.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
