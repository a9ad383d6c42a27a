"""`laptime data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from msgspec.structs import asdict, replace

from laptime.errors import UserError, check_path
from laptime.options.commands import compare_options, output_options, train_options
from laptime.options.flags import SectionedCommand, gather, options_of, sections
from laptime.spec import DataSpec, ModelSpec

if TYPE_CHECKING:
    from laptime.data.encoded import EncodedData
    from laptime.data.examples import ExampleSet


def data_command(**_: Any) -> None:
    """Show what will be trained: examples, template, tokens, cuts.

    \b
    Examples:
      laptime data train.jsonl --model meta-llama/Llama-3.2-1B
      laptime data train.csv --prompt-column frage --completion-column antwort
    """

    ctx = click.get_current_context()
    values = gather(ctx)
    if files := ctx.params["file"]:
        if ctx.get_parameter_source("data") == ParameterSource.COMMANDLINE:
            raise UserError(f"--data {values['data']}: DATA is given too; name all of it in one way")
        for file in files:
            check_path(file, "DATA")
        values["data"] = files[0] if len(files) == 1 else list(files)
    number = ctx.params["examples"]
    if ctx.get_parameter_source("records") == ParameterSource.COMMANDLINE:
        if ctx.get_parameter_source("examples") == ParameterSource.COMMANDLINE:
            raise UserError("--records: --examples is given too; leave --records out")
        number = ctx.params["records"]
    if ctx.params["as_json"]:
        print_json(sections(values), number)
    else:
        show_data(sections(values), number, ctx.params["tokens"], ctx.params["all"])


def show_data(specs: dict[str, Any], num_examples: int, tokens: bool, all_notes: bool = False) -> None:
    """Print what will be trained, or which examples are refused and why."""
    from laptime.data.examples import ExamplesError
    from laptime.data.formats import read_examples
    from laptime.report.screen import Screen, console
    from laptime.util.temporary import tell_passed_over

    for note in tell_passed_over():
        Screen(stderr=True).say(note)
    try:
        examples = read_examples(specs["data"], seed=specs["training"].seed)
        show_encoded(examples, specs, num_examples, tokens, all_notes)
    except ExamplesError as error:
        if len(error.example_notes) < 2:
            raise
        from laptime.data.preview import print_example_notes

        print_example_notes(error.example_notes, "refused", console(), all_notes)
        number = f"{'' if error.has_all else 'at least '}{len(error.example_notes):,}"
        raise UserError(
            f"{specs['data'].named}: {number} examples refused; mend them, or --skip-bad leaves them out"
        ) from None


def print_json(specs: dict[str, Any], num_examples: int) -> None:
    """Print what will be trained as JSON."""
    import msgspec

    from laptime.data.formats import read_examples

    examples = read_examples(specs["data"], seed=specs["training"].seed)
    encoded, tokenizer = encode(examples, specs)
    from laptime.data.preview import describe

    told = describe(encoded, tokenizer, num_examples)
    click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())


def show_encoded(
    examples: ExampleSet, specs: dict[str, Any], num_examples: int, tokens: bool, all_notes: bool
) -> None:
    """Encode the examples and print them."""
    from laptime.report.screen import console

    encoded, tokenizer = encode(examples, specs)
    from laptime.data.preview import print_preview

    print_preview(encoded, tokenizer, console(), num_examples, tokens, all_notes)


def encode(examples: ExampleSet, specs: dict[str, Any]) -> tuple[EncodedData, Any]:
    """Return the examples as tokens, and the tokenizer."""
    from laptime.models.source import locate_model
    from laptime.startup.imports import defer_imports
    from laptime.startup.speedup_switches import is_wanted

    locate_model(specs["model"], download=False, weights=False)
    if is_wanted("light_imports", asdict(specs["training"])):
        defer_imports()
    from laptime.models.loading import quiet_libraries
    from laptime.training.preprocess import encode_examples

    quiet_libraries()
    # A look at the tokens needs no weights: a hub model is fetched without them.
    source = locate_model(replace(specs["model"], random_weights=True))
    return encode_examples(examples, source, specs["model"], specs["data"], specs["answers"], lists_bad=True)


def command() -> click.Command:
    """Return the command, whose options come from the specs."""
    params: list[click.Parameter] = [
        click.Argument(["file"], metavar="[DATA]...", required=False, nargs=-1),
        *options_of([ModelSpec, DataSpec]),
        click.Option(
            ["--examples"], type=click.IntRange(min=0), default=3, help="How many examples to show [3]."
        ),
        # What --examples was called before.
        click.Option(["--records"], type=click.IntRange(min=0), hidden=True),
        click.Option(["--tokens"], is_flag=True, help="Mark the borders of tokens."),
        click.Option(
            ["--all"],
            is_flag=True,
            help="Name every example that is refused, cut or counted, not only the first.",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print it as JSON."),
        output_options("data")[0],
    ]
    made = SectionedCommand("data", callback=data_command, params=params, help=data_command.__doc__)
    # The file of a training or a comparison tells of the same data.
    made.of_others = [*train_options(), *compare_options()]
    return made
