"""The code and its dependencies: what docs/security.md promises of them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import laptime
from laptime.errors import UserError
from laptime.options.config_file import read_config
from laptime.util import min_versions as floors
from laptime.util.min_versions import FLOORS, check_floors, is_older
from tests.conftest import REPOSITORY
from tests.security.refusal import one_line

SOURCE = Path(laptime.__file__).parent


def calls_and_imports() -> list[tuple[str, str]]:
    """Return (file, dotted name) of every import and call in the package."""
    found = []
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [(file.name, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found += [(file.name, f"{node.module}.{alias.name}") for alias in node.names]
            elif isinstance(node, ast.Call):
                found.append((file.name, ast.unparse(node.func)))
    return found


def test_no_pickle_is_read_or_written_and_no_text_becomes_code() -> None:
    forbidden = re.compile(
        r"(pickle|marshal|shelve|dill|joblib|cloudpickle)(\..*)?|(torch|numpy|np|pandas)\.(load|save|read_pickle)"
        r"|eval|exec|compile|__import__|os\.system|os\.popen|yaml\.(unsafe_|full_)?load_all|yaml\.unsafe_load"
    )
    # What LitGPT has just written, read back inside its own Python, weights alone.
    theirs = ("litgpt_checkpoint.py", "torch.load")
    assert {one for one in calls_and_imports() if forbidden.fullmatch(one[1])} <= {theirs}
    code = (SOURCE / "trainers" / "peer" / theirs[0]).read_text(encoding="utf-8")
    calls = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == theirs[1]
    ]
    keywords = [{one.arg: ast.unparse(one.value) for one in node.keywords} for node in calls]
    assert calls and all(given.get("weights_only") == "True" for given in keywords)


def test_no_shell_runs_a_command_and_yaml_makes_no_objects() -> None:
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                keywords = {one.arg: ast.unparse(one.value) for one in node.keywords}
                assert keywords.get("shell", "False") == "False", file
                if ast.unparse(node.func) in ("yaml.load", "yaml.compose"):
                    assert "Loader" in keywords["Loader"] and "unsafe" not in keywords["Loader"].lower(), file


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['id']", "!!python/name:os.system", "!x 1"])
def test_unsafe_yaml_tags_are_refused(tmp_path: Path, tag: str) -> None:
    (tmp_path / "job.yaml").write_text(f"epochs: {tag}\n")
    with pytest.raises(UserError, match="is not allowed"):
        read_config(tmp_path / "job.yaml")


def test_no_pattern_takes_long_for_any_text() -> None:
    """Every pattern of the package on texts that make careless patterns take hours."""
    patterns = set()
    for module in pkgutil.walk_packages([str(SOURCE)], "laptime."):
        if module.name.startswith(("laptime.training.run", "laptime.training.preprocess")):
            continue
        holder = importlib.import_module(module.name)
        patterns |= {value for value in vars(holder).values() if isinstance(value, re.Pattern)}
    assert len(patterns) > 15
    pieces = [
        "a",
        " ",
        "0",
        "\\",
        "`",
        "{",
        "}",
        "=",
        "-",
        "/",
        ".",
        ":",
        "@",
        "\n",
        "\t",
        "가",
        "://a",
        "{a ",
        "u",
    ]
    for pattern in patterns:
        for piece in pieces:
            long = (piece * 2000)[:2000]
            for text in (long, "x" + long + "\x00"):
                text = text.encode() if isinstance(pattern.pattern, bytes) else text
                begun = time.process_time()
                pattern.search(text), pattern.fullmatch(text)
                assert time.process_time() - begun < 20.0, (pattern.pattern, piece)


def test_the_floors_are_those_of_the_project_and_of_its_pins() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    everywhere = [line for line in project["dependencies"] if ";" not in line]  # the rest may be absent
    stated = dict(line.split(">=") for line in everywhere)
    assert stated == FLOORS
    for line in (REPOSITORY / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name.lower().replace("-", "_") in FLOORS:
            assert not is_older(version, FLOORS[name.lower().replace("-", "_")]), line


@pytest.mark.parametrize(
    ("version", "floor", "older"),
    [
        ("2.13.0+cpu", "2.10", False),
        ("2.10.0", "2.10", False),
        ("2.10", "2.10.0", False),
        ("2.9.1", "2.10", True),
        ("2.10.0a0+git1", "2.10", True),
        ("5.3.0.dev0", "5.3", True),
        ("5.3.0rc1", "5.3", True),
        ("5.4.0.dev0", "5.3", False),
        ("3.20.2", "3.20.3", True),
        ("14", "14", False),
        ("unknown", "1", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, floor: str, older: bool) -> None:
    assert is_older(version, floor) is older


def test_an_old_or_absent_package_is_named_with_what_is_installed() -> None:
    def version_of(name: str) -> str:
        if name == "peft":
            raise metadata.PackageNotFoundError(name)
        return {"torch": "2.9.1+cu130", "transformers": "5.2.0"}.get(name, "99")

    with pytest.raises(UserError) as error:
        check_floors(FLOORS, version_of)
    assert one_line(error) == (
        "torch 2.9.1+cu130 is too old, 2.10 or newer is needed; transformers 5.2.0 is too old, 5.3 or newer "
        "is needed; peft is not installed, 0.21 or newer is needed; "
        "pip install 'torch>=2.10' 'transformers>=5.3' 'peft>=0.21'"
    )


def test_old_versions_end_the_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from laptime.cli import main as cli

    monkeypatch.setattr("laptime.cli.main.check_floors", lambda: check_floors({"torch": "99"}))
    monkeypatch.setattr("sys.argv", ["laptime", "show", "nowhere"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("laptime: error: torch ") and said.count("\n") == 1
    assert floors.FLOORS["torch"] == "2.10"
