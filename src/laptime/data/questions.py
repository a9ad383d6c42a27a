"""The questions that are asked at the end, with the tokens that training would show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from laptime.data.assembly import EncodedBatch
from laptime.data.encoded import Question
from laptime.spec import AnswerSpec


class Questions:
    """The questions to ask: those asked for, else the first held-out ones, else the first trained ones."""

    def __init__(self, spec: AnswerSpec) -> None:
        self.spec = spec
        self.asked = {question.strip() for question in spec.ask}
        self.found: dict[str, Question] = {}  # by what is asked
        self.first: dict[str, list[Question | None]] = {"trained": [], "held_out": []}

    def add(self, batch: EncodedBatch, source: Literal["trained", "held_out"]) -> None:
        """Look at some records of a set; None stands for plain text, which asks nothing."""
        first = self.first[source]
        if self.asked:
            for index in range(len(batch)):
                self._look_up(batch, index, source)
            return
        for index, record in enumerate(batch.records[: max(0, self.spec.max_questions - len(first))]):
            first.append(None if record.text is not None else _make_question(batch, index, source))

    def make(self, encode: Callable[[str], list[int]]) -> list[Question]:
        """Return the questions; `encode` gives the tokens of one that no record asks."""
        if self.spec.ask:
            return [
                self.found.get(question.strip()) or Question(question, encode(question), None, "asked")
                for question in self.spec.ask
            ]
        return [question for question in self.first["held_out"] or self.first["trained"] if question]

    def _look_up(self, batch: EncodedBatch, index: int, source: Literal["trained", "held_out"]) -> None:
        """Keep the reference and the source of the first record that asks what is asked."""
        record = batch.records[index]
        if record.text is None and record.is_alone:
            question = record.question.strip()
            if question in self.asked:
                self.found.setdefault(question, _make_question(batch, index, source))


def _make_question(batch: EncodedBatch, index: int, source: Literal["trained", "held_out"]) -> Question:
    """Ask what a record asks; a conversation's last question comes with its history."""
    record = batch.records[index]
    return Question(record.question, batch.prompt_ids(index), record.answer, source)
