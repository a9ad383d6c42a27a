"""The examples with the longest prompts: what leaves no room for its answer is found among them first."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest
from itertools import islice

from laptime.data.examples import Example

TRIED_FIRST = 16
LETTERS_TRIED = 200_000


def find_longest(examples: Iterable[Example], max_length: int) -> list[Example]:
    """Return a few examples, in their order, whose prompts may have more than `max_length` tokens.

    A letter has at most four bytes, and a token is a byte at least.
    """
    numbered = ((count_before_answer(example), -number, example) for number, example in enumerate(examples))
    longest = nlargest(TRIED_FIRST, (item for item in numbered if 4 * item[0] > max_length), _by_length)
    chosen: list[tuple[int, Example]] = []
    num_letters = 0
    for count, number, example in longest:
        num_letters += count
        if chosen and num_letters > LETTERS_TRIED:
            break
        chosen.append((-number, example))
    return [example for _, example in sorted(chosen, key=lambda item: item[0])]


def count_before_answer(example: Example) -> int:
    """Return how many letters stand before the first answer that is trained."""
    if example.text is not None:
        return 0
    if not example.messages:
        before = sum(len(message.content) for message in example.before)
        return before + len(example.prompt or "") + len(example.context) + len(example.tools)
    later = islice(enumerate(example.messages), example.num_prompt_messages, None)
    first = next((index for index, m in later if m.role == "assistant" and m.trained), 0)
    return len(example.tools) + sum(len(message.content) for message in example.messages[:first])


def _by_length(item: tuple[int, int, Example]) -> tuple[int, int]:
    return item[:2]
