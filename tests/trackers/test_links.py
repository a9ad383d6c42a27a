"""What trackers were told is kept beside the records; nothing of others is overwritten or believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.trackers.links import FILE_NAME, is_address, keep_links, read_links


def test_links_are_kept_by_tracker_and_title(tmp_path: Path) -> None:
    assert read_links(tmp_path) == {}
    keep_links(
        tmp_path, "wandb", path="wandb", links={"full-r1": "https://w.example/a", "report": "https://w/r"}
    )
    keep_links(tmp_path, "tensorboard", path="tensorboard", command="tensorboard --logdir tensorboard")
    keep_links(tmp_path, "wandb", path="wandb", links={"full-r1": "https://w.example/b"})
    links = read_links(tmp_path)
    assert [(one.title, one.url) for one in links["wandb"].links] == [
        ("full-r1", "https://w.example/b"),
        ("report", "https://w/r"),
    ]
    assert (links["tensorboard"].command, links["tensorboard"].links) == (
        "tensorboard --logdir tensorboard",
        [],
    )
    assert links["wandb"].time > 1e9


@pytest.mark.parametrize("content", ["mine", '{"version": 2, "trackers": {}}', '{"other": 1}', "[]"])
def test_a_file_of_somebody_else_stays(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    assert read_links(tmp_path) == {}
    with pytest.raises(UserError, match=rf"^{tmp_path / FILE_NAME}: "):
        keep_links(tmp_path, "wandb")
    assert (tmp_path / FILE_NAME).read_text() == content


def test_a_page_leads_to_the_web_alone(tmp_path: Path) -> None:
    """What a folder from elsewhere names is no script, no file, and no address with a login."""
    bad = [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://me:secret@host/x",
        'https://a/"><b>',
        "https://",
    ]
    assert [url for url in bad if is_address(url)] == []
    assert is_address("http://127.0.0.1:5000/#/experiments/1")
    keep_links(tmp_path, "wandb", links={"run": "https://w/r"})
    planted = json.loads((tmp_path / FILE_NAME).read_text())
    planted["trackers"]["wandb"]["links"].append({"title": "run", "url": "javascript:alert(1)"})
    (tmp_path / FILE_NAME).write_text(json.dumps(planted))
    assert [link.url for link in read_links(tmp_path)["wandb"].links] == ["https://w/r"]
