"""The result file of a proof: what it counted, with machine, versions and command."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

BENCHMARKS = Path(__file__).parents[1]
sys.path.insert(0, str(BENCHMARKS))

from results_folder import machine_name  # noqa: E402

from laptime import __version__  # noqa: E402
from laptime.hardware.machine import describe_machine  # noqa: E402


def name_script() -> str:
    """Return the path of the running script below benchmarks/."""
    return Path(sys.argv[0]).resolve().relative_to(BENCHMARKS).as_posix()


def write_result(name: str, figures: dict[str, Any]) -> Path:
    """Write `figures` to benchmarks/results/NAME_<processor>.json and return its path."""
    machine = describe_machine(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    content = {
        "proof": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "laptime": __version__,
        "command": " ".join(["python", f"benchmarks/{name_script()}", *sys.argv[1:]]),
        "machine": machine,
        **figures,
    }
    file = BENCHMARKS / "results" / f"{name}_{machine_name(machine)}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file
