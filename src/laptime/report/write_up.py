"""A short write-up in Markdown, as people hand it in: environment, technique, results, conclusion."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import Any

from laptime.comparison.result import ComparisonResult, MethodResult, QuestionAnswers, read_result
from laptime.errors import UserError
from laptime.report import environment, page, quantities
from laptime.report.charts import Chart, draw_charts
from laptime.report.fact_names import NAMES
from laptime.report.headline import choose_pair, write_headline
from laptime.report.language import Language, choose_language
from laptime.report.own_files import BLANK_MARK, refuse_foreign, write_own, write_own_picture
from laptime.report.pictures import draw_picture
from laptime.report.plain_text import close_gaps
from laptime.report.quality_sentences import likeness
from laptime.report.quantities import Lang, known
from laptime.report.recommendation import write_recommendation
from laptime.report.sanitising import sanitise
from laptime.report.speed_sentences import write_arithmetic, write_total
from laptime.runs.contestants import tell_value
from laptime.runs.folder import INPUTS_FOLDER
from laptime.runs.plan import RUNS_FOLDER
from laptime.spec import BUILTIN
from laptime.trackers.links import read_links

NAME = "WRITEUP.md"
PREFIX = "pictures/"
PICTURES = ("time_by_phase", "memory", "loss_by_step")
OURS_ALONE = (RUNS_FOLDER, INPUTS_FOLDER)  # folders in which pictures have no place
MOST_LINKS = 20
MOST_QUESTIONS, MOST_LETTERS = 3, 160
_COLUMNS = ("train", "total", "step", "memory", "saved", "loss", "held_out")


def check_prefix(prefix: str) -> str:
    """Return the prefix of pictures; raises UserError for one that leads out of the folder."""
    parts = PurePosixPath(prefix).parts
    if parts and parts[0] in OURS_ALONE:
        raise UserError(
            f"--picture-prefix {prefix}: {parts[0]}/ is for runs alone; give another, as {PREFIX}"
        )
    if not re.fullmatch(r"[\w./-]*", prefix) or prefix.startswith("/") or ".." in parts:
        raise UserError(
            f"--picture-prefix {prefix}: give a path within the folder: letters, digits, - _ . and / "
            f"(images/, or images/race-)"
        )
    return prefix


def render_write_up(
    folder: Path, result: ComparisonResult, language: Language, pictures: list[Chart], prefix: str
) -> str:
    """Return the write-up of the comparison in `folder`; `pictures` lie at `prefix` with their names."""
    return page.render_markdown(make_context(folder, result, language, pictures, prefix), "write_up.md.j2")


def make_context(
    folder: Path, result: ComparisonResult, language: Language, pictures: list[Chart], prefix: str
) -> dict[str, Any]:
    """Return all that the template shows, in words; `result` must be sanitised."""
    pair = choose_pair(result)
    told = [*write_total(result, pair, language), *write_arithmetic(result, pair, language)] if pair else []
    finished = [row for row in result.methods if row.rounds]
    return {
        "say": language.say,
        "mark": BLANK_MARK,
        "title": _write_title(result, language),
        "headline": write_headline(result, language).text,
        "banners": page.list_banners(result, language),
        "environment": [_list_versions(result, language), _list_job(result, language)],
        "techniques": [(language.title(row.name), _describe(row, language)) for row in result.methods],
        "columns": [_name_column(column, language) for column in _COLUMNS],
        "rows": [(language.title(row.name), _make_cells(row, language)) for row in result.methods],
        "sentences": [sentence.text for sentence in told],
        "pictures": [(chart.title, f"{prefix}{chart.name}.png") for chart in pictures],
        "answer_columns": [_title(name, language) for name in _name_answerers(result)],
        "answers": [
            _show_answers(question, result, language) for question in result.questions[:MOST_QUESTIONS]
        ],
        "more": _tell_more(result, language),
        "alike": _tell_alike(finished, result, language),
        "conclusion": write_recommendation(result, language)
        or [language.say("write_up.one_row" if len(result.methods) < 2 else "write_up.no_recommendation")],
        "links": _read_links(folder),
        "repeat_command": result.repeat_command,
    }


def _write_title(result: ComparisonResult, language: Language) -> str:
    """Return model and methods in a few words."""
    model = str(result.model.get("name", ""))
    model = language.say("subline.model") if model == BUILTIN else model.rstrip("/").rpartition("/")[2]
    names = [language.method(row.name) for row in result.methods]
    if len(names) == 2:
        return language.sentence(
            language.say("write_up.title.two", model=model, first=names[0], second=names[1])
        )
    return language.sentence(language.say("write_up.title", model=model, methods=language.join(names)))


def _list_versions(result: ComparisonResult, language: Language) -> list[str]:
    """Return machine and versions in a few words each."""
    machine, versions = result.machine, result.machine.get("versions")
    parts = [environment.name_machine(result, language)]
    if machine.get("python"):
        parts.append(f"Python {machine['python']}")
    if isinstance(versions, dict):
        parts += [
            f"{name} {versions[name]}" for name in ("torch", "transformers", "peft") if versions.get(name)
        ]
    return [part for part in [*parts, f"laptime {result.laptime}"] if part]


def _list_job(result: ComparisonResult, language: Language) -> list[str]:
    """Return model, data, length of the training and rounds in a few words each."""
    model, data, _, *rounds = page.write_subline(result, language)
    epochs, steps = result.training.get("epochs"), result.data.get("num_steps")
    training = ""
    if isinstance(epochs, int) and isinstance(steps, int):
        batch = result.training.get("batch_size")
        training = language.plural("write_up.training", epochs, epochs=epochs, batch=batch, steps=steps)
    return [part for part in (model, data, training, *rounds) if part]


def _describe(row: MethodResult, language: Language) -> list[str]:
    """Return what a method trains, at which rate, in which precision, and with which options."""
    parts = []
    if row.trainable_parameters and row.parameters:
        share = row.trainable_parameters / row.parameters
        kind = "adapter" if row.saved_kind == "adapter" else "part" if share < 0.9999 else "model"
        values = {
            "trainable": language.count(row.trainable_parameters),
            "total": language.count(row.parameters),
        }
        parts.append(language.say(f"write_up.technique.{kind}", share=language.percent(share), **values))
    options = row.method_options | row.differs
    shown = [
        f"{_name_option(name, language)} {tell_value(value)}" for name, value in options.items() if value
    ]
    if known(row.learning_rate):
        rate = quantities.learning_rate(row.learning_rate)
        shown.append(language.say("write_up.technique.rate", rate=rate))
    if row.compute_dtype and row.trained_dtype:
        types = {"compute": row.compute_dtype, "trained": row.trained_dtype}
        shown.append(language.say("write_up.technique.precision", **types))
    return [*parts, *shown]


def _name_option(name: str, language: Language) -> str:
    return NAMES[language.code].get(name, name.replace("_", " "))


def _name_column(column: str, language: Language) -> str:
    return language.say("write_up.total" if column == "total" else f"column.{column}")


def _make_cells(row: MethodResult, language: Language) -> list[str]:
    """Return the figures of a method in the order of the columns."""
    if not row.rounds:
        return [language.say(f"status.{row.status}"), *[quantities.ABSENT] * (len(_COLUMNS) - 1)]
    return [
        language.seconds(row.train_seconds),
        language.seconds(row.total_seconds),
        language.seconds(row.steady_step_seconds),
        quantities.size(row.held_bytes),
        quantities.size(row.saved_bytes),
        quantities.loss(row.final_train_loss),
        quantities.loss(row.held_out_loss),
    ]


def _title(name: str, language: Language) -> str:
    return language.say("title.base") if name == "base" else language.title(name)


def _name_answerers(result: ComparisonResult) -> list[str]:
    """Return who answered, the base first."""
    names = ["base", *(row.name for row in result.methods)]
    return [name for name in names if any(name in question.answers for question in result.questions)]


def _show_answers(question: QuestionAnswers, result: ComparisonResult, language: Language) -> list[str]:
    """Return a question and its answers, each cut to a cell of a table."""
    answers = [question.answers.get(name) for name in _name_answerers(result)]
    texts = [answer.text if answer and answer.text.strip() else "" for answer in answers]
    return [_fit(text) or quantities.ABSENT for text in (question.question, *texts)]


def _fit(text: str) -> str:
    """Return a text in one line of at most MOST_LETTERS letters."""
    line = " ".join(close_gaps(text).split())
    return line if len(line) <= MOST_LETTERS else line[: MOST_LETTERS - 1].rstrip() + "…"


def _tell_more(result: ComparisonResult, language: Language) -> str:
    more = len(result.questions) - MOST_QUESTIONS
    return language.plural("write_up.more", more) if more > 0 else ""


def _tell_alike(rows: list[MethodResult], result: ComparisonResult, language: Language) -> str:
    """Return how alike the answers of two rows are; of more the report tells."""
    if len(rows) != 2:
        return ""
    ((first, second),) = combinations([row.name for row in rows], 2)
    found = [likeness(question, first, second) for question in result.questions]
    scores = [score for score in found if score is not None]
    return (
        language.plural("write_up.alike", len(scores), score=quantities.score(fmean(scores)))
        if scores
        else ""
    )


def _read_links(folder: Path) -> list[tuple[str, str, str]]:
    """Return (tracker, title, address) of where trackers have put the comparison, as far as that is known."""
    found = [
        (tracker, link.title, link.url)
        for tracker, published in read_links(folder).items()
        for link in published.links
    ]
    return [each for each in found[:MOST_LINKS] if not set("()") & set(each[2])]  # of Markdown's own


def refuse_elsewhere(folder: Path, files: Iterable[Path], prefix: str) -> None:
    """Raise UserError where pictures would lie outside the folder, or below what is no folder."""
    home = folder.resolve()
    for place in {file.parent for file in files}:
        if not place.resolve().is_relative_to(home):
            raise UserError(f"--picture-prefix {prefix}: a link that leads out of {folder}; give another")
        existing = next(one for one in (place, *place.parents) if one.exists())
        if not existing.is_dir():
            raise UserError(f"--picture-prefix {prefix}: {existing} is a file; give a folder, as {PREFIX}")


def write_write_up(folder: Path, lang: Lang | None, prefix: str) -> list[Path]:
    """Write the write-up of the comparison in `folder` and its pictures; returns the files written.

    Without `lang` it is in the language of the report. Raises UserError, before anything is written, for a
    file in the place of one that is not its own, or was changed since, and where no pictures can be drawn.
    """
    result = sanitise(read_result(folder))
    language = choose_language(lang or page.find_language(folder), result)
    charts = [chart for chart in draw_charts(result, language) if chart.name in PICTURES]
    files = {folder / f"{prefix}{chart.name}.png": draw_picture(chart) for chart in charts}
    text = render_write_up(folder, result, language, charts, prefix)
    refuse_elsewhere(folder, files, prefix)
    refuse_foreign([folder / NAME, *files])
    for path, png in files.items():
        write_own_picture(path, png)
    write_own(folder / NAME, text)
    return [folder / NAME, *files]
