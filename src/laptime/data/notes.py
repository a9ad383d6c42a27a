"""What a user should know of the encoded examples: what was cut, counted, unknown or left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy

from laptime.data.assembly import EncodedPiece
from laptime.data.encoded import Counts
from laptime.data.examples import ExampleNote, ExampleSet
from laptime.data.letters import Letters
from laptime.data.skipped import Skipped, as_example_notes
from laptime.data.spool import Spool
from laptime.data.templates import Template
from laptime.data.tokens import Tokens
from laptime.errors import SHOWN_SOURCES, name_sources


class Tally:
    """What is found in examples as they come: counts, notes on single ones, every different letter."""

    def __init__(
        self, template: Template, unknown_id: int | None, example_notes: Iterable[ExampleNote]
    ) -> None:
        self.unknown_id = unknown_id
        self.counts = Counts()
        self.cut: list[str] = []  # the first ones
        self.example_notes = Spool(ExampleNote)
        for note in example_notes:
            self.example_notes.append(note)
        self.skipped_notes: list[str] = []
        self.letters = Letters()  # of the template and of the data, in order of appearance
        self.letters.add(template.fill("") if template.pattern else "")

    def add(self, piece: EncodedPiece, held_out: bool) -> None:
        """Look at some examples of a set."""
        self.letters.add(piece.letters)
        self._note(piece)
        num_tokens, num_trained = len(piece.words), int(piece.num_trained.sum())
        counts = self.counts
        if held_out:
            counts.num_held_out += piece.num_examples
            counts.num_held_out_tokens += num_tokens
            counts.num_held_out_trained_tokens += num_trained
        else:
            counts.num_records += piece.num_examples
            counts.num_tokens += num_tokens
            counts.num_trained_tokens += num_trained

    def add_skipped(self, skipped: Skipped, examples: ExampleSet, held_out: bool) -> None:
        """Count the examples of a set that were left out, when they were read or encoded."""
        if held_out:
            self.counts.num_held_out_skipped = examples.num_held_out_skipped + len(skipped)
        else:
            self.counts.num_skipped = examples.num_skipped + len(skipped)
        begin = "held out: " if held_out else ""
        self.skipped_notes += [begin + told for told in skipped.tell()]
        for note in as_example_notes(skipped.example_notes):
            self.example_notes.append(note)

    def _note(self, piece: EncodedPiece) -> None:
        """Keep what was cut from the examples or counted in them."""
        unknown = piece.count_tokens(self.unknown_id)
        counts, lengths = self.counts, numpy.diff(piece.begins)
        for index in numpy.flatnonzero(piece.cuts + piece.num_special_text + unknown).tolist():
            source = piece.sources[index]
            if cut := int(piece.cuts[index]):
                counts.num_cut += 1
                counts.num_cut_tokens += cut
                if len(self.cut) < SHOWN_SOURCES:
                    self.cut.append(f"{source} (-{cut})")
                what = f"{_plural(cut, 'token')} cut off its end, {lengths[index]} left"
                self.example_notes.append(ExampleNote(source, what))
            if count := int(piece.num_special_text[index]):
                counts.num_special_text += count
                what = f"special-token text {_times(count)}, encoded as ordinary text"
                self.example_notes.append(ExampleNote(source, what))
            if count := int(unknown[index]):
                counts.num_unknown_tokens += count
                self.example_notes.append(
                    ExampleNote(source, f"{_plural(count, 'token')} unknown to the tokenizer")
                )


def make_notes(tally: Tally, tokens: Tokens, max_length: int) -> Iterator[str]:
    """Yield what a user should know of the tokens."""
    counts, letters = tally.counts, tally.letters.known
    if counts.num_cut:
        yield (
            f"{counts.num_cut} of {counts.num_records + counts.num_held_out} examples cut to --max-length "
            f"{max_length} at the end of their answer, whose end of sequence is then not trained: "
            f"{name_sources(tally.cut, count=counts.num_cut)}"
        )
    if counts.num_unknown_tokens:
        yield _tell_unknown(letters, tokens, counts)
    if dropped := tokens.find_dropped(letters):
        yield f"the tokenizer leaves out {_show_letters(dropped)}: it has no token for them"
    if count := counts.num_special_text:
        yield f"special-token text stands in the data {_times(count)}: encoded as ordinary text"


def _tell_unknown(letters: list[str], tokens: Tokens, counts: Counts) -> str:
    """Say which characters the tokenizer does not know: the model can neither read nor write them."""
    encoded = zip(letters, tokens.encode(letters), strict=True)
    unknown = [letter for letter, ids in encoded if tokens.unknown_id in ids]
    total = counts.num_tokens + counts.num_held_out_tokens
    return (
        f"{counts.num_unknown_tokens} of {total} tokens ({counts.num_unknown_tokens / total:.0%}) are "
        f"characters that this tokenizer does not know ({_show_letters(unknown)}): "
        f"the model can neither read nor write them"
    )


def _show_letters(letters: list[str]) -> str:
    """Return the first letters, quoted."""
    return " ".join(repr(letter) for letter in letters[:8]) + (" ..." if len(letters) > 8 else "")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s'[: count != 1]}"
