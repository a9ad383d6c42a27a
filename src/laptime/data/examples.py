"""What a data file holds, whatever its shape was: pairs, conversations or plain text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from laptime.errors import UserError

DIGESTED_AT_ONCE = 1 << 18  # bytes

Kind = Literal["pairs", "conversations", "text"]


class ExampleNote(Struct, frozen=True):
    """What a user should know of one example: what was cut, left out, counted, or why it was refused."""

    source: str
    text: str


class ExamplesError(UserError):
    """Examples that cannot be trained on: one line for the first of them, and all with their reasons.

    `has_all` tells whether these are all, or those that were found until the refusal was sure.
    """

    def __init__(self, message: str, example_notes: Sequence[ExampleNote], has_all: bool = True) -> None:
        super().__init__(message)
        self.example_notes = example_notes
        self.has_all = has_all


class ExampleError(ExamplesError):
    """What is wrong with one example; its message begins with the example's place."""

    def __init__(self, source: str, text: str) -> None:
        self.note = ExampleNote(source, text)
        super().__init__(f"{source}: {text}", [self.note])


class Message(Struct, gc=False):
    """One turn; `role` is system, user, assistant or tool. An answer not `trained` is context alone.

    `beside` is the JSON of what a chat template is given of it beside its text: calls of tools, and which
    call it answers.
    """

    role: str
    content: str
    trained: bool = True
    beside: str = ""


class Example(Struct, kw_only=True, gc=False, array_like=True):
    """One example: a prompt with its completion, or a conversation, or a text.

    `source` names where it stands: "train.jsonl:17", "train.parquet row 17". Assistant turns among the
    first `num_prompt_messages` messages are history and carry no loss. `before` holds what stands before the
    question of a pair: a system text, earlier turns. `note` says what of the row was left out; `tools` is
    the JSON of those that the model may call.
    """

    source: str
    prompt: str | None = None
    completion: str | None = None
    context: str = ""
    before: list[Message] = []
    messages: list[Message] = []
    num_prompt_messages: int = 0
    text: str | None = None
    note: str = ""
    tools: str = ""

    @property
    def letters(self) -> str:
        """Return all that stands in it."""
        own = f"{self.prompt or ''}{self.context}{self.completion or ''}{self.text or ''}{self.tools}"
        if self.before or self.messages:
            turns = (*self.before, *self.messages)
            return own + "".join([f"{turn.content}{turn.beside}" for turn in turns])
        return own

    @property
    def num_letters(self) -> int:
        """Return how many letters stand in it."""
        return len(self.letters)

    @property
    def kind(self) -> Kind:
        """Tell which of the three this is."""
        if self.messages:
            return "conversations"
        return "pairs" if self.completion is not None else "text"

    @property
    def question(self) -> str:
        """Return the prompt with its context under it, as a person would ask it ("" for plain text)."""
        if self.messages:
            return next((m.content for m in reversed(self.messages) if m.role == "user"), "")
        return "\n\n".join(part for part in (self.prompt or "", self.context) if part)

    @property
    def answer(self) -> str | None:
        """Return the last answer (None for plain text)."""
        if self.messages:
            return self.messages[-1].content or self.messages[-1].beside
        return self.completion

    @property
    def is_alone(self) -> bool:
        """Tell whether the question has no other turns before it (a system text is none)."""
        earlier = sum(message.role == "user" for message in self.before)
        return earlier + max(0, sum(message.role == "user" for message in self.messages) - 1) == 0


class ExampleSet(Struct, kw_only=True):
    """The examples of one data set, and what a user should know of how they were read.

    `shape` is the sentence that says how the columns were understood; `digest` is the SHA-256 of the
    examples themselves (not of their sources), in order. `notes` sum up what `example_notes` say of one
    example each.
    """

    name: str
    shape: str
    examples: Sequence[Example]
    held_out: Sequence[Example] = []
    held_out_name: str | None = None
    ignored_columns: list[str] = []
    notes: list[str] = []
    example_notes: Sequence[ExampleNote] = []
    digest: str = ""
    num_skipped: int = 0  # rows that cannot be trained on, left out with --skip-bad
    num_held_out_skipped: int = 0

    @property
    def kind(self) -> Kind:
        """Tell what all examples are; a data set holds one kind."""
        return self.examples[0].kind


def digest_of(examples: Iterable[Example]) -> str:
    """Return the SHA-256 over the content of `examples`, in order."""
    digest = ExamplesDigest()
    for example in examples:
        digest.add(example)
    return digest.finish()


class ExamplesDigest:
    """The SHA-256 over the content of examples that come one by one."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._lines = bytearray()

    def add(self, example: Example) -> None:
        """Add the next example."""
        self._lines += _encode_content(example)
        if len(self._lines) > DIGESTED_AT_ONCE:
            self._add_lines()

    def finish(self) -> str:
        """Return the digest of all examples."""
        self._add_lines()
        return self._digest.hexdigest()

    def _add_lines(self) -> None:
        self._digest.update(self._lines)
        self._lines.clear()


def _encode_content(example: Example) -> bytes:
    """Return what of an example is trained on, as a line of JSON."""
    content: tuple[object, ...] = (
        example.prompt,
        example.context,
        example.completion,
        example.text,
        example.num_prompt_messages,
        [_content_of(message) for message in example.messages],
    )
    if example.before:
        content += ([_content_of(message) for message in example.before],)
    if example.tools:
        content += (example.tools,)
    return msgspec.json.encode(content) + b"\n"


def _content_of(message: Message) -> tuple[object, ...]:
    """Return what of a turn is trained on."""
    content: tuple[object, ...] = (message.role, message.content)
    content += () if message.trained else (False,)
    return (*content, message.beside) if message.beside else content
