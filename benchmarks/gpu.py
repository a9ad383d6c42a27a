"""The race on one GPU in at most eight minutes: LoRA and full fine-tuning at Llama-3.2-1B's shape.

    python benchmarks/gpu.py --config DIR --data FILE.jsonl [--peer trl=VENV/bin/python]
        [--variant NAME=OPTIONS]

DIR holds the configuration and tokenizer of meta-llama/Llama-3.2-1B; a model with random weights is made of
it, so only time and memory mean something. Laptime races Laptime with --plain (no speedups), further variants
and the peers given. The rounds of the two methods share the time; the first round of each always ends.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from contestants import Contestant, Job, laptime_itself
from race import RATES, Race, content, hold, peer, title, variant, write
from standings import table

PLAIN = "plain=--plain"
MAKE_MODEL = """
import sys, torch
from transformers import AutoConfig, AutoModelForCausalLM
torch.manual_seed(0)
with torch.device("cuda"):
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(sys.argv[1]), dtype=torch.bfloat16)
model.save_pretrained(sys.argv[2])
"""
FIND_GPU = "import torch; raise SystemExit(0 if torch.cuda.is_available() else 1)"


def has_gpu() -> bool:
    """Say whether torch sees a CUDA device; asked in another process, which leaves no memory on it."""
    return subprocess.run([sys.executable, "-c", FIND_GPU], capture_output=True).returncode == 0


def make_model(config: Path, folder: Path) -> None:
    """Write a model of random weights with the configuration and tokenizer in `config`."""
    subprocess.run([sys.executable, "-c", MAKE_MODEL, str(config), str(folder)], check=True)
    for file in config.glob("*token*"):
        shutil.copy(file, folder)


def hold_all(jobs: list[Job], contestants: list[Contestant], rounds: int, name: str, seconds: float) -> None:
    """Race every job within `seconds` in all: those that come first leave the others their part."""
    ends = time.time() + seconds
    for index, job in enumerate(jobs):
        race = Race(name=f"{name}_{job.method}", job=job, contestants=contestants)
        until = time.time() + (ends - time.time()) / (len(jobs) - index)
        for so_far in hold(race, rounds, until=until):
            file = write(so_far)
        print(table(title(content(race)), race.standings()), file, sep="\n\n", end="\n\n")


def main() -> None:
    """Race on the GPU."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", required=True, metavar="FILE")
    parser.add_argument("--name", default="1b_gpu")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--peer", type=peer, action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--variant", type=variant, action="append", default=[], metavar="NAME=OPTIONS")
    options = parser.parse_args()
    if not has_gpu():
        sys.exit("gpu.py: error: torch sees no CUDA device here; race.py measures on the CPU")
    begun = time.time()
    with tempfile.TemporaryDirectory(prefix="race-model-") as name:
        make_model(options.config, Path(name))
        jobs = [
            Job(
                model=name,
                data=options.data,
                method=method,
                precision="bf16",
                steps=options.steps,
                learning_rate=rate,
                limit_seconds=options.minutes * 60,
            )
            for method, rate in RATES.items()
        ]
        contestants = [laptime_itself(), variant(PLAIN), *options.variant, *options.peer]
        seconds = options.minutes * 60 - (time.time() - begun)
        hold_all(jobs, contestants, options.rounds, options.name, seconds)


if __name__ == "__main__":
    main()
