"""The rows of the table of figures: one a method, a failed one with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from laptime.comparison.result import ComparisonResult, Forgetting, MethodResult, Pair
from laptime.report import quantities
from laptime.report.colours import number_rows
from laptime.report.conclusion import tell_failure
from laptime.report.device_sentences import tell_share
from laptime.report.language import Language
from laptime.report.quantities import ABSENT, known
from laptime.report.reading import read_ratio

_TIMES = ("train", "total", "step", "tokens")
_COSTS = ("memory", "parameters", "saved", "rate", "devices")
COLUMNS = (*_TIMES, *_COSTS, "loss", "held_out", "scores", "general")


@dataclass(frozen=True)
class Cell:
    """A figure and what is said of it in small print below; `value` is what rows are sorted by."""

    label: str
    figure: str
    below: list[str] = field(default_factory=list)
    value: float | None = None


@dataclass(frozen=True)
class TableRow:
    """A method: its name, number (colour), status, cells by column, and a line for each failure."""

    title: str
    summary: str
    number: int
    status: str
    status_label: str
    cells: list[Cell]
    failures: list[str]
    measured: bool


@dataclass(frozen=True)
class PairRow:
    """Two methods compared, in words."""

    pair: str
    train: str
    total: str
    arithmetic: str
    verdict: str


def choose_columns(result: ComparisonResult) -> list[str]:
    """Return the columns of a table; those of devices and general texts where there are such figures."""
    left_out = {"devices"} if not any(method.ranks for method in result.methods) else set()
    left_out |= set() if result.forgetting else {"general"}
    return [column for column in COLUMNS if column not in left_out]


def make_rows(result: ComparisonResult, language: Language) -> list[TableRow]:
    """Return a row for each method, in the order of the comparison."""
    columns, numbers = choose_columns(result), number_rows(result)
    return [
        TableRow(
            title=language.title(method.name),
            summary=method.summary,
            number=numbers[method.name],
            status=method.status,
            status_label=language.say(f"status.{method.status}"),
            cells=_make_cells(method, columns, find_forgetting(result, method.name), language),
            failures=[tell_failure(failure, language) for failure in method.failures],
            measured=bool(method.rounds),
        )
        for method in result.methods
    ]


def find_forgetting(result: ComparisonResult, name: str) -> Forgetting | None:
    """Return what became of general texts with a row."""
    return next((one for one in result.forgetting if one.contestant == name), None)


def _make_cells(
    method: MethodResult, columns: list[str], forgetting: Forgetting | None, language: Language
) -> list[Cell]:
    """Return the cells of a method in the order of `columns`."""
    makers = {
        "train": _train,
        "total": _total,
        "step": _step,
        "memory": _memory,
        "parameters": _parameters,
        "saved": _saved,
        "rate": _rate,
        "scores": _scores,
    }
    plain = {
        "tokens": quantities.rate(method.tokens_per_second),
        "devices": method.devices if method.rounds else ABSENT,
        "loss": quantities.loss(method.final_train_loss),
        "held_out": quantities.loss(method.held_out_loss),
    }
    cells = []
    for column in columns:
        if column == "general":
            figure, below = _general(forgetting, language)
        else:
            figure, below = makers[column](method, language) if column in makers else (plain[column], [])
        value = _read_value(method, column)
        cells.append(Cell(language.say(f"column.{column}"), figure, below, value if known(value) else None))
    return cells


def _read_value(method: MethodResult, column: str) -> float | None:
    """Return the number behind a cell."""
    score = method.generalisation or method.memorisation
    values: dict[str, float | None] = {
        "train": method.train_seconds,
        "total": method.total_seconds,
        "step": method.steady_step_seconds,
        "tokens": method.tokens_per_second,
        "memory": method.held_bytes,
        "parameters": method.trainable_parameters,
        "saved": method.saved_bytes,
        "rate": method.learning_rate,
        "loss": method.final_train_loss,
        "held_out": method.held_out_loss,
        "scores": score.chrf if score else None,
    }
    return values.get(column)


def _train(method: MethodResult, language: Language) -> tuple[str, list[str]]:
    figure = language.seconds(method.train_seconds)
    return figure, _range(method.train_seconds_by_round, language)


def _total(method: MethodResult, language: Language) -> tuple[str, list[str]]:
    return language.seconds(method.total_seconds), _range(method.total_seconds_by_round, language)


def _range(values: list[float], language: Language) -> list[str]:
    """Return the least and the greatest of the rounds, where there are several."""
    width = quantities.spread(values)
    if width is None:
        return []
    low, high = language.seconds(min(values)), language.seconds(max(values))
    return [language.say("cell.range", low=low, high=high, spread=language.percent(width))]


def _step(method: MethodResult, language: Language) -> tuple[str, list[str]]:
    first = language.seconds(method.first_step_seconds)
    below = [language.say("cell.first_step", seconds=first)] if first != ABSENT else []
    return language.seconds(method.steady_step_seconds), below


def counter_name(kind: str, language: Language) -> str:
    """Return the words for a memory counter."""
    key = f"counter.{kind.lower()}"
    return language.say(key) if language.knows(key) else kind


def _memory(method: MethodResult, language: Language) -> tuple[str, list[str]]:
    figure = quantities.size(method.held_bytes)
    below = [counter_name(method.peak_bytes_kind, language)] if figure != ABSENT else []
    if below and (key := tell_share("cell", method)):
        below.append(language.say(key, number=len(method.ranks)))
    return figure, below


def _parameters(method: MethodResult, language: Language) -> tuple[str, list[str]]:
    trained, total = method.trainable_parameters, method.parameters
    if not trained or not total:
        return language.count(trained), []
    below = language.say("cell.share", share=language.percent(trained / total), total=language.count(total))
    return language.count(trained), [below]


def _saved(method: MethodResult, language: Language) -> tuple[str, list[str]]:
    below = [language.say(f"cell.{method.saved_kind}")] if method.saved_kind else []
    return quantities.size(method.saved_bytes), below


def _rate(method: MethodResult, language: Language) -> tuple[str, list[str]]:
    figure = quantities.learning_rate(method.learning_rate)
    if not method.compute_dtype:
        return figure, []
    trained = method.trained_dtype or ABSENT
    return figure, [language.say("cell.precision", compute=method.compute_dtype, trained=trained)]


def _general(found: Forgetting | None, language: Language) -> tuple[str, list[str]]:
    """Return the loss on general texts, with its change from the base and how far answers have moved."""
    if found is None:
        return ABSENT, []
    error = f" ± {quantities.loss(found.standard_error)}" if found.standard_error is not None else ""
    below = [language.say("cell.change", change=f"{quantities.change(found.difference)}{error}")]
    if known(found.answer_distance):
        below.append(language.say("cell.answers", distance=quantities.score(found.answer_distance)))
    return quantities.loss(found.loss), below


def _scores(method: MethodResult, language: Language) -> tuple[str, list[str]]:
    """Return the scores, each with the label of what it shows."""
    labelled = []
    for kind in ("memorisation", "generalisation"):
        score = getattr(method, kind)
        if score is not None:
            labelled.append(language.say(f"cell.{kind}", score=quantities.score(score.chrf)))
            if known(score.exact_match) and score.exact_match > 0:
                labelled.append(language.say("cell.exact", exact=quantities.score(score.exact_match)))
    return ("", labelled) if labelled else (ABSENT, [])


def make_pairs(result: ComparisonResult, language: Language) -> list[PairRow]:
    """Return every pair of methods in words."""
    return [
        PairRow(
            pair=language.say(
                "pairs.over", slower=language.title(pair.slower), faster=language.title(pair.faster)
            ),
            train=_ratio(pair.train_ratio, pair.train_interval, pair, language),
            total=_ratio(pair.total_ratio, pair.total_interval, pair, language),
            arithmetic=language.ratio(pair.arithmetic_ratio),
            verdict=_verdict(pair, language),
        )
        for pair in result.pairs
    ]


def _verdict(pair: Pair, language: Language) -> str:
    """Return who was faster, or why that is not said."""
    reading = read_ratio(pair, "train")
    said = language.say(f"verdict.{pair.verdict}")
    return f"{language.title(reading.faster)}: {said}" if reading and pair.verdict == "faster" else said


def _ratio(ratio: float | None, interval: tuple[float, float] | None, pair: Pair, language: Language) -> str:
    """Return a ratio with its interval."""
    if pair.verdict == "unequal_work" or not known(ratio):
        return ABSENT
    if interval is None:
        return language.ratio(ratio)
    low, high = map(quantities.bound, interval)
    return language.say("pairs.interval", ratio=language.ratio(ratio), low=low, high=high)
