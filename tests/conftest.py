"""What all tests share."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from laptime.kernels.build import build_library
from tests.caches import make_cache

REPOSITORY = Path(__file__).parent.parent
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Before torch is imported, here and in every command that a test starts: what tests train is small enough to
# lose time by a second thread, and several processes of tests share the cores.
os.environ["OMP_NUM_THREADS"] = "1"

# Nothing of what tests import goes away again. A run collects garbage, and would go over all of it each time:
# it is kept out of that, as in the process of a run.
gc.disable()


def pytest_collection_finish() -> None:
    """Count garbage from here on."""
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes `-n auto` means: one more than the cores that this process may use.

    Half of the time tests wait for processes that they started.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real models and data sets that lies beside the repository; skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the repository")
    return folder


@pytest.fixture(scope="module")
def single_thread() -> Iterator[None]:
    """One thread for torch: tiny products are faster without more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def seeded() -> None:
    """The same random numbers whichever test was before."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache and temporary files of the tests' own: another laptime at work does not bar them."""
    temporary = str(tmp_path_factory.mktemp("tmp"))
    build_library()  # once on a machine, in the user's own cache
    cache = make_cache(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setenv("TMPDIR", temporary)
        patch.setattr("tempfile.tempdir", temporary)
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium with a fresh profile; skips where playwright or the browser is absent."""
    playwright = pytest.importorskip("playwright.sync_api")
    executable = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if executable is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        chromium.close()
