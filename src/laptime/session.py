"""What the commands do, once their options are read; torch is imported only where a model is asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TextIO

from msgspec.structs import asdict, replace

from laptime.comparison.against import Before
from laptime.comparison.collection import collect, collect_single
from laptime.comparison.contestants import tell_options
from laptime.comparison.folder import choose_folder, has_checkpoint, has_done_nothing, shell_command
from laptime.comparison.lock import MARKER_FILE, is_held, is_marker
from laptime.comparison.plan import FILE_NAME as PLAN_FILE
from laptime.comparison.plan import RUNS_FOLDER
from laptime.comparison.processes import ProcessRunner
from laptime.comparison.result import FILE_NAME as RESULT_FILE
from laptime.comparison.result import ComparisonResult, read_outline, write_result
from laptime.comparison.resumption import find_damaged_records, read_begun
from laptime.comparison.rounds import (
    ENDED_FROM_OUTSIDE,
    SPEC_FILE,
    Listener,
    compare,
)
from laptime.comparison.single_run import go_on_training, train_once
from laptime.errors import UserError, without_remedy
from laptime.inputs.invisible import is_blank
from laptime.inputs.records import RecordSet
from laptime.job import LOG_FILE, SAVED_FOLDER
from laptime.progress import Watcher
from laptime.record import FILE_NAME as RECORD_FILE
from laptime.record import read_record
from laptime.report.plain_text import wrap_words
from laptime.report.quantities import Lang
from laptime.report.screen import Screen
from laptime.spec import OURS, CompareSpec
from laptime.system_processors import Look, check_threads
from laptime.untrusted import refuse_specials, told_in_one_line

Kind = Literal["compare", "train", "resumed"]


class LastingOutput:
    """A stream whose reader may leave (`| head`), or whose disk may fill, without ending the work."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written; where that fails, print into nothing from here on."""
        try:
            self.stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


def console(lasting: bool = False) -> Screen:
    """Return a console for standard output."""
    output: Any = LastingOutput(sys.stdout) if lasting and sys.stdout else None
    return Screen(file=output)


class Silence:
    """Listens and says nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def watch(screen: Screen, spec: CompareSpec, folder: Path) -> Watcher:
    """Return who prints how far a comparison or a training has come."""
    return Watcher(screen, header=lambda: say_what_it_is(screen, spec, folder))


def choose_place(out: str | None, kind: Kind) -> Path:
    """Return the folder of a comparison or a training; raises UserError where a report could not lie."""
    folder = choose_folder(out, "laptime-comparison" if kind == "compare" else "laptime-run")
    refuse_specials(folder)
    if (folder / (PLAN_FILE if kind == "compare" else RECORD_FILE)).exists():
        from laptime.report.page import refuse_foreign_report

        refuse_foreign_report(folder)  # now, and not when all has run
    return folder


def race(
    spec: CompareSpec,
    folder: Path,
    listener: Listener,
    records_digest: str,
    kind: Kind = "compare",
    look: Look | None = None,
    waits: bool = False,
    against: Before | None = None,
) -> ComparisonResult:
    """Run a comparison or a single training in `folder`, which `choose_place` gave.

    `look` was begun when the command was; with `waits` a comparison on this machine is waited for; `against`
    is an older comparison that this one is set beside.
    """
    runner = ProcessRunner(single=kind == "train")
    threads = (look or Look()).choose(spec.training.threads)
    try:
        if kind == "train":
            return train_once(spec, folder, runner, listener, threads, waits)
        if kind == "resumed":
            return go_on_training(spec, folder, runner, listener, records_digest, threads, waits)
        return compare(spec, folder, runner, listener, records_digest, threads, waits, against)
    finally:
        runner.close()


def run_session(
    spec: CompareSpec,
    out: str | None,
    records_digest: str,
    kind: Kind = "compare",
    look: Look | None = None,
    waits: bool = False,
    against: Before | None = None,
) -> tuple[Path, ComparisonResult]:
    """Run a comparison or a single training with progress; an interruption says how to go on."""
    folder = choose_place(out, kind)
    listener = watch(console(lasting=True), spec, folder)
    try:
        return folder, race(spec, folder, listener, records_digest, kind, look, waits, against)
    except (KeyboardInterrupt, SystemExit) as error:
        listener.interrupted()
        Screen(stderr=True).say(tell_interruption(kind, folder))
        sys.exit(error.code if isinstance(error, SystemExit) else 130)
    except UserError:
        listener.interrupted()
        raise
    except OSError as error:  # most often a full disk
        listener.interrupted()
        why = f"{error.filename or folder}: {error.strerror or error}"
        raise UserError(f"{why}; {tell_interruption(kind, folder)}") from None


def tell_interruption(kind: Kind, folder: Path) -> str:
    """Say what an interruption left, and the command that goes on."""
    if kind == "compare":
        if not (folder / PLAN_FILE).exists():
            return "interrupted before the first run; nothing is left behind"
        return f"interrupted; finished runs are kept. Go on with:\n  {compare_again(folder)}"
    if has_done_nothing(folder):
        return "interrupted before the first step; the same command begins anew"
    if is_finished(folder):
        return f"interrupted when the run was over:\n  {shell_command('laptime', 'show', as_word(folder))}"
    if has_checkpoint(folder):
        again = shell_command("laptime", "train", "--resume", folder)
        return f"interrupted; go on from the newest checkpoint with:\n  {again}"
    if (folder / SAVED_FOLDER).exists():
        return f"interrupted after the training; its result is in {folder / SAVED_FOLDER}"
    again = shell_command("laptime", "train", "--resume", folder)
    return f"interrupted before a checkpoint was written; begin anew with:\n  {again}"


def compare_again(folder: Path) -> str:
    """Return the command that goes on with the comparison in `folder`."""
    return shell_command("laptime", "compare", "--config", folder / SPEC_FILE, "--out", folder)


def as_word(folder: Path) -> str:
    """Return a folder as a command takes it for no option."""
    return f"./{folder}" if str(folder).startswith("-") else str(folder)


def is_finished(folder: Path) -> bool:
    """Tell whether the run in `folder` is over and well."""
    with suppress(UserError):
        return read_record(folder).finished is not None
    return False


def say_what_it_is(screen: Screen, spec: CompareSpec, folder: Path) -> None:
    """Print what is about to run, and what the toy and random weights are good for."""
    racing = [*spec.methods, *(one.name for one in spec.contestants)]
    methods = " and ".join(racing) if len(racing) < 3 else ", ".join(racing)
    names = f"{methods} on {spec.model.model}, data {spec.data.named} -> {folder}"
    screen.print(wrap_words(names, screen.width), style="bold", soft_wrap=True)
    for one in spec.contestants:
        words = f"  {one.name}: {one.method} {tell_options(one.differs)}"
        screen.print(wrap_words(words.rstrip(), screen.width), soft_wrap=True)
    if spec.model.model == "builtin":
        screen.print("The built-in model is a toy for trying the tool. A real one:")
        screen.print("  laptime compare --model meta-llama/Llama-3.2-1B --data your.jsonl")
    rates = spec.training.learning_rate
    asking = {method: method for method in spec.methods}
    asking |= {one.name: one.method for one in spec.contestants if "learning_rate" not in one.training}
    others = [name for name, method in asking.items() if isinstance(rates, dict) and method not in rates]
    if others:
        screen.print(f"--learning-rate names none for {', '.join(others)}: the default rate is taken there.")
    if spec.model.random_weights:
        screen.print("Random weights: for speed alone; losses and answers mean nothing.")


def finish_comparison(
    folder: Path, result: ComparisonResult, lang: Lang | None, trackers: tuple[str, ...]
) -> int:
    """Render the report, publish, print the table; returns 1 when a method finished no run, else 0."""
    from laptime.report.page import HTML_NAME, render_report
    from laptime.report.terminal import print_table

    render_report(folder, lang)
    screen = console(lasting=True)
    print_table(result, screen)
    publish(folder, trackers)
    screen.say(f"\nreport: {folder / HTML_NAME}")
    if any(method.saved_paths for method in result.methods):
        screen.say(f'ask:    {shell_command("laptime", "ask", as_word(folder))} "..."')
    failed = [(m, failure) for m in result.methods for failure in m.failures]
    if any(failure.reason in ENDED_FROM_OUTSIDE or m.trainer != OURS for m, failure in failed):
        screen.say(f"again:  {compare_again(folder)}  (tries once more what was ended)")
    return 0 if all(method.rounds for method in result.methods) else 1


def finish_training(
    folder: Path, result: ComparisonResult, lang: Lang | None, trackers: tuple[str, ...]
) -> int:
    """Render the report, publish, print the row of the one run and where its result lies.

    Returns 1 when it failed.
    """
    from laptime.report.page import HTML_NAME, render_report
    from laptime.report.terminal import print_table

    render_report(folder, lang)
    screen = console(lasting=True)
    print_table(result, screen)
    publish(folder, trackers)
    method = result.methods[0]
    screen.say(f"\nreport: {folder / HTML_NAME}")
    if method.failures:
        screen.say(f"log:    {folder / LOG_FILE}")
    if method.failures and has_checkpoint(folder):
        screen.say(f"go on:  {shell_command('laptime', 'train', '--resume', folder)}")
    for path in method.saved_paths:
        kind = "PeftModel" if method.saved_kind == "adapter" else "AutoModelForCausalLM"
        screen.say(f"saved:  {folder / path}  ({kind}.from_pretrained)")
        screen.say(f'ask:    {shell_command("laptime", "ask", as_word(folder))} "..."')
    return 0 if method.rounds else 1


def publish(folder: Path, trackers: tuple[str, ...]) -> None:
    """Hand the finished records to the trackers, in processes of their own."""
    if trackers:
        from laptime.trackers.publication import publish as publish_all

        for line in publish_all(folder, trackers):
            console().say(line)


def gather_result(folder: Path) -> ComparisonResult:
    """Read a comparison or a single run from its records; raises UserError when `folder` is neither."""
    refuse_specials(folder)
    if (folder / PLAN_FILE).exists():
        return collect(folder)
    if (folder / RECORD_FILE).exists():
        return collect_single(folder)
    raise UserError(f"{folder}: {tell_no_result(folder)}")


def tell_no_result(folder: Path) -> str:
    """Say what a folder without plan and record is: a user's, or one of ours and what became of them."""
    if not folder.is_dir():
        return "a file; give the folder that it lies in" if folder.is_file() else "no such folder"
    if is_held(folder / MARKER_FILE):
        return "still being prepared; nothing has run yet"
    if not is_marker(folder / MARKER_FILE):
        return "neither a comparison nor a run of laptime"
    out = shell_command("--out", folder)
    if (folder / RUNS_FOLDER).exists() or (folder / SPEC_FILE).exists():
        return f"{PLAN_FILE} is missing; put it back, or begin anew with another --out"
    if (folder / SAVED_FOLDER).exists() or has_checkpoint(folder):
        return f"{RECORD_FILE} is missing; put it back, or begin anew with another --out"
    return f"ended while it was still being prepared; the same command with {out} begins anew"


def refuse_loss(folder: Path, result: ComparisonResult) -> None:
    """Raise UserError where comparison.json holds runs whose records are gone: its figures would go too."""
    if not (folder / RESULT_FILE).exists():
        return
    before = read_outline(folder)
    rounds = {method.name: set(method.rounds) for method in result.methods}
    gone = set(before.order) - set(result.order)
    for method in before.methods:
        gone |= {f"{method.name}-r{number}" for number in set(method.rounds) - rounds.get(method.name, set())}
    if not gone:
        return
    damaged = [without_remedy(damage) for damage in find_damaged_records(folder)]
    runs = ", ".join(sorted(gone)[:5])
    why = (
        "; ".join(damaged[:5])
        or f"{folder}: {RESULT_FILE} was made from records that are gone or cut short ({runs})"
    )
    them = "the run" if len(gone) == 1 else "the runs"
    anew = f"do {them} anew with: {compare_again(folder)}; or " if (folder / PLAN_FILE).exists() else ""
    whole = "a whole copy" if damaged else "what was there"
    raise UserError(f"{why}; {anew}put back {whole}; or move {RESULT_FILE} away to report on what is left")


def render_again(folder: Path, lang: Lang | None = None) -> None:
    """Write comparison.json and the report anew from the records, without `lang` in its language so far."""
    from laptime.report.page import render_report

    with told_in_one_line(folder):
        result = gather_result(folder)
        refuse_loss(folder, result)
        write_result(folder, result)
        paths = render_report(folder, lang)
    for path in paths:
        console().say(path)


def show(folder: Path) -> None:
    """Print the table of what is there."""
    from laptime.report.terminal import print_table

    with told_in_one_line(folder):
        result = gather_result(folder)
        print_table(result, console(), "" if result.complete else tell_unfinished(folder))


def tell_unfinished(folder: Path) -> str:
    """Say how a comparison or a training that is not complete goes on."""
    if is_held(folder / MARKER_FILE):
        return "it is at work; these are the figures so far"
    if (folder / PLAN_FILE).exists():
        damaged = [
            f"{without_remedy(damage)}; the run is done anew" for damage in find_damaged_records(folder)
        ]
        return "\n".join([*damaged, f"go on with:\n  {compare_again(folder)}"])
    try:
        read_begun(folder)
    except UserError as error:  # there is nothing to go on with
        return str(error).removeprefix(f"--resume {folder}: ")
    return f"go on with:\n  {shell_command('laptime', 'train', '--resume', folder)}"


def ask(
    folder: Path,
    questions: tuple[str, ...],
    max_new_tokens: int | None,
    trusts_code: bool = False,
    threads: int | None = None,
) -> None:
    """Ask the base and every saved result, and print the answers side by side."""
    if any(map(is_blank, questions)):
        raise UserError("QUESTION: empty; give a question")
    check_threads(threads)
    look = Look()
    with told_in_one_line(folder):
        result = gather_result(folder)
    if not any(method.saved_paths for method in result.methods):
        raise UserError(f"{folder}: no run has saved a result yet")
    from laptime.startup.imports import defer_imports

    defer_imports()
    from laptime.answers import ask_results, use_threads
    from laptime.report.terminal import print_answers

    use_threads(look.choose(threads).number)
    screen = console()
    for damage in find_damaged_records(folder):
        screen.say(f"not asked: {damage}")
    for answers in ask_results(folder, result, questions, max_new_tokens, trusts_code):
        print_answers(answers, screen)


def show_data(specs: dict[str, Any], num_records: int, tokens: bool, all_remarks: bool = False) -> None:
    """Print what will be trained, or which records are refused and why."""
    from laptime.inputs.formats import read_records
    from laptime.inputs.records import RecordsError

    try:
        records = read_records(specs["data"], seed=specs["training"].seed)
        show_encoded(records, specs, num_records, tokens, all_remarks)
    except RecordsError as error:
        if len(error.remarks) < 2:
            raise
        from laptime.inputs.preview import print_remarks

        print_remarks(error.remarks, "refused", console(), all_remarks)
        number = f"{'' if error.has_all else 'at least '}{len(error.remarks):,}"
        raise UserError(
            f"{specs['data'].named}: {number} records refused; mend them, or --skip-bad leaves them out"
        ) from None


def show_encoded(
    records: RecordSet, specs: dict[str, Any], num_records: int, tokens: bool, all_remarks: bool
) -> None:
    """Encode the records and print them."""
    from laptime.inputs.model_source import locate_model
    from laptime.startup.imports import defer_imports
    from laptime.startup.wanted import is_wanted

    locate_model(specs["model"], download=False, weights=False)
    if is_wanted("light_imports", asdict(specs["training"])):
        defer_imports()
    from laptime.inputs.model import quiet_libraries
    from laptime.inputs.preview import print_preview
    from laptime.training.preparation import encode_records

    quiet_libraries()
    # A look at the tokens needs no weights: a hub model is fetched without them.
    source = locate_model(replace(specs["model"], random_weights=True))
    encoded, tokenizer = encode_records(
        records, source, specs["model"], specs["data"], specs["answers"], lists_bad=True
    )
    print_preview(encoded, tokenizer, console(), num_records, tokens, all_remarks)
