"""The write-up: in the shape that people hand in, from the records alone; a file of a user's stays.

`python -m tests.report.test_write_up` writes the golden files anew.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from laptime.comparison.result import HeldOutDifference, write_result
from laptime.errors import UserError
from laptime.report import pictures
from laptime.report.charts import draw_charts
from laptime.report.language import choose_language
from laptime.report.page import render_report
from laptime.report.quantities import Lang
from laptime.report.recommendation import write_recommendation
from laptime.report.sanitising import sanitise
from laptime.report.write_up import NAME, PICTURES, check_prefix, render_write_up, write_write_up
from laptime.trackers.links import FILE_NAME as LINKS_NAME
from tests.report import invented

GOLDEN = Path(__file__).parent / "golden"
LANGUAGES: list[Lang] = ["en", "ko"]
PNG = b"\x89PNG\r\n\x1a\n" + 25 * b"h" + b"rest"


def write(situation: str, lang: Lang, folder: Path = Path("absent")) -> str:
    """Return the write-up of a situation."""
    result = sanitise(invented.SITUATIONS[situation]())
    language = choose_language(lang, result)
    charts = [chart for chart in draw_charts(result, language) if chart.name in PICTURES]
    return render_write_up(folder, result, language, charts, "images/")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Without resvg: the SVGs that it was to draw."""
    asked: list[str] = []

    def draw(svg_string: str, **_: Any) -> bytes:
        asked.append(svg_string)
        return PNG + str(len(asked)).encode()

    monkeypatch.setitem(sys.modules, "resvg_py", SimpleNamespace(svg_to_bytes=draw))
    pictures._check_font.cache_clear()
    return asked


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_job_that_started_this(lang: Lang) -> None:
    assert write("reference_job", lang) == (GOLDEN / f"write_up_{lang}.golden").read_text(encoding="utf-8")


def test_the_golden_write_up_says_what_must_be_said() -> None:
    text = (GOLDEN / "write_up_ko.golden").read_text(encoding="utf-8")
    headings = re.findall("^## (.*)$", text, re.MULTILINE)
    assert headings == ["환경", "기법", "결과", "결론"]
    assert 30 <= len(text.splitlines()) <= 50
    assert "1.5배" in text and "115배" in text
    assert "1,127만 개" in text and "12.4억 개" in text
    assert "17분 20초" in text and "9.0초" in text


@pytest.mark.parametrize("situation", invented.SITUATIONS)
def test_a_write_up_of_every_situation_is_whole(situation: str) -> None:
    for lang in LANGUAGES:
        text = write(situation, lang)
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        inline = [child for token in tokens for child in token.children or []]
        assert [token.tag for token in tokens if token.type == "heading_open"].count("h2") == 4
        assert not [child for child in inline if child.type.startswith("link")]
        assert all(str(one.attrs["src"]).startswith("images/") for one in inline if one.type == "image")
        html = [token.content.strip() for token in [*tokens, *inline] if token.type.startswith("html")]
        assert [re.sub("[0-9a-f]{16}", "", one) for one in html] == ["<!-- laptime report  -->"]


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        ("normal", "Use LoRA: it trained 2.31x faster than full fine-tuning and"),
        ("reference_job", "it trained 115x faster than full fine-tuning in the one round"),
        ("not_settled", "no difference in time to full fine-tuning is shown yet"),
        ("about_the_same", "it takes about as long to train as full fine-tuning"),
        ("random_weights", "quality was not measured"),
        ("unequal", "What was measured recommends none of them."),
        ("equal_runs", "What was measured recommends none of them."),
        ("all_failed", "What was measured recommends none of them."),
        ("single", "One training alone is compared with nothing."),
    ],
)
def test_a_recommendation_has_its_reasons(situation: str, words: str) -> None:
    assert words in write(situation, "en").partition("## Conclusion")[2].replace("\\", "")


def test_what_is_worse_on_held_out_examples_is_not_recommended() -> None:
    result = invented.make_result()
    result.methods[1].held_out_loss = 2.2
    result.held_out_differences = [
        HeldOutDifference(first="full", second="lora", difference=-0.2, standard_error=0.01, num_groups=40)
    ]
    first, second = write_recommendation(result, choose_language("en", result))
    assert first.startswith(
        "Use full fine-tuning: though slower (LoRA trains 2.31x faster), its held-out loss is lower"
    )
    assert second.startswith("It trains all 1.24 B parameters")


@pytest.mark.parametrize(("base", "told"), [(2.5, False), (1.5, True), (None, False)])
def test_what_is_worse_than_the_base_is_said_to_be(base: float | None, told: bool) -> None:
    result = invented.make_result()
    assert result.base
    result.base.held_out_loss = base
    for lang, words in (("en", "worse than the base"), ("ko", "베이스보다 못합니다")):
        sentences = write_recommendation(result, choose_language(lang, result))
        assert any(words in one for one in sentences) == told
        assert len(sentences) == 2 + told


def test_files_and_links(tmp_path: Path, drawn: list[str]) -> None:
    write_result(tmp_path, invented.make_reference_job())
    link = {"title": "runs", "url": "https://wandb.ai/me/race"}
    evil = {"title": "x", "url": "javascript:alert(1)"}
    known = {"version": 1, "trackers": {"wandb": {"time": 1.0, "links": [link, evil]}}}
    (tmp_path / LINKS_NAME).write_text(json.dumps(known))
    written = write_write_up(tmp_path, "en", "images/race-")
    assert [path.name for path in written] == [NAME, *[f"race-{name}.png" for name in PICTURES]]
    text = (tmp_path / NAME).read_text(encoding="utf-8")
    assert "(images/race-memory.png)" in text and (tmp_path / "images" / "race-memory.png").exists()
    assert "[wandb runs](<https://wandb.ai/me/race>)" in text and "javascript" not in text
    assert len(drawn) == 3 and not any("var(" in svg or "@media" in svg for svg in drawn)
    assert write_write_up(tmp_path, "ko", "images/race-") == written, "its own are written anew"
    (tmp_path / LINKS_NAME).write_text("{")
    write_write_up(tmp_path, "en", "")
    assert "wandb" not in (tmp_path / NAME).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [NAME, "pictures/memory.png"])
@pytest.mark.parametrize("before", ["foreign", "changed"])
def test_what_is_not_ours_stays(tmp_path: Path, drawn: list[str], name: str, before: str) -> None:
    write_result(tmp_path, invented.make_reference_job())
    if before == "changed":
        write_write_up(tmp_path, "en", "pictures/")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    content = (path.read_bytes() if before == "changed" else b"") + b"mine"
    path.write_bytes(content)
    others = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(UserError, match="not written by laptime, or changed since"):
        write_write_up(tmp_path, "ko", "pictures/")
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == others


@pytest.mark.parametrize(
    "prefix",
    ["../", "/tmp/", "a/../../b", "https://x/", "a b", "(x)", "runs/", "runs/lora-r1/saved/", "inputs/x-"],
)
def test_a_prefix_leads_nowhere_else(prefix: str) -> None:
    with pytest.raises(UserError, match="--picture-prefix"):
        check_prefix(prefix)


def test_pictures_go_neither_through_links_nor_below_files(tmp_path: Path, drawn: list[str]) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    home.mkdir()
    write_result(home, invented.make_result())
    (home / "link").symlink_to(other)
    (home / "file").touch()
    for prefix, said in (("link/", "leads out of"), ("link/x/y-", "leads out of"), ("file/", "is a file")):
        with pytest.raises(UserError, match=f"--picture-prefix {prefix}: .*{said}"):
            write_write_up(home, "en", prefix)
    assert not [*other.iterdir()] and not (home / NAME).exists()


def test_without_resvg_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UserError, match=r"pip install 'laptime\[png\]'"):
        pictures.check_pictures()


def test_without_a_korean_font_nothing_is_drawn_in_boxes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    boxes = SimpleNamespace(svg_to_bytes=lambda svg_string, **_: PNG)
    monkeypatch.setitem(sys.modules, "resvg_py", boxes)
    pictures._check_font.cache_clear()
    write_result(tmp_path, invented.make_reference_job())
    with pytest.raises(UserError, match="Korean letters"):
        write_write_up(tmp_path, "ko", "pictures/")
    with pytest.raises(UserError, match="Korean letters"):
        pictures.check_pictures("ko")
    pictures.check_pictures("en")
    assert write_write_up(tmp_path, "en", "pictures/")


def test_real_pictures_show_their_colours(render: Callable[..., Path]) -> None:
    resvg = pytest.importorskip("resvg_py")
    result = sanitise(invented.make_result())
    chart = next(one for one in draw_charts(result, choose_language("en", result)) if one.name == "memory")
    png = pictures.draw_picture(chart)
    bare = resvg.svg_to_bytes(svg_string=re.sub("<style>.*?</style>", "", chart.render("x")))
    assert png[:8] == PNG[:8] and len(png) > 2000 and png != bytes(bare)


def test_the_report_beside_it_stays_whole(render: Callable[..., Path], drawn: list[str]) -> None:
    folder = render("normal", "ko")
    write_write_up(folder, None, "pictures/")
    assert "## 환경" in (folder / NAME).read_text(encoding="utf-8"), "in the language of the report"
    assert render_report(folder)


if __name__ == "__main__":
    for code in LANGUAGES:
        (GOLDEN / f"write_up_{code}.golden").write_text(write("reference_job", code), encoding="utf-8")
