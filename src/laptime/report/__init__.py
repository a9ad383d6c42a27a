"""A comparison as a page, as a Markdown write-up and as a table in the terminal."""

from laptime.report.page import render_report

__all__ = ["render_report"]
