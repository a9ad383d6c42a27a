"""Contestants from the command line and from config files: NAME=METHOD and the options that are its own."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from laptime.errors import UserError, ask_for_quotes, readable, show_value, suggest
from laptime.methods.method import find_methods, tell_no_method
from laptime.options.config_file import name_options, spell_like
from laptime.options.flags import (
    SPEEDUP_OPTIONS,
    OnceCommand,
    SectionedOption,
    convert,
    method_options,
    options_of,
    read_config_value,
    split_list,
)
from laptime.options.foreign_names import find_here, find_reason
from laptime.spec import (
    OURS,
    SHARED_BY_ALL,
    AnswerSpec,
    CompareSpec,
    ContestantSpec,
    DataSpec,
    ModelSpec,
    TrainingSpec,
    build,
    flag,
)
from laptime.speedups.speedup import check_names
from laptime.trainers.trainer import check_method, find_trainer

LONGEST_NAME = 20  # as much as the first column of the table in the terminal shows
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
NAME_OF_RUN = re.compile(r"-r\d+(?![A-Za-z0-9])|-\d+$")  # lora-r2 is a run of lora, lora-2 lora once more
RESERVED = ("base", "all")  # beside the methods: what reports have a name for already
NOT_OWN = {
    "methods", "method", "contestant", "trainers", "against", "config", "out", "track", "lang", "wait",
    "resume", "track_live",
}  # fmt: skip
EXAMPLE = '"wide=lora --lora-rank 64"'


def contestant_option() -> SectionedOption:
    """Return --contestant, which a config file holds as a list of tables called contestants."""
    option = SectionedOption(
        "--contestant",
        "Comparison",
        multiple=True,
        metavar="TEXT",
        help=f"NAME=METHOD with options of its own ({EXAMPLE}), repeatable; beside --methods, or alone "
        "where no --methods are given.",
    )
    option.name, option.reader = "contestants", read_contestants
    return option


def read_contestants(given: Any, source: str = "") -> list[ContestantSpec]:
    """Read contestants: texts of the command line or, where `source` names a file, a list of tables.

    Raises UserError, naming the contestant or the table, for what cannot race.
    """
    tables = _read_tables(given, source) if source else [_read_words(text) for text in given]
    found: dict[str, ContestantSpec] = {}
    for place, values in tables:
        one = _make_contestant(place, values)
        if one.name.lower() in found:
            raise UserError(
                f"{place}: the name stands twice (capitals are as small letters); each has its own"
            )
        found[one.name.lower()] = one
    return list(found.values())


def _read_words(text: str) -> tuple[str, dict[str, Any]]:
    """Return what messages call the contestant in `text`, and its options with name and method."""
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not equals or not name or " " in name:
        raise UserError(
            f"--contestant '{readable(text)}': expected NAME=METHOD and options, such as {EXAMPLE}"
        )
    place = f"--contestant {readable(name)}"
    try:
        method, *words = shlex.split(rest) or [""]
    except ValueError as error:
        raise UserError(f"{place}: {str(error).lower()}") from None
    return place, {"name": name, "method": method} | _parse_options(place, words)


def _parse_options(place: str, words: Sequence[str]) -> dict[str, Any]:
    """Return the options in `words`, read as those of a command."""
    options = _own_options()
    command = OnceCommand("contestant", params=list(options.values()), add_help_option=False)
    try:
        ctx = command.make_context("contestant", list(words))
    except click.exceptions.NoSuchOption as error:
        raise UserError(f"{place}: {_tell_no_option(error.option_name, options)}") from None
    except click.ClickException as error:
        raise UserError(f"{place}: {error.format_message()}") from None
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
    given = [n for n in options if ctx.get_parameter_source(n) == ParameterSource.COMMANDLINE]
    try:
        return {name: convert(options[name], ctx.params[name]) for name in given}
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _read_tables(given: Any, source: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what messages call each table, and its options with name and method."""
    if not isinstance(given, list) or not given or not all(isinstance(one, Mapping) for one in given):
        raise UserError(f"{source}contestants: expected a list of tables, each with name, method and options")
    options = _own_options()
    tables: list[tuple[str, dict[str, Any]]] = []
    for number, table in enumerate(given, 1):
        named = f" ({readable(table['name'])})" if isinstance(table.get("name"), str) else ""
        place = f"{source}contestants {number}{named}"
        values = name_options(place, table)
        for name in values.keys() - {"name", "method"}:
            if name not in options:
                raise UserError(f"{place}: {_tell_no_option(values.written[name], options)}")
            values[name] = read_config_value(options[name], values[name], f"{place}: ")
        for name in ("name", "method"):
            if not isinstance(values.setdefault(name, ""), str):
                got, quotes = readable(show_value(values[name])), ask_for_quotes(values[name])
                raise UserError(f"{place}: {name}: expected text (got {got}){quotes}")
        tables.append((place, values))
    return tables


def _own_options() -> dict[str, SectionedOption]:
    """Return the options that a contestant can have for itself, by name."""
    trainer = SectionedOption("--trainer", "Comparison", metavar="NAME", help="Who trains it.")
    options = [trainer, as_it_comes_option(), *options_of([TrainingSpec]), *method_options()]
    return {one.name: one for one in options if one.name and one.name not in SHARED_BY_ALL}


def trainers_option() -> SectionedOption:
    """Return --trainers, each of which runs every method."""
    help_ = "Trainers to run each method through, comma-separated (laptime trainers lists them)."
    return SectionedOption("--trainers", "Comparison", metavar="NAMES", help=f"{help_} [laptime]")


def as_it_comes_option() -> SectionedOption:
    """Return --as-it-comes."""
    return SectionedOption(
        "--as-it-comes",
        "Comparison",
        is_flag=True,
        flag_value=True,
        default=None,
        help="Other trainers train by their own defaults, told of model, data, epochs and method alone.",
    )


def _tell_no_option(written: str, options: Mapping[str, SectionedOption]) -> str:
    """Return the line for an option that a contestant cannot have for itself, spelt as the user did."""
    name = written.lstrip("-").replace("-", "_")
    shared = {
        field for kind in (CompareSpec, ModelSpec, DataSpec, AnswerSpec) for field in kind.__struct_fields__
    }
    if name in shared | SHARED_BY_ALL | NOT_OWN:
        return f"{flag(name)} belongs to the whole comparison; give it outside of the contestant"
    if ours := find_here(name, options):
        return f"no option {written}; here it is {flag(ours)}"
    if reason := find_reason(name):
        return f"no option {written}; leave it out: {reason}"
    known = map(flag, options) if written.startswith("-") else spell_like(written, options)
    return f"no option {written}{suggest(written, known)}"


def _make_contestant(place: str, values: Mapping[str, Any]) -> ContestantSpec:
    """Return a contestant of checked values; raises UserError."""
    name, method = values["name"], values["method"]
    _check_name(place, name)
    if not method:
        raise UserError(f"{place}: no method; expected NAME=METHOD and options, such as {EXAMPLE}")
    if method not in find_methods():
        raise UserError(tell_no_method(place, method))
    trainer, as_it_comes = values.get("trainer", OURS), values.get("as_it_comes", False)
    _check_trainer(place, trainer, as_it_comes)
    check_method(trainer, method, f"{place}: --trainer")
    who = ("name", "method", "trainer", "as_it_comes")
    own = {name: value for name, value in values.items() if name not in who}
    if as_it_comes and own:
        raise UserError(f"{place}: {flag(min(own))}: --as-it-comes leaves all to {trainer}; leave one out")
    if trainer != OURS and (ours := sorted(own.keys() & set(SPEEDUP_OPTIONS))):
        raise UserError(f"{place}: {flag(ours[0])}: speedups are Laptime's own; {trainer} has none of them")
    training = {name: value for name, value in own.items() if name in TrainingSpec.__struct_fields__}
    _check_training(place, training)
    options = {name: value for name, value in own.items() if name not in training}
    kind = find_methods()[method].options_type
    for option in options:
        if option not in kind.__struct_fields__:
            raise UserError(f"{place}: {flag(option)}: {method} has no such option")
    build(kind, options, f"{place}: ")
    return ContestantSpec(
        name=name,
        method=method,
        trainer=trainer,
        as_it_comes=as_it_comes,
        training=training,
        method_options=options,
    )


def _check_trainer(place: str, trainer: Any, as_it_comes: Any) -> None:
    """Raise UserError for what names no trainer, and for our own told to do as it comes."""
    if not isinstance(trainer, str):
        raise UserError(f"{place}: --trainer: expected a name (got {readable(repr(trainer))})")
    if not isinstance(as_it_comes, bool):
        raise UserError(f"{place}: --as-it-comes: expected true or false (got {readable(repr(as_it_comes))})")
    find_trainer(trainer, f"{place}: --trainer")
    if as_it_comes and trainer == OURS:
        raise UserError(
            f"{place}: --as-it-comes: is for other trainers; name one with --trainer, or leave it out"
        )


def _check_name(place: str, name: str) -> None:
    """Raise UserError for a name that rows and folders of runs cannot have."""
    if not name:
        raise UserError(f"{place}: no name; every contestant has one of its own")
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise UserError(
            f"{place}: a name has at most {LONGEST_NAME} characters, of a-z, A-Z, 0-9, '.', '_' and '-', "
            f"and begins and ends with a letter or a digit"
        )
    if name.lower() in (*RESERVED, *find_methods()):
        raise UserError(f"{place}: that is the name of a method or of the base; take another")
    if found := NAME_OF_RUN.search(name):
        raise UserError(f"{place}: '{found[0]}' in a name is for runs and for equal runs; take another name")


def _check_training(place: str, training: Mapping[str, Any]) -> None:
    """Raise UserError for options of the training that no run could have."""
    spec: TrainingSpec = build(TrainingSpec, training, f"{place}: ")
    rate = spec.learning_rate
    if isinstance(rate, dict):
        raise UserError(f"{place}: --learning-rate: expected a number: a contestant has one method")
    if rate is not None and rate <= 0:
        raise UserError(f"{place}: --learning-rate: must be above 0 (got {rate:g})")
    for option in ("without", "speedups"):
        check_names(f"{place}: {flag(option)}", getattr(spec, option))


def choose_entrants(
    values: Mapping[str, Any], methods: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[ContestantSpec, ...]]:
    """Return the methods that race by themselves, and the contestants beside them.

    Without --methods none race where contestants were given. Through several --trainers each method is a
    contestant for each of them, called as its trainer: trl, or trl-lora where there are several methods.
    Raises UserError.
    """
    contestants = tuple(values.get("contestants", ()))
    trainers = split_list("--trainers", values.get("trainers", OURS))
    for name in trainers:
        find_trainer(name)
    as_it_comes = values.get("as_it_comes", False)
    if as_it_comes and not any(name != OURS for name in trainers):
        raise UserError("--as-it-comes: no other trainer races; name some with --trainers")
    if trainers == [OURS]:
        return (() if contestants and "methods" not in values else methods), contestants
    for name in trainers:
        for method in methods:
            if method in find_methods():  # what is none is refused with the rest
                check_method(name, method)
    made = _cross(trainers, methods, as_it_comes)
    taken = {one.name.lower() for one in made}
    if twice := next((one.name for one in contestants if one.name.lower() in taken), ""):
        raise UserError(f"--contestant {twice}: --trainers makes one of that name; take another")
    return (), (*made, *contestants)


def _cross(trainers: Sequence[str], methods: Sequence[str], as_it_comes: bool) -> list[ContestantSpec]:
    """Return a contestant for each method through each trainer; one that comes again gets a number."""
    seen: Counter[str] = Counter()
    made = []
    for method in methods:
        for trainer in trainers:
            name = trainer if len(set(methods)) == 1 else f"{trainer}-{method}"
            seen[name] += 1
            again = "" if seen[name] == 1 else f".{seen[name]}"
            theirs = as_it_comes and trainer != OURS
            made.append(ContestantSpec(name=name + again, method=method, trainer=trainer, as_it_comes=theirs))
    return made
