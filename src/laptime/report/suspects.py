"""What a ratio far beyond arithmetic may come from: each suspect with what the records say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from laptime.comparison.result import ComparisonResult, MethodResult, Pair
from laptime.report import quantities
from laptime.report.headline import read_ratio
from laptime.report.language import Language
from laptime.report.quantities import known
from laptime.report.recorded import say_recorded
from laptime.report.sentence import Sentence

_MUCH = 0.05  # of the slower training: less explains nothing
_LARGE = 0.2  # of what two steps lie apart
_FULL = 0.85  # of the memory: from here on a system moves what it holds
_UNEVEN = 3.0  # the longest step after the first, over the median


@dataclass(frozen=True)
class Suspect:
    """What the records say of one suspect, and whether that speaks against it or for it."""

    text: str
    is_likely: bool


def write_suspects(result: ComparisonResult, pair: Pair, language: Language) -> list[Sentence]:
    """Return the suspects that the records speak for, and those that they clear."""
    reading = read_ratio(pair, "train")
    rows = {row.name: row for row in result.methods}
    if reading is None or not {reading.faster, reading.slower} <= set(rows):
        return []
    found = list(find_suspects(result, rows[reading.faster], rows[reading.slower], language))
    sentences = []
    for key, is_likely in (("suspects.likely", True), ("suspects.cleared", False)):
        if told := [one.text for one in found if one.is_likely == is_likely]:
            text = language.say(key, list="; ".join(told))
            sentences.append(Sentence("suspects", text, warning=is_likely))
    if not any(one.is_likely for one in found):
        sentences.insert(0, Sentence("suspects", language.say("suspects.none"), warning=True))
    return sentences


def find_suspects(
    result: ComparisonResult, fast: MethodResult, slow: MethodResult, language: Language
) -> Iterator[Suspect]:
    """Yield every suspect of which the records hold something."""
    yield _judge_swap(result, slow, language)
    yield from _judge_memory(result, slow, language)
    yield from _judge_optimizer(fast, slow, language)
    yield from _judge_checkpoints(slow, language)
    yield from _judge_precision(fast, slow, language)
    yield from _judge_data(slow, language)
    yield from _judge_steps(slow, language)


def _judge_swap(result: ComparisonResult, slow: MethodResult, language: Language) -> Suspect:
    runs = [str(one.values.get("run", "")) for one in result.findings if one.code == "swap"]
    own = [run for run in runs if run.startswith(f"{slow.name}-")]
    if own:
        return Suspect(language.say("suspects.swap", runs=", ".join(own)), True)
    return Suspect(language.say("suspects.swap.none"), False)


def _judge_memory(result: ComparisonResult, slow: MethodResult, language: Language) -> Iterator[Suspect]:
    """Yield how full the memory was, where that is known."""
    on_gpu = "cuda" in slow.peak_bytes_kind or "gpu" in slow.peak_bytes_kind
    room = result.machine.get("gpu_memory_bytes" if on_gpu else "memory_bytes")
    room = max(room, default=None) if isinstance(room, (list, tuple)) else room
    if not isinstance(room, (int, float)) or not room or not slow.held_bytes:
        return
    share = slow.held_bytes / room
    told = {"held": quantities.size(slow.held_bytes), "room": quantities.size(room)}
    text = language.say(
        "suspects.memory", share=language.percent(share), method=_name(slow, language), **told
    )
    yield Suspect(text, share >= _FULL)


def _judge_optimizer(fast: MethodResult, slow: MethodResult, language: Language) -> Iterator[Suspect]:
    """Yield how much of what two steps lie apart is the optimizer: states elsewhere are paid for there."""
    parts, others = slow.step_part_seconds, fast.step_part_seconds
    gap = sum(parts.values()) - sum(others.values())
    if "optimizer" not in parts or "optimizer" not in others or gap <= 0:
        return
    share = (parts["optimizer"] - others["optimizer"]) / gap
    told = {"slow": language.seconds(parts["optimizer"]), "fast": language.seconds(others["optimizer"])}
    text = language.say("suspects.optimizer", share=language.percent(max(share, 0.0)), **told)
    yield Suspect(text, share >= _LARGE)


def _judge_checkpoints(slow: MethodResult, language: Language) -> Iterator[Suspect]:
    """Yield what checkpoints took, which is no part of the training's time here."""
    seconds = slow.phase_seconds.get("checkpoint", 0.0)
    if not seconds:
        yield Suspect(language.say("suspects.checkpoints.none"), False)
        return
    told = {"seconds": language.seconds(seconds), "method": _name(slow, language)}
    yield Suspect(language.say("suspects.checkpoints", **told), False)


def _judge_precision(fast: MethodResult, slow: MethodResult, language: Language) -> Iterator[Suspect]:
    """Yield the formats of both, and why the slower one has its own."""
    if not slow.compute_dtype:
        return
    reason = say_recorded(slow.precision_reason or "", language)
    told = {"slow": slow.compute_dtype, "fast": fast.compute_dtype or quantities.ABSENT, "reason": reason}
    differs = bool(fast.compute_dtype) and fast.compute_dtype != slow.compute_dtype
    key = "suspects.precision.differs" if differs else "suspects.precision"
    yield Suspect(language.say(key, **told), differs or _is_emulated(slow.precision_reason or ""))


def _is_emulated(reason: str) -> bool:
    """Say whether a format was asked for that the hardware has not."""
    return reason.startswith("asked for with --precision;")


def _judge_data(slow: MethodResult, language: Language) -> Iterator[Suspect]:
    """Yield the wait for data, where it counts."""
    parts, whole = slow.step_part_seconds, sum(slow.step_part_seconds.values())
    if whole and parts.get("data", 0.0) >= _MUCH * whole:
        told = {"share": language.percent(parts["data"] / whole), "method": _name(slow, language)}
        yield Suspect(language.say("suspects.data", **told), True)


def _judge_steps(slow: MethodResult, language: Language) -> Iterator[Suspect]:
    """Yield a first step or single steps that took far longer than the rest."""
    steps, train, steady = slow.step_seconds, slow.train_seconds, slow.steady_step_seconds
    if not steps or not known(train) or not known(steady) or steady <= 0:
        return
    method = _name(slow, language)
    if (slow.first_step_seconds or 0.0) - steady >= _MUCH * train:
        told = {"first": language.seconds(slow.first_step_seconds), "steady": language.seconds(steady)}
        yield Suspect(language.say("suspects.first_step", method=method, **told), True)
    longest = max(steps[1:], default=0.0)
    if longest >= _UNEVEN * steady:
        told = {"longest": language.seconds(longest), "steady": language.seconds(steady)}
        yield Suspect(language.say("suspects.uneven", method=method, **told), True)
    else:
        told = {"longest": language.seconds(longest), "steady": language.seconds(steady)}
        yield Suspect(language.say("suspects.even", method=method, **told), False)


def _name(row: MethodResult, language: Language) -> str:
    return language.method(row.name)
