"""The reading half reads records alone: it starts without torch."""

from __future__ import annotations

import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, sys
for package in ("laptime.comparison", "laptime.report", "laptime.trackers"):
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, package + "."):
        importlib.import_module(module.name)
heavy = ("torch", "transformers", "peft", "scipy.stats", "sacrebleu", "wandb", "tensorboard")
print([name for name in (*heavy, "laptime.training") if name in sys.modules])
"""


def test_the_reading_half_imports_nothing_heavy() -> None:
    """Neither torch nor the training code, nor what only some commands need."""
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
