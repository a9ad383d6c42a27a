"""`laptime plan`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.options.commands import LANGUAGES, compare_options, train_options
from laptime.options.flags import SectionedCommand, gather

if TYPE_CHECKING:
    from laptime.data.input_manifest import InputManifest
    from laptime.forecast.crossover import Growth
    from laptime.forecast.forecast import Forecast
    from laptime.forecast.gpus import GpuModel
    from laptime.hardware.processors import Threads
    from laptime.report.language import Language
    from laptime.report.screen import Screen
    from laptime.runs.past_runs import PastRun
    from laptime.spec import CompareSpec

NOT_HERE = {
    "--out",
    "--track",
    "--lang",
    "--wait",
    "--against",
    "--ablate",
    "--longest-first",
}  # what a plan has no use for
FEWEST_STEPS, MOST_STEPS = 4, 32  # of a probe, the first of which is slower
PROBED_SECONDS = 3.0  # of the slowest contestant, about


def plan_command(**_: Any) -> None:
    """Say beforehand what each method takes, and whether it fits.

    Time, memory and disk; nothing is trained, and no weights are fetched. The figures stand on this machine's
    past runs and on what laptime doctor measured of it; without either the ranges are wide.

    \b
    Examples:
      laptime plan --model meta-llama/Llama-3.2-1B --data train.jsonl
      laptime plan --methods full,lora --epochs 5 --price 0.4 --data train.jsonl
      laptime plan --data train.jsonl --probe        (a few real steps of each)
      laptime plan --data train.jsonl --gpu t4x2
    """
    from laptime.hardware.processors import Look

    look = Look()
    from laptime.api import race_spec
    from laptime.forecast.gpus import find_gpu
    from laptime.options.left_out import tell_left_out
    from laptime.report.crossover_chart import refuse_foreign
    from laptime.report.language import Language
    from laptime.report.recorded import say_recorded

    ctx = click.get_current_context()
    values = gather(ctx)
    spec = race_spec(values)
    for note in tell_left_out(values):
        click.echo(say_recorded(note, Language(ctx.params["lang"])), err=True)
    threads = look.choose(spec.training.threads)
    if (price := ctx.params["price"]) and not 1e-6 <= price <= 1e9:
        raise UserError(f"--price {price:g}: give the cost of an hour, from 0.000001 to 1000000000")
    gpu = find_gpu(ctx.params["gpu"]) if ctx.params["gpu"] else None
    if gpu and ctx.params["probe"]:
        raise UserError(f"--probe: a {gpu.name} is not here to make steps on; leave it or --gpu out")
    chart = None if ctx.params["chart"] is None else Path(ctx.params["chart"] or " ")
    if chart:
        refuse_foreign(chart)
    language = Language(ctx.params["lang"])
    made = make_plan(spec, threads, gpu, price, ctx.params["probe"], language)
    if chart:
        draw(made, chart, language)
    if ctx.params["as_json"]:
        click.echo(encode(made))
    else:
        show(made, language)


@dataclass(frozen=True, kw_only=True)
class RacePlan:
    """What the runs of a comparison will take, those between rows too, which stand in none themselves."""

    spec: CompareSpec
    manifest: InputManifest
    threads: Threads
    gpu: GpuModel | None
    price_per_hour: float | None
    runs: list[Forecast]

    @cached_property
    def rows(self) -> list[Forecast]:
        """The runs that stand in a row."""
        from laptime.runs.contestants import list_contestants

        between = {one.name for one in list_contestants(self.spec) if one.is_between}
        return [one for one in self.runs if one.name not in between]

    @cached_property
    def growths(self) -> list[Growth]:
        """How the rows grow with the examples."""
        from laptime.forecast.crossover import find_growths

        return find_growths(self.rows, self.spec)


def make_plan(
    spec: CompareSpec,
    threads: Threads,
    gpu: GpuModel | None,
    price: float | None,
    probes: bool,
    language: Language,
) -> RacePlan:
    """Foretell the runs of a comparison, after a few real steps of each where `probes` says so."""
    from laptime.comparison.checks import check_spec
    from laptime.forecast.surroundings import forecast_all
    from laptime.runs.contestants import list_contestants
    from laptime.spec import OURS

    check_spec(spec)
    if all(one.run_spec.trainer != OURS for one in list_contestants(spec)):
        raise UserError("--trainers: a plan is made for laptime's own trainings; name laptime among them")
    probed: list[PastRun] = []
    with tempfile.TemporaryDirectory(prefix="laptime-plan-") as scratch:
        manifest = prepare(spec, Path(scratch), threads)
        if probes:
            number = choose_probed_steps(forecast_all(spec, manifest, threads.number))
            click.echo(language.say("plan.probing", number=number), err=True)
            probed = probe(spec, Path(scratch) / "probe", threads, number)
    runs = forecast_all(spec, manifest, threads.number, gpu, probed)
    return RacePlan(spec=spec, manifest=manifest, threads=threads, gpu=gpu, price_per_hour=price, runs=runs)


def draw(made: RacePlan, chart: Path, language: Language) -> None:
    """Draw time by number of examples."""
    from laptime.forecast.crossover import list_fastest
    from laptime.report.crossover_chart import write_crossover

    if not made.growths:
        nothing_fits = all(one.fits is False for one in made.rows)
        why = "nothing fits" if nothing_fits else "--max-steps ends every run"
        raise UserError(f"--chart {chart}: nothing grows with the examples: {why}")
    write_crossover(chart, made.growths, list_fastest(made.growths), language)


def encode(made: RacePlan) -> str:
    """Return the plan as JSON."""
    import msgspec

    from laptime.forecast.crossover import COUNTS, list_fastest
    from laptime.report.plan_lines import add_up, tell_comparison

    price, growths = made.price_per_hour, made.growths
    told = {
        "model": made.spec.model.model,
        "data": made.spec.data.named,
        "threads": made.threads.number,
        "gpu": made.gpu,
        "price_per_hour": price,
        "comparison": tell_comparison(made.runs, made.spec),
        "sum": whole._asdict() if (whole := add_up(made.runs, made.spec)) else None,
        "rows": made.rows,
        "by_examples": {
            "examples": COUNTS,
            "seconds": {one.name: [one.seconds(count) for count in COUNTS] for one in growths},
            "fastest": list_fastest(growths),
        },
        "cost_by_row": {
            one.name: one.total_seconds / 3600 * price for one in made.rows if price and one.fits is not False
        },
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def prepare(spec: CompareSpec, scratch: Path, threads: Threads) -> InputManifest:
    """Encode the examples and find the model's shape; of a hub model its configuration alone is fetched."""
    from laptime.runs.preparation import make_input_job
    from laptime.runs.process import ProcessRunner
    from laptime.spec import BUILTIN

    is_here = spec.model.model == BUILTIN or Path(spec.model.model).is_dir()
    without = spec if is_here else replace(spec, model=replace(spec.model, random_weights=True))
    runner = ProcessRunner()
    try:
        return runner.prepare(make_input_job(without, scratch, threads))
    finally:
        runner.close()


def choose_probed_steps(found: Sequence[Forecast]) -> int:
    """Return how many steps of each contestant tell enough: the fewest, or what takes some seconds."""
    slowest = max((one.step_seconds for one in found if one.fits is not False), default=0.0)
    return max(FEWEST_STEPS, min(MOST_STEPS, round(PROBED_SECONDS / slowest) if slowest else 0))


def probe(spec: CompareSpec, folder: Path, threads: Threads, num_steps: int) -> list[PastRun]:
    """Make so many real steps of each contestant, which are remembered as any finished run is.

    Returned are those that are not, since other programs were at work: for this plan they count.
    """
    from laptime.comparison.race import compare
    from laptime.runs.past_runs import list_disturbed
    from laptime.runs.process import ProcessRunner
    from laptime.session import Silence

    short = replace(
        spec,
        rounds=1,
        tune=None,
        training=replace(
            spec.training,
            max_steps=min(num_steps, spec.training.max_steps or num_steps),
            save_every=None,
            longest_first=True,
        ),
        answers=replace(spec.answers, max_questions=0, ask=(), skip_self_checks=True),
    )
    runner = ProcessRunner()
    try:
        compare(short, folder, runner, Silence(), "", threads)
        return list_disturbed(folder)
    finally:
        runner.close()


def show(made: RacePlan, language: Language) -> None:
    """Print the plan."""
    from laptime.report import plan_lines
    from laptime.report.recorded import say_recorded
    from laptime.report.screen import console, print_fitting
    from laptime.runs.contestants import list_contestants
    from laptime.runs.devices import tell_devices
    from laptime.spec import OURS

    screen, contestants = console(), list_contestants(made.spec)
    screen.say(plan_lines.tell_model(made.spec.model.model, made.manifest, language))
    if made.gpu is None:
        screen.say(plan_lines.tell_device(made.rows, made.threads, language))
        for line in tell_devices([one.run_spec for one in contestants], made.manifest):
            screen.say(say_recorded(line, language))
    print_fitting(plan_lines.make_table(made.rows, made.price_per_hour, language), screen)
    if made.gpu:
        screen.say(plan_lines.tell_gpu(made.gpu, language))
    for line in plan_lines.tell_ratios(made.rows, language):
        screen.say(line)
    for line in plan_lines.tell_grounds(made.rows, language, elsewhere=made.gpu is not None):
        screen.say(line)
    show_growths(made.growths, language, screen)
    for one in contestants:
        if one.run_spec.trainer != OURS:
            screen.say(language.say("plan.foreign", name=one.name, trainer=one.run_spec.trainer))
    screen.say(plan_lines.tell_comparison(made.runs, made.spec, language))


def show_growths(growths: Sequence[Growth], language: Language, screen: Screen) -> None:
    """Print how the rows grow with the examples, and which is the fastest for how many."""
    from laptime.forecast.crossover import list_fastest
    from laptime.report.crossover_chart import make_growth_table, tell_fastest
    from laptime.report.screen import print_fitting

    if growths:
        print_fitting(make_growth_table(growths, language), screen)
    for line in tell_fastest(list_fastest(growths), language) if len(growths) > 1 else ():
        screen.say(line)


def command() -> click.Command:
    """Return the command: the options of a comparison but for those that say where it goes."""
    own: list[click.Parameter] = [
        click.Option(
            ["--price"],
            type=click.FloatRange(min=0, min_open=True),
            metavar="X",
            help="Cost of an hour of this machine: shown for each run.",
        ),
        click.Option(
            ["--gpu"],
            metavar="NAME",
            help="Plan for a GPU that is not here: t4, t4x2, l4, a10g, l40s, a100-40, a100-80, h100, h200, "
            "or a file.",
        ),
        click.Option(["--probe"], is_flag=True, help="Make a few real steps of each method first."),
        click.Option(
            ["--chart"], metavar="FILE", help="Draw time by number of examples, a line a run, into this SVG."
        ),
        click.Option(
            ["--lang"], type=click.Choice(LANGUAGES), default="en", help="Language of what is printed [en]."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the plan as JSON."),
    ]
    shared = [option for option in compare_options() if option.opts[0] not in NOT_HERE]
    made = SectionedCommand("plan", callback=plan_command, params=[*own, *shared], help=plan_command.__doc__)
    made.of_others = [*train_options(), *compare_options()]
    return made
