"""The records with the longest prompts: what leaves no room for its answer is found among them first."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest
from itertools import islice

from laptime.data.records import Record

TRIED_FIRST = 16
LETTERS_TRIED = 200_000


def find_longest(records: Iterable[Record], max_length: int) -> list[Record]:
    """Return a few records, in their order, whose prompts may have more than `max_length` tokens.

    A letter has at most four bytes, and a token is a byte at least.
    """
    numbered = ((count_before_answer(record), -number, record) for number, record in enumerate(records))
    longest = nlargest(TRIED_FIRST, (item for item in numbered if 4 * item[0] > max_length), _by_length)
    chosen: list[tuple[int, Record]] = []
    num_letters = 0
    for count, number, record in longest:
        num_letters += count
        if chosen and num_letters > LETTERS_TRIED:
            break
        chosen.append((-number, record))
    return [record for _, record in sorted(chosen, key=lambda item: item[0])]


def count_before_answer(record: Record) -> int:
    """Return how many letters stand before the first answer that is trained."""
    if record.text is not None:
        return 0
    if not record.messages:
        before = sum(len(message.content) for message in record.before)
        return before + len(record.prompt or "") + len(record.context) + len(record.tools)
    later = islice(enumerate(record.messages), record.num_prompt_messages, None)
    first = next((index for index, m in later if m.role == "assistant" and m.trained), 0)
    return len(record.tools) + sum(len(message.content) for message in record.messages[:first])


def _by_length(item: tuple[int, int, Record]) -> tuple[int, int]:
    return item[:2]
