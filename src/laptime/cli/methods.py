"""`laptime methods`."""

from __future__ import annotations

import click

from laptime.options.flags import OnceCommand


def methods_command(model: str | None, as_json: bool) -> None:
    """List the methods: what each trains, saves and takes beside LoRA.

    By arithmetic, for a model of the size of Llama-3.2-1B or for yours, in half precision on a GPU: memory of
    a batch of one example of 512 tokens, and the operations of a step's products against LoRA's. What they
    take on this machine says laptime plan.

    \b
    Examples:
      laptime methods
      laptime methods --model Qwen/Qwen3-0.6B
      laptime compare --methods "lora*" --data train.jsonl
    """
    from laptime.doctor.shapes import find_shape
    from laptime.report.method_table import encode_methods, list_rows, make_method_table, tell_methods
    from laptime.report.screen import console, print_fitting

    shape, name = find_shape(model)
    rows = list_rows(shape)
    if as_json:
        click.echo(encode_methods(name, shape, rows))
        return
    screen = console()
    screen.say(f"for {name}: {shape.num_parameters / 1e6:,.1f} M parameters")
    print_fitting(make_method_table(rows), screen)
    for line in tell_methods(rows):
        screen.say(line)


def command() -> click.Command:
    """Return the command."""
    params: list[click.Parameter] = [
        click.Option(["--model"], metavar="TEXT", help="Of what size: hub id or directory [Llama-3.2-1B]."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the list as JSON."),
    ]
    return OnceCommand("methods", callback=methods_command, params=params, help=methods_command.__doc__)
