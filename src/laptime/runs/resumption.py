"""What `laptime train --resume DIR` goes on with, and what must be the same as it was."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from laptime.data.input_manifest import read_manifest
from laptime.errors import UserError
from laptime.methods.method import make_method
from laptime.runs.events import AnyEvent, Damaged
from laptime.runs.folder import INPUTS_FOLDER, has_checkpoint
from laptime.runs.job import SAVED_FOLDER, read_job, start_of
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import read_plan, run_folder
from laptime.runs.record import FILE_NAME, make_record, read_record_lines, tell_damage
from laptime.runs.record_lines import Line, encode_line, is_sealed
from laptime.spec import MAY_CHANGE, RunSpec, flag, flatten_run
from laptime.util.atomic import as_read, find_numbered, write_whole
from laptime.util.shell import shell_command
from laptime.util.untrusted import tell_absent


def read_begun(folder: Path) -> RunSpec:
    """Return the spec of the run in `folder`; raises UserError where there is nothing to go on with."""
    if (folder / PLAN_FILE).exists():
        again = shell_command("laptime", "compare", "--config", folder / "spec.json", "--out", folder)
        raise UserError(f"--resume {folder}: a comparison; it goes on with: {again}")
    if not (folder / FILE_NAME).exists():
        raise UserError(f"--resume {tell_absent(folder, FILE_NAME, 'a run')}")
    lines = read_record_lines(folder)
    record = make_record(folder, keep_whole(folder, lines))
    if record.finished:
        raise UserError(f"--resume {folder}: finished already; nothing is left to do")
    if (folder / SAVED_FOLDER).exists() and not has_checkpoint(folder):
        raise UserError(
            f"--resume {folder}: trained to its end, its result is in {folder / SAVED_FOLDER}; "
            f"there is no checkpoint to go on from"
        )
    try:
        begun = msgspec.convert(record.started.spec, RunSpec)
        options = msgspec.to_builtins(make_method(begun.method, begun.method_options).options)
    except (msgspec.ValidationError, UserError):
        raise UserError(
            f"--resume {folder}: begun by laptime {record.started.laptime}, whose options differ; "
            f"resume with that version"
        ) from None
    return msgspec.structs.replace(begun, method_options=options)


def find_record_damage(folder: Path) -> str:
    """Return which line of the record in `folder` is damaged, and how; "" for none, or without a record."""
    if not (folder / FILE_NAME).is_file():
        return ""
    return next((tell_damage(folder, line) for line in read_record_lines(folder) if line.damage), "")


def find_damaged_records(folder: Path) -> list[str]:
    """Return the damage of each run of the comparison in `folder` whose record is damaged."""
    runs = read_plan(folder).runs if (folder / PLAN_FILE).exists() else []
    return [damage for planned in runs if (damage := find_record_damage(run_folder(folder, planned.run)))]


def mend_record(folder: Path) -> None:
    """Leave the damaged lines of the record in `folder` out of it, and keep the file as it was beside it.

    Raises UserError where the first line is damaged and nothing else tells which run this is.
    """
    path, lines = folder / FILE_NAME, read_record_lines(folder)
    if not any(line.damage for line in lines):
        return
    aside = find_numbered(path.with_name(f"{FILE_NAME}.damaged-"))
    begin = keep_whole(folder, lines)[:1] if lines[0].damage else []
    mended = [encode_line(event) for event in begin]
    for line in lines:
        missing = Damaged(line=line.number, why=line.damage, kept_in=aside.name, time=time.time())
        mended.append(encode_line(missing) if line.damage else line.content + b"\n")
    write_whole(aside, path.read_bytes())
    write_whole(path, b"".join(mended))


def keep_whole(folder: Path, lines: list[Line]) -> list[AnyEvent]:
    """Return the events of the whole lines; a first line that is damaged is made anew from the run's job."""
    whole = [line for line in lines if line.event]
    events: list[AnyEvent] = [line.event for line in whole if line.event]
    if not lines or not lines[0].damage:
        return events
    try:
        job = read_job(folder)
    except (UserError, FileNotFoundError):
        raise UserError(tell_damage(folder, lines[0])) from None
    begin = start_of(job)
    begin.laptime, begin.time = "unknown", job.spawned
    if not any(is_sealed(line.content) for line in whole):
        begin.version = 1
    return [begin, *events]


def check_place(folder: Path, begun: RunSpec) -> None:
    """Raise UserError where a relative path of the run in `folder` leads nowhere from here, but did there."""
    try:
        there = Path(read_manifest(folder / INPUTS_FOLDER).begun_in)
    except (UserError, OSError):  # what is wrong with it is said where it is needed
        return
    paths = [("--held-out", begun.data.held_out), ("--model", begun.model.model)]
    paths += [("--chat-template", begun.data.chat_template)]
    for option, name in [*(("--data", source) for source in begun.data.sources), *paths]:
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


def refuse_changes(folder: Path, begun: RunSpec, given: RunSpec) -> None:
    """Raise UserError, naming the options, where `given` is not what the run in `folder` was begun with."""
    # Through JSON, which knows no tuples: a list that was read equals one that was given.
    before, now = (as_read(flatten_run(spec)) for spec in (begun, given))
    changed = [
        f"{flag(name)} differs ({show(now.get(name))}, {folder} has {show(before.get(name))})"
        for name in sorted((before.keys() | now.keys()) - MAY_CHANGE)
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise UserError(f"--resume {folder}: {'; '.join(changed)}; leave it out or start a new --out")
