"""The arithmetic of one training step, and how fast this machine multiplies matrices of its shapes.

    python benchmarks/arithmetic.py --model DIR --method lora --precision fp32 --tokens 284 \
        --trained-tokens 188

prints one JSON line: the model's layers and the ceiling, in FLOP/s, of the products that a step consists of,
each at its own shape and weighted by its FLOPs.
Shapes: T tokens of a step, N of them trained, K inputs and M outputs of a layer.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import torch

MIN_REPEATS, MIN_SECONDS = 3, 0.3  # of one product, which is timed as a whole


class Layers(Struct, kw_only=True):
    """Linear layers of a model: (inputs, outputs, how many) in its body, (inputs, outputs) of its head."""

    body: list[tuple[int, int, int]]
    head: tuple[int, int]


def count_step_flops(
    layers: Layers, method: str, rank: int, num_tokens: int, num_trained_tokens: int
) -> float:
    """Return the FLOPs that one step of `method` ("full" or "lora") can't do without.

    Two a weight and token forward, two for the gradient of the input, two more for a weight's own gradient
    in full fine-tuning; the head on trained tokens only; attention scores and element-wise work left out.
    """
    body = sum(inputs * outputs * count for inputs, outputs, count in layers.body)
    products = body * num_tokens + layers.head[0] * layers.head[1] * num_trained_tokens
    if method == "full":
        return 6.0 * products
    adapters = rank * sum((inputs + outputs) * count for inputs, outputs, count in layers.body)
    return 4.0 * products + 6.0 * adapters * num_tokens


def read_layers(model: str) -> Layers:
    """Return the linear layers of the model in the directory `model`, without its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(model))
    head = built.get_output_embeddings()
    sizes = Counter(
        (module.in_features, module.out_features)
        for module in built.modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    )
    body = [(inputs, outputs, count) for (inputs, outputs), count in sizes.items()]
    return Layers(body=body, head=(head.in_features, head.out_features))


def measure_ceiling(
    layers: Layers, method: str, precision: str, num_tokens: int, num_trained_tokens: int
) -> dict[str, Any]:
    """Return the ceiling in FLOP/s: all FLOPs over the seconds of the fastest way to do each product."""
    shapes = [(inputs, outputs, count, num_tokens) for inputs, outputs, count in layers.body]
    shapes.append((*layers.head, 1, num_trained_tokens))
    flops = seconds = 0.0
    products = []
    for inputs, outputs, count, rows in shapes:
        for kind, ways in products_of(inputs, outputs, rows, method, precision).items():
            times = {name: sustained_seconds(way) for name, way in ways.items()}
            fastest = min(times, key=lambda name: times[name])
            work = 2.0 * inputs * outputs * rows
            flops, seconds = flops + count * work, seconds + count * times[fastest]
            rate = work / times[fastest]
            products.append(
                {"product": kind, "shape": [rows, inputs, outputs], "way": fastest, "flops_per_second": rate}
            )
    return {"flops_per_second": flops / seconds, "products": products}


def products_of(
    inputs: int, outputs: int, rows: int, method: str, precision: str
) -> dict[str, dict[str, Callable[[], Any]]]:
    """Return the products of one layer in a step, each with the ways to do it on this machine."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    # A CPU that only emulates bfloat16 may be faster in float32: the ceiling is the better of both.
    names = ["float32"] if precision == "fp32" else ["bfloat16", "float32"][: 1 if device == "cuda" else 2]
    found: dict[str, dict[str, Callable[[], Any]]] = {"forward": {}, "input gradient": {}}
    if method == "full":
        found["weight gradient"] = {}
    for name in names:
        dtype = getattr(torch, name)
        x_TK = torch.randn(rows, inputs, device=device, dtype=dtype)
        g_TM = torch.randn(rows, outputs, device=device, dtype=dtype)
        w_MK = torch.randn(outputs, inputs, device=device, dtype=dtype)
        found["forward"][name] = partial(torch.mm, x_TK, w_MK.t())
        found["input gradient"][name] = partial(torch.mm, g_TM, w_MK)
        if method == "full":
            found["weight gradient"][name] = partial(torch.mm, g_TM.t(), x_TK)
        if device == "cpu" and torch.backends.mkldnn.is_available():
            found["forward"][f"{name} packed"] = packed_product(x_TK, w_MK)
            found["input gradient"][f"{name} packed"] = packed_product(g_TM, w_MK.t().contiguous())
    return found


def packed_product(x_TK: torch.Tensor, w_MK: torch.Tensor) -> Callable[[], Any]:
    """Return x W^T with the weight packed once for oneDNN's kernels."""
    import torch

    packed = torch.ops.mkldnn._reorder_linear_weight(w_MK)
    return partial(torch.ops.mkldnn._linear_pointwise, x_TK, packed, None, "none", [], "")


def sustained_seconds(product: Callable[[], Any]) -> float:
    """Return the mean seconds of `product` over repeats that last a while.

    The mean and not the best: a processor that slows down under load holds no ceiling of a moment.
    """
    import torch

    def synchronize() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    product()
    synchronize()
    begun, repeats = time.perf_counter(), 0
    while repeats < MIN_REPEATS or time.perf_counter() - begun < MIN_SECONDS:
        product()
        synchronize()
        repeats += 1
    return (time.perf_counter() - begun) / repeats


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", choices=["lora", "full"], required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--trained-tokens", type=int, required=True)
    options = parser.parse_args()
    import torch

    layers = read_layers(options.model)
    with torch.no_grad():
        ceiling = measure_ceiling(
            layers, options.method, options.precision, options.tokens, options.trained_tokens
        )
    print(json.dumps({"body": layers.body, "head": layers.head, **ceiling}))


if __name__ == "__main__":
    main()
