"""The methods as a table: what each trains, saves and takes, by arithmetic for one size of model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from rich.table import Table

from laptime.errors import UserError
from laptime.memory_estimate import HALF_BYTES, MemoryEstimate
from laptime.methods.method import find_methods, make_method
from laptime.models.shape import Shape
from laptime.report import quantities
from laptime.report.screen import make_plain_table
from laptime.util.disk import show_size

TOKENS, EPOCHS = 512, 5  # of the one example of a step; of a run
MEASURE = "lora"  # beside which the others stand


class MethodRow(Struct, frozen=True, kw_only=True):
    """One method at one size of model; figures are None where it can't train such a model, for `reason`."""

    name: str
    summary: str
    paper: str
    trained: int | None = None
    saved_bytes: int | None = None
    memory_bytes: int | None = None
    operations: float | None = None  # of a step's products
    against_lora: float | None = None  # the same as a share of LoRA's
    reason: str = ""


def list_rows(shape: Shape) -> list[MethodRow]:
    """Return a row for each method, in half precision on a GPU, activations kept."""
    lora = make_method(MEASURE, {}).cost(shape, HALF_BYTES, EPOCHS).flops_per_token
    return [make_row(name, shape, lora) for name in find_methods()]


def make_row(name: str, shape: Shape, lora: float) -> MethodRow:
    """Return the row of a method."""
    method = make_method(name, {})
    described: dict[str, Any] = {"name": name, "summary": method.summary, "paper": method.paper}
    try:
        cost = method.cost(shape, HALF_BYTES, EPOCHS)
    except UserError as error:
        return MethodRow(**described, reason=str(error))
    estimate = MemoryEstimate(
        shape=shape, method=method, element_bytes=HALF_BYTES, batch_size=1, longest=TOKENS, recomputes=False,
        on_cuda=True,
    )  # fmt: skip
    return MethodRow(
        **described,
        trained=cost.trainable_parameters,
        saved_bytes=cost.saved_bytes,
        memory_bytes=estimate.needed_bytes(1 << 62),
        operations=cost.count_operations(TOKENS, 1),
        against_lora=cost.count_operations(TOKENS, 1) / (lora * TOKENS),
    )


def make_method_table(rows: Sequence[MethodRow]) -> Table:
    """Return a row for each method."""
    table = make_plain_table(gap=2)
    table.add_column("method", no_wrap=True)
    for column in ("trains", "memory", "operations", "saved"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("paper", no_wrap=True)
    for row in rows:
        figures = [
            quantities.count(row.trained),
            quantities.ABSENT if row.memory_bytes is None else show_size(row.memory_bytes),
            quantities.ratio(row.against_lora),
            quantities.ABSENT if row.saved_bytes is None else show_size(row.saved_bytes),
        ]
        table.add_row(row.name, *figures, row.paper)
    return table


def tell_methods(rows: Sequence[MethodRow]) -> Iterator[str]:
    """Yield a line for each method, and why some can't train such a model."""
    for row in rows:
        yield f"{row.name}: {row.summary}"
    for row in rows:
        if row.reason:
            yield f"not for this model: {row.reason}"


def encode_methods(model: str, shape: Shape, rows: Sequence[MethodRow]) -> str:
    """Return the list as JSON."""
    told = {"model": model, "parameters": shape.num_parameters, "tokens": TOKENS, "methods": rows}
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()
