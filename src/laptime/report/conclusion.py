"""The conclusion in plain sentences, each made from figures of the result and from nothing else."""

from __future__ import annotations

from laptime.comparison.result import UNREADABLE, ComparisonResult, Failure, MethodResult
from laptime.report import quantities
from laptime.report.against_sentences import write_against
from laptime.report.check_sentences import write_checks
from laptime.report.device_sentences import tell_share, write_devices
from laptime.report.error_lines import say_error
from laptime.report.front_sentences import write_fronts
from laptime.report.headline import choose_pair
from laptime.report.language import Language
from laptime.report.quality_sentences import write_answers, write_forgetting, write_quality
from laptime.report.quantities import known
from laptime.report.rounds_sentences import write_rounds
from laptime.report.sentence import Sentence
from laptime.report.speed_sentences import write_arithmetic, write_source, write_time, write_total
from laptime.report.target_sentences import write_target
from laptime.report.tuning_sentences import write_tuning
from laptime.runs.contestants import tell_options

_NEGLIGIBLE = 1.05  # a factor below this is said to be no difference


def write_conclusion(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Return the sentences of the conclusion, in the order in which they are read."""
    pair = choose_pair(result)
    sentences = [*_write_failures(result, language), *_write_incomplete(result, language)]
    sentences += [Sentence("contestants", text) for text in describe_contestants(result, language)]
    sentences += write_against(result, language)
    sentences += write_time(result, pair, language)
    sentences += _write_foretold(result, language)
    if pair is not None:
        sentences += write_total(result, pair, language)
    if pair is not None and not pair.equal_runs:
        sentences += write_source(result, pair, language)
        sentences += write_arithmetic(result, pair, language)
    sentences += write_devices(result, language)
    sentences += write_rounds(result, pair, language)
    sentences += _write_memory(result, language)
    sentences += _write_parameters(result, language)
    sentences += _write_disk(result, language)
    sentences += write_tuning(result, language)
    sentences += write_quality(result, language)
    sentences += write_target(result, language)
    sentences += write_fronts(result, language)
    sentences += write_forgetting(result, language)
    sentences += write_answers(result, language)
    return sentences + write_checks(result, language)


def describe_contestants(result: ComparisonResult, language: Language) -> list[str]:
    """Return what each row is whose name the user gave: its method, and its own options as one types them."""
    return [
        language.say(
            "contestants.item" if row.differs else "contestants.same",
            name=row.name,
            method=language.method(row.method),
            options=tell_options(row.differs),
        )
        for row in result.methods
        if row.name in language.names
    ]


def _write_foretold(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Set what trainings were to take beside what they took."""
    items = []
    for row in result.methods:
        told = result.foretold.get(row.name)
        if told and known(row.train_seconds):
            low, high = map(language.seconds, told.train_range)
            seconds = {"foretold": language.seconds(told.train_seconds), "low": low, "high": high}
            took = language.seconds(row.train_seconds)
            method = language.method(row.name)
            items.append(language.say("foretold.item", method=method, took=took, **seconds))
    if not items:
        return []
    text = language.say("foretold.list", list=language.join(items))
    return [Sentence("foretold", language.sentence(text))]


def _write_memory(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say what each method held at its peak, and the factor between most and least where it is one."""
    measured = [method for method in result.methods if method.held_bytes]
    if not measured:
        return []
    items = [
        language.say(
            tell_share("memory", method) or "memory.item",
            method=language.method(method.name),
            size=quantities.size(method.held_bytes),
            number=len(method.ranks),
        )
        for method in measured
    ]
    sentences = [language.say("memory.list", list=language.join(items))]
    least, most = _extremes(measured, "held_bytes")
    kinds = list(dict.fromkeys(method.peak_bytes_kind for method in measured))
    if len(kinds) > 1:
        sentences.append(language.say("memory.kinds", kinds=", ".join(kinds)))
    elif least is not most:
        factor = (most.held_bytes or 0) / (least.held_bytes or 1)
        key = "memory.less" if factor >= _NEGLIGIBLE else "memory.same"
        less, more = language.method(least.name), language.method(most.name)
        shown = {"factor": language.ratio(factor), "percent": language.percent(_NEGLIGIBLE - 1)}
        text = language.say(key, less=less, more=more, **shown)
        sentences.append(language.sentence(text))
    return [Sentence("memory", " ".join(sentences))]


def _extremes(methods: list[MethodResult], name: str) -> tuple[MethodResult, MethodResult]:
    """Return the methods with the least and the greatest of a figure."""
    ordered = sorted(methods, key=lambda method: float(getattr(method, name)))
    return ordered[0], ordered[-1]


def _write_parameters(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say how many of the model's parameters each method trains."""
    items = []
    for method in result.methods:
        if not method.trainable_parameters or not method.parameters:
            continue
        share = method.trainable_parameters / method.parameters
        key = "parameters.all" if share >= 0.9999 else "parameters.item"
        values = {
            "method": language.method(method.name),
            "trainable": language.count(method.trainable_parameters),
            "total": language.count(method.parameters),
            "share": language.percent(share),
        }
        items.append(language.say(key, **values))
    if not items:
        return []
    within = [item + language.say("parameters.within") for item in items[:-1]]
    text = language.say("parameters.list", list=language.join([*within, items[-1]]))
    return [Sentence("parameters", language.sentence(text))]


def _write_disk(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say what each method leaves on disk, and the factor between a model and an adapter."""
    saved = [method for method in result.methods if method.saved_bytes and method.saved_kind]
    if not saved:
        return []
    items = [
        language.say(
            f"disk.{method.saved_kind}",
            method=language.method(method.name),
            size=quantities.size(method.saved_bytes),
        )
        for method in saved
    ]
    sentences = [language.sentence(language.say("disk.list", list=language.join(items)))]
    least, most = _extremes(saved, "saved_bytes")
    factor = (most.saved_bytes or 0) / (least.saved_bytes or 1)
    sizes = [method.saved_bytes or 1 for method in saved if method.saved_kind == "adapter"]
    alike = bool(sizes) and max(sizes) < _NEGLIGIBLE * min(sizes)  # else there is no one factor
    if alike and factor >= _NEGLIGIBLE and most.saved_kind == "model":
        sentences.append(language.say("disk.ratio", factor=quantities.ratio(factor, unit=False)))
    elif any(method.saved_kind == "adapter" for method in saved):
        sentences.append(language.say("disk.needs_base"))
    return [Sentence("disk", " ".join(sentences))]


def failure_reason(reason: str, language: Language) -> str:
    """Return the words for the reason of a failure."""
    key = f"failure.{reason}"
    return language.say(key) if language.knows(key) else reason


def tell_failure(failure: Failure, language: Language) -> str:
    """Return which run failed, and why."""
    message = say_error(failure.message, language.code)
    return f"{failure.run}: {failure_reason(failure.reason, language)}. {message}"


def _write_failures(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say which runs failed and why, and what may help; one that somebody ended is no failure of its own."""
    failures = [(method, failure) for method in result.methods for failure in method.failures]
    sentences = _write_base_failure(result, language)
    for method, failure in failures:
        told = {"round": failure.round, "reason": failure_reason(failure.reason, language)}
        names = {"method": language.method(method.name), "message": say_error(failure.message, language.code)}
        text = language.sentence(language.say("failure.sentence", **told, **names))
        sentences.append(Sentence("failures", text, warning=failure.reason != "interrupted"))
    for key in dict.fromkeys(f"remedy.{failure.reason}" for _, failure in failures):
        if language.knows(key):
            sentences.append(Sentence("failures", language.say(key)))
    return sentences


def _write_base_failure(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say that the base has no figures, and why, where its run failed."""
    failures = result.base.failures if result.base else []
    return [
        Sentence(
            "failures",
            language.sentence(
                language.say(
                    "failure.base",
                    reason=failure_reason(failure.reason, language),
                    message=say_error(failure.message, language.code),
                )
            ),
            warning=failure.reason != "interrupted",
        )
        for failure in failures
    ]


def count_runs(result: ComparisonResult) -> tuple[int, int]:
    """Return how many runs have ended and how many were planned, those of an ablation included."""
    variants = [variant for ablation in result.ablation for variant in ablation.variants]
    failures = [one for method in result.methods for one in method.failures]
    failures += [one for variant in variants for one in variant.failures]
    done = sum(len(method.rounds) for method in result.methods)
    done += sum(len(variant.step_seconds_by_round) for variant in variants)
    done += sum(failure.reason != UNREADABLE for failure in failures)
    return done, result.planned_rounds * (len(result.methods) + len(variants))


def _write_incomplete(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say how far an unfinished comparison has come."""
    if result.complete:
        return []
    done, planned = count_runs(result)
    text = language.say("incomplete.sentence", done=done, planned=planned)
    return [Sentence("incomplete", text, warning=True)]
