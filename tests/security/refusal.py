"""What every refusal has in common."""

from __future__ import annotations

import pytest

from laptime.errors import UserError


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    """Return the text of an error, which is one line of bearable length."""
    text = str(error.value)
    assert "\n" not in text and len(text) < 400
    return text
