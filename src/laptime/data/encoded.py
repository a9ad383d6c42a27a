"""Examples as token ids, kept in one file that every run of a comparison reads.

The file holds flat buffers, so that a run maps it into memory and makes of it what it needs, when it needs
it. Its last 32 bytes are the SHA-256 of all before them: no flipped bit is trained on.
"""

from __future__ import annotations

import hashlib
import mmap
import stat
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import msgspec
from msgspec import Struct

from laptime.data.examples import ExampleNote
from laptime.data.input_manifest import ENCODED_FILE, MANIFEST_FILE, InputManifest, read_manifest
from laptime.errors import UserError
from laptime.util.atomic import write_pieces
from laptime.util.untrusted import parse

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRAINED = 1 << 31  # the bit of a word that says: this token carries loss
TOKEN = TRAINED - 1  # the other bits, which are the token's id
MAGIC = b"laptime records\n"
HEAD = struct.Struct("<16s5Q")  # magic, examples, held out, words, bytes of sources, bytes of facts
DIGEST_BYTES = 32
HASHED_AT_ONCE = 16 << 20  # bytes


class EncodedExample:
    """One example: `words` are token ids, with the bit TRAINED where a token carries loss.

    `cut` counts the tokens cut off its end. The first token is never trained: nothing stands before it that
    could predict it.
    """

    __slots__ = ("cut", "source", "words")

    def __init__(self, token_ids: Sequence[int], trained: Sequence[bool], source: str, cut: int = 0) -> None:
        pairs = zip(token_ids, trained, strict=True)
        self.words: Sequence[int] = array("I", [token | TRAINED if on else token for token, on in pairs])
        self.source = source
        self.cut = cut

    @classmethod
    def of_words(cls, words: Sequence[int], source: str, cut: int) -> EncodedExample:
        """Return the example of `words` (a buffer of 32-bit numbers), which are not copied."""
        made = cls.__new__(cls)
        made.words, made.source, made.cut = words, source, cut
        return made

    @property
    def token_ids(self) -> list[int]:
        """The ids of its tokens."""
        return [word & TOKEN for word in self.words]

    @property
    def trained(self) -> list[bool]:
        """Whether each of its tokens carries loss."""
        return [word >= TRAINED for word in self.words]

    def __len__(self) -> int:
        return len(self.words)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EncodedExample):
            return NotImplemented
        mine, others = (self.source, self.cut), (other.source, other.cut)
        return mine == others and list(self.words) == list(other.words)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"EncodedExample({self.token_ids}, {self.trained}, {self.source!r}, {self.cut})"


class Buffers(NamedTuple):
    """Examples one behind another; example i has words[begins[i]:begins[i + 1]], and so its source."""

    words: memoryview  # of 32 bits
    begins: memoryview  # of 64 bits, one more than there are examples
    cuts: memoryview  # of 32 bits
    sources: memoryview  # UTF-8
    source_begins: memoryview  # of 64 bits, one more than there are examples


class EncodedExamples(Sequence[EncodedExample]):
    """The examples from `begin` to `end` of flat buffers, each made when it is asked for."""

    def __init__(self, buffers: Buffers, begin: int, end: int) -> None:
        self.buffers = buffers
        self.begin, self.end = begin, end

    @property
    def lengths(self) -> NDArray[Any]:
        """The tokens of each example."""
        import numpy

        return numpy.diff(numpy.asarray(self.buffers.begins[self.begin : self.end + 1])).astype(numpy.int64)

    @property
    def trained_lengths(self) -> NDArray[Any]:
        """The trained tokens of each example."""
        import numpy

        numbers = numpy.zeros(len(self), numpy.int64)
        for first, begins, words in self._blocks():
            trained = (words >= TRAINED).astype(numpy.int64)
            numbers[first : first + len(begins)] = numpy.add.reduceat(trained, begins)
        return numbers

    @property
    def largest_token(self) -> int:
        """The largest token id."""
        return max(int((words & TOKEN).max()) for _, _, words in self._blocks())

    @property
    def num_cut(self) -> int:
        """The examples that something was cut off."""
        import numpy

        return int(numpy.count_nonzero(numpy.asarray(self.buffers.cuts[self.begin : self.end])))

    def __len__(self) -> int:
        return self.end - self.begin

    @overload
    def __getitem__(self, index: int) -> EncodedExample: ...
    @overload
    def __getitem__(self, index: slice) -> list[EncodedExample]: ...
    def __getitem__(self, index: int | slice) -> EncodedExample | list[EncodedExample]:
        places = range(self.begin, self.end)[index]
        return [self._make(place) for place in places] if isinstance(places, range) else self._make(places)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _make(self, place: int) -> EncodedExample:
        words, begins, cuts, sources, source_begins = self.buffers
        return EncodedExample.of_words(
            words[begins[place] : begins[place + 1]],  # type: ignore[arg-type]
            bytes(sources[source_begins[place] : source_begins[place + 1]]).decode(),
            cuts[place],
        )

    def _blocks(self, at_once: int = 10_000) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
        """Yield some examples after others: the first one, where in the words each begins, the words."""
        import numpy

        for first in range(self.begin, self.end, at_once):
            end = min(first + at_once, self.end)
            begins = numpy.asarray(self.buffers.begins[first : end + 1]).astype(numpy.int64)
            words = numpy.asarray(self.buffers.words[begins[0] : begins[-1]])
            yield first - self.begin, begins[:-1] - begins[0], words
            let_go(self.buffers.words)


def lengths_of(examples: Sequence[EncodedExample]) -> NDArray[Any]:
    """Return the tokens of each example."""
    import numpy

    if isinstance(examples, EncodedExamples):
        return examples.lengths
    return numpy.array([len(example.words) for example in examples], numpy.int64)


class Question(Struct):
    """A question for the base and every result; `prompt_ids` are the tokens that training would show.

    `source` is where it stands: "asked" is neither trained on nor held out.
    """

    question: str
    prompt_ids: list[int]
    reference: str | None
    source: Literal["asked", "held_out", "trained"]


class Counts(Struct, kw_only=True):
    """Sizes of the training set (one epoch); `num_held_out...` those of the held-out set."""

    num_records: int = 0
    num_held_out: int = 0
    num_tokens: int = 0
    num_trained_tokens: int = 0
    num_held_out_tokens: int = 0
    num_held_out_trained_tokens: int = 0
    num_cut: int = 0  # examples that were cut
    num_cut_tokens: int = 0
    num_special_text: int = 0  # special-token text in the data, encoded as ordinary text
    num_unknown_tokens: int = 0  # tokens that stand for characters the tokenizer does not know
    num_skipped: int = 0  # examples that cannot be trained on, left out with --skip-bad
    num_held_out_skipped: int = 0


class EncodedFacts(Struct, kw_only=True):
    """What is to be known of encoded examples; `notes` are sentences that the user should read.

    `template` is a name or the user's template string: `templates.make_template` gives the same again.
    `stop_ids` end an answer. `chat_template` is the text of the one that the user gave in the place of the
    tokenizer's own, `turn_end` that of the special token that ends a turn of it. `digest` is the SHA-256 over
    token ids and trained positions of both sets. `cache_name` is that of data/token_cache.py.
    """

    name: str
    digest: str
    template: str
    template_reason: str
    shape: str
    questions: list[Question]
    stop_ids: list[int]
    num_special_text: int
    encode_seconds: float
    counts: Counts
    max_length: int
    train_on: Literal["answers", "all"]
    held_out_name: str | None = None
    ignored_columns: list[str] = []
    notes: list[str] = []
    chat_template: str = ""
    chat_template_name: str = ""
    turn_end: str = ""
    cache_name: str = ""  # under which a cache may keep them


class EncodedData(EncodedFacts, kw_only=True):
    """A data set ready for training; `notes` sum up what `example_notes`, in no file, say of single ones."""

    examples: EncodedExamples
    held_out: EncodedExamples
    example_notes: Sequence[ExampleNote] = []

    @property
    def longest(self) -> int:
        """The tokens of the longest example, held out or not."""
        return int(max(self.examples.lengths.max(), self.held_out.lengths.max(initial=0)))


def write_encoded(path: Path, data: EncodedData) -> None:
    """Write `data` in one move, so that a reader never sees half of it."""
    sections = _sections(data)
    write_pieces(path, _with_digest(piece for section in sections for piece in _pieces(section)))


def count_encoded_bytes(data: EncodedData) -> int:
    """Return how many bytes `write_encoded` will write."""
    return sum(section.nbytes for section in _sections(data)) + DIGEST_BYTES


def copy_encoded(path: Path, place: Path) -> None:
    """Write what lies at `path` to `place` too, in one move; raises OSError."""
    write_pieces(place, _pieces(_map(path)))


def read_encoded(path: Path) -> EncodedData:
    """Map what `write_encoded` wrote; raises UserError, naming the file, where a single bit is another."""
    try:
        view = _map(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if damage := _look_at(view):
        raise UserError(f"{path}: {damage}")
    _, num_examples, num_held_out, num_words, num_source_bytes, num_fact_bytes = HEAD.unpack_from(view)
    total = num_examples + num_held_out
    sizes = ((total + 1) * 8, (total + 1) * 8, num_words * 4, total * 4, num_source_bytes, num_fact_bytes)
    parts, begin = [], HEAD.size
    for size in sizes:
        parts.append(view[begin : begin + size])
        begin += size
    buffers = Buffers(
        words=parts[2].cast("I"),
        begins=parts[0].cast("Q"),
        cuts=parts[3].cast("I"),
        sources=parts[4],
        source_begins=parts[1].cast("Q"),
    )
    decoded = parse(
        path, "the encoded data", lambda: msgspec.msgpack.decode(bytes(parts[5]), type=EncodedFacts)
    )
    return EncodedData(
        **msgspec.structs.asdict(decoded),
        examples=EncodedExamples(buffers, 0, num_examples),
        held_out=EncodedExamples(buffers, num_examples, total),
    )


def read_inputs(inputs: Path) -> tuple[InputManifest, EncodedData]:
    """Read what a preparation left; raises UserError where they do not belong together, or are damaged."""
    manifest, encoded = read_manifest(inputs), read_encoded(inputs / ENCODED_FILE)
    if encoded.digest != manifest.data["digest"]:
        raise UserError(
            f"{inputs / ENCODED_FILE}: not the examples that {MANIFEST_FILE} tells of; put back what was "
            f"there, or begin anew with another --out"
        )
    return manifest, encoded


def find_damage(inputs: Path) -> str:
    """Return why the encoded data in the folder `inputs` are not whole, "" where they are."""
    try:
        return _look_at(_map(inputs / ENCODED_FILE))
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def let_go(view: memoryview) -> None:
    """Give back the memory of a mapped file's pages: who needs one again reads it again."""
    if isinstance(view.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        view.obj.madvise(mmap.MADV_DONTNEED)


def _map(path: Path) -> memoryview:
    """Return the content of a file without reading it; raises OSError."""
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe could wait for ever
        raise OSError(0, "not a file")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")


def _look_at(view: memoryview) -> str:
    """Return why the content of a file is not what was written, "" where it is."""
    if view.nbytes < HEAD.size + DIGEST_BYTES or bytes(view[: len(MAGIC)]) != MAGIC:
        return "not the encoded data of this version of laptime"
    digest = hashlib.sha256()
    for piece in _pieces(view[:-DIGEST_BYTES]):
        digest.update(piece)
    if digest.digest() != view[-DIGEST_BYTES:]:
        return "damaged: its content is not what was written (the digest differs)"
    return ""


def _sections(data: EncodedData) -> list[memoryview]:
    """Return all that stands in the file but the digest at its end."""
    facts = {name: getattr(data, name) for name in EncodedFacts.__struct_fields__}
    last = msgspec.msgpack.encode(facts)
    buffers, num_examples, num_held_out = data.examples.buffers, len(data.examples), len(data.held_out)
    head = HEAD.pack(MAGIC, num_examples, num_held_out, len(buffers.words), buffers.sources.nbytes, len(last))
    return [memoryview(head), *_in_file_order(buffers), memoryview(last)]


def _in_file_order(buffers: Buffers) -> list[memoryview]:
    """Return the buffers with the widest numbers first, so that all are aligned."""
    return [buffers.begins, buffers.source_begins, buffers.words, buffers.cuts, buffers.sources]


def _pieces(view: memoryview) -> Iterator[memoryview]:
    """Yield the bytes of a buffer, never so many at once that they would count as memory."""
    flat = view.cast("B") if view.nbytes else view
    for begin in range(0, flat.nbytes, HASHED_AT_ONCE):
        yield flat[begin : begin + HASHED_AT_ONCE]
        let_go(flat)


def _with_digest(pieces: Iterable[memoryview]) -> Iterator[bytes | memoryview]:
    """Yield the pieces, and behind them the digest of them all."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    yield digest.digest()


def digest_step(examples: Iterable[EncodedExample]) -> str:
    """Return a short SHA-256 over the token ids and trained positions of `examples`, in order."""
    digest = hashlib.sha256()
    for example in examples:
        add_to_digest(digest, example.words)
    return digest.hexdigest()[:16]


def digest_tokens(token_ids: Sequence[int]) -> str:
    """Return a short SHA-256 over token ids."""
    return hashlib.sha256(array("I", token_ids).tobytes()).hexdigest()[:32]


def digest_key(example: EncodedExample) -> str:
    """Return `digest_tokens` of an example: equal for equal token ids, whichever of them are trained."""
    import numpy

    return hashlib.sha256((numpy.asarray(example.words) & TOKEN).tobytes()).hexdigest()[:32]


def add_to_digest(digest: Any, words: Sequence[int]) -> None:
    """Add the length, the token ids and the trained positions of an example to a hash."""
    import numpy

    flat = numpy.asarray(words)
    digest.update(len(flat).to_bytes(4, "little"))
    digest.update((flat & TOKEN).tobytes())
    digest.update((flat >= TRAINED).tobytes())
