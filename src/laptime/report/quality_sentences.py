"""Sentences on quality: held-out loss, scores and likeness of answers, and what they do not show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from laptime.comparison.pairs import choose_anchor
from laptime.comparison.quality import ERRORS
from laptime.comparison.result import ComparisonResult, Forgetting, MethodResult, QuestionAnswers
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.quantities import known
from laptime.report.sentence import Sentence
from laptime.spec import BUILTIN

NEARLY_THE_SAME = 90.0  # chrF between two answers
PARTLY_ALIKE = 50.0
MANY_PAIRS = 5
SCORES = ("memorisation", "generalisation")


def write_quality(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say what the losses show, and claim no more than rounds and held-out examples allow."""
    if result.model.get("random_weights"):
        return [Sentence("quality", language.say("quality.random"), warning=True)]
    held_out = [method for method in result.methods if known(method.held_out_loss)]
    if not any(method.rounds for method in result.methods):
        return []
    if result.quality_claim == "none" or not held_out:
        sentences = [language.say("quality.none"), *_write_final_losses(result, language)]
        return [Sentence("quality", " ".join(sentences))]
    losses = [(method.name, quantities.loss(method.held_out_loss)) for method in held_out]
    sentences = [language.say("quality.held_out", list=_list_losses(losses, language))]
    if result.base is not None and known(result.base.held_out_loss):
        sentences.append(language.say("quality.base", loss=quantities.loss(result.base.held_out_loss)))
    sentences += _write_held_out_error(result, language)
    if result.quality_claim == "these_runs" or max(len(row.held_out_loss_by_round) for row in held_out) < 3:
        sentences.append(language.say("quality.these_runs"))
    else:
        sentences += _write_ranges(held_out, language)
    return [Sentence("quality", " ".join(sentences))]


def _write_held_out_error(result: ComparisonResult, language: Language) -> list[str]:
    """Say which rows the best one is better than, beyond the error that the held-out set leaves."""
    losses = {row.name: row.held_out_loss for row in result.methods if known(row.held_out_loss)}
    best = min(losses, key=lambda name: losses[name] or 0.0)
    own = [one for one in result.held_out_differences if best in (one.first, one.second)]
    if not own:
        return []
    if any(one.standard_error is None for one in own):
        return [language.say("quality.few", number=own[0].num_groups)]
    apart, alike, errors = [], [], []
    for one in own:
        other = language.method(one.second if one.first == best else one.first)
        gap = one.difference if one.second == best else -one.difference
        error = quantities.loss(one.standard_error)
        if gap > ERRORS * (one.standard_error or 0.0):
            told = {"method": other, "difference": quantities.loss(gap), "error": error}
            apart.append(language.say("quality.apart.item", **told))
        else:
            alike.append(other)
            errors.append(error)
    names = {"best": language.method(best)}
    sentences = []
    if apart:
        listed = language.join(apart)
        sentences.append(language.say("quality.apart", number=own[0].num_groups, list=listed, **names))
    if alike:
        shown = ", ".join(dict.fromkeys(errors))
        sentences.append(language.say("quality.alike", list=language.join(alike), error=shown, **names))
    return sentences


def _write_final_losses(result: ComparisonResult, language: Language) -> list[str]:
    """Return the sentence on the training loss of the last epoch."""
    losses = [
        (method.name, quantities.loss(method.final_train_loss))
        for method in result.methods
        if known(method.final_train_loss)
    ]
    return [language.say("quality.final_loss", list=_list_losses(losses, language))] if losses else []


def _list_losses(losses: list[tuple[str, str]], language: Language) -> str:
    """Return "0.12 with LoRA and 0.15 with full fine-tuning"."""
    items = [language.say("quality.item", method=language.method(name), loss=loss) for name, loss in losses]
    return language.join(items)


def _write_ranges(methods: list[MethodResult], language: Language) -> list[str]:
    """Return the sentence on the range of the held-out loss over rounds."""
    items = [
        language.say(
            "quality.range",
            method=language.method(method.name),
            low=quantities.loss(min(method.held_out_loss_by_round)),
            high=quantities.loss(max(method.held_out_loss_by_round)),
        )
        for method in methods
        if method.held_out_loss_by_round
    ]
    rounds = max(len(method.held_out_loss_by_round) for method in methods)
    return [language.say("quality.shown", rounds=rounds, list=language.join(items))] if items else []


def write_forgetting(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say how far the loss on general texts has moved from the base's."""
    if not result.forgetting:
        return []
    first = result.forgetting[0]
    key = "forgetting.builtin" if first.texts == BUILTIN else "forgetting.file"
    texts = language.say(key, name=first.texts)
    items = language.join([_tell_forgetting(one, language) for one in result.forgetting])
    text = language.say("forgetting.list", texts=texts, base=quantities.loss(first.base_loss), list=items)
    return [Sentence("forgetting", " ".join([text, *_write_distances(result.forgetting, language)]))]


def _write_distances(found: Sequence[Forgetting], language: Language) -> list[str]:
    """Return how far the answers to unrelated questions have moved from the base's."""
    moved = [one for one in found if known(one.answer_distance)]
    if not moved:
        return []
    items = [
        language.say(
            "forgetting.answers.item",
            method=language.method(one.contestant),
            distance=quantities.score(one.answer_distance),
        )
        for one in moved
    ]
    number = max(one.num_questions for one in moved)
    return [language.say("forgetting.answers", number=number, list=language.join(items))]


def _tell_forgetting(one: Forgetting, language: Language) -> str:
    """Return the loss of one row with its change, or that there is none beyond its error."""
    told = {
        "method": language.method(one.contestant),
        "loss": quantities.loss(one.loss),
        "change": quantities.change(one.difference),
    }
    if one.standard_error is None:
        return language.say("forgetting.plain", **told)
    key = "forgetting.same" if abs(one.difference) <= ERRORS * one.standard_error else "forgetting.item"
    return language.say(key, error=quantities.loss(one.standard_error), **told)


def write_answers(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say how well answers match their references, by what that shows, and how alike methods answer."""
    if result.model.get("random_weights"):
        return []
    sentences = [text for kind in SCORES for text in _write_scores(result, kind, language)]
    sentences += _write_likeness(result, language)
    return [Sentence("answers", " ".join(sentences))] if sentences else []


def _write_scores(result: ComparisonResult, kind: str, language: Language) -> list[str]:
    """Return the sentence on one kind of score over methods and base."""
    rows = [*result.methods, *([result.base] if result.base else [])]
    items = [
        language.say(
            "answers.score",
            method=language.method("base" if row is result.base else row.name),
            score=quantities.score(getattr(row, kind).chrf),
        )
        for row in rows
        if getattr(row, kind) is not None
    ]
    return [language.say(f"answers.{kind}", list=language.join(items))] if items else []


def likeness(question: QuestionAnswers, first: str, second: str) -> float | None:
    """Return the likeness of two methods' answers, whichever way round the pair is written."""
    value = question.alike.get(f"{first},{second}", question.alike.get(f"{second},{first}"))
    return value if known(value) else None


def _pairs_to_name(methods: dict[str, str]) -> list[tuple[str, str]]:
    """Return all pairs of a few rows, methods by name; of more than three only those with the anchor."""
    names, anchor = list(methods), choose_anchor(methods)
    return [pair for pair in combinations(names, 2) if len(names) <= 3 or anchor in pair]


def _list_likeness(
    result: ComparisonResult, pairs: Sequence[tuple[str, str]], language: Language
) -> list[str]:
    """Return the sentence on how alike the answers of many rows are to those of the one they stand beside."""
    found = {}
    for first, second in pairs:
        scores = [likeness(question, first, second) for question in result.questions]
        if present := [score for score in scores if score is not None]:
            found[first, second] = fmean(present)
    anchor = choose_anchor({row.name: row.method for row in result.methods})
    others = {pair[pair[0] == anchor]: score for pair, score in found.items() if anchor in pair}
    if not others:
        return []
    in_order = sorted(others.items(), key=lambda item: -item[1])
    items = [
        language.say("answers.score", score=quantities.score(score), method=language.method(name))
        for name, score in in_order
    ]
    names = {"anchor": language.method(anchor), "list": language.join(items)}
    return [language.plural("answers.alike.list", len(result.questions), **names)]


def _write_likeness(result: ComparisonResult, language: Language) -> list[str]:
    """Return a sentence for each pair of methods on how alike their answers are; of many one in all."""
    sentences = []
    pairs = list(_pairs_to_name({row.name: row.method for row in result.methods}))
    if len(pairs) > MANY_PAIRS:
        return _list_likeness(result, pairs, language)
    for first, second in pairs:
        scores = [likeness(question, first, second) for question in result.questions]
        present = [score for score in scores if score is not None]
        if not present:
            continue
        mean = fmean(present)
        degree = "same" if mean >= NEARLY_THE_SAME else "partly" if mean >= PARTLY_ALIKE else "differ"
        values = {
            "first": language.method(first),
            "second": language.method(second),
            "score": quantities.score(mean),
        }
        sentences.append(language.plural(f"answers.alike.{degree}", len(present), **values))
    return sentences
