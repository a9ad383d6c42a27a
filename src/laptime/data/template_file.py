"""The file of a chat template, and whether a failure is its own fault or that of the example it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateError, TemplateSyntaxError

from laptime.models.tokenizer_files import SETTINGS_FILE, TEMPLATE_FILE

GIVEN = "given_template"  # the attribute of a tokenizer that names the template that the user gave it
_OF_TEMPLATES = ("<template>", "<unknown>")  # what jinja calls a template that it was given as text


def tell_template(tokenizer: Any, source: str, error: BaseException) -> str:
    """Return the line for a chat template that fails: its own fault, unless it refuses the example itself."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    why = lines[0][:160]
    if type(error) is TemplateError:  # what raise_exception(...) in a template raises
        return f"{source}: the chat template refuses this conversation ({why})"
    line = find_template_line(error)
    place = f" in its line {line}" if line else ""
    on = "" if isinstance(error, TemplateSyntaxError) else f" on {source}"
    return (
        f"{find_template_file(tokenizer)}: the chat template fails{place}{on} ({why}); mend it, or use "
        f"--template (qa-en, or a string)"
    )


def find_template_file(tokenizer: Any) -> Path:
    """Return the file that a tokenizer's chat template was read from, or the name of a given one."""
    if given := getattr(tokenizer, GIVEN, ""):
        return Path(given)
    folder = Path(getattr(tokenizer, "name_or_path", "") or ".")
    file = folder / TEMPLATE_FILE
    return file if file.is_file() else folder / SETTINGS_FILE


def find_template_line(error: BaseException) -> int | None:
    """Return the line of a template's text where it failed, None where that is not known."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in _OF_TEMPLATES:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
