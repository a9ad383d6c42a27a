"""`laptime compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laptime.options.commands import compare_options
from laptime.options.flags import SectionedCommand, gather
from laptime.spec import OURS
from laptime.util.shell import shell_command

if TYPE_CHECKING:
    from laptime.comparison.result import ComparisonResult
    from laptime.report.screen import Screen


def compare_command(**_: Any) -> None:
    """Race methods on one data set: time, memory, disk, loss, answers.

    \b
    Examples:
      laptime compare
      laptime compare --model meta-llama/Llama-3.2-1B --data train.jsonl
      laptime compare --methods full,lora --held-out 0.1 --ask "질문" --out DIR
      laptime compare --config job.toml --out DIR   (goes on with what is in DIR)
      laptime compare --ablate                      (what each speedup gives here)
      laptime compare --methods lora,lora           (how much equal runs differ)
      laptime compare --methods full --contestant "wide=lora --lora-rank 64"
      laptime compare --against DIR                 (slower since the upgrade?)
    """
    from laptime.api import open_comparison
    from laptime.cli.running import report, run_session
    from laptime.runs.given_team import team_of_command

    with team_of_command():
        session = open_comparison(gather(click.get_current_context()))
        result = run_session(session)
        finish(session.folder, result, report(session, result))
        sys.exit(0 if all(method.rounds for method in result.methods) else 1)


def finish(folder: Path, result: ComparisonResult, screen: Screen) -> None:
    """Say what can be done with what lies in `folder` now."""
    from laptime.cli.follow_ups import as_word, compare_again
    from laptime.comparison.race import ENDED_FROM_OUTSIDE
    from laptime.report.language import Language
    from laptime.report.page import find_language
    from laptime.trainers.environments import find_environment

    say = Language(find_language(folder)).say
    if any(method.saved_paths for method in result.methods):
        screen.say(say("terminal.ask", command=f'{shell_command("laptime", "ask", as_word(folder))} "..."'))
    failed = [(m, failure.reason) for m in result.methods for failure in m.failures]
    absent = dict.fromkeys(m.trainer for m, reason in failed if reason == "unavailable")
    missing = [name for name in absent if name != OURS and find_environment(name) is None]
    for name in missing:
        screen.say(say("terminal.add", command=f"laptime trainers add {name}"))
    if any(reason in ENDED_FROM_OUTSIDE or m.trainer != OURS for m, reason in failed):
        is_ended = any(reason != "unavailable" or m.trainer not in missing for m, reason in failed)
        key = "terminal.again.ended" if is_ended else "terminal.again.missing"
        screen.say(say(key, command=compare_again(folder)))


def command() -> click.Command:
    """Return the command, whose options come from the specs."""
    return SectionedCommand(
        "compare", callback=compare_command, params=[*compare_options()], help=compare_command.__doc__
    )
