"""A result with every text in it made harmless to show."""

from __future__ import annotations

import msgspec

from laptime.comparison.result import ComparisonResult
from laptime.report.plain_text import clean_all


def sanitise(result: ComparisonResult) -> ComparisonResult:
    """Return a copy of `result` whose texts hold no control characters and no direction overrides."""
    return msgspec.convert(clean_all(msgspec.to_builtins(result)), ComparisonResult)
