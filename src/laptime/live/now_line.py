"""What the present run of a race does, in one line: its name and place, step, loss, speed, time left."""

from __future__ import annotations

import time
from statistics import fmean

from laptime.live.race_reader import Now
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.plain_text import clean
from laptime.runs.record import RunRecord

RECENT = 50  # steps of which the speed is told


def write_now(now: Now, language: Language) -> str:
    """Return the line; "" where no run is at work."""
    if now.run is None or now.record is None:
        return ""
    run = language.say("live.run", run=clean(now.run.run), place=now.num_over + 1, number=now.num_runs)
    return f"{run}: {', '.join(_parts(now, now.record, language))}"


def share_done(now: Now) -> float | None:
    """Return the share of its steps that the present run has made; None outside of its training."""
    record = now.record
    if record is None or record.data is None or not record.data.num_steps or _trained(record):
        return None
    return min(1.0, len(record.steps) / record.data.num_steps) if record.steps else None


def _trained(record: RunRecord) -> bool:
    return any(phase.name == "train" for phase in record.phases)


def _parts(now: Now, record: RunRecord, language: Language) -> list[str]:
    """Return what is known of the present run, the most telling first."""
    if record.steps and not _trained(record):
        return _tell_steps(record, language)
    if now.answering and _trained_or_base(record):
        count = min(now.answering.answered + now.answering.together, now.answering.num_questions)
        return [language.say("live.answering", number=count, of=now.answering.num_questions)]
    last = record.phases[-1].name if record.phases else "begin"
    key = f"live.after.{'base' if record.started.role == 'base' and last == 'prepare' else last}"
    told = language.say(key if language.knows(key) else "live.after.other")
    elapsed = max(0.0, time.time() - record.started.time)
    return [told, language.say("live.since", seconds=quantities.whole_seconds(elapsed, language.code))]


def _trained_or_base(record: RunRecord) -> bool:
    return _trained(record) or record.started.role == "base"


def _tell_steps(record: RunRecord, language: Language) -> list[str]:
    step, recent = record.steps[-1], record.steps[-RECENT:]
    of = record.data.num_steps if record.data else 0
    parts = [
        language.say("live.step", step=step.step, of=of)
        if of
        else language.say("live.step_alone", step=step.step),
        language.say("live.loss", loss=quantities.loss(step.loss)),
    ]
    if (seconds := sum(one.seconds for one in recent)) > 0:
        parts.append(
            language.say("live.speed", rate=quantities.rate(sum(one.tokens for one in recent) / seconds))
        )
    if of > step.step:
        left = (of - step.step) * fmean(one.seconds for one in recent)
        parts.append(language.say("live.left", seconds=quantities.whole_seconds(left, language.code)))
    return parts
