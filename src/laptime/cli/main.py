"""The door of the command line: finds the command, and turns what went wrong into one line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import click

from laptime import __version__
from laptime.cli import (
    ask,
    compare,
    data,
    doctor,
    explain,
    export,
    methods,
    plan,
    report,
    serve,
    show,
    train,
    trainers,
)
from laptime.cli.group import Commands
from laptime.errors import UserError, suggest
from laptime.options.foreign_names import find_here, find_reason, tell_value
from laptime.spec import flag
from laptime.util.min_versions import check_floors

MODULES = (
    compare, train, data, ask, export, report, show, serve, methods, trainers, doctor, explain, plan,
)  # fmt: skip


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="laptime")
def commands() -> None:
    """Race full fine-tuning, LoRA and their relatives on your own data.

    \b
    Try it with the toy model and the ten examples that ship with it:
      laptime compare
    The same with a real model and your file of questions and answers:
      laptime compare --model meta-llama/Llama-3.2-1B --data train.jsonl
    """


def build_commands() -> None:
    """Add the commands."""
    for module in MODULES:
        commands.add_command(module.command())


def fail(message: str, code: int = 2) -> NoReturn:
    """Print one line, in the language that was asked for, and end."""
    from laptime.credentials import hide
    from laptime.report.plain_text import clean

    line, beginning = " ".join(part.strip() for part in message.splitlines() if part.strip()), "error"
    if wants_korean(sys.argv[1:]):
        from laptime.report.error_lines import say_error

        line, beginning = say_error(line, "ko"), "오류"
    click.echo(f"laptime: {beginning}: {hide(clean(line))}", err=True)
    sys.exit(code)


def wants_korean(words: Sequence[str]) -> bool:
    """Tell whether a command line, right or wrong, asks for Korean, or is about a Korean report."""
    asked = [word.partition("=")[2] for word in words if word.startswith("--lang=")]
    asked += [second for first, second in pairwise(words) if first == "--lang"]
    folders = [word for word in words[1:2] if os.path.isdir(word)]  # noqa: PTH112 - no word is too long
    if asked or not folders:
        return asked[-1:] == ["ko"]
    from laptime.report.page import find_language

    with suppress(OSError):
        return find_language(Path(folders[0])) == "ko"
    return False


def check_present_folder() -> None:
    """Raise UserError where the present folder was removed: libraries fail there in odd ways."""
    try:
        Path.cwd()
    except OSError:
        raise UserError("the present folder is gone; change to another one") from None


def stop(number: int, frame: Any) -> NoReturn:
    """Turn SIGTERM into the same orderly end as Ctrl-C."""
    raise SystemExit(128 + number)


def tell_no_option(error: click.exceptions.NoSuchOption) -> str:
    """Return the line for an option that a command does not have; another tool calls it so."""
    name, command = error.option_name, error.ctx.command if error.ctx else commands
    options = [option for parameter in command.params for option in parameter.opts]
    if ours := find_here(name, [option.lstrip("-").replace("-", "_") for option in options]):
        return f"no option {name}; here it is {flag(ours)}{tell_value(name, ours)}"
    if reason := find_reason(name):
        return f"no option {name}; leave it out: {reason}"
    having = [one for one, other in commands.commands.items() if any(name in p.opts for p in other.params)]
    if having:
        return f"no option {name} of laptime {command.name}; it is one of {join(having)}"
    return f"no option {name}{suggest(name, options)}"


def join(names: Sequence[str]) -> str:
    """Return names as a list within a sentence: compare, train and plan."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    signal.signal(signal.SIGTERM, stop)
    build_commands()
    try:
        check_floors()
        check_present_folder()
        commands.main(standalone_mode=False)
    except UserError as error:
        fail(str(error))
    except click.exceptions.NoSuchOption as error:
        fail(tell_no_option(error))
    except click.ClickException as error:
        fail(error.format_message())
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        fail(f"{error.filename or 'what is printed'}: {error.strerror or error}")
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
