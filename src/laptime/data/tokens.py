"""Text to token ids: what the tokenizer adds, what it must not read into the user's data.

Special-token text inside data ("<|eot_id|>" in an example) is data. It is marked before a template sees
it, and encoded as ordinary text; the same text written by a template is the special token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from laptime.data.bulk_tokens import BulkTokens, Ids

MARK = "\ufdd0"  # a noncharacter; data that hold it all the same get it doubled
_MARKS = re.compile(f"{MARK}({MARK}?)")


class Tokens:
    """A tokenizer, and what one has to know of it.

    `leading_ids` is what it puts before a text (BOS, for most). `special` matches the text of its
    special tokens (None where it has none).
    """

    def __init__(self, tokenizer: Any, in_bulk: bool = True) -> None:
        self.tokenizer = tokenizer
        self.eos_id: int | None = tokenizer.eos_token_id
        self.unknown_id: int | None = tokenizer.unk_token_id
        self.special_ids = _special_tokens(tokenizer)
        texts = sorted(self.special_ids, key=len, reverse=True)
        self.special = re.compile("|".join(map(re.escape, texts))) if texts else None
        self.leading_ids = self._find_leading_ids()
        self.adds_space = self._adds_space()
        self.num_special_text = 0
        self.has_plain_backend = _has_plain_backend(tokenizer)
        self.bulk = BulkTokens(self._encode_plain, self._backend if in_bulk else None)

    def has_special(self, text: str) -> bool:
        """Tell whether something in data would have to be marked."""
        return self.special is not None and (MARK in text or self.special.search(text) is not None)

    def protect(self, text: str) -> str:
        """Mark the special-token text in data, and count it."""
        if self.special is None:
            return text
        text = text.replace(MARK, MARK + MARK)
        marked, count = self.special.subn(lambda found: found[0][:1] + MARK + found[0][1:], text)
        self.num_special_text += count
        return marked

    def unprotect(self, text: str) -> str:
        """Take the marks away again."""
        return _MARKS.sub(r"\1", text) if MARK in text and self.special else text

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, with nothing added; special tokens only where they are not marked."""
        plain = [text for text in texts if text and MARK not in text]
        ids = iter(self._encode_plain(plain) if plain else [])
        return [
            [] if not text else self._encode_marked(text) if MARK in text else list(next(ids))
            for text in texts
        ]

    def encode_parts(self, examples: Sequence[Sequence[str]]) -> Ids:
        """Return the ids of every part of every example, so that a part never changes the one before it.

        Parts are encoded each for itself. A tokenizer that puts a space before every text
        (SentencePiece) would put one in the middle of the example: there a part is what the longer text
        has more than the shorter one, wherever the shorter one's ids stay as they are.
        """
        alone = self._encode_flat([part for parts in examples for part in parts])
        if not self.adds_space or all(len(parts) < 2 for parts in examples):
            return alone
        longer = ["".join(parts[: end + 1]) for parts in examples for end in range(1, len(parts))]
        separate, together = iter(alone.lists()), iter(self._encode_flat(longer).lists())
        found: list[list[int]] = []
        for parts in examples:
            found += _differences([next(separate) for _ in parts], together)
        return Ids.of_lists(found)

    def _encode_flat(self, texts: list[str]) -> Ids:
        """Return what `encode` does, of many texts."""
        if all(text and MARK not in text for text in texts):
            return self.bulk.encode(texts)
        return Ids.of_lists(self.encode(texts))

    def find_dropped(self, letters: Sequence[str]) -> list[str]:
        """Return those of `letters` for which the tokenizer has no token, not even one for the unknown."""
        return [letter for letter, ids in zip(letters, self.encode(letters), strict=True) if not ids]

    def _encode_plain(self, texts: list[str]) -> list[list[int]]:
        """Encode texts of which none holds a mark."""
        if self._backend is None:
            return list(self.tokenizer(texts, add_special_tokens=False)["input_ids"])
        # A call sets the backend: nothing cut, nothing padded. It would also ask where each token stands.
        self.tokenizer("a", add_special_tokens=False)
        return [one.ids for one in self._backend.encode_batch_fast(texts, add_special_tokens=False)]

    @property
    def _backend(self) -> Any:
        """Return what does the work of a call, where a call does nothing else; else None."""
        return self.tokenizer.backend_tokenizer if self.has_plain_backend else None

    def _encode_marked(self, text: str) -> list[int]:
        """Encode a text in which marked and real special tokens stand side by side."""
        ids: list[int] = []
        position = 0
        for found in self.special.finditer(text) if self.special else ():
            ids += self._encode_data(text[position : found.start()])
            ids.append(self.special_ids[found[0]])
            position = found.end()
        return ids + self._encode_data(text[position:])

    def _encode_data(self, text: str) -> list[int]:
        """Encode text in which nothing is a special token."""
        if not text:
            return []
        plain = self.unprotect(text)
        return list(self.tokenizer(plain, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def _find_leading_ids(self) -> list[int]:
        """Return what the tokenizer puts before a text."""
        bare = list(self.tokenizer("a", add_special_tokens=False)["input_ids"])
        whole = list(self.tokenizer("a")["input_ids"])
        for start in range(len(whole) - len(bare) + 1):
            if whole[start : start + len(bare)] == bare:
                return whole[:start]
        return []

    def _adds_space(self) -> bool:
        """Tell whether a text begins with a space that nobody wrote."""
        ids = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        return bool(ids) and self.tokenizer.convert_ids_to_tokens(ids)[0].startswith(("▁", "Ġ"))


def _has_plain_backend(tokenizer: Any) -> bool:
    """Tell whether a call of the tokenizer is a call of its backend and nothing else."""
    owners = {
        name: next((kind.__name__ for kind in type(tokenizer).__mro__ if name in vars(kind)), "")
        for name in ("__call__", "_encode_plus")
    }
    return list(owners.values()) == ["PreTrainedTokenizerBase", "TokenizersBackend"]


def _special_tokens(tokenizer: Any) -> dict[str, int]:
    """Return the text and the id of every special token."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    special = {token.content: index for index, token in added.items() if token.special}
    for text in tokenizer.all_special_tokens:
        special.setdefault(text, tokenizer.convert_tokens_to_ids(text))
    return {text: index for text, index in special.items() if text and index is not None}


def _differences(separate: list[list[int]], together: Iterator[list[int]]) -> Iterator[list[int]]:
    """Yield what each part adds to those before it; where it changes what came before, the part by itself.

    `together` gives the ids of the first two parts as one text, of the first three, and so on.
    """
    so_far: list[int] = []
    for index, alone in enumerate(separate):
        whole = next(together) if index else alone
        part = whole[len(so_far) :] if whole[: len(so_far)] == so_far else alone
        yield part
        so_far = so_far + part
