"""Builds the C sources of this folder for the processor at hand, once; the library stays in the user's cache.

They are plain C with OpenMP and know nothing of torch, so any C compiler makes them in a second or two. The
threads are those of torch: the library is not linked with an OpenMP of its own, whose threads would wait for
work on the same cores, but finds the one that torch has loaded.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from laptime.hardware.inventory import cpu_flags
from laptime.util.user_cache import user_cache

SOURCES = Path(__file__).parent
COMPILERS = ("cc", "gcc", "clang")
# Nothing here may change what is no number or infinite: the steps look for it.
FLAGS = (
    "-std=gnu11", "-O3", "-march=native", "-fopenmp", "-fPIC", "-fno-math-errno", "-fno-trapping-math",
)  # fmt: skip
# In /proc/cpuinfo: what a product and its sum take, by the bytes of a number.
INSTRUCTIONS = {2: {"avx512_bf16"}, 4: {"fma", "asimd"}}
MOST_SECONDS = 120.0  # of one call of the compiler


class NotBuiltError(Exception):
    """There is no library; the message says why, as a phrase."""


def library_file() -> Path:
    """Return where the library of these sources for this processor lies or would lie."""
    content = hashlib.sha256(repr((FLAGS, platform.machine(), sorted(cpu_flags()))).encode())
    for source in list_sources():
        content.update(source.read_bytes())
    return user_cache() / "kernels" / f"{content.hexdigest()[:32]}.so"


def list_sources() -> list[Path]:
    """Return every file that the library is made of."""
    return sorted([*SOURCES.glob("*.c"), *SOURCES.glob("*.h")])


def find_library() -> Path:
    """Return the library; raises NotBuiltError where it was not built, or not by this user."""
    file = library_file()
    try:
        found = file.stat()
    except OSError:
        raise NotBuiltError(read_reason(file)) from None
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotBuiltError(f"{file} is another user's or may be written by others")
    return file


def name_library() -> str:
    """Return what tells one library from another; "" where there is none."""
    try:
        return find_library().name
    except NotBuiltError:
        return ""


def has_products(element_bytes: int) -> bool:
    """Tell whether the C products of bfloat16 (2 bytes) or float32 can be used here, without loading them."""
    try:
        find_library()
    except NotBuiltError:
        return False
    return not cpu_flags().isdisjoint(INSTRUCTIONS[element_bytes])


def read_reason(file: Path) -> str:
    """Return why the library was not built."""
    with suppress(OSError):
        return file.with_suffix(".txt").read_text().strip()
    return "they were not built"


def build_library() -> None:
    """Build it where it is not there yet; a reason is left where it can't be built. Raises nothing."""
    file = library_file()
    if file.exists() or has_failed(file):
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix="build-") as folder:
            made = compile_sources(Path(folder))
            try_library(made)
            made.replace(file)
        file.with_suffix(".txt").unlink(missing_ok=True)
    except NotBuiltError as error:
        with suppress(OSError):
            file.with_suffix(".txt").write_text(f"{error}\n")
    except OSError:  # no room, no right to write: the runs do without
        return


def has_failed(file: Path) -> bool:
    """Tell whether it could not be built before and nothing has changed since: no newer compiler."""
    try:
        tried = file.with_suffix(".txt").stat().st_mtime
    except OSError:
        return False
    compiler = find_compiler()
    return compiler is None or Path(compiler).stat().st_mtime < tried


def find_compiler() -> str | None:
    """Return the C compiler, the one that CC names before others."""
    names = [os.environ.get("CC", ""), *COMPILERS]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def compile_sources(folder: Path) -> Path:
    """Compile every source, on all cores, and join them; returns the library in `folder`."""
    compiler = find_compiler()
    if sys.platform != "linux":
        raise NotBuiltError("they are built on Linux only")
    if compiler is None:
        raise NotBuiltError("there is no C compiler (cc, gcc or clang)")
    sources = sorted(SOURCES.glob("*.c"))
    objects = [folder / f"{source.stem}.o" for source in sources]
    with ThreadPoolExecutor() as pool:
        calls = [
            pool.submit(run, [compiler, *FLAGS, "-c", str(source), "-o", str(made)])
            for source, made in zip(sources, objects, strict=True)
        ]
        for call in calls:
            call.result()
    library = folder / "kernels.so"
    run([compiler, "-shared", *map(str, objects), "-lm", "-o", str(library)])
    return library


def run(command: list[str]) -> None:
    """Run a compiler or the check; raises NotBuiltError with the first line of what it says."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=MOST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuiltError(f"{Path(command[0]).name} could not be run ({type(error).__name__})") from None
    if done.returncode:
        said = next(
            (line for line in done.stderr.splitlines() if "error" in line), f"ended with {done.returncode}"
        )
        raise NotBuiltError(f"{Path(command[0]).name}: {said[:200]}")


def try_library(library: Path) -> None:
    """Use it in a process of its own, which dies where the processor lacks an instruction."""
    openmp = find_openmp()
    if openmp is None:
        raise NotBuiltError("torch brings no OpenMP of its own")
    code = (
        "import ctypes, sys; ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL); "
        "sys.exit(ctypes.CDLL(sys.argv[2]).check())"
    )
    try:
        run([sys.executable, "-I", "-S", "-c", code, str(openmp), str(library)])
    except NotBuiltError as error:
        raise NotBuiltError(f"what was built does not run here ({error})") from None


def find_openmp() -> Path | None:
    """Return the OpenMP library that torch loads; None where it brings none."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        return None
    package = Path(found.origin).parent
    for folder in (package / "lib", package.parent / "torch.libs"):
        for pattern in ("libgomp*.so*", "libiomp5*.so*", "libomp*.so*"):
            for file in sorted(folder.glob(pattern)):
                return file
    return None
