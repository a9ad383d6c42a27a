"""Scores of answers against sacreBLEU and by hand."""

from __future__ import annotations

import unicodedata

import pytest

from laptime.comparison.scores import chrf, is_exact, likeness, normalise, score

KOREAN = "검색 증강 생성은 문서를 찾아 답합니다."


def test_chrf_is_that_of_sacrebleu() -> None:
    """The score is sacreBLEU's sentence chrF."""
    from sacrebleu.metrics import CHRF

    text = "검색 증강은 문서를 찾습니다."
    assert chrf(text, KOREAN) == pytest.approx(CHRF().sentence_score(text, [KOREAN]).score)
    assert 20 < chrf(text, KOREAN) < 80


def test_unicode_composition_and_spaces_do_not_count() -> None:
    """Korean in separate jamo is the same text."""
    decomposed = unicodedata.normalize("NFD", KOREAN)
    assert decomposed != KOREAN
    assert chrf(decomposed, KOREAN) == 100
    assert is_exact(f"  {decomposed}\n", KOREAN)
    assert normalise(" a\t b\n") == "a b"
    assert not is_exact(KOREAN[:-1], KOREAN)


def test_empty_answers() -> None:
    """Nothing against something scores 0, nothing against nothing is the same."""
    assert chrf("", KOREAN) == 0
    assert chrf("", "") == 100


def test_likeness_is_symmetric() -> None:
    """chrF is not; likeness is."""
    one, other = "abce fgh", "abcd"
    assert chrf(one, other) != chrf(other, one)
    assert likeness(one, other) == likeness(other, one) == (chrf(one, other) + chrf(other, one)) / 2


def test_score_is_the_mean() -> None:
    """Half of the answers exact; without pairs no score."""
    result = score([(KOREAN, KOREAN), ("", KOREAN)], num_questions=2)
    assert result is not None
    assert (result.chrf, result.exact_match, result.num_questions) == (50.0, 50.0, 2)
    assert score([], 0) is None
