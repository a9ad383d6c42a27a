"""`laptime plan`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.options.commands import compare_options, train_options
from laptime.options.flags import SectionedCommand, gather

if TYPE_CHECKING:
    from laptime.data.input_manifest import InputManifest
    from laptime.forecast.forecast import Forecast
    from laptime.forecast.gpus import GpuModel
    from laptime.hardware.processors import Threads
    from laptime.spec import CompareSpec

NOT_HERE = {"--out", "--track", "--lang", "--wait", "--against", "--ablate"}  # what a plan has no use for
PROBED_STEPS = 4


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
    from laptime.report.crossover_chart import refuse_foreign

    ctx = click.get_current_context()
    spec = race_spec(gather(ctx))
    threads = look.choose(spec.training.threads)
    if (price := ctx.params["price"]) and not 1e-6 <= price <= 1e9:
        raise UserError(f"--price {price:g}: give the cost of an hour, from 0.000001 to 1000000000")
    gpu = find_gpu(ctx.params["gpu"]) if ctx.params["gpu"] else None
    if gpu and ctx.params["probe"]:
        raise UserError(f"--probe: a {gpu.name} is not here to make steps on; leave it or --gpu out")
    chart = None if ctx.params["chart"] is None else Path(ctx.params["chart"] or " ")
    if chart:
        refuse_foreign(chart)
    plan(spec, threads, gpu, price, ctx.params["probe"], ctx.params["as_json"], chart)


def plan(
    spec: CompareSpec,
    threads: Threads,
    gpu: GpuModel | None,
    price: float | None,
    probes: bool,
    as_json: bool,
    chart: Path | None = None,
) -> None:
    """Print what the runs of a comparison will take."""
    from laptime.comparison.checks import check_spec
    from laptime.forecast.crossover import find_growths, list_fastest
    from laptime.forecast.surroundings import forecast_all
    from laptime.report.crossover_chart import write_crossover
    from laptime.runs.contestants import list_contestants
    from laptime.spec import OURS

    check_spec(spec)
    if all(one.run_spec.trainer != OURS for one in list_contestants(spec)):
        raise UserError("--trainers: a plan is made for laptime's own trainings; name laptime among them")
    with tempfile.TemporaryDirectory(prefix="laptime-plan-") as scratch:
        manifest = prepare(spec, Path(scratch), threads)
        if probes:
            probe(spec, Path(scratch) / "probe", threads)
    found = forecast_all(spec, manifest, threads.number, gpu)
    if chart:
        growths = find_growths(found, spec)
        if not growths:
            why = "nothing fits" if all(one.fits is False for one in found) else "--max-steps ends every run"
            raise UserError(f"--chart {chart}: nothing grows with the examples: {why}")
        write_crossover(chart, growths, list_fastest(growths))
    if as_json:
        click.echo(encode(spec, found, threads, gpu, price))
    else:
        show(spec, manifest, found, threads, gpu, price)


def encode(
    spec: CompareSpec, found: list[Forecast], threads: Threads, gpu: GpuModel | None, price: float | None
) -> str:
    """Return the plan as JSON."""
    import msgspec

    from laptime.forecast.crossover import COUNTS, find_growths, list_fastest
    from laptime.report.plan_lines import tell_comparison

    growths = find_growths(found, spec)
    told = {
        "model": spec.model.model,
        "data": spec.data.named,
        "threads": threads.number,
        "gpu": gpu,
        "price_per_hour": price,
        "comparison": tell_comparison(found, spec),
        "rows": found,
        "by_examples": {
            "examples": COUNTS,
            "seconds": {one.name: [one.seconds(count) for count in COUNTS] for one in growths},
            "fastest": list_fastest(growths),
        },
        "cost_by_row": {one.name: one.total_seconds / 3600 * price for one in found} if price else {},
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


def probe(spec: CompareSpec, folder: Path, threads: Threads) -> None:
    """Make a few real steps of each contestant, which are remembered as any finished run is."""
    from laptime.comparison.race import compare
    from laptime.runs.process import ProcessRunner
    from laptime.session import Silence

    short = replace(
        spec,
        rounds=1,
        training=replace(spec.training, max_steps=PROBED_STEPS, save_every=None),
        answers=replace(spec.answers, max_questions=0, ask=(), skip_self_checks=True),
    )
    runner = ProcessRunner()
    click.echo(f"{PROBED_STEPS} steps of each ...", err=True)
    try:
        compare(short, folder, runner, Silence(), "", threads)
    finally:
        runner.close()


def show(
    spec: CompareSpec,
    manifest: InputManifest,
    found: list[Forecast],
    threads: Threads,
    gpu: GpuModel | None,
    price: float | None,
) -> None:
    """Print the plan."""
    from laptime.forecast.crossover import find_growths, list_fastest
    from laptime.report.crossover_chart import make_growth_table, tell_fastest
    from laptime.report.plan_lines import make_table, tell_comparison, tell_grounds, tell_ratios
    from laptime.report.screen import console, print_fitting
    from laptime.runs.contestants import list_contestants
    from laptime.runs.devices import tell_devices
    from laptime.spec import OURS

    screen, data = console(), manifest.data
    shape = manifest.shape
    screen.say(
        f"{spec.model.model}: {shape.num_parameters / 1e6:,.1f} M parameters; {data['num_records']:,} "
        f"example{'s'[: data['num_records'] != 1]}, {data['num_tokens']:,} tokens an epoch, "
        f"{data['longest']:,} at most in one"
    )
    if gpu is None:
        formats = " and ".join(dict.fromkeys(one.dtype for one in found))
        screen.say(f"{formats} on {found[0].device}, {threads}")
        for line in tell_devices([one.run_spec for one in list_contestants(spec)], manifest):
            screen.say(line)
    print_fitting(make_table(found, price), screen)
    if gpu:
        screen.say(f"planned for {gpu.count}x {gpu.name}, not measured: {tell_gpu(gpu)}")
    for line in [*tell_ratios(found), *tell_grounds(found, elsewhere=gpu is not None)]:
        screen.say(line)
    if growths := find_growths(found, spec):
        print_fitting(make_growth_table(growths), screen)
        for line in tell_fastest(list_fastest(growths)) if len(growths) > 1 else ():
            screen.say(line)
    for one in list_contestants(spec):
        if one.run_spec.trainer != OURS:
            screen.say(f"{one.name}: not planned: trained by {one.run_spec.trainer}")
    screen.say(tell_comparison(found, spec))


def tell_gpu(gpu: GpuModel) -> str:
    """Return what a GPU that is not here is taken to do."""
    return (
        f"taken to sustain {gpu.sustained_tflops:g} TFLOP/s in {gpu.precision} and "
        f"{gpu.memory_gb_per_second:g} GB/s, with {gpu.memory_gb:g} GB of memory"
    )


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
        click.Option(["--json", "as_json"], is_flag=True, help="Print the plan as JSON."),
    ]
    shared = [option for option in compare_options() if option.opts[0] not in NOT_HERE]
    made = SectionedCommand("plan", callback=plan_command, params=[*own, *shared], help=plan_command.__doc__)
    made.of_others = [*train_options(), *compare_options()]
    return made
