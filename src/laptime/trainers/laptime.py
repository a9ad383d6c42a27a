"""Laptime itself; its runs are those of laptime.training.run."""

from __future__ import annotations

TITLE = "Laptime"
SUMMARY = "this program"
PACKAGES = ()
METHODS = None  # all that there are
