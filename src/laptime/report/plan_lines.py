"""A plan as lines of a terminal, in the words of language_en_plan.py and language_ko_plan.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from laptime.comparison.stopping import FEWEST_ROUNDS
from laptime.data.input_manifest import InputManifest
from laptime.forecast.forecast import Forecast
from laptime.forecast.gpus import GpuModel
from laptime.hardware.processors import Threads
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.quantities import Lang
from laptime.report.screen import make_plain_table
from laptime.runs.contestants import list_contestants
from laptime.runs.plan import Foretold, read_plan
from laptime.spec import CompareSpec
from laptime.util.disk import show_size

MANY = 4  # trainings, from which on they are told in one line
UNLIKE = 0.5  # decades of size, or another method
IN_ENGLISH = Language("en")


def make_table(found: Sequence[Forecast], price_per_hour: float | None, language: Language) -> Table:
    """Return a row for each run: seconds with their range, memory, disk, and cost where a price is known.

    What does not fit takes no time: there stands a dash.
    """
    table = make_plain_table()
    table.add_column(language.say("plan.column.run"), no_wrap=True)
    costs = ["cost"] if price_per_hour else []
    for column in ("steps", "step", "training", "range", "whole", "memory", "saved", *costs):
        table.add_column(language.say(f"plan.column.{column}"), justify="right", no_wrap=True)
    for one in found:
        table.add_row(one.name, *list_cells(one, price_per_hour, language.code))
    return table


def list_cells(one: Forecast, price_per_hour: float | None, lang: Lang) -> Iterator[str]:
    """Yield the cells of a run."""
    fits = one.fits is not False
    yield f"{one.num_steps:,}"
    yield quantities.short_seconds(one.step_seconds if fits else None, lang)
    yield quantities.short_seconds(one.train_seconds if fits else None, lang)
    yield tell_range(one.train_range, lang) if fits else quantities.ABSENT
    yield quantities.short_seconds(one.total_seconds if fits else None, lang)
    yield show_size(one.memory_bytes if fits else one.estimated_bytes)
    yield show_size(one.saved_bytes)
    if price_per_hour:
        cost = one.total_seconds / 3600 * price_per_hour
        yield quantities.significant(cost, 3) if fits else quantities.ABSENT


def tell_range(seconds: tuple[float, float], lang: Lang) -> str:
    """Return 38.1 s-48.0 s, in few characters."""
    low, high = (quantities.short_seconds(one, lang).replace(" ", "") for one in seconds)
    return f"{low}-{high}"


def tell_model(model: str, manifest: InputManifest, language: Language) -> str:
    """Return what the model and the data are."""
    data = manifest.data
    return language.plural(
        "plan.model",
        data["num_records"],
        model=model,
        parameters=language.count(manifest.shape.num_parameters),
        examples=f"{data['num_records']:,}",
        tokens=f"{data['num_tokens']:,}",
        longest=f"{data['longest']:,}",
    )


def tell_device(found: Sequence[Forecast], threads: Threads, language: Language) -> str:
    """Return in which formats, where and by how many threads it is computed."""
    formats = list(dict.fromkeys(one.dtype for one in found))
    return language.say(
        "plan.device",
        formats=language.join(formats),
        device=found[0].device,
        threads=tell_threads(threads, language),
    )


def tell_threads(threads: Threads, language: Language) -> str:
    """Return how many threads, and why."""
    why = "alone" if threads.why == "free" and threads.cores == 1 else threads.why
    reason = language.say(f"plan.threads.{why}", cores=threads.cores, free=threads.free)
    return language.plural("plan.threads", threads.number, why=reason)


def tell_gpu(gpu: GpuModel, language: Language) -> str:
    """Return what a GPU that is not here is taken to do."""
    return language.say(
        "plan.gpu",
        count=gpu.count,
        name=gpu.name,
        tflops=f"{gpu.sustained_tflops:g}",
        precision=gpu.precision,
        bandwidth=f"{gpu.memory_gb_per_second:g}",
        memory=f"{gpu.memory_gb:g}",
    )


def tell_grounds(found: Sequence[Forecast], language: Language, elsewhere: bool = False) -> Iterator[str]:
    """Yield what the figures stand on, and what does not fit; `elsewhere` none of it was measured."""
    by_past: dict[str, list[Forecast]] = {}
    for one in found:
        if one.num_devices > 1:
            yield language.say(f"plan.processes.{one.device}", name=one.name, number=one.num_devices)
        if one.fits is False:
            yield tell_no_room(one, language)
        elif not elsewhere:
            by_past.setdefault(tell_past(one, "", language), []).append(one)
    for alike in by_past.values():
        yield tell_past(alike[0], ", ".join(one.name for one in alike), language)


def tell_no_room(one: Forecast, language: Language) -> str:
    """Return how much memory a run needs, and what would make it fit."""
    size = show_size(one.estimated_bytes)
    remedies = ", ".join(tell_remedy(remedy, language) for remedy in one.would_fit)
    key = "plan.would_fit" if remedies else "plan.no_room"
    return language.say(key, name=one.name, size=size, remedies=remedies)


def tell_remedy(remedy: str, language: Language) -> str:
    """Return what would make a run fit: an option, or another method, with the memory it takes."""
    method, _, rest = remedy.partition(" instead of ")
    other, _, size = rest.partition(" ")
    return language.say("plan.instead", method=method, other=other, size=size) if rest else remedy


def tell_past(one: Forecast, names: str, language: Language) -> str:
    """Return which past runs the forecasts of `names`, of which one is given, stand on, and how unlike."""
    narrows = language.say("plan.narrows")
    if not one.num_runs:
        return language.say("plan.no_past", name=names, narrows=narrows)
    whose = language.say("plan.of_method" if one.of_method else "plan.of_others")
    key = "plan.past" if one.nearest < UNLIKE else "plan.past.unlike"
    return language.plural(key, one.num_runs, name=names, whose=whose, narrows=narrows)


def tell_ratios(found: Sequence[Forecast], language: Language) -> Iterator[str]:
    """Yield how many times as fast as the slowest training that fits each other one is.

    Of many, one line: how fast each is beside full fine-tuning, or the first where that is not among them.
    """
    fitting = [one for one in found if one.fits is not False and one.train_seconds]
    if len(fitting) >= MANY:
        yardstick = next((one for one in fitting if one.method == "full"), fitting[0])
        ratios = [
            f"{one.name} {language.ratio(yardstick.train_seconds / one.train_seconds)}"
            for one in sorted(fitting, key=lambda one: one.train_seconds)
            if one is not yardstick
        ]
        yield language.say("plan.fast", yardstick=yardstick.name, ratios=", ".join(ratios))
        return
    slowest = max(fitting, key=lambda one: one.train_seconds, default=None)
    for one in fitting:
        if slowest and one is not slowest and one.train_seconds:
            ratio = language.ratio(slowest.train_seconds / one.train_seconds)
            yield language.say("plan.faster", name=one.name, ratio=ratio, slowest=slowest.name)


def foresee_comparison(spec: CompareSpec, folder: Path, language: Language) -> list[str]:
    """Return the line on the comparison whose plan lies in `folder`; none where a row has no past."""
    found = read_plan(folder).foretold
    if not found or any(one.name not in found for one in list_contestants(spec)):
        return []
    comparison = tell_comparison([*found.values()], spec, language)
    return [language.say("plan.foreseen", comparison=comparison)]


class Sum(NamedTuple):
    """What the runs of a comparison take in all; with `is_open` there may be more of them."""

    runs: int
    is_open: bool
    seconds: float
    most_bytes: int


def add_up(found: Sequence[Forecast | Foretold], spec: CompareSpec) -> Sum | None:
    """Return what a comparison takes as a whole; what does not fit takes no time. None: nothing fits."""
    is_open = isinstance(spec.rounds, str)
    rounds = FEWEST_ROUNDS if isinstance(spec.rounds, str) else spec.rounds
    fitting = [one for one in found if not (isinstance(one, Forecast) and one.fits is False)]
    if not fitting:
        return None
    runs, seconds = rounds * len(fitting), rounds * sum(one.total_seconds for one in fitting)
    if spec.tune:  # each row before the race, without saving and at least so often
        runs, seconds = runs + spec.tune * len(fitting), seconds * (1 + spec.tune / rounds)
    return Sum(runs, is_open, seconds, max(one.memory_bytes for one in fitting))


def tell_comparison(
    found: Sequence[Forecast | Foretold], spec: CompareSpec, language: Language = IN_ENGLISH
) -> str:
    """Return the line on a comparison as a whole."""
    whole = add_up(found, spec)
    if whole is None:
        return language.say("plan.nothing_fits")
    return language.plural(
        "plan.comparison.open" if whole.is_open else "plan.comparison",
        whole.runs,
        seconds=language.seconds(whole.seconds),
        memory=show_size(whole.most_bytes),
    )
