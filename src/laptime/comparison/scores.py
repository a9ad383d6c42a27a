"""Answers against references and against each other: chrF, which suits Korean, and exact match.

chrF compares character n-grams (Popović 2015, https://aclanthology.org/W15-3049/), computed by sacreBLEU
with its defaults (six characters, beta 2, whitespace left out). All scores run from 0 to 100.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from statistics import fmean
from typing import Any

from laptime.comparison.result import Score


def normalise(text: str) -> str:
    """Return `text` in Unicode NFC with every run of whitespace as one space and none at the ends.

    Korean can be stored composed or as separate jamo (NFD); both look the same and must count the same.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


@cache
def _metric() -> Any:
    """Return sacreBLEU's chrF, imported at first use."""
    from sacrebleu.metrics import CHRF

    return CHRF()


def chrf(text: str, reference: str) -> float:
    """Return the chrF of `text` against `reference`; two empty texts are alike (100)."""
    text, reference = normalise(text), normalise(reference)
    if text == reference:
        return 100.0
    return float(_metric().sentence_score(text, [reference]).score)


def is_exact(text: str, reference: str) -> bool:
    """Say whether both texts are the same but for whitespace and Unicode composition."""
    return normalise(text) == normalise(reference)


def likeness(first: str, second: str) -> float:
    """Return the mean of chrF in both directions, since neither of two answers is the reference."""
    return (chrf(first, second) + chrf(second, first)) / 2


def score(pairs: Iterable[tuple[str, str]], num_questions: int) -> Score | None:
    """Return the mean scores of (answer, reference) pairs over `num_questions`, or None without pairs.

    chrF is the mean over answers, so that it equals the mean of the figures shown at each question.
    """
    pairs = list(pairs)
    if not pairs:
        return None
    return Score(
        chrf=fmean(chrf(text, reference) for text, reference in pairs),
        exact_match=100 * fmean(is_exact(text, reference) for text, reference in pairs),
        num_questions=num_questions,
    )
