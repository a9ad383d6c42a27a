"""One function on many items by several processes, forked from this one; what they return comes in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from laptime.startup.start import end_with_parent

Item = TypeVar("Item")
Made = TypeVar("Made")
AHEAD = 3  # items in work or done, for each process, so that what is done takes no more memory than that
QUIET = {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}  # a process uses one core

_function: Callable[[Any], Any] | None = None  # of a forked process; it takes nothing of it through a pipe


def map_in_order(
    function: Callable[[Item], Made], items: Sequence[Item], num_processes: int
) -> Iterator[Made]:
    """Yield function(item) for all items in order, made by processes that know all that this one knows.

    Raises what the function raises, and BrokenProcessPool where a process was killed.
    """
    if num_processes < 2 or len(items) < 2:
        yield from map(function, items)
        return
    try:
        pool = _begin_pool(function, num_processes)
    except OSError:  # no room in /dev/shm, say, for what processes wait for one another with
        yield from map(function, items)
        return
    before = {name: os.environ.get(name) for name in QUIET}
    os.environ.update(QUIET)  # before the fork, with the first item: tokenizers asks then
    try:
        yield from _work(pool, items, AHEAD * num_processes)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _begin_pool(function: Callable[[Any], Any], num_processes: int) -> ProcessPoolExecutor:
    """Return processes that wait for items; they are forked with the first one."""
    forking = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(num_processes, forking, _begin, (function, os.getpid()))


def _work(pool: ProcessPoolExecutor, items: Sequence[Item], most: int) -> Iterator[Any]:
    """Hand out items, `most` of them ahead of what was taken."""
    waiting: deque[Future[Any]] = deque()
    for item in items:
        waiting.append(pool.submit(_call, item))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _begin(function: Callable[[Any], Any], parent: int) -> None:
    """Take over what a process is to do; it ends with the one that forked it."""
    global _function
    _function = function
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # that of the parent only notes that it was asked to end
    end_with_parent(parent)


def _call(item: Any) -> Any:
    """Do what this process is for."""
    assert _function is not None
    return _function(item)
