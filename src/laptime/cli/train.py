"""`laptime train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laptime.options.commands import train_options
from laptime.options.flags import SectionedCommand, gather
from laptime.util.shell import shell_command

if TYPE_CHECKING:
    from laptime.comparison.result import MethodResult
    from laptime.report.screen import Screen


def train_command(**_: Any) -> None:
    """Train once with one method, as `compare` does in every round.

    \b
    Examples:
      laptime train --model meta-llama/Llama-3.2-1B --data train.jsonl
      laptime train --method full --learning-rate 2e-5 --epochs 3
      laptime train --method lora_top --top-layers 4 --reuse-cache
      laptime train --data train.jsonl --save-every 10min --out my-adapter
      laptime train --resume my-adapter       (goes on from the newest checkpoint)
    """
    from laptime.api import open_training
    from laptime.cli.running import report, run_session
    from laptime.runs.given_team import team_of_command

    with team_of_command():
        session = open_training(gather(click.get_current_context()))
        result = run_session(session)
        (run,) = result.methods
        finish(session.folder, run, report(session, result))
        sys.exit(0 if run.rounds else 1)


def finish(folder: Path, run: MethodResult, screen: Screen) -> None:
    """Say where the result of a run lies, or how to go on where it failed."""
    from laptime.cli.follow_ups import as_word
    from laptime.report.language import Language
    from laptime.report.page import find_language
    from laptime.runs.folder import has_checkpoint
    from laptime.runs.job import LOG_FILE

    say = Language(find_language(folder)).say
    if run.failures:
        screen.say(say("terminal.log", path=folder / LOG_FILE))
    if run.failures and has_checkpoint(folder):
        screen.say(say("terminal.resume", command=shell_command("laptime", "train", "--resume", folder)))
    for path in run.saved_paths:
        kind = "PeftModel" if run.saved_kind == "adapter" else "AutoModelForCausalLM"
        screen.say(say("terminal.saved", path=folder / path, kind=kind))
        screen.say(say("terminal.ask", command=f'{shell_command("laptime", "ask", as_word(folder))} "..."'))


def command() -> click.Command:
    """Return the command, whose options come from the specs."""
    return SectionedCommand(
        "train", callback=train_command, params=[*train_options()], help=train_command.__doc__
    )
