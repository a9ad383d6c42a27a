"""Values by the million that hardly take memory: packed one behind another, beyond a limit in a file."""

from __future__ import annotations

import mmap
import os
import tempfile
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO, Any, Generic, TypeVar, overload

import msgspec

from laptime.errors import UserError
from laptime.util.disk import is_full, show_size
from laptime.util.temporary import ELSEWHERE, no_temporary_room, temporary_folder

IN_MEMORY = 32 << 20  # bytes; what goes beyond them is kept in a file
AT_ONCE = 1 << 20  # bytes that are written or read at once
T = TypeVar("T")


class Heap:
    """Bytes that are only added to; many of them lie in a nameless file, which goes with the process."""

    def __init__(self) -> None:
        self.num_bytes = 0
        self._tail = bytearray()  # what is in no file yet
        self._file: IO[bytes] | None = None

    def append(self, content: bytes | memoryview) -> None:
        """Put `content` behind what is there; raises UserError where the disk has no room."""
        self._tail += content
        self.num_bytes += len(content)
        if len(self._tail) > (AT_ONCE if self._file else IN_MEMORY):
            self._write_tail()

    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes from `begin` to `end`."""
        written = self.num_bytes - len(self._tail)
        # No position of the file is moved: processes that were forked share it.
        content = (
            os.pread(self._file.fileno(), max(0, min(end, written) - begin), begin) if self._file else b""
        )
        return content + self._tail[max(0, begin - written) : max(0, end - written)]

    def view(self) -> memoryview:
        """Return all bytes as they will stay: nothing is added any more."""
        if self._file is None:
            return memoryview(self._tail).toreadonly()
        self._write_tail()
        return memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))

    def _write_tail(self) -> None:
        """Move what is in memory to the file."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lasts as long as this object
            self._file.seek(0, 2)
            self._file.write(self._tail)
            self._file.flush()
        except OSError as error:
            self._let_go()
            if is_full(error):
                kept = self.num_bytes - len(self._tail)
                needs = f"the examples need more than the {show_size(kept)} that they have there"
                raise no_temporary_room(needs, error.strerror or "") from None
            place = temporary_folder()
            raise UserError(f"{place}: cannot keep the examples there ({error}); {ELSEWHERE}") from None
        self._tail.clear()

    def _let_go(self) -> None:
        """Give back the room on the disk: where it is full, the line that says so needs some."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), 0)
                self._file.close()


class Spool(Sequence[T], Generic[T]):
    """A list of structs of one type, each packed as MessagePack and made anew whenever it is asked for."""

    def __init__(self, kind: type[T]) -> None:
        self._heap = Heap()
        self._begins = array("Q", [0])  # and the end of the last one
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: Any = msgspec.msgpack.Decoder(kind)

    def append(self, item: T) -> None:
        """Put `item` behind the others; raises UserError where the disk has no room."""
        self._heap.append(self._encoder.encode(item))
        self._begins.append(self._heap.num_bytes)

    def share_before(self, index: int) -> float:
        """Return which share of all bytes the first `index` items take."""
        return self._begins[index] / max(1, self._begins[-1])

    def __len__(self) -> int:
        return len(self._begins) - 1

    def __iter__(self) -> Iterator[T]:
        return self.select(range(len(self)))

    def select(self, indices: Sequence[int]) -> Iterator[T]:
        """Yield the items at `indices`, which rise; the file is read from front to back."""
        decode, begins = self._decoder.decode, self._begins
        block = memoryview(b"")
        begin = end = 0  # of the block
        for index in indices:
            if begins[index + 1] > end:
                begin = begins[index]
                last = max(index + 1, bisect_right(begins, begin + AT_ONCE, index) - 1)
                end = begins[last]
                block = memoryview(self._heap.read(begin, end))
            yield decode(block[begins[index] - begin : begins[index + 1] - begin])

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        places = range(len(self))[index]
        return list(self.select(places)) if isinstance(places, range) else next(self.select([places]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def join_spools(kind: type[T], *parts: Iterable[T]) -> Spool[T]:
    """Return a spool of all items of `parts`."""
    joined = Spool(kind)
    for part in parts:
        for item in part:
            joined.append(item)
    return joined


class Chosen(Sequence[T], Generic[T]):
    """Some items of a spool, in its order."""

    def __init__(self, whole: Spool[T], indices: Sequence[int]) -> None:
        self._whole = whole
        self._indices = array("Q", indices)

    def share_before(self, index: int) -> float:
        """Return about which share of all bytes the first `index` items take: that of the whole spool."""
        return self._whole.share_before(self._indices[index - 1] + 1) if index else 0.0

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[T]:
        return self._whole.select(self._indices)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        chosen = self._indices[index]
        return list(self._whole.select(chosen)) if isinstance(chosen, array) else self._whole[chosen]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
