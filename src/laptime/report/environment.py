"""The facts that a repeated comparison needs: machine, versions, digests, seeds, options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from laptime.comparison.result import ComparisonResult
from laptime.report import quantities
from laptime.report.fact_names import NAMES
from laptime.report.language import Language
from laptime.report.recorded import say_recorded

Facts = list[tuple[str, str]]
_RECORDED = ("template_reason", "shape", "notes", "loss_on")  # facts whose values are phrases


def group_facts(result: ComparisonResult, language: Language) -> list[tuple[str, Facts]]:
    """Return (heading, facts) for each part of the environment that holds any."""
    methods = {
        f"{language.title(method.name)}:": method.method_options | method.differs for method in result.methods
    }
    groups = [
        ("machine", list(flatten(_name_commit(result), language))),
        ("model", list(flatten(result.model, language))),
        ("data", list(flatten(result.data, language))),
        ("training", list(flatten(result.training, language))),
        ("methods", list(flatten(methods, language))),
        ("precision", _precision(result, language)),
        ("energy", _energy(result, language)),
    ]
    return [(language.say(f"environment.{name}"), facts) for name, facts in groups if facts]


def _name_commit(result: ComparisonResult) -> dict[str, Any]:
    """Return the facts of the machine, with the version of laptime as exact as the comparison knows it."""
    versions = result.machine.get("versions")
    if isinstance(versions, dict) and versions.get("laptime") == result.laptime.partition("+")[0]:
        return result.machine | {"versions": versions | {"laptime": result.laptime}}
    return result.machine


def flatten(facts: Mapping[str, Any], language: Language, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, value) in words for every fact, those within facts too; unknown ones are left out."""
    for name, value in facts.items():
        if name in _RECORDED and isinstance(value, (list, tuple)):
            value = [say_recorded(str(item), language) for item in value]
        full_name = f"{prefix} {_name_fact(str(name), language)}".strip()
        if isinstance(value, Mapping):
            yield from flatten(value, language, full_name if prefix or name != "versions" else "")
        elif isinstance(value, (list, tuple)) and any(_stands_alone(item) for item in value):
            numbered = {str(number): item for number, item in enumerate(value, 1)}
            yield from flatten(numbered if len(value) > 1 else {"": value[0]}, language, full_name)
        elif value is not None and value != [] and value != "":
            yield full_name, _show(str(name), value, language)


def _name_fact(name: str, language: Language) -> str:
    """Return the words for a fact's name; a variable such as OMP_NUM_THREADS keeps its spelling."""
    spaced = name if name.isupper() else name.replace("_", " ")
    return NAMES[language.code].get(name, spaced)


def _stands_alone(item: Any) -> bool:
    """Say whether an item of a list needs a line of its own: a sentence, or facts within facts."""
    return isinstance(item, (Mapping, list, tuple)) or (isinstance(item, str) and item.count(" ") > 2)


def _show(name: str, value: Any, language: Language) -> str:
    """Return a fact's value as people read it; its name tells the unit."""
    if isinstance(value, bool):
        return language.say("yes" if value else "no")
    if isinstance(value, (list, tuple)):
        return ", ".join(_show(name, item, language) for item in value if item is not None)
    if isinstance(value, (int, float)):
        return _show_number(name, value, language)
    return say_recorded(str(value), language) if name in _RECORDED else str(value)


def _show_number(name: str, value: float, language: Language) -> str:
    if name.endswith("bytes"):
        return quantities.size(value)
    if name.endswith("seconds"):
        return language.seconds(value)
    if name == "learning_rate":
        return quantities.learning_rate(value)
    if name == "parameters" or (name.startswith("num_") and isinstance(value, int)):
        return quantities.integer(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _precision(result: ComparisonResult, language: Language) -> Facts:
    """Return why each method computes and trains in its precision."""
    return [
        (language.title(method.name), say_recorded(method.precision_reason, language))
        for method in result.methods
        if method.precision_reason
    ]


def _energy(result: ComparisonResult, language: Language) -> Facts:
    """Return the energy of each method with its source, or that there is none."""
    facts = []
    for method in result.methods:
        shown = source = say_recorded(method.energy_source, language)
        if quantities.known(method.energy_joules):
            joules = quantities.integer(method.energy_joules)
            shown = f"{language.say('cell.energy', joules=joules)} ({source})"
        if shown:
            facts.append((language.title(method.name), shown))
    return facts


def list_seeds(result: ComparisonResult, language: Language) -> str:
    """Return the sentence on the seeds of the rounds, or "" where none is known."""
    seed = result.training.get("seed")
    if not isinstance(seed, int):
        return ""
    seeds = ", ".join(str(seed + number) for number in range(max(result.planned_rounds, 1)))
    return language.say("environment.seeds", seeds=seeds)


def name_machine(result: ComparisonResult, language: Language) -> str:
    """Return the machine in a few words: its GPU, else its CPU and cores."""
    machine = result.machine
    if machine.get("gpu"):
        count = machine.get("gpu_count") or 1
        return f"{count}× {machine['gpu']}" if count != 1 else str(machine["gpu"])
    cpu = str(machine.get("cpu") or machine.get("platform") or "")
    cores = language.say("subline.cores", number=machine["cores"]) if machine.get("cores") else ""
    return ", ".join(part for part in (cpu, cores) if part)
