"""The options of the commands, which the functions of the Python API take by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from laptime.methods.method import find_methods
from laptime.options.entrants import as_it_comes_option, contestant_option, trainers_option
from laptime.options.flags import SectionedOption, method_options, options_of, split_list
from laptime.spec import AnswerSpec, CompareSpec, DataSpec, ModelSpec, Options, TrainingSpec
from laptime.trackers.tracker import tracker_names as list_trackers

LANGUAGES = ["en", "ko"]
KEPT = "Language of the report [that of the report there; else en]."
_SHARED: list[type[Options]] = [ModelSpec, DataSpec, TrainingSpec, AnswerSpec]


def compare_options() -> list[SectionedOption]:
    """Return the options of `laptime compare`."""
    methods, *others = options_of([CompareSpec, *_SHARED])
    entrants = [methods, contestant_option(), trainers_option(), as_it_comes_option()]
    return [*entrants, against_option(), *others, *method_options(), *output_options("comparison")]


def against_option() -> SectionedOption:
    """Return --against, which names an older comparison."""
    what = "Do the job of the comparison in DIR again, on the same machine, beside its times."
    return SectionedOption("--against", "Comparison", metavar="DIR", help=what)


def train_options() -> list[SectionedOption]:
    """Return the options of `laptime train`."""
    shared = [option for option in options_of(_SHARED) if option.name != "general"]  # beside a base alone
    by_name(shared)["learning_rate"].help = "The rate (default: by method, width, batch)."  # of one method
    return [method_option(), *shared, *method_options(), *output_options("run")]


def output_options(command: str) -> list[SectionedOption]:
    """Return the options that say where results go; they change no run."""
    trackers = list_trackers()
    rows: dict[str, dict[str, Any]] = {
        "--config": {"metavar": "FILE", "help": "TOML, YAML or JSON file with any of these options."},
        "--out": {"metavar": "DIR", "help": f"Folder for everything [laptime-{command}]."},
        "--track": {"metavar": "NAMES", "help": f"Trackers, comma-separated: {', '.join(trackers)}."},
    }
    if command != "data":
        rows["--lang"] = {"type": click.Choice(LANGUAGES), "help": KEPT}
    if command in ("comparison", "run"):
        what = "Wait for a comparison that is at work on this machine."
        live = "Have the trackers show the runs while they run; costs time where no core is idle."
        rows["--track-live"] = {"is_flag": True, "flag_value": True, "default": None, "help": live}
        rows["--wait"] = {"is_flag": True, "flag_value": True, "default": None, "help": what}
    if command == "run":
        rows["--resume"] = {"metavar": "DIR", "help": "Go on with the run in DIR, with its options."}
    return [SectionedOption(name, "Output", **settings) for name, settings in rows.items()]


def method_option() -> SectionedOption:
    """Return --method."""
    lines = "; ".join(f"{name} {kind.summary}" for name, kind in find_methods().items())
    return SectionedOption("--method", "Method", str, metavar="NAME", help=f"{lines} [lora]")


def tracker_names(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the trackers that --track names; raises UserError for an empty name."""
    return tuple(split_list("--track", values.get("track") or ""))


def by_name(options: list[SectionedOption]) -> Mapping[str, SectionedOption]:
    """Return options by the names that a config file and the Python API give them."""
    return {option.name: option for option in options if option.name}
