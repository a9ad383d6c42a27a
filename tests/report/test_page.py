"""The report's files: whole, self-contained, safe, and only its own are overwritten."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from laptime.comparison.result import read_result, write_result
from laptime.errors import UserError
from laptime.report.language import Language
from laptime.report.page import render_report
from laptime.report.quantities import Lang
from laptime.report.style import read_template
from tests.report import invented

VOID = {"meta", "br", "img", "link", "input", "hr"}
LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href"}
SECTIONS = ["conclusion", "table", "charts", "answers", "saved", "speedups", "fairness", "environment"]


class Page(HTMLParser):
    """Reads a page; fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.text += data


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("situation", invented.SITUATIONS)
def test_page_is_whole_and_loads_nothing(render: Callable[..., Path], situation: str, lang: str) -> None:
    text = (render(situation, lang) / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert ("html", {"lang": lang}) in page.tags
    assert "default-src 'none'" in text
    links: list[str] = []
    for tag, attributes in page.tags:
        assert tag not in {
            "img",
            "iframe",
            "object",
            "embed",
            "link",
            "form",
            "base",
            "image",
            "use",
        }
        if tag == "a":
            links.append(str(attributes["href"]))
        else:
            assert not LOADING & set(attributes), (tag, attributes)
        assert tag != "script" or not attributes
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in text.split("</style>")[0] and "@import" not in text.split("</style>")[0]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert page.scripts == [read_template("page.js")], "one script, ours to the letter"
    assert links and {link.removeprefix("#") for link in links} <= set(ids), "links lead to sections alone"
    optional = {"charts", "speedups"} - set(ids)
    assert [name for name in ids if name in SECTIONS] == [s for s in SECTIONS if s not in optional]
    assert optional == ({"charts", "speedups"} if situation in ("all_failed", "single_unfinished") else set())


@pytest.mark.parametrize("situation", invented.SITUATIONS)
def test_headings_are_in_order_and_charts_are_described(render: Callable[..., Path], situation: str) -> None:
    page = Page((render(situation) / "report.html").read_text(encoding="utf-8"))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for tag, attributes in page.tags:
        if tag == "svg":
            assert attributes["role"] == "img"
            known = {each.get("id") for _, each in page.tags}
            assert set((attributes["aria-labelledby"] or "").split()) <= known


def test_hostile_text_is_shown_as_text(render: Callable[..., Path]) -> None:
    folder = render("hostile")
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "<script>alert(1)</script><img src=x onerror=alert(1)>" in page.text
    assert "\u202e" not in page.text and "\x1b" not in page.text and "\x00" not in page.text
    assert "{{ 7*7 }}" in page.text
    tokens = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .parse((folder / "report.md").read_text(encoding="utf-8"))
    )
    inline = [child for token in tokens for child in token.children or []]
    assert not [child for child in inline if child.type.startswith("link")]
    html = [token.content.strip() for token in [*tokens, *inline] if token.type.startswith("html")]
    assert {re.sub(r" [0-9a-f]{16}", "", one) for one in html} <= {"<!-- laptime report -->", "<br>"}
    assert all(str(child.attrs["src"]).startswith("charts/") for child in inline if child.type == "image")


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("situation", invented.SITUATIONS)
def test_markdown_has_its_tables_and_its_charts(
    render: Callable[..., Path], situation: str, lang: str
) -> None:
    folder = render(situation, lang)
    text = (folder / "report.md").read_text(encoding="utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    result = invented.SITUATIONS[situation]()
    rows = [token for token in tokens if token.type == "tr_open"]
    assert len(rows) >= 13
    assert len([token for token in tokens if token.type == "th_open"]) >= 1 + len(result.methods)
    images = [child for token in tokens for child in token.children or [] if child.type == "image"]
    assert bool(images) == any(method.rounds for method in result.methods)
    for image in images:
        root = ElementTree.parse(folder / str(image.attrs["src"])).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert "\n\n\n" not in text


def test_banners_stand_where_they_must(render: Callable[..., Path]) -> None:
    toy = (render("toy") / "report.md").read_text(encoding="utf-8")
    assert "`laptime compare --model meta-llama/Llama-3.2-1B --data your.jsonl`" in toy
    assert "This is a toy for trying the tool." in toy
    random = (render("random_weights") / "report.md").read_text(encoding="utf-8")
    assert "Speed only: losses and answers mean nothing." in random
    assert "Toy model" not in (render("normal") / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_training_alone_has_no_words_and_charts_that_compare(
    render: Callable[..., Path], lang: Lang
) -> None:
    folder = render("single", lang)
    text, page = ((folder / name).read_text(encoding="utf-8") for name in ("report.md", "report.html"))
    assert sorted(file.name for file in (folder / "charts").iterdir()) == [
        "loss_by_step.svg",
        "time_by_phase.svg",
        "time_in_step.svg",
    ]
    assert 'class="race' not in page and 'class="race' in (render("normal") / "report.html").read_text()
    english = ("compare", "fair", "each method", "every method", "round", "other methods", "ratio")
    korean = ("비교할", "공정", "방법별", "모든 방법", "라운드", "배율")
    shown = (
        text.partition(f"## {Language(lang).say('section.environment')}")[0]
        .lower()
        .replace("but for rounding", "")
    )
    assert len(shown) > 1000
    assert [word for word in (english if lang == "en" else korean) if word in shown] == []


def test_a_report_names_the_command_that_goes_on(render: Callable[..., Path]) -> None:
    text = (render("unfinished") / "report.md").read_text(encoding="utf-8")
    assert "In this folder it goes on with: `laptime compare --config spec.json --out .`" in text
    alone = (render("single_unfinished") / "report.md").read_text(encoding="utf-8")
    assert "In this folder it goes on with: `laptime train --resume .`" in alone


def test_code_names_base_and_adapter(render: Callable[..., Path]) -> None:
    text = (render("normal") / "report.md").read_text(encoding="utf-8")
    assert 'base_path = "meta-llama/Llama-3.2-1B"' in text
    assert 'model = PeftModel.from_pretrained(base, "runs/lora-1/saved")' in text
    assert 'model = AutoModelForCausalLM.from_pretrained("runs/full-1/saved")' in text
    assert 'laptime ask . "검색 증강 생성이란 무엇인가요?"' in text
    for block in text.split("```python\n")[1:]:
        compile(block.split("```")[0], "report.md", "exec")


def test_an_answer_of_newlines_takes_no_room(tmp_path: Path) -> None:
    result = invented.make_result()
    result.questions[0].answers["lora"].text = "first" + 400 * "\n" + "last" + 400 * "\n"
    write_result(tmp_path, result)
    render_report(tmp_path)
    page, write_up = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert ">first\n\nlast</p>" in page
    assert "> first  \n>  \n> last\n" in write_up
    assert read_result(tmp_path).questions[0].answers["lora"].text.count("\n") == 800, "as it was answered"


def test_own_files_are_overwritten_and_stale_charts_go(render: Callable[..., Path]) -> None:
    folder = render("normal")
    assert (folder / "charts" / "memory.svg").exists()
    write_result(folder, invented.make_all_failed())
    written = render_report(folder, "ko")
    assert written == [folder / "report.html", folder / "report.md"]
    assert not list((folder / "charts").iterdir())


@pytest.mark.parametrize("name", ["report.html", "report.md", "charts/memory.svg"])
def test_a_file_of_someone_else_stays(tmp_path: Path, name: str) -> None:
    write_result(tmp_path, invented.make_result())
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match="not written by laptime"):
        render_report(tmp_path)
    assert (tmp_path / name).read_text() == "mine"
    assert not (tmp_path / "report.md").exists() or name == "report.md"


@pytest.mark.parametrize("name", ["report.html", "report.md", "charts/memory.svg"])
def test_a_report_that_somebody_changed_stays(render: Callable[..., Path], name: str) -> None:
    file = render("normal") / name
    changed = file.read_text(encoding="utf-8") + "and this is what I think of it\n"
    file.write_text(changed, encoding="utf-8")
    with pytest.raises(UserError, match="changed since; move it away, then repeat"):
        render_report(file.parents[name.count("/")])
    assert file.read_text(encoding="utf-8") == changed


def test_no_comparison_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no comparison\.json here"):
        render_report(tmp_path)


def test_five_thousand_steps_stay_small(render: Callable[..., Path]) -> None:
    assert (render("long") / "report.html").stat().st_size < 150_000


def test_report_needs_no_torch() -> None:
    code = (
        "import sys, laptime.report, laptime.report.terminal;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'peft', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
