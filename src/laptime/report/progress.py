"""How far a comparison has come: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from laptime.data.input_manifest import InputManifest
from laptime.report.error_lines import say_error
from laptime.report.language import Language
from laptime.report.plain_text import clean, wrap_words
from laptime.report.plan_lines import foresee_comparison
from laptime.report.quantities import Lang
from laptime.report.recorded import say_recorded
from laptime.report.screen import Screen
from laptime.runs.contestants import tell_options
from laptime.runs.events import (
    Answering,
    AnyEvent,
    Checkpoint,
    Data,
    Failed,
    Finished,
    Model,
    Phase,
    Resumed,
    Saved,
    Step,
)
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import PlannedRun
from laptime.runs.runner import Prospect
from laptime.spec import CompareSpec, RunSpec

PLAIN_SECONDS = 10.0  # without a terminal: a line this often while a run trains


def shown_left(seconds: float, most: float = 0.0, language: Language | None = None) -> str:
    """Return an estimate without the digits that it does not have: 42 s, 2m05s to 4m10s, 1h02m."""
    language = language or Language("en")
    few = f"{seconds:.0f}초" if language.code == "ko" else f"{seconds:.0f} s"
    shown = few if seconds < 60 else language.short_seconds(seconds)
    if most < seconds + 1:
        return shown
    return language.say("progress.range", low=shown, high=shown_left(most, language=language))


class TimeLeft:
    """Estimates what is left from the runs that are over."""

    def __init__(self, waiting: list[PlannedRun], prospect: Prospect) -> None:
        self.waiting = list(waiting)
        self.seconds_by_name: dict[str, list[float]] = {}  # without answering, which each does once
        self.answer_seconds = 0.0  # of the slowest that has answered
        self.answered: set[str] = set()
        self.hope_for(prospect)

    def hope_for(self, prospect: Prospect) -> None:
        """Learn what may follow the planned runs, and by when all must be over."""
        self.prospect = prospect
        self.since = time.monotonic()

    def ended(self, planned: PlannedRun, seconds: float, answer_seconds: float = 0.0) -> None:
        """Learn from a run; `answer_seconds` of its `seconds` it has answered questions."""
        self.seconds_by_name.setdefault(planned.name, []).append(seconds - answer_seconds)
        self.answer_seconds = max(self.answer_seconds, answer_seconds)
        if answer_seconds:
            self.answered.add(planned.name)
        self.waiting = [run for run in self.waiting if run.run != planned.run]

    def estimate(self, present_left: float, present_total: float) -> tuple[float, float]:
        """Return the seconds left of what is planned, and the most with what may follow.

        `present_left` are those of the present run, `present_total` all of it up to the end of its training.
        A contestant that has not run yet is taken to be as slow as the slowest known.
        """
        known = {name: median(times) for name, times in self.seconds_by_name.items() if name != "base"}
        slowest = max([present_total, *known.values()])
        if self.waiting:  # after its training a run saves, evaluates and answers
            elapsed = present_total - present_left
            present_left = max(present_left, known.get(self.waiting[0].name, 0.0) - elapsed)
        planned = present_left + sum(known.get(run.name, slowest) for run in self.waiting[1:])
        to_answer = {run.name for run in self.waiting if run.role == "measured"} - self.answered
        planned += len(to_answer) * self.answer_seconds
        more = sum(known.get(run.name, slowest) for run in self.prospect.runs)
        if self.prospect.seconds is not None:
            until = self.prospect.seconds - (time.monotonic() - self.since)
            more = min(more, max(0.0, until - planned))
        return planned, planned + more


class Watcher:
    """Listens to a comparison and shows it; one class for terminal and plain output."""

    def __init__(
        self, console: Console, header: Callable[[], None] = lambda: None, lang: Lang = "en"
    ) -> None:
        self.console = console
        self.language = Language(lang)
        self.header = header  # says what begins, where something does
        self.foresee: Callable[[], Sequence[str]] = lambda: ()  # what it will take
        self.live = Live(console, self.language) if console.is_terminal else None
        self.num_steps = 0
        self.num_runs = 0
        self.num_over = 0
        self.training_since = 0.0
        self.tokens = 0
        self.left = TimeLeft([], Prospect())
        self.num_before = 0  # steps that an earlier attempt made
        self.precision = ""

    def preparing(self) -> None:
        """Say what is done before the first run."""
        if self.live:
            self.live.begin(self.language.say("progress.reading"))
        else:
            self.console.print(self.language.say("progress.reading"))

    def prepared(self, manifest: InputManifest) -> None:
        """Say what will be trained, with which template and why, and what was cut."""
        self.interrupted()
        self.header()
        data = manifest.data
        say, num_skipped = self.language.say, data.get("num_skipped", 0) + data.get("num_held_out_skipped", 0)
        more = say("progress.held_out", number=data["num_held_out"]) if data.get("num_held_out") else ""
        more += say("progress.skipped", number=num_skipped) if num_skipped else ""
        told = {
            "trained": f"{data['num_trained_tokens']:,}",
            "tokens": f"{data['num_tokens']:,}",
            "template": repr(data["template"]),
            "reason": say_recorded(data["template_reason"], self.language),
        }
        self.say(self.language.plural("progress.data", data["num_records"], more=more, **told))
        for note in data.get("notes", []):
            self.say(say("progress.note", note=say_recorded(note, self.language)))
        for line in self.foresee():
            self.say(line)

    def say(self, text: str) -> None:
        """Print a line of plain words, wrapped between them: a path in it stays whole."""
        text = wrap_words(clean(say_recorded(text, self.language)), self.console.width)
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def planned(self, runs: list[PlannedRun], num_done: int, prospect: Prospect) -> None:
        """Say what will run, once; where the plan has grown, what was learnt from the runs so far is kept."""
        if self.num_runs:
            self.left.waiting = runs[num_done:]
            self.left.hope_for(prospect)
        else:
            self.left = TimeLeft(runs[num_done:], prospect)
            say = self.language.say
            more = say("progress.done", number=num_done) if num_done else ""
            more += say("progress.up_to", number=len(prospect.runs)) if prospect.runs else ""
            more += say("progress.ablates") if prospect.ablates else ""
            self.say(self.language.plural("progress.runs", len(runs), more=more))
        self.num_runs, self.num_over = len(runs), num_done

    def began(self, planned: PlannedRun) -> None:
        """Say that a run begins."""
        self.begun = time.monotonic()
        self.last_line = self.begun
        self.name = planned.run
        self.num_steps, self.tokens = 0, 0
        self.answer_seconds = 0.0
        self.outcome = ""
        self.parts: list[str] = []
        if self.live:
            self.live.begin(f"[{self.num_over + 1}/{self.num_runs}] {self.name}")

    def happened(self, event: AnyEvent) -> None:
        """Show an event of the present run."""
        if isinstance(event, Data):
            self.num_steps = event.num_steps
        elif isinstance(event, Step):
            self.show_step(event)
        elif isinstance(event, Resumed):
            self.say_resumed(event)
        elif isinstance(event, Checkpoint) and event.error:
            self.say(self.language.say("progress.no_checkpoint", step=event.step, error=event.error))
        elif isinstance(event, Saved) and event.kept:
            told = {"run": self.name, "path": event.path, "kept": event.kept}
            self.say(self.language.say("progress.kept", **told))
        elif isinstance(event, Phase):
            if event.name == "answer":
                self.answer_seconds += event.seconds
            if event.name == "train":
                seconds = self.language.seconds(event.seconds)
                self.parts.append(self.language.say("progress.train", seconds=seconds))
            self.show_activity(event.name)
        elif isinstance(event, Answering):
            self.show_answering(event)
        elif isinstance(event, Model):
            self.show_model(event)
        elif isinstance(event, Finished):
            seconds = self.language.seconds(event.total_seconds)
            self.outcome = self.language.say("progress.total", seconds=seconds)
        elif isinstance(event, Failed):
            reason = event.reason if self.language.code == "en" else self.tell_reason(event.reason)
            told = {"reason": reason, "message": clean(say_error(event.message, self.language.code))}
            self.outcome = self.language.say("progress.failed", **told)

    def show_step(self, step: Step) -> None:
        """Show the step, its loss, the speed and the time left."""
        now = time.monotonic()
        if not self.tokens:
            self.training_since, self.num_before = now - step.seconds, step.step - 1
        self.tokens += step.tokens
        speed = self.tokens / max(now - self.training_since, 1e-9)
        say = self.language.say
        loss = say("progress.not_finite") if step.loss is None else f"{step.loss:.3f}"
        told = {"step": step.step, "steps": self.num_steps, "loss": loss, "speed": f"{speed:,.0f}"}
        text = say("progress.step", **told)
        if self.num_steps:
            step_seconds = (now - self.training_since) / max(1, step.step - self.num_before)
            here = step_seconds * (self.num_steps - step.step)
            left, most = self.left.estimate(here, now - self.begun + here)
            key = "progress.left.all" if self.num_runs > 1 else "progress.left"
            text += "  " + say(key, left=shown_left(left, most, self.language))
        self.show_now(text, step.step, self.num_steps)

    def show_answering(self, event: Answering) -> None:
        """Show how far the answers have come; on a terminal as a bar of the tokens that they may have."""
        first, last, number = event.answered + 1, event.answered + event.together, event.num_questions
        told = {"first": first, "last": last, "token": event.tokens, "most": event.most_tokens}
        which = "all" if last - first + 1 == number else "one" if event.together == 1 else "some"
        text = self.language.plural(f"progress.answering.{which}", number, **told)
        self.show_now(text, event.tokens, event.most_tokens)

    def show_now(self, text: str, done: int, of: int) -> None:
        """Show how far a part of the present run has come: on a terminal, or as a line now and then."""
        now = time.monotonic()
        if self.live:
            self.live.show(text, done, of)
        elif now - self.last_line >= PLAIN_SECONDS:
            self.last_line = now
            self.console.print(f"  {self.name}: {text}", highlight=False)

    def say_resumed(self, resumed: Resumed) -> None:
        """Say where a run goes on, which newer checkpoints could not be used, and what is not as it was."""
        self.parts, self.tokens, self.outcome = [], 0, ""
        for reason in resumed.unusable:
            self.say(self.language.say("progress.not_whole", reason=reason))
        for line in resumed.left_out:
            self.say(self.language.say("progress.damaged", run=self.name, line=line))
        if not resumed.step:
            self.say(self.language.say("progress.anew", run=self.name))
            return
        told = {"run": self.name, "step": resumed.step, "checkpoint": resumed.from_checkpoint}
        self.say(self.language.say("progress.goes_on", **told))
        if resumed.changed:
            self.say(self.language.say("progress.bits", changed=", ".join(resumed.changed)))

    def show_model(self, model: Model) -> None:
        """Note what trains, and say the precision once."""
        if model.trainable_parameters:
            number = self.language.count(model.trainable_parameters)
            self.parts.append(self.language.say("progress.trained", number=number))
        reason = say_recorded(model.precision_reason, self.language)
        told = {"dtype": model.compute_dtype, "device": model.device, "reason": reason}
        precision = self.language.say("progress.precision", **told)
        if precision != self.precision:
            self.say(precision)
        self.precision = precision

    def show_activity(self, phase: str) -> None:
        """Show what a run does outside its steps, after a phase."""
        is_base = self.name == "base" and phase == "prepare"
        key = "progress.evaluating" if is_base else f"progress.after.{phase}"
        if self.live and self.language.knows(key):
            self.live.show(self.language.say(key), None, None)

    def tell_reason(self, reason: str) -> str:
        """Return the words for the reason of a failure."""
        key = f"failure.{reason}"
        return self.language.say(key) if self.language.knows(key) else reason

    def ended(self, planned: PlannedRun) -> None:
        """Say that the present run is over."""
        if self.live:
            self.live.stop()
        self.num_over += 1
        self.left.ended(planned, time.monotonic() - self.begun, self.answer_seconds)
        details = ", ".join([*self.parts, self.outcome or self.language.say("progress.silent")])
        line = f"[{self.num_over}/{self.num_runs}] {planned.run}: {details}"
        self.say(line)

    def interrupted(self) -> None:
        """Clear the line that was being rewritten."""
        if self.live:
            self.live.stop()


class Live:
    """One line at the bottom of the terminal that is rewritten in place."""

    def __init__(self, console: Console, language: Language) -> None:
        self.starting = language.say("progress.starting")
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            Clock(),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            transient=True,
            refresh_per_second=4,  # drawing must not take the processor from the run
        )
        self.task = self.progress.add_task("", text="", start=True, total=None)

    def begin(self, title: str) -> None:
        """Show a new run."""
        self.progress.reset(self.task, total=None, description=title, text=self.starting)
        self.progress.start()

    def show(self, text: str, completed: int | None, total: int | None) -> None:
        """Show the present activity."""
        self.progress.update(self.task, text=text, completed=completed or 0, total=total)

    def stop(self) -> None:
        """Take the line away."""
        self.progress.stop()


class Clock(ProgressColumn):
    """The seconds since the run began."""

    def render(self, task: Task) -> Text:
        """Return m:ss."""
        minutes, seconds = divmod(int(task.elapsed or 0), 60)
        return Text(f"{minutes}:{seconds:02d}")


def watch(screen: Screen, spec: CompareSpec | RunSpec, folder: Path, lang: Lang = "en") -> Watcher:
    """Return who prints how far a comparison or a training has come."""
    watcher = Watcher(screen, lambda: say_what_it_is(screen, spec, folder, lang), lang)
    if isinstance(spec, CompareSpec) and not (folder / PLAN_FILE).exists():
        watcher.foresee = partial(foresee_comparison, spec, folder, Language(lang))
    return watcher


def say_what_it_is(screen: Screen, spec: CompareSpec | RunSpec, folder: Path, lang: Lang = "en") -> None:
    """Print what is about to run, and what the toy and random weights are good for."""
    language = Language(lang)
    contestants = spec.contestants if isinstance(spec, CompareSpec) else ()
    between = [one.name for one in contestants if one.is_between]
    contestants = tuple(one for one in contestants if not one.is_between)
    by_themselves = spec.methods if isinstance(spec, CompareSpec) else (spec.method,)
    racing = [*by_themselves, *(one.name for one in contestants)]
    methods = language.join(racing) if len(racing) < 3 else ", ".join(racing)
    told = {"model": spec.model.model, "data": spec.data.named, "folder": folder}
    names = language.say("progress.what", methods=methods, **told)
    screen.print(wrap_words(names, screen.width), style="bold", soft_wrap=True)
    for one in contestants:
        words = f"  {one.name}: {one.method} {tell_options(one.differs)}"
        screen.print(wrap_words(words.rstrip(), screen.width), soft_wrap=True)
    if between:
        words = "  " + language.say("progress.between", names=", ".join(between))
        screen.print(wrap_words(words, screen.width), soft_wrap=True)
    if spec.model.model == "builtin":
        screen.print(language.say("progress.toy"))
        screen.print("  laptime compare --model meta-llama/Llama-3.2-1B --data your.jsonl")
    rates = spec.training.learning_rate
    asking = {method: method for method in by_themselves}
    asking |= {one.name: one.method for one in contestants if "learning_rate" not in one.training}
    others = [name for name, method in asking.items() if isinstance(rates, dict) and method not in rates]
    if others:
        screen.print(language.say("progress.rates", names=", ".join(others)))
    if spec.model.random_weights:
        screen.print(language.say("progress.random"))
