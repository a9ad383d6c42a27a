"""The words of a report in one language: strings by key, and names that carry their particles.

The strings stand in language_en*.py and language_ko*.py; a test holds both to the same keys and
placeholders. In Korean a placeholder may name the particle that follows: "{faster:이/가}".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from laptime.comparison.result import ComparisonResult
from laptime.report import (
    language_en,
    language_en_export,
    language_en_live,
    language_en_page,
    language_en_plan,
    language_en_terminal,
    language_en_write_up,
    language_ko,
    language_ko_export,
    language_ko_live,
    language_ko_page,
    language_ko_plan,
    language_ko_terminal,
    language_ko_write_up,
    quantities,
)
from laptime.report.quantities import Lang
from laptime.runs.contestants import split_name

_FILES = {
    "en": (
        language_en,
        language_en_export,
        language_en_live,
        language_en_page,
        language_en_plan,
        language_en_terminal,
        language_en_write_up,
    ),
    "ko": (
        language_ko,
        language_ko_export,
        language_ko_live,
        language_ko_page,
        language_ko_plan,
        language_ko_terminal,
        language_ko_write_up,
    ),
}
_STRINGS: dict[str, dict[str, str]] = {
    code: {key: text for file in files for key, text in file.STRINGS.items()}
    for code, files in _FILES.items()
}
_DIGITS_WITH_FINAL = "013678"
# Names of programs that are read otherwise than they are spelt: 랩타임, 티알엘, 액솔로틀.
_NAMES_WITH_FINAL = {"laptime": "any", "trl": "ㄹ", "axolotl": "ㄹ", "llamafactory": "", "litgpt": ""}
_LATIN_WITH_FINAL = "lmnbckpt"  # as read in Korean: -l ㄹ, -m ㅁ, -n ㄴ, and stops closed by a consonant


class Word(str):
    """A word that a format string may ask for with a Korean particle: "{name:은/는}"."""

    __slots__ = ()

    def __format__(self, particles: str) -> str:
        """Append the one of "with/without final consonant" that fits; no particles, no change."""
        with_final, slash, without = particles.partition("/")
        if not slash:
            return str(self)
        final = final_consonant(self)
        if with_final == "으로" and final == "ㄹ":
            return self + without
        return self + (with_final if final else without)


def final_consonant(word: str) -> str:
    """Return "ㄹ", "any" or "" for the sound on which `word` ends when read in Korean."""
    spoken = word.rstrip(" )]}'\"’”`.")
    if not spoken:
        return ""
    if spoken.lower() in _NAMES_WITH_FINAL:
        return _NAMES_WITH_FINAL[spoken.lower()]
    if re.search(r"(\d| [kMGT]?)B$", spoken):  # billions, read 비, and bytes, read 바이트
        return ""
    last = spoken[-1].lower()
    if "가" <= last <= "힣":
        index = (ord(last) - ord("가")) % 28
        return "" if index == 0 else "ㄹ" if index == 8 else "any"
    if last.isdigit():
        return "" if last not in _DIGITS_WITH_FINAL else "ㄹ" if last in "178" else "any"
    return "" if last not in _LATIN_WITH_FINAL else "ㄹ" if last == "l" else "any"


def choose_language(code: Lang, result: ComparisonResult) -> Language:
    """Return a language that knows whether there is one training alone, and which names users gave."""
    given = (row.name for row in result.methods if split_name(row.name)[0] != row.method)
    return Language(code, result.is_single, given)


class Language:
    """One of the languages of the report; with `single` it speaks of one training that nothing is beside."""

    def __init__(self, code: Lang, single: bool = False, names: Iterable[str] = ()) -> None:
        self.code: Lang = code
        self.single = single
        self.names = frozenset(names)  # that users gave: they stand as they are
        self.strings = _STRINGS[code]

    def say(self, key: str, **values: Any) -> str:
        """Return the string of `key` with `values` in its placeholders."""
        key = self._choose(key)
        words = {name: Word(value) if isinstance(value, str) else value for name, value in values.items()}
        return self.strings[key].format(**words)

    def _choose(self, key: str) -> str:
        """Return the key of the string for one training, where there is one."""
        single = f"{key}.single"
        return single if self.single and single in self.strings else key

    def knows(self, key: str) -> bool:
        """Say whether there is a string of `key`."""
        return key in self.strings

    def method(self, name: str) -> str:
        """Return a contestant's name within a sentence: "LoRA", "LoRA (again)", or as a user gave it."""
        if name in self.names:
            return name
        return self.short(name, self.strings.get(f"method.{split_name(name)[0]}", ""))

    def short(self, name: str, shown: str = "") -> str:
        """Return a contestant's name where there is little room: "lora", "lora (again)"."""
        method, number = split_name(name)
        if number == 1:
            return shown or name
        return self.say("again" if number == 2 else "again.more", method=shown or method, number=number)

    def title(self, name: str) -> str:
        """Return a method's name where it stands alone: "Full fine-tuning", "LoRA"."""
        known = name not in self.names and self.knows(f"method.{split_name(name)[0]}")
        return self.sentence(self.method(name)) if known else self.method(name)

    def sentence(self, text: str) -> str:
        """Return `text` as a sentence begins: in English with a large letter, unless it is a user's name."""
        if self._begins_with_name(text):
            return text
        return text[:1].upper() + text[1:] if self.code == "en" else text

    def within(self, sentence: str) -> str:
        """Return a sentence as it stands behind a colon: a name keeps its letters (LoRA, GaLore)."""
        return sentence if self._begins_with_name(sentence) else sentence[:1].lower() + sentence[1:]

    def _begins_with_name(self, text: str) -> bool:
        """Tell whether the first word is a user's name, or spelt as it is (rsLoRA)."""
        first = re.split(r"[^\w.-]", text, maxsplit=1)[0].rstrip(".")
        return first in self.names or any(letter.isupper() for letter in first[1:])

    def plural(self, key: str, number: int, **values: Any) -> str:
        """Return the string of `key` or, for one, of `key` + ".one"."""
        one = f"{self._choose(key)}.one"
        return self.say(one if number == 1 and self.knows(one) else key, number=number, **values)

    def join(self, parts: Sequence[str]) -> str:
        """Return `parts` as a list within a sentence."""
        if len(parts) < 2:
            return "".join(parts)
        return ", ".join(parts[:-1]) + self.strings["list.and"] + parts[-1]

    def chain(self, sentences: Sequence[str]) -> str:
        """Return sentences without full stops as one: in Korean "줄었습니다" becomes "줄었고" within."""
        if self.code == "en":
            return ", ".join(sentences)
        within = [re.sub("다릅니다$", "다르고", one.removesuffix("습니다") + "고" * one.endswith("습니다"))
                  for one in sentences[:-1]]  # fmt: skip
        return ", ".join([*within, *sentences[-1:]])

    def seconds(self, value: float | None) -> str:
        """Return a duration in this language."""
        return quantities.seconds(value, self.code)

    def short_seconds(self, value: float | None) -> str:
        """Return a duration in few letters in this language."""
        return quantities.short_seconds(value, self.code)

    def percent(self, share: float | None) -> str:
        """Return a share in percent in this language."""
        return quantities.percent(share, self.code)

    def ratio(self, value: float | None) -> str:
        """Return a ratio in this language."""
        return quantities.ratio(value, self.code)

    def confidence(self, value: float | None) -> str:
        """Return the confidence of an interval in this language."""
        return quantities.confidence(value, self.code)

    def count(self, value: float | None) -> str:
        """Return a number of parameters in this language."""
        return quantities.count(value, self.code)

    def about(self, value: float | None) -> str:
        """Return a ratio that is an estimate in this language."""
        return quantities.about(value, self.code)

    def difference(self, ratio: float | None) -> str:
        """Return how far a ratio lies from 1 in this language."""
        return quantities.difference(ratio, self.code)
