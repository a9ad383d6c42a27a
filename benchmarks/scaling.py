"""Says what one step would exchange and take on 8, 64 and 1,000 GPUs: arithmetic, nothing of it measured.

    python benchmarks/scaling.py                        (prints the tables)
    python benchmarks/scaling.py --write docs/scaling.md    (puts them between its two marks)

Shapes are public, speeds of links and GPUs are assumed and stated. Exchange and computing are
taken one after the other: what overlaps is gained on top.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

GPUS = (8, 64, 1000)
GPUS_OF_NODE = 8
NVLINK = 450e9  # bytes a second and direction that one GPU sends within a node
NETWORK = 400e9 / 8  # the same between nodes: 400 Gb/s for each GPU
FLOPS = 400e12  # a second that one GPU sustains in bfloat16
TOKENS = 4096  # of one GPU's share of a step
LATENCY = 10e-6  # seconds of one hop of a ring
RANK = 16
BEGIN, END = "<!-- scaling: begin -->", "<!-- scaling: end -->"


@dataclass(frozen=True)
class Shape:
    """The numbers of a Llama's parts."""

    name: str
    hidden: int
    layers: int
    key_value: int  # width of all key or value heads together
    intermediate: int
    vocabulary: int
    is_tied: bool

    @property
    def linears(self) -> list[tuple[int, int]]:
        """Return input and output width of a layer's linear maps."""
        wide, narrow, inner = self.hidden, self.key_value, self.intermediate
        return [
            (wide, wide),
            (wide, narrow),
            (wide, narrow),
            (wide, wide),
            *[(wide, inner)] * 2,
            (inner, wide),
        ]

    @property
    def parameters(self) -> int:
        """Count all weights: linear maps, two norms a layer and a last one, embedding and head."""
        layer = sum(a * b for a, b in self.linears) + 2 * self.hidden
        return self.layers * layer + self.hidden + (2 - self.is_tied) * self.vocabulary * self.hidden

    def adapters(self, rank: int = RANK) -> int:
        """Count the weights of LoRA adapters on all linear maps of the layers."""
        return self.layers * sum(rank * (a + b) for a, b in self.linears)


SHAPES = (
    Shape("Llama-3.2-1B", 2048, 16, 512, 8192, 128_256, True),
    Shape("Llama-3.1-8B", 4096, 32, 1024, 14_336, 128_256, False),
)


def link_speed(gpus: int) -> float:
    """Return the bytes a second of the slowest link of a ring through all GPUs."""
    return NVLINK if gpus <= GPUS_OF_NODE else NETWORK


def lora_bytes(shape: Shape, gpus: int) -> float:
    """Return what one GPU sends in a step: an all-reduce of float32 gradients, as a ring."""
    return 2 * (gpus - 1) / gpus * 4 * shape.adapters()


def full_bytes(shape: Shape, gpus: int) -> float:
    """Return what one GPU sends: the bfloat16 weights gathered twice, float32 gradients scattered once."""
    return (gpus - 1) / gpus * (2 * 2 + 4) * shape.parameters


def lora_exchange(shape: Shape, gpus: int) -> float:
    """Return its seconds: bytes over the link, and 2 (N - 1) hops."""
    return lora_bytes(shape, gpus) / link_speed(gpus) + 2 * (gpus - 1) * LATENCY


def full_exchange(shape: Shape, gpus: int) -> float:
    """Return its seconds: bytes over the link, and 3 (N - 1) hops for each layer and for what none holds."""
    return full_bytes(shape, gpus) / link_speed(gpus) + 3 * (gpus - 1) * (shape.layers + 1) * LATENCY


def lora_compute(shape: Shape, tokens: int = TOKENS) -> float:
    """Return the seconds of 4 operations a weight and token: no gradient of frozen weights."""
    return 4 * shape.parameters * tokens / FLOPS


def full_compute(shape: Shape, tokens: int = TOKENS) -> float:
    """Return the seconds of 6 operations a weight and token."""
    return 6 * shape.parameters * tokens / FLOPS


def least_tokens(exchange: float, compute: float, tokens: int = TOKENS) -> int:
    """Return from how many tokens a GPU and step computing takes as long as the exchange."""
    return math.ceil(tokens * exchange / compute)


def share_bytes(shape: Shape, gpus: int) -> float:
    """Return what one GPU holds of float32 weights, gradients and two moments, spread evenly."""
    return 16 * shape.parameters / gpus


def tables() -> str:
    """Return both tables as Markdown."""
    head = (
        "| shape | GPUs | bytes sent by one GPU | seconds to exchange | seconds to compute | "
        "tokens a GPU where both are equal |"
    )
    lines = []
    for shape in SHAPES:
        lines.append(f"- {shape.name}: {shape.parameters:,} parameters, {shape.adapters():,} of LoRA.")
    for title, sent, exchange, compute in (
        ("LoRA, rank 16, all linear maps", lora_bytes, lora_exchange, lora_compute),
        ("Full, spread by FSDP2", full_bytes, full_exchange, full_compute),
    ):
        more = " held by one GPU |" if sent is full_bytes else ""
        columns = 6 + bool(more)
        lines += ["", f"{title} (planned, not measured):", "", head + more, "|---" * columns + "|"]
        for shape in SHAPES:
            for gpus in GPUS:
                seconds, work = exchange(shape, gpus), compute(shape)
                held = f" {share_bytes(shape, gpus) / 1e9:.3g} GB |" if more else ""
                size, tokens = sent(shape, gpus) / 1e9, least_tokens(seconds, work)
                row = f"| {shape.name} | {gpus:,} | {size:.3g} GB | {seconds:.3g} | {work:.3g} | {tokens:,} |"
                lines.append(row + held)
    return "\n".join(lines)


def put(page: str) -> str:
    """Return a page with the tables between its marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def main() -> None:
    """Print or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", type=Path)
    words = parser.parse_args()
    if words.write:
        words.write.write_text(put(words.write.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(tables())


if __name__ == "__main__":
    main()
