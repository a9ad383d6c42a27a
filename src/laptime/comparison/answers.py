"""The answers of the base and of every method side by side, question by question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from laptime.comparison import scores
from laptime.comparison.result import MethodAnswer, QuestionAnswers
from laptime.runs.events import Answer
from laptime.runs.record import RunRecord

BASE = "base"


def find_answered(records: Sequence[RunRecord]) -> RunRecord:
    """Return the run of a contestant that was asked: in the first round that it finished."""
    return next((record for record in records if record.answers), records[0])


def gather_questions(records: Mapping[str, RunRecord]) -> list[QuestionAnswers]:
    """Return every question with the answers to it; `records` holds one record by method, "base" first."""
    asked: dict[str, dict[str, Answer]] = {}
    for name, record in records.items():
        for answer in record.answers:
            asked.setdefault(answer.question, {}).setdefault(name, answer)
    return [gather_answers(question, answers) for question, answers in asked.items()]


def gather_answers(question: str, answers: Mapping[str, Answer]) -> QuestionAnswers:
    """Return one question with its scored answers and the likeness of each pair of methods."""
    first = next(iter(answers.values()))
    references = (answer.reference for answer in answers.values())
    reference = next((text for text in references if text is not None), None)
    methods = [name for name in answers if name != BASE]
    return QuestionAnswers(
        question=question,
        source=first.source,
        reference=reference,
        answers={name: _score(answer, reference) for name, answer in answers.items()},
        alike={
            f"{one},{other}": scores.likeness(answers[one].text, answers[other].text)
            for one, other in combinations(methods, 2)
        },
    )


def _score(answer: Answer, reference: str | None) -> MethodAnswer:
    """Return an answer with its scores against the reference, if there is one."""
    return MethodAnswer(
        text=answer.text,
        num_tokens=answer.num_tokens,
        stopped=answer.stopped,
        chrf=None if reference is None else scores.chrf(answer.text, reference),
        exact=None if reference is None else scores.is_exact(answer.text, reference),
    )
