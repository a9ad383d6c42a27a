"""`laptime explain`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laptime.cli.group import FolderPath
from laptime.errors import UserError, check_path
from laptime.options.flags import OnceCommand

if TYPE_CHECKING:
    from laptime.runs.record import RunRecord

SCENARIOS = ("trainer-defaults",)
EPOCHS = 5
RUNS = ("defaults", "lora")  # folders of the scenario's trainings


def explain_command(
    folder: Path | None, names: tuple[str, ...], scenario: str | None, **options: str | None
) -> None:
    """Say where the seconds of a run went, part by part.

    Of a comparison each row is explained by its run of median time; with two ROWs (or runs: lora-r2) these
    stand side by side, and the differences of their parts add up to that of the whole. So do two trainings,
    each in a folder of its own.

    --scenario trainer-defaults makes two trainings and explains them: full fine-tuning as trainers do it left
    alone (fp32, no speedups, a checkpoint with the optimizer's state after each epoch) and LoRA as Laptime
    does it.

    \b
    Examples:
      laptime explain laptime-run
      laptime explain laptime-comparison full lora
      laptime explain run-of-full run-of-lora
      laptime explain --scenario trainer-defaults --out scenario
    """
    if scenario is None:
        if given := [f"--{name}" for name, value in options.items() if value is not None]:
            raise UserError(f"{given[0]}: goes with --scenario alone; leave it out")
        if folder is None:
            raise UserError("DIR: missing; give the folder of a training or a comparison")
        explain(folder, names)
        return
    if folder is not None:
        raise UserError(f"--scenario {scenario}: makes runs of its own; leave {folder} out, or give --out")
    explain_scenario({name: value for name, value in options.items() if value is not None})


def explain(folder: Path, names: Sequence[str]) -> None:
    """Print the parts of runs."""
    from laptime.comparison.waterfall import find_records, is_training, refuse_other_work, refuse_unlike
    from laptime.runs.record import read_record
    from laptime.util.untrusted import told_in_one_line

    with told_in_one_line(folder):
        if len(names) == 1 and is_training(folder) and is_training(Path(names[0])):
            records = [read_record(folder), read_record(Path(names[0]))]
            refuse_other_work(*records)
            show(records)
            return
        records = find_records(folder, names)
        if len(names) == 2:
            refuse_unlike(folder, *records)
        show(records, is_pair=len(names) == 2)


def show(records: Sequence[RunRecord], is_pair: bool = True) -> None:
    """Print the parts of each run, and of a pair what differs."""
    from laptime.comparison.waterfall import make_waterfall
    from laptime.report.screen import console
    from laptime.report.waterfall_lines import draw_waterfall, set_side_by_side, tell_ratios

    screen = console()
    waterfalls = [make_waterfall(record) for record in records]
    for number, (record, waterfall) in enumerate(zip(records, waterfalls, strict=True)):
        for line in [*([""] if number else []), *draw_waterfall(record, waterfall)]:
            screen.say(line)
    if is_pair:
        for line in ["", *set_side_by_side(*waterfalls), "", *tell_ratios(records, waterfalls)]:
            screen.say(line)


def explain_scenario(options: dict[str, str]) -> None:
    """Make the two trainings of the scenario and explain them; what is in --out already is gone on with."""
    from laptime.api import open_training
    from laptime.cli.running import run_session
    from laptime.comparison.waterfall import is_training
    from laptime.data.formats import read_examples
    from laptime.runs.record import read_record
    from laptime.spec import DataSpec

    home = Path(options.pop("out", "laptime-scenario"))
    check_path(str(home), "--out")
    refuse_foreign_home(home)
    data = DataSpec(data=options["data"]) if "data" in options else DataSpec()
    num_examples = len(read_examples(data).examples)
    common: dict[str, Any] = {"epochs": EPOCHS, "max_questions": 0, "skip_self_checks": True, **options}
    slow: dict[str, Any] = {
        "method": "full",
        "precision": "fp32",
        "plain": True,
        "save_every": str(num_examples),
    }
    folders = [home / name for name in RUNS]
    fast: dict[str, Any] = {"method": "lora"}
    for folder, own in zip(folders, (slow, fast), strict=True):
        if not (is_training(folder) and read_record(folder).finished):
            run_session(open_training({**common, **own, "out": str(folder)}))
    show([read_record(folder) for folder in folders])


def refuse_foreign_home(home: Path) -> None:
    """Raise UserError for a folder that holds something else than the two trainings."""
    if home.is_dir() and any(item.name not in RUNS for item in home.iterdir()):
        raise UserError(f"--out {home}: holds something else already; give a new folder")


def command() -> click.Command:
    """Return the command."""
    params: list[click.Parameter] = [
        click.Argument(["folder"], metavar="[DIR]", type=FolderPath(), required=False),
        click.Argument(["names"], metavar="[ROW]...", nargs=-1),
        click.Option(
            ["--scenario"], type=click.Choice(SCENARIOS), help="Make two trainings and explain them."
        ),
        click.Option(["--model"], metavar="TEXT", help="Of the scenario: hub id or directory [the toy]."),
        click.Option(["--data"], metavar="FILE", help="Of the scenario: what to train on [the toy's]."),
        click.Option(["--out"], metavar="DIR", help="Of the scenario: where it goes [laptime-scenario]."),
    ]
    return OnceCommand("explain", callback=explain_command, params=params, help=explain_command.__doc__)
