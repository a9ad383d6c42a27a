"""A conversation with the base and every result: each keeps a history of its own."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from laptime.data.encoder import Encoder
from laptime.data.encoding import Question, has_chat_template
from laptime.data.examples import Message
from laptime.data.templates import make_template
from laptime.errors import UserError
from laptime.hardware.system_memory import free_bytes
from laptime.interview import Interviewer
from laptime.report.language import Language
from laptime.report.quantities import Lang
from laptime.training.generate import count_positions, forget_generation_settings, generate, make_answer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEAST_ROOM = 16  # tokens of an answer that a history must leave
ROOM = 1.5  # of a model's bytes, that must be free for one more


class Turn(Struct, kw_only=True):
    """What one contestant answers, or in `note` why a history or an answer is not what it could be."""

    name: str
    text: str = ""
    stopped: str = ""
    note: str = ""


class Conversation:
    """Talks with all contestants; raises UserError for a `system` text that the template has no place for."""

    def __init__(self, interviewer: Interviewer, system: str | None = None, lang: Lang = "en") -> None:
        self.interviewer, self.system = interviewer, system or ""
        self.language = Language(lang)
        encoded = interviewer.encoded
        template = make_template(encoded.template, has_chat_template(interviewer.tokenizer))
        self.encoder = Encoder(interviewer.tokenizer, template, "answers", encoded.max_length)
        self.has_turns = self.encoder.chat is not None
        self.rows = {one.name: one for one in interviewer.result.methods if one.saved_paths}
        self.histories: dict[str, list[Message]] = {name: [] for name in ("base", *self.rows)}
        self.models: dict[str, PreTrainedModel] = {}
        if self.system:
            self.refuse_unplaced()

    @property
    def notes(self) -> list[str]:
        """What is to be said before the first question."""
        notes = [self.language.say("chat.begin")]
        if not self.has_turns:
            notes.append(self.language.say("chat.no_turns", template=self.encoder.template.name))
        return notes

    def refuse_unplaced(self) -> None:
        """Raise UserError where a template leaves the system text out."""
        template = self.encoder.template
        with_it = self.encode([Message("user", "a")])
        self.system, system = "", self.system
        without = self.encode([Message("user", "a")])
        self.system = system
        if with_it == without or not (self.has_turns or template.holds_system):
            raise UserError(
                f"--system: the template of this training ({template.name[:30]}) has no place for a system "
                f"text; leave it out"
            )

    def ask(self, question: str) -> Iterator[Turn]:
        """Yield the answers of all contestants, the base first; each remembers its own."""
        for name, history in self.histories.items():
            model = self.load(name)
            room = int(min(count_positions(model), 1 << 30))
            turns, prompt_ids = self.fit(history, question, room - LEAST_ROOM)
            if len(prompt_ids) >= room:
                yield Turn(
                    name=name, note=self.language.say("chat.too_long", number=len(prompt_ids), most=room)
                )
                return
            if len(turns) <= len(history):
                yield Turn(name=name, note=self.language.say("chat.forgotten", name=name))
            yield self.answer(name, model, question, turns, prompt_ids)

    def answer(
        self, name: str, model: PreTrainedModel, question: str, turns: list[Message], prompt_ids: list[int]
    ) -> Turn:
        """Let one contestant answer, and remember it where the template has turns."""
        stops, most = self.interviewer.encoded.stop_ids, self.interviewer.max_new_tokens
        (token_ids,) = generate(model, [prompt_ids], stops, most)
        asked = Question(question, prompt_ids, None, "asked")
        made = make_answer(asked, token_ids, self.interviewer.tokenizer, stops)
        if self.has_turns:
            self.histories[name] = [*turns, Message("assistant", made.text)]
        return Turn(name=name, text=made.text, stopped=made.stopped)

    def fit(self, history: list[Message], question: str, most: int) -> tuple[list[Message], list[int]]:
        """Return the turns with the new question, and their tokens, without the oldest that have no room."""
        turns = [*history, Message("user", question)]
        prompt_ids = self.encode(turns)
        while len(prompt_ids) > most and len(turns) > 1:
            turns = turns[2:]
            prompt_ids = self.encode(turns)
        return turns, prompt_ids

    def encode(self, turns: list[Message]) -> list[int]:
        """Return the tokens of turns that end with a question, behind the system text."""
        if self.has_turns:
            before = [Message("system", self.system)] if self.system else []
            return self.encoder.encode_turns([*before, *turns])
        return self.encoder.encode_question(turns[-1].content, self.system)

    def load(self, name: str) -> PreTrainedModel:
        """Return a contestant's model, which stays in memory while there is room for the others."""
        if name not in self.models:
            size = max((count_bytes(model) for model in self.models.values()), default=0)
            free = free_bytes()
            if free is not None and free < ROOM * size:
                self.models.clear()
                gc.collect()
            model = self.load_anew(name)
            forget_generation_settings(model.eval())
            self.models[name] = model
        return self.models[name]

    def load_anew(self, name: str) -> PreTrainedModel:
        """Load the base, or what a contestant saved."""
        if name == "base":
            return self.interviewer.load_base()
        return self.interviewer.load_result(self.rows[name])


def count_bytes(model: PreTrainedModel) -> int:
    """Return the bytes of a model's weights."""
    return sum(parameter.nbytes for parameter in model.parameters())
