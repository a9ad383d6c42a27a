"""Event files are read back by TensorBoard's own reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from laptime.comparison.collection import collect
from laptime.trackers.links import read_links
from laptime.trackers.publication import publish
from laptime.trackers.tensorboard import TRACKER
from tests.comparison.scripted import QUESTION, REFERENCE, write_scripted_comparison, write_scripted_run

pytest.importorskip("tensorboard")


def read_back(folder: Path):
    """Return TensorBoard's view of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def test_scalars_and_texts(tmp_path: Path) -> None:
    """Losses, rates and throughput by step; a second call replaces the first."""
    folder = write_scripted_comparison(tmp_path, {"full": [20], "lora": [10]})
    (line,) = publish(folder, ("tensorboard",))
    assert line == f"tensorboard: 2 runs written; tensorboard --logdir {folder / 'tensorboard'}"
    publish(folder, ("tensorboard",))
    assert sorted(path.name for path in (folder / "tensorboard").iterdir()) == [
        "full-r1",
        "lora-r1",
        "summary",
    ]
    run = read_back(folder / "tensorboard" / "lora-r1")
    losses = run.Scalars("train/loss")
    assert [(point.step, point.value) for point in losses] == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]
    assert [point.value for point in run.Scalars("train/tokens_per_second")] == [5.0, 10.0, 10.0, 10.0]
    assert run.Scalars("train/learning_rate")[1].value == pytest.approx(5e-5)
    assert run.Scalars("whole_run/train_seconds")[0].value == 10.0
    assert losses[1].wall_time - losses[0].wall_time == pytest.approx(1.0)


def test_answers_are_text(tmp_path: Path) -> None:
    """Questions and answers in Korean survive, the base's answer first."""
    folder = write_scripted_comparison(tmp_path, {"full": [20], "lora": [10]})
    publish(folder, ("tensorboard",))
    summary = read_back(folder / "tensorboard" / "summary")
    assert sorted(summary.Tags()["tensors"]) == ["Training Time (s)", "answers", "methods"]
    first, second = (event.tensor_proto.string_val[0].decode() for event in summary.Tensors("answers"))
    assert QUESTION in first and f"| lora | {REFERENCE} |" in first
    assert first.index("| base |") < first.index("| full |")
    assert "RAG를 설명해" in second
    methods = summary.Tensors("methods")[0].tensor_proto.string_val[0].decode()
    assert "| full | finished | 20 | 24 | 9,000 | 1.5 |" in methods
    times = summary.Tensors("Training Time (s)")[0].tensor_proto.string_val[0].decode()
    assert times.splitlines()[2:] == [f"| full | 20 | {'█' * 30} |", f"| lora | 10 | {'█' * 15} |"]


def test_curves_stand_before_single_points(tmp_path: Path) -> None:
    """TensorBoard sorts groups of charts by the name before the slash."""
    folder = write_scripted_comparison(tmp_path, {"lora": [10]})
    publish(folder, ("tensorboard",))
    run = read_back(folder / "tensorboard" / "lora-r1")
    points = {tag: len(run.Scalars(tag)) for tag in run.Tags()["scalars"]}
    groups = sorted({tag.partition("/")[0] for tag in points})
    assert groups == ["train", "whole_run"]
    assert {number for tag, number in points.items() if tag.startswith("train/")} == {4}
    assert {number for tag, number in points.items() if tag.startswith("whole_run/")} == {1}
    assert read_links(folder)["tensorboard"].command == "tensorboard --logdir tensorboard"


def test_one_run(tmp_path: Path) -> None:
    """The folder of `laptime train` can be shown too."""
    write_scripted_run(tmp_path, "lora", losses=(4.0, None, 2.0, 1.0))
    publish(tmp_path, ("tensorboard",))
    run = read_back(tmp_path / "tensorboard" / "lora-r1")
    assert [point.step for point in run.Scalars("train/loss")] == [1, 3, 4]


def test_no_torch(tmp_path: Path) -> None:
    """Writing needs the tensorboard package alone."""
    folder = write_scripted_comparison(tmp_path, {"lora": [10]})
    code = (
        "import sys; from pathlib import Path; from laptime.trackers.publication import main;"
        f"main(['tensorboard', {str(folder)!r}, '10']);"
        "print([name for name in ('torch', 'tensorflow', 'laptime.training') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_failed_run_is_shown_as_far_as_it_came(tmp_path: Path) -> None:
    """Its steps are written; it has no figures of a whole run."""
    folder = write_scripted_comparison(tmp_path, {"lora": [10]}, {"lora-r1": {"failed": "killed"}})
    TRACKER.publish(folder, collect(folder), 1.0)
    tags = read_back(folder / "tensorboard" / "lora-r1").Tags()["scalars"]
    assert "train/loss" in tags and "whole_run/train_seconds" not in tags
