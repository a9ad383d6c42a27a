"""A saved report on W&B's server, with the charts and tables of a comparison that was uploaded."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any
from urllib.parse import urlsplit

from laptime.comparison.result import ComparisonResult
from laptime.credentials import hide
from laptime.trackers.parts.figures import ELAPSED, TRAINING_TIME

TITLE = "report"  # under which its address is kept
ABSENT = "no saved report: pip install 'laptime[wandb-report]'"


def save_report(result: ComparisonResult, group: str, run_address: str, seconds: float) -> tuple[str, str]:
    """Save a report on the runs of `group` beside the run at `run_address`; returns its address, or why not.

    In a thread: the library waits for as long as it likes.
    """
    if importlib.util.find_spec("wandb_workspaces") is None:
        return "", ABSENT
    told = ["", f"no saved report: the W&B server gave no answer in {seconds:.0f} s"]

    def save() -> None:
        try:
            told[:] = [_save(result, group, *_find_place(run_address)), ""]
        except Exception as error:  # whatever the library raises: the runs have arrived all the same
            told[1] = f"no saved report ({type(error).__name__}: {hide(' '.join(str(error).split()))[:100]})"

    thread = threading.Thread(target=save, daemon=True)
    thread.start()
    thread.join(seconds)
    return told[0], told[1]


def _find_place(run_address: str) -> tuple[str, str]:
    """Return whose project a run is in, and its name, from the address that the server gave the run."""
    entity, project = urlsplit(run_address).path.strip("/").split("/")[:2]
    return entity, project


def _save(result: ComparisonResult, group: str, entity: str, project: str) -> str:
    """Save the report and return its address."""
    import wandb_workspaces.reports.v2 as blocks

    report = blocks.Report(
        entity=entity,
        project=project,
        title=group,
        description=", ".join(method.name for method in result.methods),
        blocks=_make_blocks(blocks, result, group, entity, project),
    )
    report.save()
    return str(report.url)


def _make_blocks(blocks: Any, result: ComparisonResult, group: str, entity: str, project: str) -> list[Any]:
    """Return what the report shows: seconds by method, losses by time, ratios, answers."""
    runs = blocks.Runset(
        entity=entity,
        project=project,
        name=group,
        filters=f"Group = '{group}' and Config('contestant') in {[one.name for one in result.methods]}",
    )
    panels = [
        blocks.BarPlot(title=TRAINING_TIME, metrics=["train_seconds"], groupby=blocks.Config("contestant")),
        blocks.LinePlot(title="loss by training seconds", x=ELAPSED, y=["loss"]),
    ]
    ratios = [
        f"- {pair.slower} to {pair.faster}: {pair.train_ratio:.3g} ({pair.verdict})"
        for pair in result.pairs
        if pair.train_ratio
    ]
    return [
        blocks.H1(TRAINING_TIME),
        blocks.PanelGrid(runsets=[runs], panels=panels),
        *([blocks.MarkdownBlock("\n".join(ratios))] if ratios else []),
        blocks.H1("Answers"),
        blocks.WeaveBlockSummaryTable(entity, project, "answers"),
    ]
