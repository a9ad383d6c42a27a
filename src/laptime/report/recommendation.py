"""Which row to use and why, in two sentences: what training and answers showed, and what the row is like."""

from __future__ import annotations

from statistics import fmean

from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.report import quantities
from laptime.report.headline import Reading, read_ratio
from laptime.report.language import Language
from laptime.report.quality_sentences import ERRORS, NEARLY_THE_SAME, PARTLY_ALIKE, likeness
from laptime.report.quantities import known

_WORTH_NAMING = 1.1  # a ratio of one round, or of memory, below this is no reason


def write_recommendation(result: ComparisonResult, language: Language) -> list[str]:
    """Return two sentences, or none where fewer than two rows that differ came to their end.

    A third one where even the row to use is worse than the base.
    """
    chosen = choose_row(result)
    if chosen is None:
        return []
    other = _choose_other(result, chosen)
    reasons = (_tell_time(result, chosen, other, language), _tell_quality(result, chosen, other, language))
    told = " ".join(filter(None, reasons))
    first = language.say("recommend.use", method=language.method(chosen.name), reasons=told)
    doubts = _tell_unlearned(result, chosen, language)
    return [first, language.sentence(_tell_shape(chosen, other, language)), *doubts]


def _tell_unlearned(result: ComparisonResult, chosen: MethodResult, language: Language) -> list[str]:
    """Say that the row is worse than the base on held-out examples, where it is."""
    before, after = result.base.held_out_loss if result.base else None, chosen.held_out_loss
    if result.model.get("random_weights") or not known(before) or not known(after) or after <= before:
        return []
    return [language.say("recommend.unlearned", loss=quantities.loss(after), base=quantities.loss(before))]


def choose_row(result: ComparisonResult) -> MethodResult | None:
    """Return the row to use: of those that are not shown to be worse the fastest, of equals the smallest.

    Equal is what is not shown to be slower, and was not by a tenth: after few rounds little is shown.
    """
    rows = _list_finished(result)
    if len(rows) < 2 or all(pair.equal_runs for pair in result.pairs) or _has_no_ratio(result):
        return None
    worse = _find_worse(result)
    good = [row for row in rows if row.name not in worse] or rows
    fastest = min(good, key=lambda row: row.train_seconds or 0.0)
    near = _WORTH_NAMING * (fastest.train_seconds or 0.0)
    alike = [
        row
        for row in good
        if row is fastest
        or ((row.train_seconds or 0.0) <= near and not _is_faster(result, fastest.name, row.name))
    ]
    return min(alike, key=lambda row: (row.saved_bytes or float("inf"), row.train_seconds or 0.0))


def _list_finished(result: ComparisonResult) -> list[MethodResult]:
    return [row for row in result.methods if row.rounds and known(row.train_seconds)]


def _has_no_ratio(result: ComparisonResult) -> bool:
    """Say whether no two rows did the same work."""
    return not any(read_ratio(pair, "train") for pair in result.pairs)


def _find_worse(result: ComparisonResult) -> set[str]:
    """Return the rows whose held-out loss is shown to be above that of another one."""
    worse = set()
    for one in result.held_out_differences:
        if one.standard_error is not None and abs(one.difference) > ERRORS * one.standard_error:
            worse.add(one.first if one.difference > 0 else one.second)
    best = min(
        (row for row in _list_finished(result) if known(row.held_out_loss)),
        key=lambda row: row.held_out_loss or 0.0,
        default=None,
    )
    return worse - {best.name if best else ""}


def _choose_other(result: ComparisonResult, chosen: MethodResult) -> MethodResult:
    """Return the row that the chosen one is set against: full fine-tuning, else the fastest."""
    others = [row for row in _list_finished(result) if row is not chosen and _read(result, chosen, row)]
    others = others or [row for row in _list_finished(result) if row is not chosen]
    full = next((row for row in others if row.method == "full"), None)
    return full or min(others, key=lambda row: row.train_seconds or 0.0)


def _read(result: ComparisonResult, one: MethodResult, other: MethodResult) -> Reading | None:
    names = {one.name, other.name}
    pair = next((pair for pair in result.pairs if {pair.faster, pair.slower} == names), None)
    return read_ratio(pair, "train") if pair else None


def _is_faster(result: ComparisonResult, faster: str, slower: str) -> bool:
    """Say whether a row is shown to be faster than another, or was in the only round."""
    for pair in result.pairs:
        if {pair.faster, pair.slower} == {faster, slower} and (reading := read_ratio(pair, "train")):
            told = reading.verdict == "faster" or (
                reading.verdict == "one_round" and reading.ratio >= _WORTH_NAMING
            )
            return told and reading.faster == faster
    return False


def _tell_time(
    result: ComparisonResult, chosen: MethodResult, other: MethodResult, language: Language
) -> str:
    reading = _read(result, chosen, other)
    if reading is None:
        return ""
    told = reading.verdict
    claims = told in ("faster", "one_round")
    key = f"recommend.time.{'slower.' if claims and reading.faster != chosen.name else ''}{told}"
    names = {"other": language.method(other.name), "ratio": language.ratio(reading.ratio)}
    return language.say(key, **names)


def _tell_quality(
    result: ComparisonResult, chosen: MethodResult, other: MethodResult, language: Language
) -> str:
    """Return what is known of how well the two do: by held-out loss, else by how alike their answers are."""
    if result.model.get("random_weights"):
        return language.say("recommend.quality.none")
    if known(chosen.held_out_loss) and known(other.held_out_loss):
        mine, theirs = quantities.loss(chosen.held_out_loss), quantities.loss(other.held_out_loss)
        apart = _find_apart(result, chosen, other)
        key = "open" if apart is None else "alike" if apart == 0 else "better" if apart < 0 else "worse"
        return language.say(f"recommend.quality.{key}", loss=mine, other=theirs)
    found = [likeness(question, chosen.name, other.name) for question in result.questions]
    if not (scores := [score for score in found if score is not None]):
        return language.say("recommend.quality.none")
    mean = fmean(scores)
    degree = "same" if mean >= NEARLY_THE_SAME else "partly" if mean >= PARTLY_ALIKE else "differ"
    return language.plural(f"recommend.answers.{degree}", len(scores), score=quantities.score(mean))


def _find_apart(result: ComparisonResult, chosen: MethodResult, other: MethodResult) -> int | None:
    """Return -1 where the chosen row's held-out loss is shown to be lower, 1 for higher, 0 for neither."""
    for one in result.held_out_differences:
        if {one.first, one.second} == {chosen.name, other.name} and one.standard_error is not None:
            gap = one.difference if one.first == chosen.name else -one.difference
            return 0 if abs(gap) <= ERRORS * one.standard_error else 1 if gap > 0 else -1
    return None


def _tell_shape(chosen: MethodResult, other: MethodResult, language: Language) -> str:
    """Return what the row trains, holds and leaves behind."""
    share = (chosen.trainable_parameters or 0) / (chosen.parameters or 1)
    kind = "adapter" if chosen.saved_kind == "adapter" else "part" if share < 0.9999 else "model"
    values = {
        "trainable": language.count(chosen.trainable_parameters),
        "total": language.count(chosen.parameters),
        "share": language.percent(share),
        "size": quantities.size(chosen.saved_bytes),
        "memory": _tell_memory(chosen, other, language),
    }
    replaces = kind == "adapter" and other.saved_kind == "model" and other.saved_bytes
    instead = language.say("recommend.instead", size=quantities.size(other.saved_bytes)) if replaces else ""
    return language.say(f"recommend.shape.{kind}", instead=instead, **values)


def _tell_memory(chosen: MethodResult, other: MethodResult, language: Language) -> str:
    """Return the clause on memory where it is clearly less, else nothing."""
    mine, theirs = chosen.held_bytes, other.held_bytes
    comparable = mine and theirs and chosen.peak_bytes_kind == other.peak_bytes_kind
    if not comparable or (theirs or 0) < _WORTH_NAMING * (mine or 0):
        return ""
    return language.say("recommend.memory", mine=quantities.size(mine), theirs=quantities.size(theirs))
