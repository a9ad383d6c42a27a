"""Where the seconds of runs went, as lines of a terminal: a bar for each part, or two runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from laptime.comparison.waterfall import STEP_PARTS, Part, Waterfall
from laptime.hardware.inventory import name_processor
from laptime.hardware.measurements import find_rate
from laptime.report import quantities
from laptime.runs.past_runs import count_flops
from laptime.runs.record import RunRecord

NAMES = {
    "import": "imports", "load": "loading the base", "prepare": "preparing", "warm_up": "warm-up",
    "train": "training", "first_step": "first step", "data": "waiting for data", "forward": "forward",
    "backward": "backward", "exchange": "exchanging", "optimizer": "optimizer",
    "steps": "in no part of a step", "unsplit": "other steps, not split", "between": "between the steps",
    "checkpoint": "checkpoints", "save": "saving", "encode": "encoding", "evaluate": "held-out loss",
    "answer": "answers", "check": "self-checks", "rest": "everything else",
}  # fmt: skip
NAME_WIDTH, BAR_WIDTH = 26, 30
UNITS = ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"))


def draw_waterfall(record: RunRecord, waterfall: Waterfall) -> Iterator[str]:
    """Yield a run's parts with their seconds, their share of the whole and a bar, and what lies outside."""
    steps = f"{waterfall.num_steps} step{'s'[: waterfall.num_steps != 1]}"
    yield f"{waterfall.run}: {quantities.seconds(waterfall.total_seconds)} in all, {steps}"
    done = 0.0  # where the bar of the next part begins
    for part in waterfall.parts:
        yield draw(part, waterfall.total_seconds, done)
        if part.name != "train":  # its parts begin where it does
            done += part.seconds
    if (hidden := waterfall.hidden_exchange) > 0:
        yield f"  of forward and backward {quantities.seconds(hidden)} were exchanging with other processes"
    if waterfall.outside:
        parts = ", ".join(
            f"{NAMES[part.name]} {quantities.seconds(part.seconds)}" for part in waterfall.outside
        )
        yield f"  beside that, not counted: {parts}"
    yield from tell_limit(record, waterfall)


def draw(part: Part, total: float, done: float) -> str:
    """Return the line of a part; its bar begins where the parts before it end."""
    name = "  " * (part.depth + 1) + NAMES[part.name]
    begin = min(BAR_WIDTH - 1, round(BAR_WIDTH * done / total)) if total else 0
    length = round(BAR_WIDTH * part.seconds / total) if total else 0
    bar = " " * begin + ("█" * min(length, BAR_WIDTH - begin) or "▏")
    share = f"{100 * part.seconds / total:.0f} %" if total else ""
    return f"{name:<{NAME_WIDTH}}{quantities.seconds(part.seconds):>10}{share:>7}  {bar}"


def tell_limit(record: RunRecord, waterfall: Waterfall) -> Iterator[str]:
    """Yield what the products alone would take at the rate that was measured here, and the share reached."""
    model, machine, flops = record.model, record.machine, count_flops(record)
    if model is None or machine is None or not flops:
        return
    work = f"  its products are {show_operations(flops)}"
    processor = name_processor(machine.facts, "cpu" if model.device == "cpu" else "cuda")
    threads, width = int(machine.facts.get("threads", 0)), int(model.shape.get("hidden_size", 0))
    rate = find_rate(processor, threads, model.compute_dtype, width)
    if record.ranks:
        yield f"{work}; several processes shared them"
        return
    if rate is None:
        how = f"{model.compute_dtype} with {threads} thread{'s'[: threads != 1]}"
        yield f"{work}; laptime doctor has measured no {how} on such a processor"
        return
    least, took = flops / rate, sum(step.seconds for step in record.steps)
    yield (
        f"{work}: at {show_operations(rate)}/s, which laptime doctor measured for {model.compute_dtype} on "
        f"this {processor.partition(';')[0]}, {quantities.seconds(least)}"
    )
    yield (
        f"  the steps took {quantities.seconds(took)}: {100 * least / took:.0f} % of what is possible; the "
        f"whole run {100 * least / waterfall.total_seconds:.0f} %"
    )


def show_operations(number: float) -> str:
    """Return 0.52 MFLOP, 425 GFLOP, 62.1 TFLOP."""
    size, unit = next((pair for pair in UNITS if number >= pair[0]), UNITS[-1])
    return f"{quantities.significant(number / size, 3)} {unit}"


def set_side_by_side(first: Waterfall, second: Waterfall) -> Iterator[str]:
    """Yield the parts of two runs and their differences, which add up to that of the whole."""
    yield f"{'':<{NAME_WIDTH}}{first.run:>20}{second.run:>20}{'difference':>14}"
    depths = {part.name: part.depth for part in [*first.parts, *second.parts]}
    for name in filter(depths.__contains__, NAMES):
        shown = "  " * depths[name] + NAMES[name]
        yield compare(shown, *(find_seconds(waterfall, name) for waterfall in (first, second)))
    yield compare("in all", first.total_seconds, second.total_seconds)


def find_seconds(waterfall: Waterfall, name: str) -> float | None:
    """Return the seconds of a part; None where a run's steps are not split, or are."""
    is_split = not waterfall.seconds_of("unsplit")
    unknown = ("unsplit",) if is_split else (*STEP_PARTS, "steps")
    return None if name in unknown else waterfall.seconds_of(name)


def compare(name: str, first: float | None, second: float | None) -> str:
    """Return the line of a part in two runs."""
    if first is None or second is None:
        difference = quantities.ABSENT
    else:
        difference = f"{'+' if second >= first else '-'}{quantities.seconds(abs(second - first))}"
    seconds = f"{quantities.seconds(first):>20}{quantities.seconds(second):>20}"
    return f"{name:<{NAME_WIDTH}}{seconds}{difference:>14}"


def tell_ratios(records: Sequence[RunRecord], waterfalls: Sequence[Waterfall]) -> Iterator[str]:
    """Yield how many times as long the slower of two took by which clock, and what operations explain."""
    slow, fast = sorted((0, 1), key=lambda place: -waterfalls[place].total_seconds)
    one, other = waterfalls[slow], waterfalls[fast]
    clocks = {
        "from start to saved result": (one.total_seconds, other.total_seconds),
        "training alone": (one.seconds_of("train"), other.seconds_of("train")),
        "training and checkpoints": tuple(
            waterfall.seconds_of("train") + waterfall.seconds_of("checkpoint") for waterfall in (one, other)
        ),
    }
    if not one.seconds_of("checkpoint") and not other.seconds_of("checkpoint"):
        del clocks["training and checkpoints"]
    for name, (longer, shorter) in clocks.items():
        if shorter:
            shown = f"{quantities.seconds(longer)} against {quantities.seconds(shorter)}"
            yield f"{name}: {shown}, {quantities.significant(longer / shorter, 3)}x"
    flops = [count_flops(records[place]) for place in (slow, fast)]
    if all(flops):
        yield f"by the operations of their products: {quantities.significant(flops[0] / flops[1], 3)}x"
