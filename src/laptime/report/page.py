"""A comparison's folder to `report.html`, `report.md` and the charts that the latter shows."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import jinja2
from msgspec.structs import replace

from laptime.comparison.result import ComparisonResult, QuestionAnswers, read_result
from laptime.errors import UserError
from laptime.report import device_sentences, environment, plain_text, quantities
from laptime.report.charts import Chart, draw_charts
from laptime.report.conclusion import count_runs, write_conclusion
from laptime.report.explanation_table import make_explanation
from laptime.report.findings import group_findings
from laptime.report.headline import write_headline
from laptime.report.language import Language, choose_language
from laptime.report.quality_sentences import likeness
from laptime.report.quantities import Lang
from laptime.report.sanitising import sanitise
from laptime.report.sentence import Sentence
from laptime.report.speedup_tables import make_ablation, make_speedups
from laptime.report.style import read_template
from laptime.report.table import choose_columns, make_pairs, make_rows
from laptime.report.tracker_links import list_trackers
from laptime.report.tuning_sentences import make_rates
from laptime.report.usage import BUILTIN, ask_command, list_leftovers
from laptime.util.atomic import write_whole

HTML_NAME, MARKDOWN_NAME, CHARTS_FOLDER = "report.html", "report.md", "charts"
CHART_NAMES = (
    "explanation", "time_by_phase", "memory", "loss_by_step", "loss_by_second", "time_against_quality",
    "saved_bytes",
)  # fmt: skip
MARK = "laptime report"  # stands near the beginning of every file of a report, before its digest
UNKNOWN = 16 * "0"  # in the place of the digest while it is made
_MARKED = re.compile(rb"(laptime report )([0-9a-f]{16})\b")
REAL_MODEL_COMMAND = "laptime compare --model meta-llama/Llama-3.2-1B --data your.jsonl"


def render_report(folder: Path, lang: Lang | None = None) -> list[Path]:
    """Write the report of the comparison in `folder`, in English or Korean; returns the files written.

    Without `lang` it keeps the language of the report that is there; the first one is English.
    Its own earlier files are overwritten; raises UserError for a file of such a name that is not its own, or
    that somebody has changed since.
    """
    result = sanitise(read_result(folder))
    context = make_context(result, choose_language(lang or find_language(folder), result))
    context["trackers"] = list_trackers(folder)
    style = read_template("chart.css")
    files = {folder / HTML_NAME: render_html(context), folder / MARKDOWN_NAME: render_markdown(context)}
    for chart in context["charts"]:
        svg = f"<!-- {context['mark']} -->\n{chart.render(style)}\n"
        files[folder / CHARTS_FOLDER / f"{chart.name}.svg"] = svg
    refuse_foreign_report(folder)
    stale = [path for path in list_charts(folder) if path not in files and path.exists()]
    for path, content in files.items():
        _write(path, content)
    for path in stale:
        path.unlink()
    return list(files)


def find_language(folder: Path) -> Lang:
    """Return the language of the report in `folder`, English where there is none."""
    path = folder / HTML_NAME
    if path.is_file() and is_ours(path) and b'<html lang="ko"' in path.read_bytes()[:600]:
        return "ko"
    return "en"


def refuse_foreign_report(folder: Path) -> None:
    """Raise UserError for a file in the place of a report's that is not its own, or was changed since."""
    charts = folder / CHARTS_FOLDER
    if charts.is_symlink():
        raise UserError(f"{charts}: a link; take it away, then repeat")
    for path in (folder / HTML_NAME, folder / MARKDOWN_NAME, *list_charts(folder)):
        if path.exists() and not is_ours(path):
            raise UserError(f"{path}: not written by laptime, or changed since; move it away, then repeat")


def list_charts(folder: Path) -> list[Path]:
    """Return the places of all charts that a report may have."""
    return [folder / CHARTS_FOLDER / f"{name}.svg" for name in CHART_NAMES]


def is_ours(path: Path) -> bool:
    """Say whether a file is as an earlier report wrote it; one of an older version gives no digest."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    found = _MARKED.search(content, 0, 600)
    return content == mark_digest(content) if found else MARK.encode() in content[:600]


def mark_digest(content: bytes) -> bytes:
    """Put the digest of the rest of a file behind its mark."""
    blank = _MARKED.sub(rb"\g<1>" + UNKNOWN.encode(), content, count=1)
    digest = hashlib.sha256(blank).hexdigest()[: len(UNKNOWN)]
    return _MARKED.sub(rb"\g<1>" + digest.encode(), blank, count=1)


def _write(path: Path, content: str) -> None:
    """Write a file in one move, so that nobody reads half of it."""
    path.parent.mkdir(exist_ok=True)
    write_whole(path, mark_digest(content.encode()))


def _load_templates(autoescape: bool) -> jinja2.Environment:
    """Return the templates; undefined names are errors."""
    loader = jinja2.FunctionLoader(read_template)
    return jinja2.Environment(
        loader=loader,
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_html(context: dict[str, Any]) -> str:
    """Return the page; every text is escaped by the template engine."""
    templates = _load_templates(autoescape=True)
    templates.filters["unbroken"] = plain_text.keep_unbroken
    templates.tests["korean"] = plain_text.is_korean
    style = _write_style(context["race"])
    return templates.get_template("report.html.j2").render(context, style=style, policy=_write_policy(style))


def _write_style(race: list[dict[str, Any]]) -> str:
    """Return the page's one style sheet, with the widths of the bars: no element has a style of its own."""
    widths = [f".lane{number}{{width:{lane['percent']}%}}" for number, lane in enumerate(race)]
    return read_template("chart.css") + read_template("page.css") + "".join(widths)


def _write_policy(style: str) -> str:
    """Return what a browser may do with the page: show it in this very style, and nothing else.

    No script, no request, no frame, no form; a style sheet that is not to the letter ours is not used.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def render_markdown(context: dict[str, Any]) -> str:
    """Return the write-up; texts are escaped by the filters that the template names."""
    templates = _load_templates(autoescape=False)
    templates.filters |= {
        "text": plain_text.escape_markdown,
        "quote": plain_text.quote_markdown,
        "code": plain_text.code_markdown,
        "fence": plain_text.fence_markdown,
    }
    text = templates.get_template("report.md.j2").render(context)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def make_context(result: ComparisonResult, language: Language) -> dict[str, Any]:
    """Return all that a template shows, in words; `result` must be sanitised."""
    return {
        "lang": language.code,
        "say": language.say,
        "plural": language.plural,
        "mark": f"{MARK} {UNKNOWN}",
        "headline": (headline := write_headline(result, language)),
        "headline_parts": headline.text.partition(" (") if headline.text.endswith(")") else [headline.text],
        "subline": _write_subline(result, language),
        "banners": list_banners(result, language),
        "race": _list_race(result, language),
        "conclusion": _group_sentences(write_conclusion(result, language), language),
        "columns": [language.say(f"column.{column}") for column in choose_columns(result)],
        "rows": make_rows(result, language),
        "pairs": make_pairs(result, language) if len(result.methods) > 2 else [],
        "device_columns": [language.say(column) for column in device_sentences.COLUMNS],
        "devices": device_sentences.make_devices(result, language),
        "devices_explained": device_sentences.explain_devices(result, language),
        "methods": [language.title(method.name) for method in result.methods],
        "speedups": make_speedups(result, language),
        "rates": make_rates(result, language),
        "explanation": make_explanation(result, language),
        "ablation": make_ablation(result, language),
        "charts": draw_charts(result, language),
        "questions": [_show_question(question, result, language) for question in result.questions],
        "leftovers": list_leftovers(result, language),
        "random_weights": bool(result.model.get("random_weights")),
        "ask_command": ask_command(result, language),
        "findings": group_findings(result, language),
        "facts": environment.group_facts(result, language),
        "order": [] if result.is_single else result.order,
        "seeds": environment.list_seeds(result, language),
        "repeat_command": result.repeat_command,
        "trackers": [],
        "version": result.laptime,
        "date": datetime.fromtimestamp(result.created, UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _write_subline(result: ComparisonResult, language: Language) -> list[str]:
    """Return model, data, machine and rounds in a few words each."""
    model, data = str(result.model.get("name", "")), str(result.data.get("name", ""))
    parts = [language.say("subline.model") if model == BUILTIN else model]
    if result.model.get("parameters"):
        parts[0] += f" ({quantities.count(result.model['parameters'])})"
    data = language.say("subline.data") if data == BUILTIN else data
    if isinstance(result.data.get("num_records"), int):
        data += ", " + language.plural("subline.examples", result.data["num_records"])
    parts += [data, environment.name_machine(result, language)]
    if not result.is_single:
        parts.append(language.plural("subline.rounds", result.planned_rounds))
    return [part for part in parts if part]


def list_banners(result: ComparisonResult, language: Language) -> list[tuple[str, str, str, str]]:
    """Return (kind, label, text, command) of what must be seen before any figure is believed."""
    banners = []
    if result.model.get("toy"):
        text = language.say("banner.toy.text", command="").strip()
        banners.append(("toy", language.say("banner.toy"), text, REAL_MODEL_COMMAND))
    if result.model.get("random_weights"):
        banners.append(("random", language.say("banner.random"), language.say("banner.random.text"), ""))
    if not result.complete:
        done, planned = count_runs(result)
        text = language.say("subline.incomplete", done=done, planned=planned)
        text = f"{text}. {language.say('banner.incomplete.text')}"
        command = "train --resume ." if result.is_single else "compare --config spec.json --out ."
        banners.append(("incomplete", language.say("banner.incomplete"), text, f"laptime {command}"))
    return banners


def _list_race(result: ComparisonResult, language: Language) -> list[dict[str, Any]]:
    """Return the bars under the headline: each method's training time as a share of the longest."""
    times = [method.train_seconds for method in result.methods if quantities.known(method.train_seconds)]
    longest = max(times, default=0.0)
    if len(result.methods) < 2:
        return []
    return [
        {
            "title": language.title(method.name),
            "number": number % 6,
            "shown": language.seconds(method.train_seconds)
            if quantities.known(method.train_seconds)
            else language.say(f"status.{method.status}"),
            "percent": round(100 * (method.train_seconds or 0.0) / longest, 2) if longest else 0,
        }
        for number, method in enumerate(result.methods)
    ]


def _group_sentences(sentences: list[Sentence], language: Language) -> list[tuple[str, list[Sentence]]]:
    """Return the sentences of each topic under its label, in their order."""
    groups: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        groups.setdefault(language.say(f"label.{sentence.topic}"), []).append(sentence)
    return list(groups.items())


def _show_question(question: QuestionAnswers, result: ComparisonResult, language: Language) -> dict[str, Any]:
    """Return a question with its answers in the order base, methods."""
    names = ["base", *(method.name for method in result.methods)]
    answers = []
    for place, name in enumerate(names):
        if name == "base" and name not in question.answers:
            continue
        answer = question.answers.get(name)
        if answer is not None:
            answer = replace(answer, text=plain_text.close_gaps(answer.text))
        title = language.say("title.base") if name == "base" else language.title(name)
        answers.append({"title": title, "number": "b" if place == 0 else (place - 1) % 6, "answer": answer})
    return {
        "question": plain_text.close_gaps(question.question),
        "source": question.source,
        "source_label": language.say(f"source.{question.source}"),
        "reference": None if question.reference is None else plain_text.close_gaps(question.reference),
        "answers": answers,
        "score": quantities.score,
        "alike": _say_alike(question, names[1:], language),
    }


def _say_alike(question: QuestionAnswers, names: list[str], language: Language) -> list[str]:
    """Return how alike the answers of two or three methods are; of more the conclusion tells."""
    if len(names) > 3:
        return []
    pairs = [(first, second, likeness(question, first, second)) for first, second in combinations(names, 2)]
    return [
        language.say(
            "alike.pair",
            first=language.title(first),
            second=language.title(second),
            score=quantities.score(value),
        )
        for first, second, value in pairs
        if value is not None
    ]


__all__ = ["Chart", "render_report"]
