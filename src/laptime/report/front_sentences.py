"""Which rows no other one beats in a cost and in held-out loss, in a sentence."""

from __future__ import annotations

from laptime.comparison.result import ComparisonResult
from laptime.report.language import Language
from laptime.report.sentence import Sentence


def write_fronts(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Name the rows that no other one beats; costs of which these are the same stand together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for front in result.fronts:
        groups.setdefault(tuple(front.unbeaten), []).append(language.say(f"front.{front.cost}"))
    if not groups:
        return []
    sentences = []
    for names, costs in groups.items():
        is_all = len(names) == len(result.methods)
        listed = language.join([language.method(name) for name in names])
        key = "front.all" if is_all else "front.some" if names else "front.none"
        sentences.append(language.say(key, costs=language.join(costs), list=listed))
    return [Sentence("front", " ".join([*sentences, language.say("front.explained")]))]
