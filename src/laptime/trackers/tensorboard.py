"""TensorBoard: event files under FOLDER/tensorboard/<run>, written without torch or TensorFlow.

Scalars by step are loss, learning rate, tokens a second and seconds; their wall times are those of the
record, so that TensorBoard's relative axis shows the training as it went. A run called "summary" holds
the seconds and figures of each method, and the answers, as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from laptime.comparison.answers import BASE
from laptime.comparison.collection import read_measured
from laptime.comparison.result import ComparisonResult, QuestionAnswers
from laptime.runs.record import RunRecord
from laptime.trackers.links import keep_links
from laptime.trackers.parts.figures import TRAINING_TIME, list_points, run_figures
from laptime.trackers.parts.tables import draw_methods, draw_table, draw_times
from laptime.trackers.tracker import require
from laptime.util.shell import shell_command

FOLDER = "tensorboard"
SUMMARY = "summary"
# TensorBoard sorts its groups of charts by name: the curves of train/ stand before the points of whole_run/.
CURVES = ("loss", "learning_rate", "tokens_per_second", "step_seconds", "grad_norm")
FIGURES = ("train_seconds", "total_seconds", "run_tokens_per_second", "peak_bytes", "held_out_loss")


class TensorBoard:
    """Writes event files."""

    name = "tensorboard"

    def __init__(self) -> None:
        self._followed: dict[str, tuple[Any, int]] = {}  # by run: its open file and the steps in it

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
        keep_links(folder, self.name, path=FOLDER, command=f"tensorboard --logdir {FOLDER}")
        written = f"{len(records)} run{'s'[: len(records) != 1]} written"
        return [f"tensorboard: {written}; {shell_command('tensorboard', '--logdir', folder / FOLDER)}"]

    def follow(self, folder: Path, result: ComparisonResult, records: Sequence[RunRecord]) -> None:
        """Write the steps that came; a run of which some were taken back begins anew."""
        for record in records:
            run, steps = record.started.run, record.steps[-1].step
            writer, done = self._followed.get(run, (None, 0))
            if writer is None or steps < done:
                writer, done = _open_events(folder / FOLDER / run), 0
            _add_events(writer, [one for one in _step_scalars(record) if one[1] > done])
            writer.flush()
            self._followed[run] = (writer, steps)


TRACKER = TensorBoard()


def _step_scalars(record: RunRecord) -> Iterator[tuple[float, int, str, float]]:
    """Yield (wall time, step, tag, value) for every step."""
    for point in list_points(record):
        for name in CURVES:
            if name in point.figures:
                yield point.time, point.step, f"train/{name}", point.figures[name]


def _run_scalars(record: RunRecord) -> Iterator[tuple[float, int, str, float]]:
    """Yield the figures of a whole run, at its last step."""
    if not record.finished:
        return
    figures = run_figures(record)
    place = (record.finished.time, record.steps[-1].step if record.steps else 0)
    for name in FIGURES:
        if name in figures:
            yield *place, f"whole_run/{name.removeprefix('run_')}", figures[name]


def _summary_texts(result: ComparisonResult) -> Iterator[tuple[float, int, str, str]]:
    """Yield the seconds by method with bars, the table of methods, and every question with its answers."""
    if times := draw_times(result):
        yield result.created, 0, TRAINING_TIME, times
    yield result.created, 0, "methods", draw_methods(result)
    for number, question in enumerate(result.questions):
        yield result.created, number, "answers", _show_answers(question)


def _show_answers(question: QuestionAnswers) -> str:
    """Return a question and the answers to it, the base's first, as a Markdown table."""
    cells = {"question": question.question, "reference": question.reference or ""}
    names = sorted(question.answers, key=lambda name: name != BASE)
    cells |= {name: question.answers[name].text for name in names}
    return draw_table(["", ""], list(cells.items()))


def _write_events(folder: Path, events: list[tuple[float, int, str, Any]]) -> None:
    """Write `events` as one file in place of an earlier call's, which would show every point twice."""
    writer = _open_events(folder)
    _add_events(writer, events)
    writer.close()


def _open_events(folder: Path) -> Any:
    """Open a file of events in the place of all earlier ones."""
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for earlier in folder.glob("events.out.tfevents.*"):
        earlier.unlink()
    return EventFileWriter(str(folder))


def _add_events(writer: Any, events: Sequence[tuple[float, int, str, Any]]) -> None:
    """Add events to a file."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    for wall_time, step, tag, value in events:
        summary = Summary(value=[_text(tag, value) if isinstance(value, str) else _scalar(tag, value)])
        writer.add_event(Event(wall_time=wall_time, step=step, summary=summary))


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
