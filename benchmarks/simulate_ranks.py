"""Says what each process would hold of a spread model: on fake tensors, in a process group of any size.

    python benchmarks/simulate_ranks.py [--ranks 2 8 64 1000] [--write]

Two steps of full fine-tuning, its model spread by Laptime's own `spread`, as rank 0 would do it. No weight is
there and nothing is sent, so any machine will do. What it counts are bytes of tensors: buffers of the backend
and what the allocator can't use come on top. The vocabulary is gathered here, not spread, and activations
are recomputed. FSDP2 fills every parameter up to a multiple of the ranks' rows before it gathers it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from results_folder import RESULTS, machine_name
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.testing._internal.distributed.fake_pg import FakeStore
from transformers import LlamaConfig, LlamaForCausalLM

from laptime import __version__
from laptime.hardware.machine import describe_machine
from laptime.training.sharding import Root, find_layers, part_of, spread

LLAMA_1B = {
    "vocab_size": 128_256, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "tie_word_embeddings": True,
}  # fmt: skip
TOKENS = 284  # of a record of the reference job
RANKS = (2, 8, 64, 1000)


def simulate(
    shape: dict[str, Any],
    num_ranks: int,
    tokens: int = TOKENS,
    rank: int = 0,
    compute: torch.dtype = torch.bfloat16,
) -> dict[str, int]:
    """Return the bytes that `rank` of `num_ranks` holds, and the most that it held in a step."""
    with fake_group(num_ranks, rank) as fake:
        model, root = spread_model(shape, num_ranks, fake, compute)
        with fake:
            held = take_steps(model, root, tokens)
    return {"ranks": num_ranks, "whole_parameters": count_whole(model), **held}


def hold(shape: dict[str, Any], num_ranks: int, rank: int) -> dict[str, int]:
    """Return the bytes of weights that `rank` of `num_ranks` holds, without a step."""
    with fake_group(num_ranks, rank) as fake:
        model, _ = spread_model(shape, num_ranks, fake)
        held = sum(count_bytes(part_of(p)) for p in model.parameters())
        return {"ranks": num_ranks, "whole_parameters": count_whole(model), "parameters": held}


@contextmanager
def fake_group(num_ranks: int, rank: int) -> Iterator[FakeTensorMode]:
    """Be one of many processes that are not there."""
    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=num_ranks)
    try:
        yield FakeTensorMode(allow_non_fake_inputs=True)
    finally:
        dist.destroy_process_group()


def spread_model(
    shape: dict[str, Any], num_ranks: int, fake: FakeTensorMode, compute: torch.dtype = torch.bfloat16
) -> tuple[LlamaForCausalLM, Root]:
    """Return a model of fake weights, spread, and the root through which its steps go."""
    with fake:
        model = LlamaForCausalLM(LlamaConfig(**shape)).train()
    root = Root(model)
    modules = [*find_layers(model), root]
    for module in modules:  # born in float32, and fake tensors can't be swapped for their like
        module.float = partial(as_it_is, module)  # type: ignore[method-assign]
    spread(modules, compute, "cpu", num_ranks)  # not on fake tensors: its mesh must be a real one
    return model, root


def count_whole(model: torch.nn.Module) -> int:
    """Count the parameters of a spread model as a whole."""
    return sum(p.numel() for p in model.parameters())


def take_steps(model: LlamaForCausalLM, root: Root, tokens: int) -> dict[str, int]:
    """Take two steps, of which the second finds all there is, and count the bytes of this process."""
    root.run = lambda ids: model(input_ids=ids, labels=ids, use_cache=False).loss
    model.gradient_checkpointing_enable({"use_reentrant": False})
    parts = [torch.nn.Parameter(part_of(p)) for p in model.parameters()]
    optimizer = torch.optim.AdamW(parts, fused=True)
    tracker = MemTracker()
    tracker.track_external(model, optimizer, *parts)
    ids = torch.zeros(1, tokens, dtype=torch.int64)
    with tracker:
        for _ in range(2):
            optimizer.zero_grad()
            root(ids).backward()
            for part, parameter in zip(parts, model.parameters(), strict=True):
                part.grad = parameter.grad.to_local()
                parameter.grad = None
            optimizer.step()
            tracker.reset_mod_stats()
    peak = tracker.get_tracker_snapshot("peak")[torch.device("cpu")]
    return {
        "parameters": sum(count_bytes(p) for p in parts),
        "gradients": sum(count_bytes(p.grad) for p in parts),
        "moments": sum(
            count_bytes(one) for held in optimizer.state.values() for one in held.values() if one.dim()
        ),
        "peak": int(peak["Total"]),
    }


def as_it_is(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module unchanged."""
    return module


def count_bytes(tensor: torch.Tensor | None) -> int:
    """Return the bytes of a tensor's elements."""
    return 0 if tensor is None else tensor.numel() * tensor.element_size()


def main() -> None:
    """Simulate each number of ranks, print and, where wanted, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=RANKS)
    parser.add_argument("--write", action="store_true")
    words = parser.parse_args()
    rows = []
    for number in words.ranks:
        rows.append(simulate(LLAMA_1B, number))
        print(rows[-1], flush=True)
    if words.write:
        write(rows)


def write(rows: list[dict[str, int]]) -> Path:
    """Write the rows among the results, with what they were made by."""
    machine = describe_machine(torch.device("cpu"))
    content = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"), "laptime": __version__, "machine": machine,
        "command": " ".join(["python", "benchmarks/simulate_ranks.py", *sys.argv[1:]]),
        "meaning": "bytes that rank 0 holds, simulated on fake tensors; nothing was trained or sent",
        "shape": LLAMA_1B, "tokens": TOKENS, "rows": rows,
    }  # fmt: skip
    file = RESULTS / f"ranks_simulated_{machine_name(machine)}.json"
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return file


if __name__ == "__main__":
    main()
