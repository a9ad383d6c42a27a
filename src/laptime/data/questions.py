"""The questions that are asked at the end, with the tokens that training would show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from laptime.data.assembly import EncodedPiece
from laptime.data.encoded import Question
from laptime.data.examples import Example
from laptime.spec import AnswerSpec


class Questions:
    """The questions to ask: those asked for, else the first held-out ones, else the first trained ones."""

    def __init__(self, spec: AnswerSpec, encode_prompt: Callable[[Example], list[int]]) -> None:
        self.spec = spec
        self.encode_prompt = encode_prompt  # the tokens of an example before its last answer
        self.asked = {question.strip() for question in spec.ask}
        self.found: dict[str, Question] = {}  # by what is asked
        self.first: dict[str, list[Question | None]] = {"trained": [], "held_out": []}

    def add(
        self, piece: EncodedPiece, examples: Sequence[Example], source: Literal["trained", "held_out"]
    ) -> None:
        """Look at some of the `examples` of a set; None stands for plain text, which asks nothing."""
        first = self.first[source]
        if self.asked:
            for example in _read(examples, piece.places):
                self._look_up(example, source)
            return
        for example in _read(examples, piece.places[: max(0, self.spec.max_questions - len(first))]):
            first.append(None if example.text is not None else self._make_question(example, source))

    def make(self, encode: Callable[[str], list[int]]) -> list[Question]:
        """Return the questions; `encode` gives the tokens of one that no example asks."""
        if self.spec.ask:
            return [
                self.found.get(question.strip()) or Question(question, encode(question), None, "asked")
                for question in self.spec.ask
            ]
        return [question for question in self.first["held_out"] or self.first["trained"] if question]

    def _look_up(self, example: Example, source: Literal["trained", "held_out"]) -> None:
        """Keep the reference and the source of the first example that asks what is asked."""
        if example.text is None and example.is_alone:
            question = example.question.strip()
            if question in self.asked and question not in self.found:
                self.found[question] = self._make_question(example, source)

    def _make_question(self, example: Example, source: Literal["trained", "held_out"]) -> Question:
        """Ask what an example asks; a conversation's last question comes with its history."""
        return Question(example.question, self.encode_prompt(example), example.answer, source)


def _read(examples: Sequence[Example], places: Sequence[int]) -> list[Example]:
    """Return the examples at `places`, which rise and lie close together: spooled ones are read in one go."""
    if not places:
        return []
    begin = places[0]
    some = examples[begin : places[-1] + 1]
    return [some[place - begin] for place in places]
