"""`laptime train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laptime.options.commands import tracker_names, train_options
from laptime.options.flags import SectionedCommand, gather
from laptime.util.shell import shell_command

if TYPE_CHECKING:
    from laptime.comparison.result import ComparisonResult
    from laptime.report.quantities import Lang


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
    from laptime.api import resumed_spec, single_spec
    from laptime.cli.running import run_session
    from laptime.comparison.race import check_spec
    from laptime.hardware.processors import Look
    from laptime.trackers.tracker import check_trackers

    look = Look()
    ctx = click.get_current_context()
    values = gather(ctx)
    resumed = values.pop("resume", None)
    spec = resumed_spec(Path(resumed), values) if resumed else single_spec(values)
    trackers = tracker_names(values)
    check_trackers(trackers)
    digest = check_spec(spec)
    kind: Any = "resumed" if resumed else "train"
    out, waits = resumed or values.get("out"), values.get("wait", False)
    folder, result = run_session(spec, out, digest, kind, look, waits)
    sys.exit(finish_training(folder, result, values.get("lang"), trackers))


def finish_training(
    folder: Path, result: ComparisonResult, lang: Lang | None, trackers: tuple[str, ...]
) -> int:
    """Render the report, publish, print the row of the one run and where its result lies.

    Returns 1 when it failed.
    """
    from laptime.cli.follow_ups import as_word
    from laptime.cli.running import publish
    from laptime.report.page import HTML_NAME, render_report
    from laptime.report.screen import console
    from laptime.report.terminal import print_table
    from laptime.runs.folder import has_checkpoint
    from laptime.runs.job import LOG_FILE

    render_report(folder, lang)
    screen = console(lasting=True)
    print_table(result, screen)
    publish(folder, trackers)
    method = result.methods[0]
    screen.say(f"\nreport: {folder / HTML_NAME}")
    if method.failures:
        screen.say(f"log:    {folder / LOG_FILE}")
    if method.failures and has_checkpoint(folder):
        screen.say(f"go on:  {shell_command('laptime', 'train', '--resume', folder)}")
    for path in method.saved_paths:
        kind = "PeftModel" if method.saved_kind == "adapter" else "AutoModelForCausalLM"
        screen.say(f"saved:  {folder / path}  ({kind}.from_pretrained)")
        screen.say(f'ask:    {shell_command("laptime", "ask", as_word(folder))} "..."')
    return 0 if method.rounds else 1


def command() -> click.Command:
    """Return the command, whose options come from the specs."""
    return SectionedCommand(
        "train", callback=train_command, params=[*train_options()], help=train_command.__doc__
    )
