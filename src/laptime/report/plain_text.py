"""Text of users and models made harmless: for a page, for Markdown, for a terminal.

Questions, answers, names and messages come from files and models: any of them may hold markup, control
characters or marks that turn the direction of the text around them.
"""

from __future__ import annotations

import re
import unicodedata

from laptime.errors import is_harmful

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")
_NUMBER_UNIT = re.compile(
    r"(?<=\d) (?=(?:%|µs|ms|s|min|h|[kMGT]?B|[kMT])(?![A-Za-z\d]))"
    r"|(?<=\d min) (?=\d+ s)|(?<=\d h) (?=\d+ min)"
)
_BRACKET_PARTICLE = re.compile(r"(?<=\))(?=[가-힣])")
_GAP = re.compile(r"\n(?:[^\S\n]*\n){2,}")
_EDGES = re.compile(r"\A(?:[^\S\n]*\n)+|(?:\n[^\S\n]*)+\Z")
_LINE_START = re.compile(r"^(\s*)(?:([-+=])(?=[\s=-]|$)|(\d+)([.)])(?=\s|$))")


def clean(text: object) -> str:
    """Return `text` with control characters, lone surrogates and direction overrides replaced by U+FFFD.

    Line ends become "\\n"; tabs stay.
    """
    normal = str(text).replace("\r\n", "\n").replace("\r", "\n")
    if normal.isprintable():
        return normal
    return "".join(_REPLACEMENT if char not in "\n\t" and is_harmful(char) else char for char in normal)


def close_gaps(text: str) -> str:
    """Return `text` as it is shown: without blank lines around it, and one where several stand together."""
    return _GAP.sub("\n\n", _EDGES.sub("", clean(text)))


def clean_all(value: object) -> object:
    """Return `value` with `clean` applied to every text in it, keys of mappings included."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_all(key): clean_all(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_all(item) for item in value]
    return value


def keep_unbroken(text: str) -> str:
    """Return a sentence in which no line begins with a unit, or with a Korean particle after a bracket."""
    return _BRACKET_PARTICLE.sub("\N{WORD JOINER}", _NUMBER_UNIT.sub("\N{NO-BREAK SPACE}", text))


def escape_markdown(text: object) -> str:
    """Return one paragraph of Markdown that shows `text` as it is: no markup, no links, no HTML."""
    escaped = _MARKUP.sub(r"\\\1", clean(text))
    escaped = escaped.replace("://", "&#58;//").replace("@", "&#64;")
    escaped = re.sub(r"(?i)\bwww\.", lambda match: match[0][:-1] + "&#46;", escaped)
    return " ".join(_escape_line_start(escaped).split())


def _escape_line_start(text: str) -> str:
    """Escape what would begin a list or underline a heading."""
    return _LINE_START.sub(
        lambda match: match[1] + (f"\\{match[2]}" if match[2] else f"{match[3]}\\{match[4]}"), text
    )


def quote_markdown(text: object) -> str:
    """Return `text` as a blockquote, its lines kept."""
    lines = clean(text).expandtabs(4).split("\n")
    return "  \n".join(f"> {escape_markdown(line)}" if line.strip() else ">" for line in lines)


def code_markdown(text: object) -> str:
    """Return `text` as inline code, fenced by more backticks than it holds."""
    content = " ".join(clean(text).split())
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest or not content else ""
    return f"{fence}{gap}{content}{gap}{fence}".replace("|", "\\|")


def fence_markdown(text: object, kind: str = "") -> str:
    """Return `text` as a block of code, fenced by more backticks than it holds."""
    content = clean(text)
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{content}\n{fence}"


def is_korean(text: str) -> bool:
    """Say whether `text` holds Korean syllables, and so breaks its lines between words alone."""
    return any("가" <= char <= "힣" for char in text)


def wrap_words(text: str, columns: int) -> str:
    """Break lines at blanks alone, so that a path or a command that is longer stays whole."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.append("")
        for word in paragraph.split(" "):
            longer = f"{lines[-1]} {word}"
            if not lines[-1]:
                lines[-1] = word
            elif width(longer) <= columns:
                lines[-1] = longer
            else:
                lines.append(word)
    return "\n".join(lines)


def width(text: str) -> int:
    """Return the columns that `text` takes in a terminal: two for a wide character."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
