"""Figures as people read them: 9.3 s, 17 min 20 s, 4.9 GB (decimal), 11.3 M, 0.91 %, 2.31x.

A function whose units differ by language takes the language; all return "–" for a figure that is absent
or not finite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal, TypeGuard

Lang = Literal["en", "ko"]

ABSENT = "–"
MANY_HOURS = 100  # from here on in days
WIDE = 999.5  # an interval that ends beyond, or below its inverse, says no more than that nothing is known
_MINUTES = {"en": "{m} min {s} s", "ko": "{m}분 {s}초"}
_HOURS = {"en": "{h} h {m} min", "ko": "{h}시간 {m}분"}
_DAYS = {"en": "{d} d {h} h", "ko": "{d}일 {h}시간"}
_SECOND = {"en": " s", "ko": "초"}
_MILLI = {"en": " ms", "ko": "ms"}
_MICRO = {"en": " µs", "ko": "µs"}
_PERCENT = {"en": " %", "ko": "%"}
_TIMES = {"en": "x", "ko": "배"}


def known(value: float | None) -> TypeGuard[float]:
    """Say whether there is a finite figure."""
    return value is not None and math.isfinite(value)


def significant(value: float, digits: int) -> str:
    """Return `value` with `digits` significant digits, never in scientific notation."""
    if value == 0:
        return "0"
    value = float(f"{value:.{digits - 1}e}")  # so that 0.9996 has the places of 1.0
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(places, 12)}f}"


def seconds(value: float | None, lang: Lang = "en") -> str:
    """Return a duration: 240 ms, 1.04 s, 9.3 s, 17 min 20 s, 2 h 13 min, 5 d 3 h."""
    if not known(value):
        return ABSENT
    if value < 0.0009995:
        return significant(value * 1e6, 2) + _MICRO[lang] if value > 0 else "0" + _SECOND[lang]
    if value < 0.9995:
        return significant(value * 1e3, 3 if value >= 0.0995 else 2) + _MILLI[lang]
    if value < 59.95:
        return f"{value:.{2 if value < 1.995 else 1}f}" + _SECOND[lang]
    if value < 3599.5:
        return _MINUTES[lang].format(m=round(value) // 60, s=round(value) % 60)
    if value < MANY_HOURS * 3600 - 30:
        return _HOURS[lang].format(h=round(value / 60) // 60, m=round(value / 60) % 60)
    return _DAYS[lang].format(d=round(value / 3600) // 24, h=round(value / 3600) % 24)


def short_seconds(value: float | None, lang: Lang = "en") -> str:
    """Return a duration in few letters, for the terminal: 9.3 s, 17m20s, 2h13m, 5d03h; in Korean 17분20초."""
    if not known(value) or value < 59.95:
        return seconds(value, lang)
    day, hour, minute, second = "dhms" if lang == "en" else ("일", "시간", "분", "초")
    if value < 3599.5:
        return f"{round(value) // 60}{minute}{round(value) % 60:02d}{second}"
    if value < MANY_HOURS * 3600 - 30:
        return f"{round(value / 60) // 60}{hour}{round(value / 60) % 60:02d}{minute}"
    return f"{round(value / 3600) // 24}{day}{round(value / 3600) % 24:02d}{hour}"


def whole_seconds(value: float, lang: Lang = "en") -> str:
    """Return a duration that is told anew each second: 9 s, 17 min 20 s."""
    return f"{value:.0f}{_SECOND[lang]}" if value < 59.5 else seconds(value, lang)


def size(value: float | None) -> str:
    """Return a number of bytes in decimal units: 512 B, 45 MB, 4.9 GB."""
    return _scaled(value, ("B", "kB", "MB", "GB", "TB"), digits=2)


def count(value: float | None, lang: Lang = "en") -> str:
    """Return a count of parameters: 512, 45.1 k, 11.3 M, 1.24 B; in Korean 4.51만, 1,127만, 12.4억."""
    if lang == "en" or not known(value) or abs(value) < 9999.5:
        return _scaled(value, ("", "k", "M", "B", "T"), digits=3) if lang == "en" else integer(value)
    power, unit = next(
        (p, u) for p, u in ((12, "조"), (8, "억"), (4, "만")) if abs(value) >= 9.9995 * 10 ** (p - 1)
    )
    return significant(value / 10**power, 4 if abs(value) >= 999.5 * 10**power else 3) + unit


def about(value: float | None, lang: Lang = "en") -> str:
    """Return a ratio that is an estimate, in two digits: 1.5x, 12x."""
    return significant(value, 2) + _TIMES[lang] if known(value) else ABSENT


def _scaled(value: float | None, units: Sequence[str], digits: int) -> str:
    """Return `value` in the largest of `units`, each a thousand times the one before."""
    if not known(value):
        return ABSENT
    step = 0
    while step < len(units) - 1 and abs(value) >= 999.5:
        value, step = value / 1000, step + 1
    unit = units[step]
    text = f"{value:,.0f}" if step == 0 else significant(value, digits if abs(value) < 99.5 else 3)
    return f"{text} {unit}" if unit else text


def integer(value: float | None) -> str:
    """Return a whole number with its thousands apart: 1,234."""
    return f"{value:,.0f}" if known(value) else ABSENT


def rate(value: float | None) -> str:
    """Return tokens per second: 3.4, 51, 1,234."""
    if not known(value):
        return ABSENT
    return significant(value, 2) if 0 < value < 10 else integer(value)


def percent(share: float | None, lang: Lang = "en") -> str:
    """Return a share (1 is all of it) in percent: 0.91 %, 38 %, 100 %."""
    if not known(share):
        return ABSENT
    text = f"{share * 100:.0f}" if share == 0 or share >= 0.0995 else significant(share * 100, 2)
    return text + _PERCENT[lang]


def ratio(value: float | None, lang: Lang = "en", unit: bool = True) -> str:
    """Return a ratio: 0.0065x, 0.95x, 2.31x, 12.3x, 110x."""
    if not known(value):
        return ABSENT
    places = 2 if value < 9.995 else 1 if value < 99.95 else 0
    text = significant(value, 2) if abs(value) < 0.0995 else f"{value:,.{places}f}"
    return text + (_TIMES[lang] if unit else "")


def bound(value: float | None, lang: Lang = "en", unit: bool = False) -> str:
    """Return an end of an interval of ratios, no further out than it tells anything: 0.95, >999, <0.001."""
    times = _TIMES[lang] if unit else ""
    if known(value) and value >= WIDE:
        return ">999" + times
    if known(value) and value <= 1 / WIDE:
        return "<0.001" + times
    return ratio(value, lang, unit)


def confidence(value: float | None, lang: Lang = "en") -> str:
    """Return the confidence of an interval in percent, never rounded to certainty: 95 %, 99.2 %."""
    if not known(value) or not 0 < value < 1:
        return ABSENT
    doubt = 100 * (1 - value)
    places = 0 if abs(doubt - round(doubt)) < 1e-6 else max(1, -math.floor(math.log10(doubt)))
    return f"{100 * value:.{places}f}" + _PERCENT[lang]


def difference(ratio_: float | None, lang: Lang = "en") -> str:
    """Return how far a ratio lies from 1: 0.42 %, 12 %, and from twice on as a ratio, 2.31x."""
    if not known(ratio_) or ratio_ <= 0:
        return ABSENT
    above = max(ratio_, 1 / ratio_)
    if above >= 2:
        return bound(above, lang, unit=True)
    return re.sub(r"\.0(?=\D*$)", "", percent(above - 1, lang))


def loss(value: float | None) -> str:
    """Return a loss with three or four digits: 0.0123, 1.234, 11.76."""
    if not known(value):
        return ABSENT
    if abs(value) >= 10:
        return f"{value:.2f}"
    return f"{value:.3f}" if abs(value) >= 0.1 else significant(value, 3)


def change(value: float | None) -> str:
    """Return a change of a loss with its sign: +0.390, −0.0123."""
    return f"{'+' if value >= 0 else '−'}{loss(abs(value))}" if known(value) else ABSENT


def score(value: float | None) -> str:
    """Return a score from 0 to 100: 97.2."""
    return f"{value:.1f}" if known(value) else ABSENT


def learning_rate(value: float | None) -> str:
    """Return a learning rate: 2e-4, 1.5e-5."""
    if not known(value):
        return ABSENT
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def spread(values: Sequence[float]) -> float | None:
    """Return the share of the median that lies between the least and the greatest of `values`."""
    finite = sorted(value for value in values if known(value))
    if len(finite) < 2:
        return None
    middle = (finite[(len(finite) - 1) // 2] + finite[len(finite) // 2]) / 2
    return (finite[-1] - finite[0]) / middle if middle > 0 else None
