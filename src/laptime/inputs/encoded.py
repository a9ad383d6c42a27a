"""Records as token ids, kept in one file that every run of a comparison reads."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from laptime.errors import UserError
from laptime.inputs.records import Remark
from laptime.whole_file import write_whole


class EncodedRecord(Struct):
    """One record: `trained[i]` says whether token i carries loss; `cut` counts the tokens cut off its end.

    The first token is never trained: nothing stands before it that could predict it.
    """

    token_ids: list[int]
    trained: list[bool]
    source: str
    cut: int = 0


class Question(Struct):
    """A question for the base and every result; `prompt_ids` are the tokens that training would show.

    `source` is where it stands: "asked" is neither trained on nor held out.
    """

    question: str
    prompt_ids: list[int]
    reference: str | None
    source: Literal["asked", "held_out", "trained"]


class Counts(Struct, kw_only=True):
    """Sizes of the training set (one epoch); `num_held_out...` those of the held-out set."""

    num_records: int
    num_held_out: int
    num_tokens: int
    num_trained_tokens: int
    num_held_out_tokens: int
    num_held_out_trained_tokens: int
    num_cut: int  # records that were cut
    num_cut_tokens: int
    num_special_text: int  # special-token text in the data, encoded as ordinary text
    num_unknown_tokens: int  # tokens that stand for characters the tokenizer does not know


class EncodedData(Struct, kw_only=True):
    """A data set ready for training; `notes` are sentences that the user should read, `remarks` say the
    same of single records.

    `template` is a name or the user's template string: `templates.make_template` gives the same again.
    `stop_ids` end an answer. `digest` is the SHA-256 over token ids and trained positions of both sets.
    """

    name: str
    digest: str
    template: str
    template_reason: str
    shape: str
    records: list[EncodedRecord]
    held_out: list[EncodedRecord]
    questions: list[Question]
    stop_ids: list[int]
    num_special_text: int
    encode_seconds: float
    counts: Counts
    max_length: int
    train_on: Literal["answers", "all"]
    held_out_name: str | None = None
    ignored_columns: list[str] = []
    notes: list[str] = []
    remarks: list[Remark] = []


def write_encoded(path: Path, data: EncodedData) -> None:
    """Write `data` as MessagePack in one move, so that a reader never sees half of it."""
    write_whole(path, msgspec.msgpack.encode(data))


def read_encoded(path: Path) -> EncodedData:
    """Read what `write_encoded` wrote; raises UserError, naming the file, for anything else."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=EncodedData)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not the encoded data of this version of laptime ({error})") from None


def digest_encoded(*sets: Iterable[EncodedRecord]) -> str:
    """Return the SHA-256 over token ids and trained positions of record sets, in order."""
    digest = hashlib.sha256()
    for records in sets:
        digest.update(b"set")
        for record in records:
            add_to_digest(digest, record)
    return digest.hexdigest()


def digest_step(records: Iterable[EncodedRecord]) -> str:
    """Return a short SHA-256 over the token ids and trained positions of `records`, in order."""
    digest = hashlib.sha256()
    for record in records:
        add_to_digest(digest, record)
    return digest.hexdigest()[:16]


def digest_tokens(token_ids: list[int]) -> str:
    """Return a short SHA-256 over token ids."""
    return hashlib.sha256(array("I", token_ids).tobytes()).hexdigest()[:32]


def add_to_digest(digest: Any, record: EncodedRecord) -> None:
    """Add the length, the token ids and the trained positions of a record to a hash."""
    digest.update(len(record.token_ids).to_bytes(4, "little"))
    digest.update(array("I", record.token_ids).tobytes())
    digest.update(bytes(record.trained))
