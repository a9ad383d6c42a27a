"""A comparison's folder to `report.html`, `report.md` and the charts that the latter shows."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from msgspec.structs import replace

from laptime.comparison.result import ComparisonResult, MethodResult, QuestionAnswers, read_result
from laptime.errors import UserError
from laptime.report import device_sentences, environment, plain_text, quantities, target_sentences
from laptime.report.badges import list_badges
from laptime.report.chart import Chart
from laptime.report.charts import draw_charts
from laptime.report.colours import number_rows
from laptime.report.conclusion import count_runs, write_conclusion
from laptime.report.explanation_table import make_explanation
from laptime.report.findings import group_findings
from laptime.report.headline import Headline, write_headline
from laptime.report.language import Language, choose_language
from laptime.report.own_files import BLANK_MARK, is_ours, refuse_foreign, write_own
from laptime.report.quality_sentences import likeness
from laptime.report.quantities import Lang
from laptime.report.recommendation import write_recommendation
from laptime.report.sanitising import sanitise
from laptime.report.sentence import Sentence
from laptime.report.speedup_tables import make_ablation, make_speedups
from laptime.report.style import read_template
from laptime.report.table import choose_columns, make_pairs, make_rows
from laptime.report.tracker_links import list_trackers
from laptime.report.tuning_sentences import make_rates
from laptime.report.usage import BUILTIN, ask_command, list_leftovers

SCRIPT = "page.js"
HTML_NAME, MARKDOWN_NAME, CHARTS_FOLDER = "report.html", "report.md", "charts"
CHART_NAMES = (
    "explanation", "time_by_phase", "time_in_step", "memory", "loss_by_step", "loss_by_second",
    "time_against_quality", "saved_bytes", "held_out_by_second", "memory_against_quality",
    "saved_against_quality",
)  # fmt: skip
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
        write_own(path, content)
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
    refuse_foreign((folder / HTML_NAME, folder / MARKDOWN_NAME, *list_charts(folder)))


def list_charts(folder: Path) -> list[Path]:
    """Return the places of all charts that a report may have."""
    return [folder / CHARTS_FOLDER / f"{name}.svg" for name in CHART_NAMES]


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
    templates.filters |= {"unbroken": plain_text.keep_unbroken, "whole_words": keep_words_whole}
    templates.tests["korean"] = plain_text.is_korean
    style, script = _write_style(context["race"]), read_template(SCRIPT)
    page = templates.get_template("report.html.j2")
    return page.render(context, style=style, script=script, policy=_write_policy(style, script))


def keep_words_whole(text: str) -> Markup:
    """Return a text, escaped, in which a line is not broken at the hyphen of a short word."""
    parts = re.split(r"(?<![\w-])(\w{1,12}(?:-\w{1,12}){1,2})(?![\w-])", text)
    spans = [
        Markup('<span class="whole">{}</span>') if place % 2 else Markup("{}") for place in range(len(parts))
    ]
    return Markup("").join(span.format(part) for span, part in zip(spans, parts, strict=True))


def _write_style(race: list[dict[str, Any]]) -> str:
    """Return the page's one style sheet, with the widths of the bars: no element has a style of its own."""
    widths = [f".lane{number}{{width:{lane['percent']}%}}" for number, lane in enumerate(race)]
    for number, lane in enumerate(race):
        places = enumerate(share for share, _ in lane["rounds"])
        widths += [f".lane{number}r{place}{{left:{share}%}}" for place, share in places]
    return read_template("chart.css") + read_template("page.css") + "".join(widths)


def _write_policy(style: str, script: str) -> str:
    """Return what a browser may do with the page: show it in this very style, with this very script.

    No request, no frame, no form; a style sheet or a script that is not to the letter ours is not used.
    """
    allowed = {"style-src": style, "script-src": script}
    sources = "; ".join(f"{name} {name_source(text)}" for name, text in allowed.items())
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def name_source(text: str) -> str:
    """Return how a policy names what stands in a page to the letter."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def render_markdown(context: dict[str, Any], template: str = "report.md.j2") -> str:
    """Return the Markdown; texts are escaped by the filters that the template names."""
    templates = _load_templates(autoescape=False)
    templates.filters |= {
        "text": plain_text.escape_markdown,
        "quote": plain_text.quote_markdown,
        "code": plain_text.code_markdown,
        "fence": plain_text.fence_markdown,
    }
    text = templates.get_template(template).render(context)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def make_context(result: ComparisonResult, language: Language) -> dict[str, Any]:
    """Return all that a template shows, in words; `result` must be sanitised."""
    return {
        "lang": language.code,
        "say": language.say,
        "plural": language.plural,
        "mark": BLANK_MARK,
        "headline": (headline := write_headline(result, language)),
        "headline_parts": _part_headline(headline),
        "headline_time": headline.text.removeprefix(headline.first).removeprefix(". ")
        if headline.first
        else "",
        "subline": write_subline(result, language),
        "banners": list_banners(result, language),
        "badges": list_badges(result, language),
        "recommendation": write_recommendation(result, language),
        "contents": _list_contents(result, language),
        "race_title": language.plural("race.title", result.planned_rounds),
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
        "target_columns": [language.say(column) for column in target_sentences.COLUMNS],
        "targets": target_sentences.make_targets(result, language),
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


def _part_headline(headline: Headline) -> Sequence[str]:
    """Return the headline of a page in parts: what stands in brackets at its end is shown small."""
    if headline.first:
        return [headline.first]
    return headline.text.rpartition(" (") if headline.text.endswith(")") else [headline.text]


def write_subline(result: ComparisonResult, language: Language) -> list[str]:
    """Return model, data, machine and rounds in a few words each."""
    model, data = str(result.model.get("name", "")), str(result.data.get("name", ""))
    parts = [language.say("subline.model") if model == BUILTIN else model]
    if result.model.get("parameters"):
        number = language.count(result.model["parameters"])
        parts[0] = language.say("subline.parameters", model=parts[0], number=number)
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
    """Return the bars under the headline: each method's training time, from zero, with its rounds."""
    if len(result.methods) < 2:
        return []
    timed = [row for row in result.methods if quantities.known(row.train_seconds)]
    times = [row.train_seconds or 0.0 for row in timed]
    longest = max([*times, *(value for row in timed for value in row.train_seconds_by_round)], default=0.0)
    numbers = number_rows(result)
    return [
        _make_lane(row, numbers[row.name], longest, min(times, default=0.0), language)
        for row in result.methods
    ]


def _make_lane(
    row: MethodResult, number: int, longest: float, least: float, language: Language
) -> dict[str, Any]:
    """Return one bar: its length and its rounds as shares of the longest, its words and its range."""
    seconds, rounds = row.train_seconds, row.train_seconds_by_round
    lane: dict[str, Any] = {"title": language.title(row.name), "number": number, "percent": 0, "rounds": []}
    if not quantities.known(seconds) or not longest:
        return lane | {"shown": language.say(f"status.{row.status}"), "ratio": "", "range": ""}
    several = len(rounds) > 1
    low, high = (language.seconds(end(rounds)) if several else "" for end in (min, max))
    return lane | {
        "percent": round(100 * seconds / longest, 2),
        "rounds": [(round(100 * one / longest, 2), language.seconds(one)) for one in rounds if several],
        "shown": language.seconds(seconds),
        "ratio": language.ratio(seconds / least) if least and seconds >= 1.005 * least else "",
        "range": language.say("chart.range", low=low, high=high).strip() if several else "",
    }


def _list_contents(result: ComparisonResult, language: Language) -> list[tuple[str, str]]:
    """Return (id, heading) of the page's sections."""
    ids = {"conclusion": "conclusion", "table": "table", "charts": "charts", "answers": "answers"}
    ids |= {"saved": "saved", "speedups": "speedups", "fairness": "findings", "environment": "environment"}
    absent = set() if draw_charts(result, language) else {"charts"}
    absent |= set() if make_speedups(result, language) else {"speedups"}
    return [(id_, language.say(f"section.{name}")) for id_, name in ids.items() if id_ not in absent]


def _group_sentences(sentences: list[Sentence], language: Language) -> list[tuple[str, list[Sentence]]]:
    """Return the sentences of each topic under its label, in their order."""
    groups: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        groups.setdefault(language.say(f"label.{sentence.topic}"), []).append(sentence)
    return list(groups.items())


def _show_question(question: QuestionAnswers, result: ComparisonResult, language: Language) -> dict[str, Any]:
    """Return a question with its answers in the order base, methods."""
    names, numbers = ["base", *(method.name for method in result.methods)], number_rows(result)
    answers = []
    for name in names:
        if name == "base" and name not in question.answers:
            continue
        answer = question.answers.get(name)
        if answer is not None:
            answer = replace(answer, text=plain_text.close_gaps(answer.text))
        title = language.say("title.base") if name == "base" else language.title(name)
        answers.append({"title": title, "number": numbers.get(name, "b"), "answer": answer})
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
