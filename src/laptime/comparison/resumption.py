"""What `laptime train --resume DIR` goes on with, and what must be the same as it was."""

from __future__ import annotations

from pathlib import Path

import msgspec

from laptime.comparison.folder import has_checkpoint, shell_command
from laptime.comparison.plan import FILE_NAME as PLAN_FILE
from laptime.errors import UserError
from laptime.methods.method import make_method
from laptime.record import read_record
from laptime.spec import WITHOUT_EFFECT, CompareSpec, RunSpec, flatten


def read_begun(folder: Path) -> CompareSpec:
    """Return the spec of the run in `folder`; raises UserError where there is nothing to go on with."""
    if (folder / PLAN_FILE).exists():
        again = shell_command("laptime", "compare", "--config", folder / "spec.json", "--out", folder)
        raise UserError(f"--resume {folder}: a comparison; it goes on with: {again}")
    record = read_record(folder)
    if record.finished:
        raise UserError(f"--resume {folder}: finished already; nothing is left to do")
    if not has_checkpoint(folder):
        raise UserError(
            f"--resume {folder}: no checkpoint to go on from; start a new --out "
            f"(--save-every writes checkpoints on the way)"
        )
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


def refuse_changes(folder: Path, begun: CompareSpec, given: CompareSpec) -> None:
    """Raise UserError, naming the options, where `given` is not what the run in `folder` was begun with."""
    # Through JSON, which knows no tuples: a list that was read equals one that was given.
    before, now = (msgspec.json.decode(msgspec.json.encode(flatten(spec))) for spec in (begun, given))
    changed = [
        f"{name} differs ({now.get(name)}, {folder} has {before.get(name)})"
        for name in sorted((before.keys() | now.keys()) - WITHOUT_EFFECT)
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise UserError(f"--resume {folder}: {'; '.join(changed)}; leave it out or start a new --out")
