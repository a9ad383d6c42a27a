"""What a user should know of the encoded records: what was cut, counted, unknown or left out."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from laptime.inputs.encoded import Counts, EncodedRecord
from laptime.inputs.records import Record, Remark, name_sources
from laptime.inputs.templates import Template
from laptime.inputs.tokens import Tokens


class Encoded(Struct):
    """A record with its tokens, and where its last answer begins.

    `num_special_text`: how much special-token text stands in it. `is_lost`: the tokenizer has no token for
    its answer.
    """

    record: Record
    tokens: EncodedRecord
    prompt_ids: list[int]
    is_lost: bool = False
    num_special_text: int = 0


def make_remarks(items: list[Encoded], unknown_id: int | None) -> Iterator[Remark]:
    """Yield what was cut from each record or counted in it."""
    for item in items:
        source, ids = item.record.source, item.tokens.token_ids
        if cut := item.tokens.cut:
            yield Remark(source, f"{_plural(cut, 'token')} cut off its end, {len(ids)} left")
        if count := item.num_special_text:
            yield Remark(source, f"special-token text {_times(count)}, encoded as ordinary text")
        if unknown_id is not None and (unknown := ids.count(unknown_id)):
            yield Remark(source, f"{_plural(unknown, 'token')} unknown to the tokenizer")


def make_notes(
    items: list[Encoded], tokens: Tokens, template: Template, counts: Counts, max_length: int
) -> Iterator[str]:
    """Yield what a user should know of the tokens."""
    letters = _collect_letters(items, template)
    yield from _note_cuts([item.tokens for item in items], max_length)
    if counts.num_unknown_tokens:
        yield _tell_unknown(letters, tokens, counts)
    if dropped := tokens.find_dropped(letters):
        yield f"the tokenizer leaves out {_show_letters(dropped)}: it has no token for them"
    if count := counts.num_special_text:
        yield f"special-token text stands in the data {_times(count)}: encoded as ordinary text"


def _note_cuts(records: list[EncodedRecord], max_length: int) -> Iterator[str]:
    """Name the records whose answers were cut."""
    cut = [record for record in records if record.cut]
    if cut:
        named = name_sources([f"{record.source} (-{record.cut})" for record in cut])
        yield (
            f"{len(cut)} of {len(records)} records cut to --max-length {max_length} at the end of their "
            f"answer, whose end of sequence is then not trained: {named}"
        )


def _collect_letters(items: list[Encoded], template: Template) -> list[str]:
    """Return every different letter of the template and of the data, in order of appearance."""
    letters = dict.fromkeys(template.fill("") if template.pattern else "")
    for item in items:
        record = item.record
        for text in (record.prompt, record.context, record.completion, record.text):
            letters.update(dict.fromkeys(text or ""))
        for message in (*record.before, *record.messages):
            letters.update(dict.fromkeys(message.content))
    return list(letters)


def _tell_unknown(letters: list[str], tokens: Tokens, counts: Counts) -> str:
    """Say which characters the tokenizer does not know: the model can neither read nor write them."""
    encoded = zip(letters, tokens.encode(letters), strict=True)
    unknown = [letter for letter, ids in encoded if tokens.unknown_id in ids]
    total = counts.num_tokens + counts.num_held_out_tokens
    return (
        f"{counts.num_unknown_tokens} of {total} tokens ({counts.num_unknown_tokens / total:.0%}) are "
        f"characters that this tokenizer does not know ({_show_letters(unknown)}): "
        f"the model can neither read nor write them"
    )


def _show_letters(letters: list[str]) -> str:
    """Return the first letters, quoted."""
    return " ".join(repr(letter) for letter in letters[:8]) + (" ..." if len(letters) > 8 else "")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s'[: count != 1]}"
