"""The commands: parse, call, print. No decisions here, and no torch before it is needed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from laptime import __version__
from laptime.command_options import (
    KEPT,
    LANGUAGES,
    compare_options,
    output_options,
    tracker_names,
    train_options,
)
from laptime.errors import UserError, check_path, suggest
from laptime.floors import check_floors
from laptime.foreign_names import find_here, find_reason, tell_value
from laptime.options import (
    OnceCommand,
    SectionedCommand,
    gather,
    options_of,
    sections,
)
from laptime.spec import DataSpec, ModelSpec, flag


class FolderPath(click.ParamType):
    """A folder named by its place among the words; raises UserError for a name that cannot be shown."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        check_path(str(value), str(param.metavar if param else self.name))
        return Path(value)


class Commands(click.Group):
    """The group of commands; an unknown one gets the nearest name suggested."""

    command_class = OnceCommand

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise UserError(f"no command '{args[0]}'{suggest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="laptime")
def commands() -> None:
    """Race full fine-tuning, LoRA and their relatives on your own data.

    \b
    Try it with the toy model and the ten records that ship with it:
      laptime compare
    The same with a real model and your file of questions and answers:
      laptime compare --model meta-llama/Llama-3.2-1B --data train.jsonl
    """


def compare_command(**_: Any) -> None:
    """Race methods on one data set: time, memory, disk, loss, answers.

    \b
    Examples:
      laptime compare
      laptime compare --model meta-llama/Llama-3.2-1B --data train.jsonl
      laptime compare --methods full,lora --held-out 0.1 --ask "질문" --out DIR
      laptime compare --config job.toml --out DIR   (goes on with what is in DIR)
      laptime compare --ablate                      (what each speedup gives here)
      laptime compare --methods lora,lora           (how much equal runs differ)
      laptime compare --methods full --contestant "wide=lora --lora-rank 64"
      laptime compare --against DIR                 (slower since the upgrade?)
    """
    from laptime.api import race_job
    from laptime.comparison.rounds import check_spec
    from laptime.session import finish_comparison, run_session
    from laptime.system_processors import Look
    from laptime.trackers.tracker import check_trackers

    look = Look()
    ctx = click.get_current_context()
    values = gather(ctx)
    spec, against = race_job(values)
    trackers = tracker_names(values)
    check_trackers(trackers)
    digest = check_spec(spec)
    out, waits = values.get("out"), values.get("wait", False)
    folder, result = run_session(spec, out, digest, look=look, waits=waits, against=against)
    sys.exit(finish_comparison(folder, result, values.get("lang"), trackers))


def train_command(**_: Any) -> None:
    """Train once with one method, as `compare` does in every round.

    \b
    Examples:
      laptime train --model meta-llama/Llama-3.2-1B --data train.jsonl
      laptime train --method full --learning-rate 2e-5 --epochs 3
      laptime train --method lora_top --top-layers 4 --reuse-cache
      laptime train --data train.jsonl --save-every 10min --out my-adapter
      laptime train --resume my-adapter       (goes on from the newest checkpoint)
    """
    from laptime.api import resumed_spec, single_spec
    from laptime.comparison.rounds import check_spec
    from laptime.session import finish_training, run_session
    from laptime.system_processors import Look
    from laptime.trackers.tracker import check_trackers

    look = Look()
    ctx = click.get_current_context()
    values = gather(ctx)
    resumed = values.pop("resume", None)
    spec = resumed_spec(Path(resumed), values) if resumed else single_spec(values)
    trackers = tracker_names(values)
    check_trackers(trackers)
    digest = check_spec(spec)
    kind: Any = "resumed" if resumed else "train"
    out, waits = resumed or values.get("out"), values.get("wait", False)
    folder, result = run_session(spec, out, digest, kind, look, waits)
    sys.exit(finish_training(folder, result, values.get("lang"), trackers))


def data_command(**_: Any) -> None:
    """Show what will be trained: records, template, tokens, cuts.

    \b
    Examples:
      laptime data train.jsonl --model meta-llama/Llama-3.2-1B
      laptime data train.csv --prompt-column frage --completion-column antwort
    """
    from laptime.session import show_data

    ctx = click.get_current_context()
    values = gather(ctx)
    if files := ctx.params["file"]:
        if ctx.get_parameter_source("data") == ParameterSource.COMMANDLINE:
            raise UserError(f"--data {values['data']}: DATA is given too; name all of it in one way")
        for file in files:
            check_path(file, "DATA")
        values["data"] = files[0] if len(files) == 1 else list(files)
    show_data(sections(values), ctx.params["records"], ctx.params["tokens"], ctx.params["all"])


@commands.command("ask")
@click.argument("folder", metavar="RUN_OR_COMPARISON", type=FolderPath())
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@click.option(
    "--max-new-tokens", type=click.IntRange(min=1), help="Longest answer in tokens [as in the run]."
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads [as many as cores are free].")
@click.option("--trust-remote-code", is_flag=True, help="Run the Python code that the model brings along.")
def ask_command(
    folder: Path,
    questions: tuple[str, ...],
    max_new_tokens: int | None,
    threads: int | None,
    trust_remote_code: bool,
) -> None:
    """Ask the base and every result the same, answers side by side.

    \b
    Example:
      laptime ask laptime-comparison "검색 증강 생성이 무엇인가요?"
    """
    from laptime.session import ask

    ask(folder, questions, max_new_tokens, trust_remote_code, threads)


@commands.command("report")
@click.argument("folder", metavar="DIR", type=FolderPath())
@click.option("--lang", type=click.Choice(LANGUAGES), help=KEPT)
def report_command(folder: Path, lang: Any) -> None:
    """Render report.html and report.md again, from the records alone.

    \b
    Example:
      laptime report laptime-comparison --lang ko
    """
    from laptime.session import render_again

    render_again(folder, lang)


@commands.command("show")
@click.argument("folder", metavar="DIR", type=FolderPath())
def show_command(folder: Path) -> None:
    """Show a comparison's table in the terminal, also while it runs.

    \b
    Example:
      laptime show laptime-comparison
    """
    from laptime.session import show

    show(folder)


@commands.group("trainers", cls=Commands, invoke_without_command=True)
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


def build_commands() -> None:
    """Add the commands whose options come from the specs."""
    compare_params: list[click.Parameter] = [*compare_options()]
    train_params: list[click.Parameter] = [*train_options()]
    config = output_options("data")[0]
    data_params: list[click.Parameter] = [
        click.Argument(["file"], metavar="[DATA]...", required=False, nargs=-1),
        *options_of([ModelSpec, DataSpec]),
        click.Option(
            ["--records"], type=click.IntRange(min=0), default=3, help="How many records to show [3]."
        ),
        click.Option(["--tokens"], is_flag=True, help="Mark the borders of tokens."),
        click.Option(
            ["--all"],
            is_flag=True,
            help="Name every record that is refused, cut or counted, not only the first.",
        ),
        config,
    ]
    for name, callback, params in (
        ("compare", compare_command, compare_params),
        ("train", train_command, train_params),
        ("data", data_command, data_params),
    ):
        command = SectionedCommand(name, callback=callback, params=params, help=callback.__doc__)
        if name == "data":  # the file of a training or a comparison tells of the same data
            command.of_others = [*train_options(), *compare_options()]
        commands.add_command(command)


def fail(message: str, code: int = 2) -> NoReturn:
    """Print one line and end."""
    from laptime.credentials import hide
    from laptime.report.plain_text import clean

    line = " ".join(part.strip() for part in message.splitlines() if part.strip())
    click.echo(f"laptime: error: {hide(clean(line))}", err=True)
    sys.exit(code)


def check_place() -> None:
    """Raise UserError where the present folder was removed: libraries fail there in odd ways."""
    try:
        Path.cwd()
    except OSError:
        raise UserError("the present folder is gone; change to another one") from None


def stop(number: int, frame: Any) -> NoReturn:
    """Turn SIGTERM into the same orderly end as Ctrl-C."""
    raise SystemExit(128 + number)


def tell_no_option(error: click.exceptions.NoSuchOption) -> str:
    """Return the line for an option that a command does not have; another tool calls it so."""
    name, command = error.option_name, error.ctx.command if error.ctx else commands
    options = [option for parameter in command.params for option in parameter.opts]
    if ours := find_here(name, [option.lstrip("-").replace("-", "_") for option in options]):
        return f"no option {name}; here it is {flag(ours)}{tell_value(name, ours)}"
    if reason := find_reason(name):
        return f"no option {name}; leave it out: {reason}"
    having = [one for one, other in commands.commands.items() if any(name in p.opts for p in other.params)]
    if having:
        return f"no option {name} of laptime {command.name}; it is one of {' and '.join(having)}"
    return f"no option {name}{suggest(name, options)}"


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    signal.signal(signal.SIGTERM, stop)
    build_commands()
    try:
        check_floors()
        check_place()
        commands.main(standalone_mode=False)
    except UserError as error:
        fail(str(error))
    except click.exceptions.NoSuchOption as error:
        fail(tell_no_option(error))
    except click.ClickException as error:
        fail(error.format_message())
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        fail(f"{error.filename or 'what is printed'}: {error.strerror or error}")
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)


if __name__ == "__main__":
    main()
