"""The training's template as Ollama has templates, and the Modelfile around it."""

from __future__ import annotations

from collections.abc import Sequence

from laptime.export.turn_format import TurnFormat

QUOTES = '"""'
CONTEXT = 4096  # tokens that Ollama gives a model by default


def write_go_template(found: TurnFormat) -> str:
    """Return the template of a Modelfile."""
    head = literal(found.head)
    if found.takes_system:
        system = f"{literal(found.before_system)}{{{{ .System }}}}{literal(found.after_system)}"
        head = f"{{{{ if .System }}}}{system}{{{{ else }}}}{head}{{{{ end }}}}"
    last = "{{ $last := eq (len (slice $.Messages $i)) 1 }}"
    return f"{head}{{{{ range $i, $m := .Messages }}}}{last}{write_turns(found)}{{{{ end }}}}"


def write_turns(found: TurnFormat) -> str:
    """Return what is written for each message; a template without turns writes the last question alone."""
    content, cue = "{{ $m.Content }}", literal(found.cue)
    if not found.has_turns:
        return f'{{{{ if and $last (eq $m.Role "user") }}}}{content}{cue}{{{{ end }}}}'
    behind = cue
    if found.answer != found.cue:
        behind = f"{{{{ if $last }}}}{cue}{{{{ else }}}}{literal(found.answer)}{{{{ end }}}}"
    turn = f"{{{{ if not $last }}}}{literal(found.turn)}{{{{ end }}}}"
    return (
        f'{{{{ if eq $m.Role "user" }}}}{content}{behind}'
        f'{{{{ else if eq $m.Role "assistant" }}}}{content}{turn}{{{{ end }}}}'
    )


def literal(text: str) -> str:
    """Return a text as a template holds it: as it stands, or in Go's quotes where it would be changed."""
    plain = all(letter.isprintable() or letter in "\n\t" for letter in text)
    if plain and "{{" not in text and not text.endswith("{") and '"' not in text:
        return text
    return f"{{{{ {quote(text)} }}}}"


def quote(text: str) -> str:
    """Return a text as Go writes it in quotes; no newline and nothing unprintable stands in it."""
    named = {"\\": "\\\\", '"': "\\x22", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    letters = [named.get(one) or (one if one.isprintable() else f"\\U{ord(one):08x}") for one in text]
    return f'"{"".join(letters)}"'


def write_modelfile(
    model: str,
    found: TurnFormat,
    stops: Sequence[str],
    positions: int | None,
    notes: Sequence[str],
    adapter: str = "",
) -> str:
    """Return a Modelfile: `model` and `adapter` as FROM and ADAPTER have them, `notes` as its comments."""
    lines = [f"# {note}" for note in notes]
    lines += [f"FROM {model}", *([f"ADAPTER {adapter}"] if adapter else [])]
    lines.append(f"TEMPLATE {QUOTES}{write_go_template(found)}{QUOTES}")
    lines += [f"PARAMETER stop {quote_parameter(stop)}" for stop in stops]
    if positions and positions < CONTEXT:
        lines.append(f"PARAMETER num_ctx {positions}")
    return "\n".join(lines) + "\n"


def quote_parameter(text: str) -> str:
    """Return the value of a parameter, which has no escapes."""
    return f"{QUOTES}{text}{QUOTES}" if '"' in text else f'"{text}"'
