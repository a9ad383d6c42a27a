"""What must be seen of the measurement before any figure is believed, in a word each."""

from __future__ import annotations

from dataclasses import dataclass

from laptime.comparison.result import ComparisonResult, Finding
from laptime.report.headline import TELLING, choose_pair, half_width
from laptime.report.language import Language

BUSY = ("load", "fewer_threads")


@dataclass(frozen=True)
class Badge:
    """A label of a word or two, and the sentence behind it."""

    label: str
    text: str


def list_badges(result: ComparisonResult, language: Language) -> list[Badge]:
    """Return a badge for a busy machine, for swapping, for heat, and for too few rounds."""
    badges = []
    runs = find_runs(result, "load")
    if runs or any(one.code in BUSY for one in result.findings):
        told = {"busy": len(runs) or len(result.order), "all": len(result.order)}
        badges.append(Badge(language.say("badge.busy"), language.say("badge.busy.text", **told)))
    for code, name in (("swap", "swap"), ("throttled", "hot")):
        if of_code := find_runs(result, code):
            text = language.say(f"badge.{name}.text", runs=", ".join(of_code))
            badges.append(Badge(language.say(f"badge.{name}"), text))
    if few := _tell_few(result, language):
        badges.append(Badge(language.say("badge.few"), f"{language.sentence(few)}."))
    return badges


def find_runs(result: ComparisonResult, code: str) -> list[str]:
    """Return the runs of which findings of a code tell."""
    runs = [one.values.get("run") for one in result.findings if one.code == code]
    return list(dict.fromkeys(run for run in runs if isinstance(run, str)))


def _tell_few(result: ComparisonResult, language: Language) -> str:
    """Return why the rounds of the headline are too few, or ""."""
    pair = choose_pair(result)
    if pair is None or result.is_single or pair.verdict in ("unequal_work", "not_measured"):
        return ""
    if pair.verdict == "one_round":
        return language.say("badge.few.one")
    size = half_width(pair.train_interval)
    if pair.verdict == "not_settled" or (size is not None and size > TELLING):
        return language.say("badge.few.wide", number=pair.num_rounds)
    return ""


def merge_busy(result: ComparisonResult, language: Language) -> tuple[list[Finding], list[str]]:
    """Return the findings without those of busy runs where these are several, and the sentence on them."""
    busy = [one for one in result.findings if one.code == "load" and _is_whole(one)]
    if len(busy) < 2:
        return result.findings, []
    loads = [float(one.values["load_average"]) for one in busy]
    told = {
        "number": len(busy),
        "all": len(result.order),
        "low": f"{min(loads):g}",
        "high": f"{max(loads):g}",
        "cores": busy[0].values["cores"],
        "runs": ", ".join(str(one.values["run"]) for one in busy),
    }
    rest = [one for one in result.findings if one not in busy]
    return rest, [language.say("finding.load.many", **told)]


def _is_whole(one: Finding) -> bool:
    return isinstance(one.values.get("load_average"), (int, float)) and {"run", "cores"} <= set(one.values)
