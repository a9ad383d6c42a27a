"""`laptime ask`."""

from __future__ import annotations

from pathlib import Path

import click

from laptime.cli.group import FolderPath
from laptime.errors import UserError
from laptime.options.flags import OnceCommand
from laptime.util.shell import shell_command


@click.command("ask", cls=OnceCommand)
@click.argument("folder", metavar="RUN_OR_COMPARISON", type=FolderPath())
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@click.option(
    "--max-new-tokens", type=click.IntRange(min=1), help="Longest answer in tokens [as in the run]."
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads [as many as cores are free].")
@click.option("--json", "as_json", is_flag=True, help="Print answers as they grow, a line of JSON each time.")
@click.option("--trust-remote-code", is_flag=True, help="Run the Python code that the model brings along.")
def ask_command(
    folder: Path,
    questions: tuple[str, ...],
    max_new_tokens: int | None,
    threads: int | None,
    as_json: bool,
    trust_remote_code: bool,
) -> None:
    """Ask the base and every result the same, answers side by side.

    \b
    Example:
      laptime ask laptime-comparison "검색 증강 생성이 무엇인가요?"
    """
    ask(folder, questions, max_new_tokens, trust_remote_code, threads, as_json)


def ask(
    folder: Path,
    questions: tuple[str, ...],
    max_new_tokens: int | None,
    trusts_code: bool = False,
    threads: int | None = None,
    as_json: bool = False,
) -> None:
    """Ask the base and every saved result, and print the answers side by side."""
    from laptime.data.invisible import is_blank
    from laptime.hardware.processors import Look, check_threads
    from laptime.report.page import find_language
    from laptime.report.screen import Screen, console
    from laptime.runs.folder import find_inputs
    from laptime.runs.resumption import find_damaged_records
    from laptime.session import gather_result
    from laptime.util.untrusted import told_in_one_line

    if any(map(is_blank, questions)):
        raise UserError("QUESTION: empty; give a question")
    check_threads(threads)
    look = Look()
    with told_in_one_line(folder):
        result = gather_result(folder)
    if not any(method.saved_paths for method in result.methods):
        raise UserError(f"{folder}: {tell_nothing_saved(folder)}")
    find_inputs(folder)
    from laptime.startup.imports import defer_imports

    defer_imports()
    from laptime.interview import ask_results, use_threads
    from laptime.report.terminal import print_answers

    use_threads(look.choose(threads).number)
    screen, lang = Screen(stderr=True) if as_json else console(), find_language(folder)
    for damage in find_damaged_records(folder):
        screen.say(f"not asked: {damage}")
    if as_json:
        for _ in ask_results(folder, result, questions, max_new_tokens, trusts_code, print_line):
            pass
        return
    for answers in ask_results(folder, result, questions, max_new_tokens, trusts_code):
        print_answers(answers, screen, lang)


def print_line(question: str, name: str, text: str, is_whole: bool) -> None:
    """Print an answer as far as it has come as a line of JSON."""
    import msgspec

    told = {"question": question, "name": name, "text": text, "done": is_whole}
    click.echo(msgspec.json.encode(told).decode())


def tell_nothing_saved(folder: Path) -> str:
    """Say why there is nothing to ask in a folder, and what can be asked instead."""
    from laptime.runs.folder import find_comparison
    from laptime.runs.record import read_record

    comparison = find_comparison(folder)
    if comparison is None:
        return "no run has saved a result yet"
    what = "the base, which saves nothing" if read_record(folder).started.role == "base" else "nothing saved"
    return f"{what}; ask all of its comparison: {shell_command('laptime', 'ask', comparison)} QUESTION"


def command() -> click.Command:
    """Return the command."""
    return ask_command
