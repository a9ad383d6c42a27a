"""The page leads to where trackers show the comparison, in both languages."""

from __future__ import annotations

from pathlib import Path

from laptime.comparison.collection import collect
from laptime.comparison.result import write_result
from laptime.report.page import HTML_NAME, MARKDOWN_NAME, render_report
from laptime.report.tracker_links import MOST_SHOWN, list_trackers
from laptime.trackers.links import keep_links
from tests.comparison.scripted import write_scripted_comparison


def test_addresses_and_commands_stand_in_the_report(tmp_path: Path) -> None:
    folder = write_scripted_comparison(tmp_path, {"full": [20], "lora": [10]})
    write_result(folder, collect(folder))
    render_report(folder)
    assert "Trackers" not in (folder / HTML_NAME).read_text()
    keep_links(
        folder,
        "wandb",
        path="wandb",
        links={"full-r1": "https://w.example/1", "report": "https://w.example/r"},
    )
    keep_links(folder, "tensorboard", path="tensorboard", command="tensorboard --logdir tensorboard")
    render_report(folder)
    page, text = (folder / HTML_NAME).read_text(), (folder / MARKDOWN_NAME).read_text()
    assert '<a href="https://w.example/r" rel="noopener noreferrer"><bdi>report</bdi></a>, <a' in page
    assert "<code>tensorboard --logdir tensorboard</code>" in page
    assert "in this folder: `tensorboard --logdir tensorboard`" in text
    assert "- wandb: report <https://w.example/r>, full-r1 <https://w.example/1>" in text.replace("\\", "")
    assert "from comparison.json and trackers.json" in page
    render_report(folder, "ko")
    assert "트래커" in (folder / HTML_NAME).read_text()


def test_of_many_runs_the_first_are_shown_and_names_are_cleaned(tmp_path: Path) -> None:
    keep_links(tmp_path, "wandb", links={f"lora-r{n}\u202e": f"https://w/{n}" for n in range(MOST_SHOWN + 3)})
    (one,) = list_trackers(tmp_path)
    assert (len(one["links"]), one["more"]) == (MOST_SHOWN, 3)
    assert "\u202e" not in one["links"][0][0]
