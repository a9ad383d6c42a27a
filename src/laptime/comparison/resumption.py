"""What `laptime train --resume DIR` goes on with, and what must be the same as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from laptime.comparison.folder import INPUTS_FOLDER, shell_command
from laptime.comparison.plan import FILE_NAME as PLAN_FILE
from laptime.errors import UserError
from laptime.inputs.facts import read_facts
from laptime.methods.method import make_method
from laptime.record import read_record
from laptime.spec import WITHOUT_EFFECT, CompareSpec, RunSpec, flag, flatten


def read_begun(folder: Path) -> CompareSpec:
    """Return the spec of the run in `folder`; raises UserError where there is nothing to go on with."""
    if (folder / PLAN_FILE).exists():
        again = shell_command("laptime", "compare", "--config", folder / "spec.json", "--out", folder)
        raise UserError(f"--resume {folder}: a comparison; it goes on with: {again}")
    record = read_record(folder)
    if record.finished:
        raise UserError(f"--resume {folder}: finished already; nothing is left to do")
    try:
        begun = msgspec.convert(record.started.spec, RunSpec)
        options = msgspec.to_builtins(make_method(begun.method, begun.method_options).options)
    except (msgspec.ValidationError, UserError):
        raise UserError(
            f"--resume {folder}: begun by laptime {record.started.laptime}, whose options differ; "
            f"resume with that version"
        ) from None
    return CompareSpec(
        methods=(begun.method,),
        rounds=1,
        model=begun.model,
        data=begun.data,
        training=begun.training,
        answers=begun.answers,
        method_options={begun.method: options},
    )


def check_place(folder: Path, begun: CompareSpec) -> None:
    """Raise UserError where a relative path of the run in `folder` leads nowhere from here, but did there."""
    try:
        there = Path(read_facts(folder / INPUTS_FOLDER).begun_in)
    except (UserError, OSError):  # what is wrong with it is said where it is needed
        return
    for option, name in (
        ("--data", begun.data.data), ("--held-out", begun.data.held_out), ("--model", begun.model.model)
    ):  # fmt: skip
        if name and there != Path.cwd() and not Path(name).exists() and (there / name).exists():
            raise UserError(
                f"--resume {folder}: its {option} {name} is not here but in {there}, "
                f"where the run was begun; resume it from there"
            )


def show(value: Any) -> str:
    """Return the value of an option as a user would write it."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "the default" if value is None else str(value)


def refuse_changes(folder: Path, begun: CompareSpec, given: CompareSpec) -> None:
    """Raise UserError, naming the options, where `given` is not what the run in `folder` was begun with."""
    # Through JSON, which knows no tuples: a list that was read equals one that was given.
    before, now = (msgspec.json.decode(msgspec.json.encode(flatten(spec))) for spec in (begun, given))
    changed = [
        f"{flag(name)} differs ({show(now.get(name))}, {folder} has {show(before.get(name))})"
        for name in sorted((before.keys() | now.keys()) - WITHOUT_EFFECT)
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise UserError(f"--resume {folder}: {'; '.join(changed)}; leave it out or start a new --out")
