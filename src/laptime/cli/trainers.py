"""`laptime trainers`, and its `add` and `remove`."""

from __future__ import annotations

import click

from laptime.cli.group import Commands


@click.group("trainers", cls=Commands, invoke_without_command=True)
@click.pass_context
def trainers_command(ctx: click.Context) -> None:
    """List the trainers that can race; add or remove one.

    \b
    Examples:
      laptime trainers
      laptime trainers add trl
      laptime trainers add unsloth --python ~/unsloth/bin/python
      laptime compare --trainers laptime,trl --methods lora --data train.jsonl
    """
    if ctx.invoked_subcommand is None:
        from laptime.trainers.listing import list_trainers

        for line in list_trainers():
            click.echo(line)


@trainers_command.command("add")
@click.argument("name", metavar="NAME")
@click.option(
    "--python", metavar="FILE", help="Take this Python, which has the trainer, and install nothing."
)
def add_trainer_command(name: str, python: str | None) -> None:
    """Make an environment of its own for a trainer.

    It lies in your cache, with pinned versions.

    \b
    Example:
      laptime trainers add trl
    """
    from laptime.trainers.listing import add

    add(name, python, lambda line: click.echo(line, err=True))


@trainers_command.command("remove")
@click.argument("name", metavar="NAME")
def remove_trainer_command(name: str) -> None:
    """Remove what `add` made, or forget a Python that was named.

    \b
    Example:
      laptime trainers remove trl
    """
    from laptime.trainers.listing import remove

    click.echo(remove(name))


def command() -> click.Command:
    """Return the command."""
    return trainers_command
