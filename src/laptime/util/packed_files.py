"""Data files packed with gzip: read as they are unpacked, with a bound on how much may come out of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from laptime.errors import UserError

SUFFIX = ".gz"
MAGIC = b"\x1f\x8b"
FREE_BYTES = 256 << 20  # that any packed file may hold
MOST_TIMES = 200  # as large as its file; text comes to 3 to 20 times, a bomb to 1,000


def read_packed(path: Path, name: str, begin: int, num_bytes: int) -> Iterator[bytes]:
    """Yield the unpacked bytes from `begin` on, so many at a time; raises UserError for what is no gzip file.

    A file that holds far more than text could is refused before more of it is unpacked.
    """
    try:
        with path.open("rb") as packed:
            if (first := packed.read(len(MAGIC))) != MAGIC:
                what = (
                    f"not packed with gzip; name it {name.removesuffix(SUFFIX)}"
                    if first
                    else "the file is empty"
                )
                raise UserError(f"{name}: {what}")
        limit = max(FREE_BYTES, MOST_TIMES * path.stat().st_size)
        with gzip.open(path, "rb") as stream:
            stream.seek(begin)
            position = begin
            while piece := stream.read(num_bytes):
                position += len(piece)
                if position > limit:
                    raise UserError(f"{name}: holds more than {MOST_TIMES} times its size, as no text does")
                yield piece
    except EOFError:
        raise UserError(f"{name}: a truncated gzip file (its end is missing); copy it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{name}: a damaged gzip file ({error}); copy it again") from None
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror})") from None
