"""Options from a TOML, YAML or JSON file: strict, plain values only, each option once."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from laptime.errors import UserError, readable
from laptime.spec import SECTIONS
from laptime.util.text_files import check_regular, read_text

_TOML_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)")
LONGEST_NAME = 100  # no option comes near it
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def read_config(path: str | Path) -> NamedOptions:
    """Read a TOML, YAML or JSON file of options into one flat mapping with underscores in its keys.

    Raises UserError, naming the file, when it is absent, malformed or no mapping.
    """
    path = Path(path)
    if path.exists():
        check_regular(path, str(path), "options")
    parse = PARSERS.get(path.suffix.lower())
    if parse is None:
        raise UserError(f"{path}: a config file ends in .toml, .yaml, .yml or .json")
    if not path.exists():
        raise UserError(f"{path}: no such config file")
    text = read_text(path, path.name)
    try:
        content = parse(text)
    except yaml.YAMLError as error:
        raise UserError(f"{path}{_tell_yaml(error)}") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply") from None
    except ValueError as error:
        raise UserError(f"{path}{_tell_value(error)}") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: expected option: value pairs at the top level")
    return name_options(str(path), content)


class NamedOptions(dict[str, Any]):
    """Options by name; `written` holds the names as the file spells them."""

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, str] = {}


def spell_like(written: str, names: Iterable[str]) -> list[str]:
    """Return `names` with hyphens where a file writes its own with hyphens."""
    return [name.replace("_", "-") if "-" in written else name for name in names]


def name_options(place: str, content: Mapping[Any, Any]) -> NamedOptions:
    """Return the options by name; `batch-size` and `batch_size` are one, and sections there are none."""
    options = NamedOptions()
    for key, value in content.items():
        name = str(key).replace("-", "_")
        if not name.isidentifier() or len(name) > LONGEST_NAME:
            raise UserError(f"{place}: '{readable(key)}' is no name of an option")
        if name in options:
            raise UserError(f"{place}: option '{name}' is given twice")
        if name in SECTIONS and isinstance(value, Mapping):
            raise UserError(f"{place}: '{name}' holds options; write them at the top level, without sections")
        options[name], options.written[name] = value, str(key)
    return options


class _YamlLoader(yaml.SafeLoader):
    """YAML with YAML 1.2's numbers, no tags that make objects, no key twice.

    In YAML 1.1, which PyYAML reads, 1e-4 is text, 010 is eight and 1:30 is ninety.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping; a key that stands twice is an error."""
        _refuse_twins([key.value for key, _ in node.value])
        return super().construct_mapping(node, deep)


_YamlLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NUMBERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in zip(
    _NUMBERS,
    (
        r"[-+]?(0|[1-9]\d*)$",
        r"[-+]?((\.\d+|\d+\.\d*)([eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.(inf|Inf|INF))$|\.(nan|NaN|NAN)$",
    ),
    strict=True,
):
    _YamlLoader.add_implicit_resolver(_tag, re.compile(_pattern), list("-+.0123456789"))


def _parse_yaml(text: str) -> Any:
    """Parse YAML."""
    return yaml.load(text, Loader=_YamlLoader)


def _parse_json(text: str) -> Any:
    """Parse JSON; a key that stands twice is an error."""

    def make(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_twins([key for key, _ in pairs])
        return dict(pairs)

    return json.loads(text, object_pairs_hook=make)


def _parse_toml(text: str) -> Any:
    """Parse TOML; with a line break at the end its errors name a line there too."""
    return tomllib.loads(text + "\n")


PARSERS: dict[str, Callable[[str], Any]] = {
    ".toml": _parse_toml,
    ".json": _parse_json,
    ".yaml": _parse_yaml,
    ".yml": _parse_yaml,
}


def _refuse_twins(keys: list[Any]) -> None:
    """Raise ValueError for a key that stands twice."""
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"option '{readable(key)}' is given twice")


def _tell_yaml(error: yaml.YAMLError) -> str:
    """Return the line and what is wrong there."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f": {' '.join(str(error).split())}"
    place, problem = f":{error.problem_mark.line + 1}: ", str(error.problem)
    if found := re.search(r"constructor for the tag '(.*)'", problem):
        tag = found[1].replace("tag:yaml.org,2002:", "!!")
        return f"{place}the tag {tag} is not allowed; options are plain values"
    if "another document" in problem:
        return f"{place}a second document begins here; options are one, without --- between"
    return place + problem


def _tell_value(error: ValueError) -> str:
    """Return the line, where the parser knows it, and what is wrong."""
    message = " ".join(str(error).split())
    if message.startswith("Exceeds the limit"):
        return ": a number of too many digits"
    if found := _TOML_PLACE.fullmatch(message):
        twice = found[1].startswith(("Cannot overwrite", "Cannot declare"))
        return f":{found[2]}: " + ("an option is given twice" if twice else f"{found[1]} (column {found[3]})")
    return f": {message}"
