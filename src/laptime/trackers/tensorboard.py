"""TensorBoard: event files under FOLDER/tensorboard/<run>, written without torch or TensorFlow.

Scalars by step are loss, learning rate, tokens a second and seconds; their wall times are those of the
record, so that TensorBoard's relative axis shows the training as it went. A run called "summary" holds
the figures of each method, and the answers as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from laptime.comparison.answers import BASE
from laptime.comparison.collection import read_measured
from laptime.comparison.result import ComparisonResult, QuestionAnswers
from laptime.comparison.rows import held_out_loss, peak_counter, tokens_per_second
from laptime.runs.record import RunRecord
from laptime.trackers.tracker import require
from laptime.util.shell import shell_command

FOLDER = "tensorboard"
SUMMARY = "summary"


class TensorBoard:
    """Writes event files."""

    name = "tensorboard"

    def check(self) -> None:
        """Raise UserError when tensorboard is absent."""
        require("tensorboard", "tensorboard")

    def publish(self, folder: Path, result: ComparisonResult, network_seconds: float) -> list[str]:
        """Write one folder of events a run and one for the summary; earlier ones of ours are replaced."""
        records = read_measured(folder, result)
        for record in records:
            events = [*_step_scalars(record), *_run_scalars(record)]
            _write_events(folder / FOLDER / record.started.run, events)
        _write_events(folder / FOLDER / SUMMARY, list(_summary_texts(result)))
        written = f"{len(records)} run{'s'[: len(records) != 1]} written"
        return [f"tensorboard: {written}; {shell_command('tensorboard', '--logdir', folder / FOLDER)}"]


TRACKER = TensorBoard()


def _step_scalars(record: RunRecord) -> Iterator[tuple[float, int, str, float]]:
    """Yield (wall time, step, tag, value) for every step."""
    for step in record.steps:
        values = {
            "train/loss": step.loss,
            "train/learning_rate": step.learning_rate,
            "train/tokens_per_second": step.tokens / step.seconds if step.seconds else None,
            "train/step_seconds": step.seconds,
            "train/grad_norm": step.grad_norm,
        }
        yield from ((step.time, step.step, tag, value) for tag, value in values.items() if value is not None)


def _run_scalars(record: RunRecord) -> Iterator[tuple[float, int, str, float]]:
    """Yield the figures of a whole run, at its last step."""
    if not record.finished:
        return
    values = {
        "run/train_seconds": record.finished.train_seconds,
        "run/total_seconds": record.finished.total_seconds,
        "run/tokens_per_second": tokens_per_second(record),
        "run/peak_bytes": record.finished.peak_bytes.get(peak_counter(record)),
        "run/held_out_loss": held_out_loss(record),
    }
    place = (record.finished.time, record.steps[-1].step if record.steps else 0)
    yield from ((*place, tag, value) for tag, value in values.items() if value is not None)


def _summary_texts(result: ComparisonResult) -> Iterator[tuple[float, int, str, str]]:
    """Yield the table of methods and every question with its answers, as Markdown."""
    rows = ["| method | status | train seconds | held-out loss |", "|---|---|---|---|"]
    for method in result.methods:
        figures = (_show(method.train_seconds), _show(method.held_out_loss))
        rows.append(f"| {method.name} | {method.status} | {' | '.join(figures)} |")
    yield result.created, 0, "methods", "\n".join(rows)
    for number, question in enumerate(result.questions):
        yield result.created, number, "answers", _show_answers(question)


def _show(value: float | None) -> str:
    """Return a figure with four digits."""
    return "not measured" if value is None else f"{value:.4g}"


def _show_answers(question: QuestionAnswers) -> str:
    """Return a question and the answers to it, the base's first, as a Markdown table."""
    cells = {"question": question.question, "reference": question.reference or ""}
    names = sorted(question.answers, key=lambda name: name != BASE)
    cells |= {name: question.answers[name].text for name in names}
    rows = [f"| {name} | {' '.join(text.split()).replace('|', '&#124;')} |" for name, text in cells.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _write_events(folder: Path, events: list[tuple[float, int, str, Any]]) -> None:
    """Write `events` as one file in place of an earlier call's, which would show every point twice."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for earlier in folder.glob("events.out.tfevents.*"):
        earlier.unlink()
    writer = EventFileWriter(str(folder))
    for wall_time, step, tag, value in events:
        summary = Summary(value=[_text(tag, value) if isinstance(value, str) else _scalar(tag, value)])
        writer.add_event(Event(wall_time=wall_time, step=step, summary=summary))
    writer.close()


def _scalar(tag: str, value: float) -> Any:
    """Return a number as TensorBoard's value."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=value)


def _text(tag: str, text: str) -> Any:
    """Return a text as TensorBoard's value."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    metadata = create_summary_metadata(display_name=tag, description="")
    return Summary.Value(tag=tag, metadata=metadata, tensor=make_tensor_proto([text.encode()]))
