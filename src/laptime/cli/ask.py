"""`laptime ask`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from laptime.cli.group import FolderPath
from laptime.errors import UserError
from laptime.options.flags import OnceCommand
from laptime.util.shell import shell_command

if TYPE_CHECKING:
    from laptime.comparison.result import ComparisonResult
    from laptime.report.screen import Screen


@click.command("ask", cls=OnceCommand)
@click.argument("folder", metavar="RUN_OR_COMPARISON", type=FolderPath())
@click.argument("questions", metavar="[QUESTION]...", nargs=-1)
@click.option("--chat", "is_chat", is_flag=True, help="Talk, turn by turn; Ctrl-D ends it.")
@click.option("--system", metavar="TEXT", help="System text of the conversation.")
@click.option(
    "--max-new-tokens", type=click.IntRange(min=1), help="Longest answer in tokens [as in the run]."
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads [as many as cores are free].")
@click.option("--json", "as_json", is_flag=True, help="Print answers as they grow, a line of JSON each time.")
@click.option("--trust-remote-code", is_flag=True, help="Run the Python code that the model brings along.")
def ask_command(
    folder: Path,
    questions: tuple[str, ...],
    is_chat: bool,
    system: str | None,
    max_new_tokens: int | None,
    threads: int | None,
    as_json: bool,
    trust_remote_code: bool,
) -> None:
    """Ask the base and every result the same, answers side by side.

    \b
    Example:
      laptime ask laptime-comparison "검색 증강 생성이 무엇인가요?"
      laptime ask laptime-comparison --chat
    """
    if is_chat:
        if as_json:
            raise UserError("--json: tells the answers to questions; leave it or --chat out")
        return chat(folder, questions, system, max_new_tokens, trust_remote_code, threads)
    if not questions:
        raise UserError("QUESTION: missing; give one, or talk turn by turn with --chat")
    if system is not None:
        raise UserError("--system: for a conversation; add --chat")
    return ask(folder, questions, max_new_tokens, trust_remote_code, threads, as_json)


def ask(
    folder: Path,
    questions: tuple[str, ...],
    max_new_tokens: int | None,
    trusts_code: bool = False,
    threads: int | None = None,
    as_json: bool = False,
) -> None:
    """Ask the base and every saved result, and print the answers side by side."""
    result, screen = open_results(folder, questions, threads, as_json)
    from laptime.interview import ask_results
    from laptime.report.page import find_language
    from laptime.report.terminal import print_answers

    if as_json:
        for _ in ask_results(folder, result, questions, max_new_tokens, trusts_code, print_line):
            pass
        return
    lang = find_language(folder)
    for answers in ask_results(folder, result, questions, max_new_tokens, trusts_code):
        print_answers(answers, screen, lang)


def open_results(
    folder: Path, questions: tuple[str, ...], threads: int | None, as_json: bool = False
) -> tuple[ComparisonResult, Screen]:
    """Return what there is to ask, and make ready to load it; raises UserError for nothing."""
    from laptime.data.invisible import is_blank
    from laptime.hardware.processors import Look, check_threads
    from laptime.methods.method import name_libraries
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
    from laptime.startup.imports import defer_imports, hide_libraries

    defer_imports()
    hide_libraries({library for one in result.methods for library in name_libraries(one.method, "adamw")})
    from laptime.interview import use_threads

    use_threads(look.choose(threads).number)
    screen = Screen(stderr=True) if as_json else console()
    for damage in find_damaged_records(folder):
        screen.say(f"not asked: {damage}")
    return result, screen


def print_line(question: str, name: str, text: str, is_whole: bool) -> None:
    """Print an answer as far as it has come as a line of JSON."""
    import msgspec

    told = {"question": question, "name": name, "text": text, "done": is_whole}
    click.echo(msgspec.json.encode(told).decode())


def chat(
    folder: Path,
    questions: tuple[str, ...],
    system: str | None,
    max_new_tokens: int | None,
    trusts_code: bool = False,
    threads: int | None = None,
) -> None:
    """Talk with the base and every saved result: `questions` first, then what is typed, until its end."""
    result, screen = open_results(folder, questions, threads)
    from rich.text import Text

    from laptime.conversation import Conversation
    from laptime.interview import Interviewer
    from laptime.report.page import find_language
    from laptime.report.terminal import print_turn

    interviewer = Interviewer(folder, result, max_new_tokens, trusts_code)
    conversation = Conversation(interviewer, system, find_language(folder))
    for note in conversation.notes:
        screen.print(Text(note, style="dim"))
    try:
        for question in read_questions(questions, screen):
            for turn in conversation.ask(question):
                if turn.note:
                    screen.print(Text(f"   {turn.note}", style="dim"))
                else:
                    print_turn(turn.name, turn.text, turn.stopped, screen, conversation.language)
    except (EOFError, KeyboardInterrupt):
        screen.print()


def read_questions(questions: tuple[str, ...], screen: Screen) -> Iterator[str]:
    """Yield the questions of the command, then those of the terminal; EOFError ends them."""
    from rich.text import Text

    from laptime.data.invisible import is_blank

    for question in questions:
        screen.print(Text(f"> {question}", style="bold"))
        yield question
    if sys.stdin.isatty():
        with suppress(ImportError):
            importlib.import_module("readline")  # what was typed can be edited, and comes back
    while True:
        question = input("> " if sys.stdin.isatty() else "")
        if not is_blank(question):
            if not sys.stdin.isatty():
                screen.print(Text(f"> {question}", style="bold"))
            yield question
        elif question.strip():
            screen.print(Text("(left out: a line in which nothing can be read; send UTF-8)", style="yellow"))


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
