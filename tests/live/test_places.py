"""Names from a browser lead to races in the folder and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.live.places import Places
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.live.test_race_reader import at_work


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two races and a folder of a user's, and one outside."""
    write_scripted_comparison(tmp_path / "here" / "one", {"full": [2.0], "lora": [1.0]})
    write_scripted_run(tmp_path / "here" / "two", "lora")
    (tmp_path / "here" / "mine").mkdir()
    write_scripted_run(tmp_path / "outside", "lora")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "outside")
    return tmp_path / "here"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../outside", "one/../../outside", "/etc", "mine", "link", "a\0b", "..\\outside", "none"],
)
def test_no_name_leads_elsewhere(folder: Path, name: str) -> None:
    assert Places(folder).find(name) is None


def test_races_are_found_by_their_names(folder: Path) -> None:
    places = Places(folder)
    assert sorted(places.list_names()) == ["one", "two"] and places.first == ""
    assert places.find("one") == folder / "one"
    with at_work(folder / "two"):
        assert places.list_names()[0] == "two"


def test_a_race_that_is_named_itself_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Places(folder / "two").root, Places(folder / "two").first) == (folder, "two")
    monkeypatch.chdir(folder / "two")
    assert Places(Path()).find("one") == folder / "one"
    assert Places(folder / "link").first == "outside"


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a\tb"])
def test_a_new_race_lies_in_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(UserError, match="--out"):
        Places(folder).choose(name)


def test_a_new_race_has_a_name_that_is_not_taken(folder: Path) -> None:
    places = Places(folder)
    assert places.choose("") == folder / "laptime-comparison"
    (folder / "laptime-comparison").mkdir()
    assert places.choose("") == folder / "laptime-comparison-2"
    assert places.choose("new") == folder / "new"


def test_a_folder_that_is_none_is_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"gone: no such folder$"):
        Places(folder / "gone")
    with pytest.raises(UserError, match="a file; give the folder"):
        Places(folder / "one" / "plan.json")
