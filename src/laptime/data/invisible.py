"""Text in which nothing can be seen: no answer, no question, no turn."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Controls, formats (zero-width letters, tags), separators, marks that need a letter to stand on.
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn"})
# Letters and symbols by their category that are drawn as nothing: the Braille blank, the fillers of Hangul
# and the null note head.
_UNSEEN = frozenset("\u2800\u115f\u1160\u3164\uffa0\U0001d159")
# Unassigned, but to be drawn as nothing (Unicode's Default_Ignorable_Code_Point).
_IGNORABLE = (range(0xFFF0, 0xFFF9), range(0xE0000, 0xE1000), range(0x2065, 0x2066))


def is_blank(text: str) -> bool:
    """Tell whether a text holds nothing that can be seen."""
    first = text[:1]
    if (
        "!" <= first <= "~" or "가" <= first <= "힣"
    ):  # nearly every text; the rest takes a look at each letter
        return False
    return not any(map(_is_seen, text))


@lru_cache(4096)
def _is_seen(letter: str) -> bool:
    """Tell whether a letter is drawn as something, standing alone."""
    if unicodedata.category(letter) in _UNSEEN_CATEGORIES or letter in _UNSEEN:
        return False
    return not any(ord(letter) in codes for codes in _IGNORABLE)
