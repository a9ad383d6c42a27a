"""`laptime compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laptime.options.commands import compare_options, tracker_names
from laptime.options.flags import SectionedCommand, gather
from laptime.spec import OURS
from laptime.util.shell import shell_command

if TYPE_CHECKING:
    from laptime.comparison.result import ComparisonResult
    from laptime.report.quantities import Lang


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
    from laptime.api import race_job
    from laptime.cli.running import run_session
    from laptime.comparison.race import check_spec
    from laptime.hardware.processors import Look
    from laptime.trackers.tracker import check_trackers

    look = Look()
    ctx = click.get_current_context()
    values = gather(ctx)
    spec, against = race_job(values)
    trackers = tracker_names(values)
    check_trackers(trackers)
    digest = check_spec(spec)
    out, waits = values.get("out"), values.get("wait", False)
    folder, result = run_session(spec, out, digest, look=look, waits=waits, against=against)
    sys.exit(finish_comparison(folder, result, values.get("lang"), trackers))


def finish_comparison(
    folder: Path, result: ComparisonResult, lang: Lang | None, trackers: tuple[str, ...]
) -> int:
    """Render the report, publish, print the table; returns 1 when a method finished no run, else 0."""
    from laptime.cli.follow_ups import as_word, compare_again
    from laptime.cli.running import publish
    from laptime.comparison.race import ENDED_FROM_OUTSIDE
    from laptime.report.page import HTML_NAME, render_report
    from laptime.report.screen import console
    from laptime.report.terminal import print_table

    render_report(folder, lang)
    screen = console(lasting=True)
    print_table(result, screen)
    publish(folder, trackers)
    screen.say(f"\nreport: {folder / HTML_NAME}")
    if any(method.saved_paths for method in result.methods):
        screen.say(f'ask:    {shell_command("laptime", "ask", as_word(folder))} "..."')
    failed = [(m, failure) for m in result.methods for failure in m.failures]
    if any(failure.reason in ENDED_FROM_OUTSIDE or m.trainer != OURS for m, failure in failed):
        screen.say(f"again:  {compare_again(folder)}  (tries once more what was ended)")
    return 0 if all(method.rounds for method in result.methods) else 1


def command() -> click.Command:
    """Return the command, whose options come from the specs."""
    return SectionedCommand(
        "compare", callback=compare_command, params=[*compare_options()], help=compare_command.__doc__
    )
