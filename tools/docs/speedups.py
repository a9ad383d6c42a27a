"""Writes the table of speedups in docs/speedups.md, from what the speedups say about themselves.

    python tools/docs/speedups.py

Why a speedup has no effect somewhere is read from the `raise NoEffect(...)` of its file, so that the page
says what the record says.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from laptime.speedups.speedup import Speedup, find_speedups

PAGE = Path(__file__).parents[2] / "docs" / "speedups.md"
MARK = "<!-- speedups -->"
PARTS = {"step": "step", "load": "loading", "save": "saving"}


def make_table() -> str:
    """Return the table in Markdown, a row a speedup by name."""
    rows = ["name", "what it does", "claims", "shortens", "works inside", "no effect where"]
    lines = [f"| {' | '.join(rows)} |", "|" + "---|" * len(rows)]
    for kind in sorted(find_speedups(), key=lambda kind: kind.name):
        needs = ", ".join(f"`{name}`" for name in kind.needs)
        reasons = "; ".join(find_reasons(kind)) or "none"
        cells = (f"`{kind.name}`", kind.summary, kind.claims, PARTS[kind.part], needs, reasons)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def find_reasons(kind: type[Speedup]) -> Iterator[str]:
    """Yield the phrases with which a speedup says that it changes nothing."""
    scope = vars(sys.modules[kind.__module__])
    tree = parse(kind)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from find_said(node.exc.args[0], tree, scope)


def find_returned(function: Any) -> Iterator[str]:
    """Yield the texts that a function returns."""
    tree = parse(function)
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, (ast.JoinedStr, ast.Constant, ast.Name)):
            if isinstance(node.value, ast.Constant) and not node.value.value:
                continue
            yield from find_said(node.value, tree, function.__globals__)


def find_said(said: ast.expr, tree: ast.AST, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of an expression, or those of the function that gave the name in it its value."""
    if not isinstance(said, ast.Name):
        yield show(said, scope)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.NamedExpr) and node.target.id == said.id and isinstance(node.value, ast.Call):
            yield from find_returned(scope[node.value.func.id])  # type: ignore[attr-defined]


def parse(thing: Any) -> ast.AST:
    """Return the syntax of a class or a function."""
    return ast.parse(textwrap.dedent(inspect.getsource(thing)))


def show(text: ast.expr, scope: Mapping[str, Any]) -> str:
    """Return a text as its source has it: the constants of its file filled in, `...` for the rest."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    assert isinstance(text, ast.JoinedStr), ast.unparse(text)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else fill(part.value, scope)  # type: ignore[attr-defined]
        for part in text.values
    )


def fill(value: ast.expr, scope: Mapping[str, Any]) -> str:
    """Return what stands between braces where constants alone make it."""
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    if any(name not in scope and name not in ("sorted",) for name in names):
        return "..."
    return str(eval(ast.unparse(value), dict(scope)))


def renew(page: str) -> str:
    """Return the page with the table as the code makes it now."""
    before, _, after = page.split(MARK)
    return f"{before}{MARK}\n{make_table()}\n{MARK}{after}"


if __name__ == "__main__":
    PAGE.write_text(renew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
