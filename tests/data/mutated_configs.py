"""Mutated config files, against what the json, tomllib and yaml modules read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from laptime.errors import UserError
from laptime.options.commands import output_options
from laptime.options.config_file import read_config
from laptime.options.flags import method_options, options_of, read_config_options
from laptime.spec import SECTIONS, CompareSpec
from tests.data.mutated import INSERTED, check_line

OPTIONS = {
    option.name: option
    for option in (
        *options_of([CompareSpec, *SECTIONS.values()]),
        *method_options(),
        *output_options("comparison"),
    )
    if option.name
}
VALUES: dict[str, list[Any]] = {
    "epochs": [1, 3],
    "learning_rate": [1e-4, 2, {"full": 2e-5, "lora": 2e-4}],
    "data": ["train.jsonl", "데이터.csv"],
    "template": ["qa-ko", "Q: {prompt}\nA: {completion}"],
    "methods": ["full,lora", ["full", "lora_top"]],
    "plain": [True, False],
    "held-out": [0.1, "test.jsonl"],
    "ask": ["왜?", ["why", "how"]],
    "lora_rank": [8],
    "weight_decay": [0.0, 0.1],
}
MARKS = [b": ", b"=", b"\n", b"- ", b"!!python/name:os.system ", b"&a ", b"*a", b"<<: ", b"010", b"1:30",
         b"0x1F", b"1_000", b"~", b"yes", b"# ", b"---\n", b"[training]\n", b"|\n ", b"epochs"]  # fmt: skip


@st.composite
def mutated_configs(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a config file of a few options, and up to three things done to its bytes."""
    suffix = draw(st.sampled_from(["toml", "yaml", "json"]))
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4, unique=True))
    content = write_options(suffix, {name: draw(st.sampled_from(VALUES[name])) for name in names})
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 1, 5, 40])))
        insert = draw(st.sampled_from([b"", content[start:end] * 2, *INSERTED, *MARKS]))
        content = content[:start] + insert + content[end:]
    return suffix, content


def write_options(suffix: str, options: dict[str, Any]) -> bytes:
    """Return options as a file of a format."""
    if suffix == "json":
        return json.dumps(options, ensure_ascii=False, indent=1).encode()
    if suffix == "yaml":
        return yaml.safe_dump(options, allow_unicode=True).encode()
    return "".join(f"{name} = {in_toml(value)}\n" for name, value in options.items()).encode()


def in_toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {rate}" for name, rate in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def check_config(suffix: str, content: bytes, folder: Path) -> str:
    """Assert that a file is refused in one line or read as it stands; returns "refused" or "accepted"."""
    path = folder / f"a.{suffix}"
    path.write_bytes(content)
    try:
        found = read_config(path)
    except UserError as error:
        check_line(error)
        return "refused"
    plain = read_plainly(path)
    assert list(found) == [str(name).replace("-", "_") for name in plain]
    for ours, theirs in zip(found.values(), plain.values(), strict=True):
        assert same(ours, theirs), (ours, theirs)
    try:
        read_config_options(str(path), OPTIONS)
    except UserError as error:
        check_line(error)
    return "accepted"


def read_plainly(path: Path) -> dict[Any, Any]:
    """Read the file with its format's own module; a line may end as it did on any system."""
    text = path.read_bytes().decode("utf-8-sig")
    if path.suffix == ".toml":
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    parse: Any = {".json": json.loads, ".toml": tomllib.loads, ".yaml": yaml.safe_load}[path.suffix]
    found: dict[Any, Any] = parse(text)
    return found


def same(ours: Any, theirs: Any) -> bool:
    """Compare values; where YAML 1.1 reads a number and 1.2 text, or the other way round, that is known."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(map(same, ours.values(), theirs.values()))
    if isinstance(ours, float) and isinstance(theirs, str):
        return repr(ours) == repr(float(theirs))
    known = isinstance(ours, str) and isinstance(theirs, (int, float)) and not isinstance(theirs, bool)
    return known or repr(ours) == repr(theirs)
