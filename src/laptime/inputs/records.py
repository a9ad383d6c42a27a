"""What a data file holds, whatever its shape was: pairs, conversations or plain text."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import msgspec
from msgspec import Struct

from laptime.errors import UserError

DIGESTED_AT_ONCE = 1000  # records

Kind = Literal["pairs", "conversations", "text"]


class Remark(Struct, frozen=True):
    """What a user should know of one record: what was cut, left out, counted, or why it was refused."""

    source: str
    text: str


class RecordsError(UserError):
    """Records that cannot be trained on: one line for the first of them, and all with their reasons."""

    def __init__(self, message: str, remarks: list[Remark]) -> None:
        super().__init__(message)
        self.remarks = remarks


class Message(Struct, gc=False):
    """One turn; `role` is system, user, assistant or tool. An answer not `trained` is context alone."""

    role: str
    content: str
    trained: bool = True


class Record(Struct, kw_only=True, gc=False):
    """One example: a prompt with its completion, or a conversation, or a text.

    `source` names where it stands: "train.jsonl:17", "train.parquet row 17". Assistant turns among the
    first `num_prompt_messages` messages are history and carry no loss. `before` holds what stands before the
    question of a pair: a system text, earlier turns. `remark` says what of the row was left out.
    """

    source: str
    prompt: str | None = None
    completion: str | None = None
    context: str = ""
    before: list[Message] = []
    messages: list[Message] = []
    num_prompt_messages: int = 0
    text: str | None = None
    remark: str = ""

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
        return self.messages[-1].content if self.messages else self.completion

    @property
    def is_alone(self) -> bool:
        """Tell whether the question has no other turns before it (a system text is none)."""
        earlier = sum(message.role == "user" for message in self.before)
        return earlier + max(0, sum(message.role == "user" for message in self.messages) - 1) == 0


class RecordSet(Struct, kw_only=True):
    """The records of one data set, and what a user should know of how they were read.

    `shape` is the sentence that says how the columns were understood; `digest` is the SHA-256 of the
    records themselves (not of their sources), in order. `notes` sum up what `remarks` say of one record each.
    """

    name: str
    shape: str
    records: list[Record]
    held_out: list[Record] = []
    held_out_name: str | None = None
    ignored_columns: list[str] = []
    notes: list[str] = []
    remarks: list[Remark] = []
    digest: str = ""

    @property
    def kind(self) -> Kind:
        """Tell what all records are; a data set holds one kind."""
        return self.records[0].kind


def name_sources(sources: list[str], shown: int = 5) -> str:
    """Return the first places and how many more there are."""
    more = f" and {len(sources) - shown} more" if len(sources) > shown else ""
    return ", ".join(sources[:shown]) + more


def digest_of(records: list[Record]) -> str:
    """Return the SHA-256 over the content of `records`, in order."""
    digest = hashlib.sha256()
    with ThreadPoolExecutor(1) as thread:  # beside the encoding of those that follow
        for begin in range(0, len(records), DIGESTED_AT_ONCE):
            lines = map(_encode_content, records[begin : begin + DIGESTED_AT_ONCE])
            thread.submit(digest.update, b"".join(lines))
    return digest.hexdigest()


def _encode_content(record: Record) -> bytes:
    """Return what of a record is trained on, as a line of JSON."""
    content: tuple[object, ...] = (
        record.prompt,
        record.context,
        record.completion,
        record.text,
        record.num_prompt_messages,
        [_content_of(message) for message in record.messages],
    )
    if record.before:
        content += ([_content_of(message) for message in record.before],)
    return msgspec.json.encode(content) + b"\n"


def _content_of(message: Message) -> tuple[object, ...]:
    """Return what of a turn is trained on."""
    return (message.role, message.content) if message.trained else (message.role, message.content, False)
