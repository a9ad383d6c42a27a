"""What `laptime data` prints: what will be trained, and exactly which tokens carry loss."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import numpy
from msgspec import Struct
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from laptime.data.encoded import EncodedData, EncodedExample
from laptime.data.examples import ExampleNote
from laptime.data.tables import tell_columns
from laptime.data.templates import NAMES

OPEN, CLOSE = "⟦", "⟧"  # around what is trained, where there are no colours
SEAM = "·"  # between tokens
TRAINED, CONTEXT, SPECIAL = "bold green", "dim", "magenta"
LABEL_WIDTH = 10
SHOWN_LETTERS = 700  # of one part of an example; the middle of a longer one is left out
SHOWN_NOTES = 20  # on single examples, unless all are asked for
LONGEST_GROUP = 12  # tokens that may together be one character


class Piece(Struct):
    """Tokens that decode to whole characters, all trained or all not."""

    text: str
    trained: bool
    special: bool
    num_tokens: int


def print_preview(
    data: EncodedData,
    tokenizer: Any,
    console: Console,
    limit: int = 3,
    tokens: bool = False,
    all_notes: bool = False,
) -> None:
    """Print how the data was understood, its lengths, what was cut, and the first `limit` examples.

    With `tokens` every token is set apart, with `all_notes` no example is left out that was cut or counted.
    Without colours the trained part stands between ⟦ and ⟧.
    """
    for label, text in _summary(data):
        console.print(_labelled(label, "bold", text, console))
    for note in data.notes:
        console.print(_labelled("note", "bold yellow", visible(note), console))
    print_example_notes(data.example_notes, "notes on", console, all_notes)
    shown = data.examples[:limit]
    if not shown:
        return
    marks = not console.is_terminal or console.no_color
    console.print()
    console.print(_legend(tokens, marks))
    for example in shown:
        console.print()
        console.print(_heading(example))
        console.print(_render(example, tokenizer, tokens, marks), soft_wrap=False)
    if len(data.examples) > limit:
        console.print()
        console.print(Text(f"... and {_plural(len(data.examples) - limit, 'more example')}", style="dim"))


def describe(data: EncodedData, tokenizer: Any, limit: int = 3) -> dict[str, Any]:
    """Return what `print_preview` prints as plain values; `counts` are of all examples."""
    counts = data.counts
    return {
        "summary": [{"label": label, "text": text} for label, text in _summary(data)],
        "counts": {
            "examples": counts.num_records,
            "held_out": counts.num_held_out,
            "tokens": counts.num_tokens,
            "trained_tokens": counts.num_trained_tokens,
            "cut": counts.num_cut,
        },
        "template": data.template,
        "notes": list(data.notes),
        "example_notes": [
            {"source": note.source, "text": note.text} for note in data.example_notes[:SHOWN_NOTES]
        ],
        "examples": [
            {
                "source": example.source,
                "tokens": len(example.token_ids),
                "trained": sum(example.trained),
                "cut": example.cut,
                "pieces": [
                    {"text": piece.text, "trained": piece.trained, "special": piece.special}
                    for run in _list_runs(example, tokenizer)
                    for piece in _elide(run)
                ],
            }
            for example in data.examples[:limit]
        ],
    }


def print_example_notes(
    example_notes: Sequence[ExampleNote], label: str, console: Console, everything: bool
) -> None:
    """Print what is to be said of single examples, each on a line of its own; of many the first ones."""
    if not example_notes:
        return
    sources = numpy.fromiter((hash(note.source) for note in example_notes), numpy.int64, len(example_notes))
    count = len(numpy.unique(sources))
    console.print(_labelled(label, "bold yellow", f"{_plural(count, 'example')}:", console))
    shown = example_notes if everything else example_notes[:SHOWN_NOTES]
    for note in shown:
        console.print(Text(f"{visible(note.source)}: {visible(note.text)}"), soft_wrap=True)
    if len(example_notes) > len(shown):
        console.print(
            Text(f"... and {len(example_notes) - len(shown):,} more; --all lists them", style="dim")
        )


def make_pieces(example: EncodedExample, tokenizer: Any) -> Iterator[Piece]:
    """Yield the example's tokens as readable pieces.

    Byte-level tokens that split a Korean syllable are put together until they decode to whole characters.
    """
    special = set(tokenizer.all_special_ids) | {
        index for index, token in getattr(tokenizer, "added_tokens_decoder", {}).items() if token.special
    }
    anchor = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    before = tokenizer.decode(anchor)
    group: list[int] = []
    ids, are_trained = example.token_ids, example.trained
    for position, (token, trained) in enumerate(zip(ids, are_trained, strict=True)):
        if token in special:
            yield Piece(str(tokenizer.convert_ids_to_tokens(token)), trained, True, 1)
            continue
        group.append(token)
        # Decoded behind an anchor, for many tokenizers drop the space before a text's first word.
        text = tokenizer.decode(anchor + group).removeprefix(before)
        last = position + 1 == len(ids)
        ends = last or are_trained[position + 1] != trained or ids[position + 1] in special
        if ends or not text.endswith("\ufffd") or len(group) == LONGEST_GROUP:
            yield Piece(text, trained, False, len(group))
            group = []


def visible(text: str) -> str:
    """Return `text` with control and direction characters written out: nothing in data steers a terminal."""
    return "".join(
        letter
        if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs") or letter == "\u200d"
        else f"\\u{ord(letter):04x}"
        for letter in text
    )


def _summary(data: EncodedData) -> Iterator[tuple[str, str]]:
    """Yield the labelled lines above the examples."""
    counts = data.counts
    yield "data", f"{visible(data.name)}: {_plural(counts.num_records, 'example')}, {data.shape}"
    if skipped := _tell_skipped(counts.num_skipped, counts.num_held_out_skipped):
        yield "left out", skipped
    if data.ignored_columns:
        yield "ignored", visible(tell_columns(data.ignored_columns, len(data.ignored_columns)))
    if counts.num_held_out:
        named = f" from {data.held_out_name}" if data.held_out_name else ""
        yield "held out", visible(f"{_plural(counts.num_held_out, 'example')}{named}")
    else:
        yield "held out", "none, so nothing is claimed about quality; --held-out FILE or 0.1 sets some apart"
    name = data.template if data.template in NAMES else repr(data.template)
    yield "template", f"{visible(name)} ({data.template_reason})"
    share = counts.num_trained_tokens / max(1, counts.num_tokens)
    answers = "the text with its end" if data.shape.startswith("plain text") else "answers with their end"
    what = answers if data.train_on == "answers" else "everything (--train-on all)"
    yield "trained", f"{counts.num_trained_tokens:,} of {counts.num_tokens:,} tokens ({share:.0%}): {what}"
    yield "lengths", _tell_lengths(data)
    yield "questions", _tell_questions(data)


def _tell_skipped(num_skipped: int, num_held_out_skipped: int) -> str:
    """Say how many examples were left out because they cannot be trained on, "" where none was."""
    if not num_skipped + num_held_out_skipped:
        return ""
    held_out = f", {num_held_out_skipped:,} of them held out" if num_held_out_skipped else ""
    count = _plural(num_skipped + num_held_out_skipped, "bad example")
    return f"{count}{held_out} (--skip-bad); what is wrong with them stands in the notes"


def _tell_lengths(data: EncodedData) -> str:
    """Return the one-line summary of lengths."""
    lengths, trained = data.examples.lengths, data.examples.trained_lengths
    cut = f"{data.counts.num_cut} cut" if data.counts.num_cut else "none cut"
    return (
        f"{_spread(lengths)} tokens an example, {_spread(trained)} trained (min/median/max); "
        f"limit {data.max_length}, {cut}"
    )


def _spread(values: NDArray[Any]) -> str:
    if not len(values):
        return "0/0/0"
    return f"{values.min()}/{numpy.median(values):.0f}/{values.max()}"


def _tell_questions(data: EncodedData) -> str:
    """Say what will be asked at the end."""
    if not data.questions:
        return "none; --ask asks one"
    sources = [question.source for question in data.questions]
    names = {"asked": "asked with --ask", "held_out": "held out", "trained": "also trained on (memorisation)"}
    return ", ".join(f"{sources.count(source)} {name}" for source, name in names.items() if source in sources)


def _legend(tokens: bool, marks: bool) -> Text:
    """Return the line that explains the marks."""
    seam = f"; {SEAM} between tokens" if tokens else ""
    if marks:
        return Text(f"{OPEN}trained{CLOSE}, the rest is context; ↵ line break{seam}")
    return Text.assemble(
        ("trained", TRAINED),
        ", ",
        ("context", CONTEXT),
        ", ",
        ("special token", SPECIAL),
        f"; ↵ line break{seam}",
    )


def _heading(example: EncodedExample) -> Text:
    """Return the line above an example."""
    heading = Text(visible(example.source), style="bold")
    cut = f", {_plural(example.cut, 'token')} cut off its end" if example.cut else ""
    heading.append(
        f"  {_plural(len(example.token_ids), 'token')}, {sum(example.trained)} trained{cut}",
        style="not bold dim",
    )
    return heading


def _render(example: EncodedExample, tokenizer: Any, tokens: bool, marks: bool) -> Text:
    """Return an example, its trained part set off."""
    rendered = Text()
    for run in _list_runs(example, tokenizer):
        rendered.append_text(_render_run(run, tokens, marks))
    return rendered


def _list_runs(example: EncodedExample, tokenizer: Any) -> Iterator[list[Piece]]:
    """Yield neighbouring pieces that are all trained or all not."""
    for _, run in itertools.groupby(make_pieces(example, tokenizer), key=lambda piece: piece.trained):
        yield list(run)


def _render_run(run: list[Piece], tokens: bool, marks: bool) -> Text:
    """Return neighbouring pieces of one kind; the middle of a long run is left out."""
    trained = run[0].trained
    style = TRAINED if trained else CONTEXT
    text = Text(OPEN if trained and marks else "", style=style)
    for index, piece in enumerate(_elide(run)):
        if tokens and index and not text.plain.endswith("\n"):
            text.append(SEAM, style="dim not bold")
        shown = visible(piece.text).replace("\n", "↵\n")
        text.append(shown, style=f"{style} {SPECIAL}" if piece.special else style)
    return text.append(CLOSE) if trained and marks else text


def _elide(run: list[Piece]) -> list[Piece]:
    """Return `run`, or its beginning and end with a count of the tokens between them."""
    lengths = [len(piece.text) for piece in run]
    if sum(lengths) <= SHOWN_LETTERS:
        return run
    head = _count_within(lengths, SHOWN_LETTERS * 2 // 3)
    tail = _count_within(lengths[head:][::-1], SHOWN_LETTERS // 3)
    middle = run[head : len(run) - tail]
    left_out = Piece(f" [... {sum(p.num_tokens for p in middle)} tokens ...] ", run[0].trained, False, 0)
    return [*run[:head], left_out, *run[len(run) - tail :]]


def _count_within(lengths: list[int], budget: int) -> int:
    """Return how many of `lengths` fit into `budget`."""
    total = 0
    for index, length in enumerate(lengths):
        total += length
        if total > budget:
            return index
    return len(lengths)


def _labelled(label: str, style: str, text: str, console: Console) -> Text:
    """Put a label before a text that is wrapped at the console's width."""
    lines = Text(text).wrap(console, max(20, console.width - LABEL_WIDTH))
    for line in lines:
        line.rstrip()
    return Text.assemble((label.ljust(LABEL_WIDTH), style), Text("\n" + " " * LABEL_WIDTH).join(lines))


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
