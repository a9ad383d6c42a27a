"""Sentences on time: who was faster, by how much, and where the difference comes from."""

from __future__ import annotations

from collections.abc import Mapping

from laptime.comparison.result import ComparisonResult, MethodResult, Pair
from laptime.report import quantities
from laptime.report.arithmetic import FAR_BEYOND, find_own_options
from laptime.report.device_sentences import name_devices, write_gathering
from laptime.report.headline import ratio_words
from laptime.report.language import Language
from laptime.report.quantities import known
from laptime.report.reading import Reading, read_ratio
from laptime.report.sentence import Sentence
from laptime.report.suspects import write_suspects
from laptime.runs.contestants import tell_options

# What counts for the whole process.
MANY_PAIRS = 6  # more are counted, not named
PHASES = ("import", "load", "prepare", "warm_up", "train", "checkpoint", "save")
PARTS = ("data", "forward", "backward", "exchange", "optimizer")
NOT_SHOWN = ("about_the_same", "not_settled")
_NEAR = 0.15  # measured and arithmetic ratio agree
_WORTH_NAMING = 0.05  # share of the difference


def find_method(result: ComparisonResult, name: str) -> MethodResult | None:
    """Return the row of a method, or None."""
    return next((method for method in result.methods if method.name == name), None)


def write_time(result: ComparisonResult, pair: Pair | None, language: Language) -> list[Sentence]:
    """Say what training took, and whether the difference is shown."""
    reading = read_ratio(pair, "train") if pair else None
    if pair is not None and reading is not None:
        text = language.say(
            f"time.{reading.verdict}", **_values(result, reading, pair, "train_seconds", language)
        )
        return [Sentence("time", " ".join([language.sentence(text), *_write_order(result, language)]))]
    sentences = []
    if pair is not None and pair.verdict == "unequal_work":
        names = {"faster": language.method(pair.faster), "slower": language.method(pair.slower)}
        text = language.sentence(language.say("time.unequal_work", **names))
        sentences.append(Sentence("time", text, warning=True))
    timed = [method for method in result.methods if known(method.train_seconds)]
    for method in timed:
        values = {"method": language.method(method.name), "seconds": language.seconds(method.train_seconds)}
        sentences.append(Sentence("time", language.sentence(language.say("time.single", **values))))
    return sentences


def _write_order(result: ComparisonResult, language: Language) -> list[str]:
    """Return who of more than two is shown to be faster than whom, and between whom nothing is shown."""
    if len([method for method in result.methods if known(method.train_seconds)]) < 3:
        return []
    readings = [reading for pair in result.pairs if (reading := read_ratio(pair, "train"))]
    sentences = []
    slower_ones: dict[str, list[str]] = {}
    for one in readings:
        if one.verdict == "faster":
            slower_ones.setdefault(one.faster, []).append(one.slower)
    if slower_ones:
        names = sorted(slower_ones, key=lambda name: -len(slower_ones[name]))
        items = [_say_faster(name, slower_ones[name], language) for name in names]
        sentences.append(language.say("time.order", list="; ".join(items)))
    if open_ones := [one for one in readings if one.verdict != "faster"]:
        items = [
            language.say(
                "time.order.pair", first=language.method(one.faster), second=language.method(one.slower)
            )
            for one in open_ones
        ]
        if len(items) > MANY_PAIRS:
            sentences.append(language.say("time.order.many", number=len(items), all=len(readings)))
        else:
            sentences.append(language.say("time.order.open", list=", ".join(items)))
    if apart := _find_apart(result):
        shown = language.join([language.method(name) for name in apart])
        sentences.append(language.sentence(language.say("time.order.apart", list=shown)))
    return sentences


def _find_apart(result: ComparisonResult) -> list[str]:
    """Return the rows that did the same work as no other, so that no ratio holds them."""
    verdicts: dict[str, set[str]] = {}
    for pair in result.pairs:
        for name in (pair.faster, pair.slower):
            verdicts.setdefault(name, set()).add(pair.verdict)
    return [row.name for row in result.methods if verdicts.get(row.name) == {"unequal_work"}]


def _say_faster(name: str, others: list[str], language: Language) -> str:
    """Return that one method is shown to be faster than others."""
    slower = language.join([language.method(other) for other in others])
    return language.say("time.order.item", faster=language.method(name), slower=slower)


def _values(
    result: ComparisonResult, reading: Reading, pair: Pair, figure: str, language: Language
) -> dict[str, str | int]:
    """Return what the sentences on a ratio of `figure` need."""
    fast, slow = find_method(result, reading.faster), find_method(result, reading.slower)
    return ratio_words(reading, pair, language) | {
        "fast_seconds": language.seconds(getattr(fast, figure, None)),
        "slow_seconds": language.seconds(getattr(slow, figure, None)),
    }


def write_total(result: ComparisonResult, pair: Pair, language: Language) -> list[Sentence]:
    """Say what the whole process took."""
    reading = read_ratio(pair, "total")
    if reading is None:
        return []
    values = _values(result, reading, pair, "total_seconds", language)
    return [Sentence("total", language.sentence(language.say(f"total.sentence.{reading.verdict}", **values)))]


def write_source(result: ComparisonResult, pair: Pair, language: Language) -> list[Sentence]:
    """Say which phases and which parts of a step hold the difference in time."""
    reading = read_ratio(pair, "train")
    fast = find_method(result, reading.faster) if reading else None
    slow = find_method(result, reading.slower) if reading else None
    if reading is None or fast is None or slow is None:
        return []
    sentences = []
    if pair.total_verdict not in NOT_SHOWN:
        sentences += _write_phases(fast, slow, language)
    if reading.verdict not in NOT_SHOWN:
        sentences += _write_steps(fast, slow, language)
        sentences += write_gathering([fast, slow], language)
    return [Sentence("source", " ".join(sentences))] if sentences else []


def _write_phases(fast: MethodResult, slow: MethodResult, language: Language) -> list[str]:
    """Return the sentences on the phases that hold the difference between two whole processes."""
    differences = _differences(fast.phase_seconds, slow.phase_seconds, PHASES)
    gap = sum(differences.values())
    if not differences or gap <= 0.05 * sum(fast.phase_seconds.get(name, 0.0) for name in PHASES):
        return []
    named = {name: value for name, value in differences.items() if abs(value) >= _WORTH_NAMING * gap}
    items = [
        language.say(
            "source.phase.more" if value > 0 else "source.phase.less",
            phase=language.say(f"phase.{name}"),
            seconds=language.seconds(abs(value)),
        )
        for name, value in sorted(named.items(), key=lambda item: -item[1])
    ]
    sentences = [language.say("source.phases", gap=language.seconds(gap), list=language.join(items))]
    if differences.get("train", 0.0) < 0.5 * gap:
        sentences.append(language.say("source.not_training"))
    return sentences


def _write_steps(fast: MethodResult, slow: MethodResult, language: Language) -> list[str]:
    """Return the sentence on the parts of a steady step, the greatest difference first."""
    fast_parts, slow_parts = _level_parts(fast, slow)
    differences = _differences(fast_parts, slow_parts, PARTS)
    whole = sum(abs(value) for value in differences.values())
    if not whole or not known(fast.steady_step_seconds) or not known(slow.steady_step_seconds):
        return []
    if fast.steady_step_seconds >= slow.steady_step_seconds:  # then the steps are no cause
        return []
    named = [name for name, value in differences.items() if abs(value) >= _WORTH_NAMING * whole]
    named.sort(key=lambda name: -abs(differences[name]))
    items = [
        language.say(
            "source.part",
            part=language.say(f"part.{name}"),
            fast_seconds=language.seconds(fast_parts[name]),
            slow_seconds=language.seconds(slow_parts[name]),
        )
        for name in named
    ]
    values = {
        "faster": language.method(fast.name),
        "slower": language.method(slow.name),
        "fast_step": language.seconds(fast.steady_step_seconds),
        "slow_step": language.seconds(slow.steady_step_seconds),
        "list": ", ".join(items),
    }
    return [language.say("source.steps", **values)]


def _level_parts(fast: MethodResult, slow: MethodResult) -> tuple[dict[str, float], dict[str, float]]:
    """Return the parts of a steady step of both; who trained on one device exchanged nothing."""
    exchanges = {"exchange": 0.0} if fast.ranks or slow.ranks else {}
    return exchanges | fast.step_part_seconds, exchanges | slow.step_part_seconds


def _differences(
    fast: Mapping[str, float], slow: Mapping[str, float], names: tuple[str, ...]
) -> dict[str, float]:
    """Return the seconds by which `slow` is longer, for each name that both have."""
    both = [name for name in names if name in fast and name in slow]
    return {name: slow[name] - fast[name] for name in both}


def write_arithmetic(result: ComparisonResult, pair: Pair, language: Language) -> list[Sentence]:
    """Set the measured ratio against the one that floating-point operations alone would give."""
    reading = read_ratio(pair, "train")
    if reading is None or not known(pair.arithmetic_ratio) or pair.arithmetic_ratio <= 0:
        return []
    arithmetic = pair.arithmetic_ratio if reading.slower == pair.slower else 1 / pair.arithmetic_ratio
    factor = reading.ratio / arithmetic
    shown = {"arithmetic": language.ratio(arithmetic), "ratio": language.ratio(reading.ratio)}
    if reading.verdict == "not_settled":  # a ratio that may be noise agrees with nothing
        return []
    if abs(factor - 1) > _NEAR and (rest := _tell_apart(result, reading, language)):
        return [Sentence("arithmetic", language.say("arithmetic.rest", rest=rest, **shown))]
    rows = [row for name in (reading.faster, reading.slower) if (row := find_method(result, name))]
    exchange = language.say("arithmetic.exchange") if any(row.ranks for row in rows) else ""
    if factor >= FAR_BEYOND:
        shown["arithmetic"] = language.about(arithmetic)
        text = language.say("arithmetic.warning", factor=quantities.ratio(factor, unit=False), **shown)
        warning = Sentence("arithmetic", f"{text} {exchange}".strip(), warning=True)
        return [warning, *write_suspects(result, pair, language)]
    if abs(factor - 1) <= _NEAR:
        rest = language.say("arithmetic.near", percent=language.percent(_NEAR))
    elif factor < 1:
        rest = language.say("arithmetic.below", faster=language.method(reading.faster))
    else:
        part = _optimizer_share(result, reading, language)
        above = language.say("arithmetic.above", factor=quantities.ratio(factor, unit=False), part=part)
        rest = f"{above} {exchange}".strip()
    return [Sentence("arithmetic", language.say("arithmetic.rest", rest=rest, **shown))]


def _tell_apart(result: ComparisonResult, reading: Reading, language: Language) -> str:
    """Return in which options of the training and in which devices two rows differ; arithmetic knows none."""
    rows = [row for name in (reading.faster, reading.slower) if (row := find_method(result, name))]
    told = ", ".join(tell_options(options) for options in find_own_options(rows) if options)
    sentences = [language.say("arithmetic.own", options=told)] if told else []
    if len({row.devices for row in rows}) > 1:
        sentences.append(language.say("arithmetic.devices", list=name_devices(rows, language)))
    return " ".join(sentences)


def _optimizer_share(result: ComparisonResult, reading: Reading, language: Language) -> str:
    """Return the clause on the optimizer's share of a step where it is what differs, else nothing."""
    shares = []
    for name in (reading.faster, reading.slower):
        method = find_method(result, name)
        parts = method.step_part_seconds if method else {}
        whole = sum(parts.values())
        shares.append(parts["optimizer"] / whole if whole and "optimizer" in parts else None)
    fast, slow = shares
    if fast is None or slow is None or slow - fast < _WORTH_NAMING:
        return ""
    return language.say(
        "arithmetic.part",
        faster=language.method(reading.faster),
        slower=language.method(reading.slower),
        fast_share=language.percent(fast),
        slow_share=language.percent(slow),
    )
