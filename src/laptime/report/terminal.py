"""A comparison in the terminal: headline, table within 80 columns, the first question, the report's path.

Texts of users and models are printed as they are: never as markup, never as control sequences.
"""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from laptime.comparison.result import (
    ComparisonResult,
    MethodAnswer,
    MethodResult,
    QuestionAnswers,
)
from laptime.report import quantities
from laptime.report.against_sentences import write_against
from laptime.report.badges import list_badges
from laptime.report.check_sentences import write_checks
from laptime.report.conclusion import describe_contestants, tell_failure
from laptime.report.device_sentences import make_devices, write_devices
from laptime.report.explanation_table import ExplanationTable, make_explanation
from laptime.report.findings import say_finding
from laptime.report.headline import choose_pair, write_headline
from laptime.report.language import Language, choose_language
from laptime.report.page import REAL_MODEL_COMMAND
from laptime.report.plain_text import clean, close_gaps, keep_unbroken, wrap_words
from laptime.report.quality_tables import print_quality
from laptime.report.quantities import ABSENT, Lang
from laptime.report.recommendation import write_recommendation
from laptime.report.rounds_sentences import write_rounds
from laptime.report.sanitising import sanitise
from laptime.report.screen import NAME_WIDTH, least_width, make_plain_table, print_fitting
from laptime.report.speedup_tables import AblationTable, group_speedups, make_ablation, tell_methods
from laptime.report.tuning_sentences import write_tuning

_COLUMNS = ("train", "total", "step", "tokens", "memory", "trained", "saved", "loss", "held_out")
_DEVICE_COLUMNS = ("process", "device", "memory", "holds", "train", "computing", "exchanging")
_TONES = {"shown": "bold green", "open": "bold", "warning": "bold yellow"}


def print_table(result: ComparisonResult, console: Console, unfinished: str = "", lang: Lang = "en") -> None:
    """Print what `laptime show` shows; `unfinished` says of a result that is not complete how it goes on."""
    result = sanitise(result)
    language = choose_language(lang, result)
    headline = write_headline(result, language)
    console.print()
    _say(headline.text, console, _TONES[headline.tone])
    if headline.total:
        _say(headline.total, console)
    _print_against(result, language, console)
    for text in describe_contestants(result, language):
        console.print(Text(text, style="dim"))
    for badge in list_badges(result, language):
        _say(f"{badge.label}: {badge.text}", console, "yellow")
    for sentence in write_devices(result, language):
        _say(sentence.text, console)
    for sentence in write_rounds(result, choose_pair(result), language):
        _say(sentence.text, console, "dim")
    _print_banners(result, unfinished, language, console)
    console.print()
    tables = [make_table(result, language, short) for short in (False, True)]
    print_fitting(next((one for one in tables if least_width(one) <= console.width), tables[0]), console)
    if recommendation := write_recommendation(result, language):
        console.print()
        _say(" ".join(recommendation), console)
    _print_devices(result, language, console)
    for sentence in write_tuning(result, language):
        console.print()
        console.print(Text(sentence.text, style="yellow" if sentence.warning else ""))
    print_quality(result, language, console)
    _print_failures(result, language, console)
    if explanation := make_explanation(result, language):
        _print_explanation(explanation, language, console)
    _print_speedups(result, language, console)
    for ablation in make_ablation(result, language):
        _print_ablation(ablation, language, console)
    if result.questions:
        console.print()
        print_answers(result.questions[0], console, lang)
        _print_others(result, language, console)
    console.print()
    for sentence in write_checks(result, language):
        console.print(Text(sentence.text, style="yellow" if sentence.warning else "dim"))
    _print_findings(result, language, console)


def _say(text: str, console: Console, style: str = "") -> None:
    """Print a sentence, its lines broken between words and never between a number and its unit."""
    lines = wrap_words(keep_unbroken(text), console.width)
    shown = lines.replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "")
    console.print(Text(shown, style=style))


def _print_against(result: ComparisonResult, language: Language, console: Console) -> None:
    """Print what each takes beside what it took in an older comparison, and then what has changed since."""
    sentences = write_against(result, language)
    for number, sentence in enumerate(sentences, 1):
        style = "dim" if number == len(sentences) else "bold yellow" if sentence.warning else "bold"
        console.print(Text(sentence.text, style=style))


def _print_banners(result: ComparisonResult, unfinished: str, language: Language, console: Console) -> None:
    """Print what must be seen before any figure is believed."""
    if result.model.get("toy"):
        console.print(Text(language.say("terminal.toy"), style="yellow"))
        console.print(Text(f"  {REAL_MODEL_COMMAND}", style="yellow"), soft_wrap=True)
    if result.model.get("random_weights"):
        console.print(Text(language.say("terminal.random"), style="yellow"))
    if not result.complete:
        lines = language.say("terminal.incomplete", why=unfinished).rstrip(": ").split("\n")
        shown = [line if line.startswith(" ") else wrap_words(line, console.width) for line in lines]
        console.print(Text("\n".join(shown), style="yellow"), soft_wrap=True)  # commands stay whole


def make_table(result: ComparisonResult, language: Language, short: bool = False) -> Table:
    """Return the table of figures, a row a method, at most 80 columns wide but for names of devices.

    With `short` those are none: "2× GPU".
    """
    has_several = any(method.ranks for method in result.methods)
    table = make_plain_table()
    table.add_column(_column("method", language), max_width=NAME_WIDTH, overflow="ellipsis", no_wrap=True)
    for column in (*_COLUMNS, *(["devices"] if has_several else [])):
        table.add_column(_column(column, language), justify="right", no_wrap=True)
    for method in result.methods:
        style = "" if method.rounds else "dim"
        name = Text(language.short(method.name), style="bold")
        cells = _cells(method, language) + ([_devices(method, short)] if has_several else [])
        table.add_row(name, *(Text(cell) for cell in cells), style=style)
    return table


def _column(name: str, language: Language) -> str:
    return language.say(f"terminal.column.{name}")


def _devices(method: MethodResult, short: bool) -> str:
    """Return on how many devices a method trained, and with room for it on which."""
    if not method.rounds:
        return ABSENT
    if not short or not method.ranks:
        return method.devices
    return f"{len(method.ranks)}× {'CPU' if method.ranks[0].device == 'cpu' else 'GPU'}"


def _cells(method: MethodResult, language: Language) -> list[str]:
    """Return the figures of a method in the order of the columns."""
    if not method.rounds:
        return [_status(method, language), *[ABSENT] * (len(_COLUMNS) - 1)]
    return [
        language.short_seconds(method.train_seconds),
        language.short_seconds(method.total_seconds),
        language.short_seconds(method.steady_step_seconds),
        quantities.rate(method.tokens_per_second),
        quantities.size(method.held_bytes),
        language.count(method.trainable_parameters),
        quantities.size(method.saved_bytes),
        quantities.loss(method.final_train_loss),
        quantities.loss(method.held_out_loss),
    ]


def _status(method: MethodResult, language: Language) -> str:
    return method.status if language.code == "en" else language.say(f"status.{method.status}")


def _print_devices(result: ComparisonResult, language: Language, console: Console) -> None:
    """Print what each device held and did, where a method trained on several, and how that is to be read."""
    table = make_plain_table()
    table.add_column(_column("method", language), max_width=NAME_WIDTH, overflow="ellipsis", no_wrap=True)
    for column in _DEVICE_COLUMNS:
        table.add_column(_column(column, language), justify="right", no_wrap=True)
    for row in make_devices(result, language):
        for cells in row.cells:
            table.add_row(Text(language.short(row.name), style="bold"), *map(Text, cells))
    if table.row_count:
        console.print()
        print_fitting(table, console)
        text = language.say("terminal.devices")
        if spread := [language.method(row.name) for row in result.methods if row.hides_gathering]:
            text += " " + language.say("terminal.devices.spread", methods=language.join(spread))
        console.print(Text(text, style="dim"))


def _print_failures(result: ComparisonResult, language: Language, console: Console) -> None:
    """Print a line for each run that failed."""
    rows = [*([result.base] if result.base else []), *result.methods]
    for failure in (failure for row in rows for failure in row.failures):
        console.print(Text(tell_failure(failure, language), style="yellow"))


def _print_speedups(result: ComparisonResult, language: Language, console: Console) -> None:
    """Print which speedups ran for which methods, and why others did not."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for key, ran in (("speedups", True), ("not_run", False)):
        label = language.say(f"terminal.{key}")
        for methods, words in group_speedups(result, ran, language):
            grid.add_row(label, Text(f"{tell_methods(methods, result, language)}: {', '.join(words)}"))
            label = ""
    if grid.row_count:
        console.print()
        console.print(grid)


def _print_explanation(explanation: ExplanationTable, language: Language, console: Console) -> None:
    """Print why one of two contestants is faster."""
    console.print()
    console.print(Text(explanation.title, style="bold"))
    for text in explanation.sentences:
        console.print(Text(text))
    table = make_plain_table()
    table.add_column(language.say("explanation.cause"), overflow="fold")
    for column in ("saved", "share", "ratio"):
        table.add_column(language.say(f"explanation.{column}"), justify="right", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in explanation.rows:
        table.add_row(*map(Text, (row.cause, row.saved, row.share, row.ratio, row.interval, row.verdict)))
    if table.row_count:
        print_fitting(table, console)


def _print_ablation(ablation: AblationTable, language: Language, console: Console) -> None:
    """Print what switching off each speedup does to a steady step of one method."""
    console.print()
    console.print(Text(ablation.title, style="bold"))
    table = make_plain_table()
    table.add_column(_column("off", language), no_wrap=True)
    for column in ("step", "ratio", "interval"):
        table.add_column(_column(column, language), justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    table.add_row(Text(language.say("ablation.nothing")), Text(ablation.step), "", "", "")
    for row in ablation.rows:
        table.add_row(*map(Text, (row.name, row.step, row.ratio, row.interval, row.verdict)))
    print_fitting(table, console)
    for row in ablation.rows:
        if row.also_off:
            console.print(Text(f"{row.name} {row.also_off}", style="dim"))


def _print_others(result: ComparisonResult, language: Language, console: Console) -> None:
    """Say how many more questions the report holds."""
    if more := len(result.questions) - 1:
        text = language.plural("terminal.questions", more)
        console.print(Text(f"   {text}", style="dim"))


def _print_findings(result: ComparisonResult, language: Language, console: Console) -> None:
    """Print what is wrong and unequal work in full, and how many findings there are in all."""
    for finding in result.findings:
        if finding.level in ("wrong", "unequal"):
            text = finding.text if language.code == "en" else say_finding(finding, language)
            console.print(Text(text, style="yellow"))
    number = len(result.findings)
    if not number and not any(method.rounds for method in result.methods):
        return
    text = language.plural("terminal.findings", number) if number else language.say("terminal.no_findings")
    console.print(Text(language.sentence(text), style="dim"))


def print_answers(question_answers: QuestionAnswers, console: Console, lang: Lang = "en") -> None:
    """Print a question with its reference and the answers of the base and of every method."""
    question, language = question_answers, Language(lang)
    asks = language.say("terminal.question")
    console.print(Text(f"{asks}  {close_gaps(question.question)}", style="bold"))
    console.print(Text(f"   {language.say(f'source.{question.source}')}", style="dim"))
    if question.reference is not None:
        _print_answer(language.say("terminal.reference"), question.reference, "", language, console)
    for name in sorted(question.answers, key=lambda name: name != "base"):
        answer = question.answers[name]
        shown = language.say("terminal.base") if name == "base" else language.short(name)
        _print_answer(shown, answer.text, _note(answer, language), language, console)


def print_turn(name: str, text: str, stopped: str, console: Console, language: Language) -> None:
    """Print what one contestant answers in a conversation."""
    _print_answer(language.short(name), text, language.say(f"chip.{stopped}"), language, console)


def _note(answer: MethodAnswer, language: Language) -> str:
    """Return how an answer ended and how it scored."""
    ended = language.say(f"chip.{answer.stopped}")
    if answer.chrf is None:
        return ended
    return f"{ended}, {language.say('chip.chrf', score=quantities.score(answer.chrf))}"


def _print_answer(name: str, text: str, note: str, language: Language, console: Console) -> None:
    """Print one answer under its name, indented, its lines kept."""
    head = Text(f"   {clean(name)}", style="bold", no_wrap=True, overflow="ellipsis")
    if note:
        head.append(f"  {note}", style="dim")
    console.print(head)
    shown = close_gaps(text).strip().expandtabs(4)
    console.print(Padding(Text(shown or language.say("answers.empty")), (0, 0, 0, 5), expand=False))
