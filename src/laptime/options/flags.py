"""Command-line options made from the fields of the specs; no option is written down twice."""

from __future__ import annotations

import re
import textwrap
import types
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import click
import msgspec
from click.core import ParameterSource

from laptime.errors import UserError, ask_for_quotes, check_path, readable, show_value, suggest
from laptime.methods.method import find_methods
from laptime.options.config_file import NamedOptions, read_config, spell_like
from laptime.options.foreign_names import tell_foreign
from laptime.spec import (
    PATHS,
    SECTIONS,
    AnswerSpec,
    CompareSpec,
    DataSpec,
    ModelSpec,
    Options,
    TrainingSpec,
    as_list,
    build,
    flag,
    holds_blank,
)
from laptime.speedups.speedup import speedup_names

VALUE_ALONE = {"tune": "5"}  # of options that need none
REPEATABLE = {"ask", "data"}  # given several times; other lists are comma-separated
TITLES = {
    ModelSpec: "Model",
    DataSpec: "Data",
    TrainingSpec: "Training",
    AnswerSpec: "Answers",
    CompareSpec: "Comparison",
}
SPEEDUPS = "Speedups"  # a section of their own for these options of the training
SPEEDUP_OPTIONS = ("plain", "without", "speedups")
FROM_FILE = "laptime.options.from_file"  # what the context of a command knows: the file, its options' flags
NESTED = {*SECTIONS, "method_options", "contestants"}  # fields of CompareSpec that hold other specs


class SectionedOption(click.Option):
    """An option that stands in a section of the help and may stand in a config file.

    `kind` is its type; `owner` the spec that it belongs to, if any: it checks the value.
    """

    def __init__(
        self,
        declaration: str,
        section: str,
        kind: Any = str,
        owner: type[Options] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__([declaration], **settings)
        self.section = section
        self.kind = kind
        self.owner = owner
        self.reader: Callable[[Any, str], Any] | None = (
            None  # reads and checks what no spec's field describes
        )


@cache  # a type has its hints evaluated anew each time, for every option of a command
def hints_of(kind: type[Options]) -> dict[str, Any]:
    """Return the types of a spec's fields, with what is said of them."""
    return get_type_hints(kind, include_extras=True)


def field_type(kind: type[Options], name: str) -> tuple[Any, str]:
    """Return a field's type without None, and its help."""
    hint = hints_of(kind)[name]
    description = ""
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        description = next(
            (e.description for e in extras if isinstance(e, msgspec.Meta) and e.description), ""
        )
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [part for part in get_args(hint) if part is not type(None)]
        hint = kinds[0] if len(kinds) == 1 else tuple(kinds)
    if get_origin(hint) is Annotated:  # int | None with bounds: the bounds stand inside
        hint = get_args(hint)[0]
    return hint, description


def make_option(kind: type[Options], name: str, title: str) -> SectionedOption:
    """Make the option of one field."""
    hint, description = field_type(kind, name)
    default = default_of(kind, name)
    settings: dict[str, Any] = {"help": describe(description, default), "default": None}
    if hint is bool:
        settings |= {"is_flag": True, "flag_value": True}
    elif get_origin(hint) is Literal:
        settings["type"] = click.Choice(get_args(hint))
    elif name in REPEATABLE:
        settings |= {"multiple": True, "metavar": "TEXT"}
    elif name in SPEEDUP_OPTIONS:
        settings["metavar"] = "NAMES"
    elif name in VALUE_ALONE:
        settings |= {"metavar": "[N]", "is_flag": False, "flag_value": VALUE_ALONE[name]}
    elif hint in (int, float):
        settings["metavar"] = "N" if hint is int else "X"
    elif words := words_of(hint):
        settings["metavar"] = "|".join(["N", *words])
    return SectionedOption(flag(name), title, hint, kind, **settings)


def default_of(kind: type[Options], name: str) -> Any:
    """Return the default of a field; msgspec.NODEFAULT where it has none that is plain."""
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    place = names.index(name) - (len(names) - len(defaults))
    return defaults[place] if place >= 0 else msgspec.NODEFAULT


def describe(description: str, default: Any) -> str:
    """Add the default to the help of an option, where it says something."""
    if default in (None, False, (), msgspec.NODEFAULT) or default == msgspec.UNSET:
        return description
    shown = ",".join(default) if isinstance(default, tuple) else default
    return f"{description} [{shown}]"


def options_of(kinds: list[type[Options]]) -> list[SectionedOption]:
    """Return the options of some specs (nested specs left out)."""
    return [
        make_option(kind, name, SPEEDUPS if name in SPEEDUP_OPTIONS else TITLES[kind])
        for kind in kinds
        for name in kind.__struct_fields__
        if not (kind is CompareSpec and name in NESTED)
    ]


def method_options() -> list[SectionedOption]:
    """Return the options that the methods bring; one that several share stands once."""
    options: dict[str, SectionedOption] = {}
    for name, kind in find_methods().items():
        for field in kind.options_type.__struct_fields__:
            if field in options:
                options[field].section += f", {name}"
            else:
                options[field] = make_option(kind.options_type, field, f"Method {name}")
    return list(options.values())


class OnceCommand(click.Command):
    """A command that refuses an option given twice, where only the last value would count."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words behind the command; raises UserError."""
        _, _, given = self.make_parser(ctx).parse_args(list(args))
        for parameter, number in Counter(given).items():
            if (
                number > 1
                and isinstance(parameter, click.Option)
                and not (parameter.multiple or parameter.is_flag or parameter.is_eager)
            ):
                raise UserError(f"{parameter.opts[0]}: given {number} times; give it once")
        return super().parse_args(ctx, args)


class SectionedCommand(OnceCommand):
    """A command whose help groups its options by what they configure.

    `of_others` are options of other commands that a config file may hold beside its own.
    """

    of_others: Sequence[SectionedOption] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one block a section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if row := parameter.get_help_record(ctx):
                sections.setdefault(getattr(parameter, "section", "Other"), []).append(row)
        for title, rows in sections.items():
            heading = textwrap.wrap(f"{title}:", formatter.width - 2, subsequent_indent="  ")
            with formatter.section("\n".join(heading).removesuffix(":")):
                formatter.write_dl(rows)
                if title == SPEEDUPS:
                    formatter.write_paragraph()
                    names = ", ".join(speedup_names())
                    formatter.write_text(f"NAMES are of {names}; all run where they can.")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of an option that only the config file gave begins with the file."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            config, names = ctx.meta.get(FROM_FILE, ("", ()))
            found = re.match(r"--[a-z0-9-]+", str(error))
            if found and found[0] in names:
                error.args = (f"{config}: {error}", *error.args[1:])
            raise


def gather(ctx: click.Context) -> dict[str, Any]:
    """Return what the user gave: the config file's values, overridden by the command line's.

    The file may hold options of other commands too, where the command says so.
    """
    params = [p for p in ctx.command.params if isinstance(p, SectionedOption)]
    options = {p.name: p for p in params if p.name}
    of_others = {p.name: p for p in getattr(ctx.command, "of_others", ()) if p.name}
    given = {
        name: convert(option, ctx.params[name])
        for name, option in options.items()
        if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE
    }
    for name, value in given.items():
        if value == [] or holds_blank(value):
            raise UserError(f"{flag(name)}: empty; give a value or leave the option out")
        for path in as_list(value) if name in PATHS else ():
            check_path(path, flag(name))
    config = given.pop("config", None)
    if not config:
        return given
    values = read_config_options(config, of_others | options)
    ctx.meta[FROM_FILE] = (config, {flag(name) for name in values.keys() - given.keys()})
    return values | given


def read_config_options(config: str, options: Mapping[str, SectionedOption]) -> dict[str, Any]:
    """Read and check the options of a config file; errors name the file."""
    return check_options(read_config(config), options, f"{config}: ")


def check_options(
    content: Mapping[str, Any], options: Mapping[str, SectionedOption], source: str
) -> dict[str, Any]:
    """Return the values of options that a file or a program gives; errors begin with `source`."""
    values: dict[str, Any] = {}
    refuse_unknown(source, content, options.keys() - {"config"})
    for name, value in content.items():
        option = options[name]
        values[name] = read_config_value(option, value, source)
        if holds_blank(value):
            raise UserError(f"{source}{flag(name)}: empty; give a value or leave the option out")
        if option.reader:
            continue
        if option.owner:
            build(option.owner, {name: values[name]}, source=source)
            continue
        if not isinstance(values[name], bool if option.is_flag else str):
            kind = "true or false" if option.is_flag else "text"
            quotes = "" if option.is_flag else ask_for_quotes(value)
            got = readable(show_value(value))
            raise UserError(f"{source}{flag(name)}: expected {kind} (got {got}){quotes}")
        if name in PATHS:
            check_path(values[name], f"{source}{flag(name)}")
        if isinstance(option.type, click.Choice) and values[name] not in option.type.choices:
            choices = ", ".join(map(str, option.type.choices))
            raise UserError(f"{source}{flag(name)}: one of {choices} (got {readable(repr(value))})")
    return values


def refuse_unknown(source: str, content: Collection[str], known: Collection[str]) -> None:
    """Raise UserError for names that are no options; those of other tools are told all at once."""
    unknown = [name for name in content if name not in known]
    written = content.written if isinstance(content, NamedOptions) else {}
    if told := tell_foreign(unknown, known):
        raise UserError(f"{source}options of another tool: {told}")
    for name in unknown:
        said = written.get(name, name)
        raise UserError(f"{source}unknown option '{said}'{suggest(said, spell_like(said, known))}")


def read_config_value(option: SectionedOption, value: Any, source: str = "") -> Any:
    """Let a file write what the command line can: lists as a,b, one question, a fraction as a number."""
    if option.reader:
        return option.reader(value, source)
    if takes_rates(option) and isinstance(value, str) and "=" in value:
        return read_rates(f"{source}{option.opts[0]}", value)
    if is_list(option) and isinstance(value, str):
        return split_list(f"{source}{option.opts[0]}", value)
    if option.name in REPEATABLE and isinstance(value, str):
        return value if accepts_one(option) else [value]
    if option.owner is None and isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    if option.name == "devices" and isinstance(value, list) and all(map(is_index, value)):
        return ",".join(map(str, value))
    if option.name in VALUE_ALONE and isinstance(value, bool):
        return int(VALUE_ALONE[option.name]) if value else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number and option.kind is str and option.owner else value


def is_index(value: object) -> bool:
    """Tell whether a part of a list is the number of a GPU."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_list(option: SectionedOption) -> bool:
    """Tell whether an option holds a comma-separated list."""
    return get_origin(option.kind) is tuple and option.name not in REPEATABLE


def accepts_one(option: SectionedOption) -> bool:
    """Tell whether one value of a repeatable option stands for itself, and not for a list of one."""
    return isinstance(option.kind, tuple) and str in option.kind


def convert(option: SectionedOption, given: Any) -> Any:
    """Turn the text of an option into the plain value of its type; raises UserError."""
    kind = option.kind
    if option.reader:
        return option.reader(given, "")
    if is_list(option):
        return split_list(option.opts[0], given)
    if option.name in REPEATABLE:
        return given[0] if len(given) == 1 and accepts_one(option) else list(given)
    if words := words_of(kind):
        number = float if any(get_args(part)[:1] == (float,) for part in kind) else int
        return given if given in words else read_number(option.opts[0], given, number, words)
    if takes_rates(option):
        return read_rates(option.opts[0], given)
    return read_number(option.opts[0], given, kind) if kind in (int, float) else given


def takes_rates(option: SectionedOption) -> bool:
    """Tell whether an option is a number for all methods, or one for each."""
    return isinstance(option.kind, tuple) and float in option.kind


def words_of(kind: Any) -> tuple[str, ...]:
    """Return the words that an option takes in the place of a number; none for most."""
    parts = kind if isinstance(kind, tuple) else ()
    return tuple(word for part in parts if get_origin(part) is Literal for word in get_args(part))


def split_list(option: str, text: str) -> list[str]:
    """Split at commas; raises UserError for an empty name between them. Blank text gives none."""
    if not text.strip():
        return []
    parts = [part.strip() for part in text.split(",")]
    if "" in parts:
        raise UserError(
            f"{option}: an empty name (got {readable(repr(text))}); give names with a comma between"
        )
    return parts


def read_number(option: str, text: str, kind: Callable[[str], Any], words: tuple[str, ...] = ()) -> Any:
    """Read an int or a float; raises UserError, which names the `words` that could stand in its place."""
    try:
        return kind(text)
    except ValueError:
        name = " or ".join(["a whole number" if kind is int else "a number", *words])
        raise UserError(f"{option}: expected {name} (got '{text}')") from None


def read_rates(option: str, text: str) -> float | dict[str, float]:
    """Read "2e-4" or "full=2e-5,lora=2e-4"; raises UserError."""
    if "=" not in text:
        return read_number(option, text, float)
    rates = {}
    for part in split_list(option, text):
        name, _, rate = part.partition("=")
        if name.strip() in rates:
            raise UserError(f"{option}: {name.strip()} is given twice")
        rates[name.strip()] = read_number(option, rate.strip(), float)
    return rates


def section_values(kind: type[Options], values: Mapping[str, Any]) -> Any:
    """Build one spec from the values that belong to it."""
    names = {field.name for field in msgspec.structs.fields(kind)}
    if kind is CompareSpec:  # its nested specs have names that options have too
        names -= NESTED
    return build(kind, {name: value for name, value in values.items() if name in names})


def sections(values: Mapping[str, Any]) -> dict[str, Any]:
    """Build the model, data, training and answer specs."""
    return {section: section_values(kind, values) for section, kind in SECTIONS.items()}


def options_by_method(values: Mapping[str, Any], methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the resolved options of each method; raises UserError for one that no chosen method has."""
    kinds = find_methods()
    given = {
        name: value
        for name, value in values.items()
        for kind in kinds.values()
        if name in {field.name for field in msgspec.structs.fields(kind.options_type)}
    }
    resolved: dict[str, dict[str, Any]] = {}
    for method in methods:
        if method in kinds:
            options = section_values(kinds[method].options_type, given)
            resolved[method] = msgspec.to_builtins(options)
    for name in given:
        if not any(name in options for options in resolved.values()):
            raise UserError(
                f"{flag(name)}: none of the methods {', '.join(dict.fromkeys(methods))} has this option"
            )
    return resolved
