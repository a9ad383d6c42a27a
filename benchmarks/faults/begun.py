"""A training and a comparison that were killed in the middle of a run, whose files can be put back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

JOB = [
    "--model", "model", "--data", "train.jsonl", "--held-out", "held_out.jsonl", "--epochs", "20",
    "--save-every", "20", "--max-questions", "1", "--max-new-tokens", "4", "--precision", "fp32",
    "--threads", "1",
]  # fmt: skip
BEGIN = {
    "run": ["train", *JOB, "--method", "lora", "--lora-dropout", "0.1", "--out", "run"],
    "race": ["compare", *JOB, "--methods", "full,lora", "--rounds", "1", "--out", "race"],
}
KILL_AFTER_STEP = 70


class Flip(Struct, frozen=True):
    """A bit of a file, which is named by its place in the work folder."""

    file: str
    byte: int
    bit: int


class Snapshot:
    """The files of a folder as they are now, to be put back after each flip."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.content = {path: path.read_bytes() for path in self.files()}
        self.states = {path: self.state(path) for path in self.content}

    def files(self) -> Iterator[Path]:
        """Yield every file."""
        return (path for path in self.home.rglob("*") if path.is_file())

    def state(self, path: Path) -> tuple[int, ...]:
        """Return what tells that a file was not touched."""
        about = path.stat()
        return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns

    def restore(self) -> None:
        """Put back every file that was changed or moved, and remove what is new."""
        for path in [path for path in self.files() if path not in self.content]:
            path.unlink()
        for path, content in self.content.items():
            with suppress(FileNotFoundError):
                if self.state(path) == self.states[path]:
                    continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self.states[path] = self.state(path)
        for folder in sorted((p for p in self.home.rglob("*") if p.is_dir()), reverse=True):
            with suppress(OSError):
                folder.rmdir()

    def flip(self, flip: Flip) -> None:
        """Flip one bit on the disk."""
        path = self.home / flip.file
        content = bytearray(self.content[path])
        content[flip.byte] ^= 1 << flip.bit
        path.write_bytes(content)


def make_tiny_model(folder: Path) -> None:
    """Write a base of half a million random weights with the tokenizer of the toy model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from laptime.models.source import builtin_folder

    config = AutoConfig.from_pretrained(builtin_folder())
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    for name, value in {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, **heads}.items():
        setattr(config, name, value)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:2]
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    for file in builtin_folder().glob("tokenizer*"):
        shutil.copy(file, folder)
    shutil.copy(builtin_folder().parent / "ten_records.jsonl", folder.parent / "train.jsonl")
    shutil.copy(builtin_folder().parent / "held_out.jsonl", folder.parent / "held_out.jsonl")


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Start a command in the present folder, its output in a file above it."""
    with Path("../output.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "laptime", *words],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def begin(name: str, record: Callable[[], Path | None]) -> None:
    """Begin a command and kill it, and the process of its run, in the middle of the run of `record`."""
    process = start(BEGIN[name])
    while process.poll() is None:
        file = record()
        if file and f'"step":{KILL_AFTER_STEP},'.encode() in file.read_bytes():
            break
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGSTOP)  # it shall not write the death of its child into the record
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    process.kill()
    process.wait()
    file = record()
    if file is None or b'"event":"finished"' in file.read_bytes():
        raise SystemExit(
            f"{name}: over before it could be killed\n{Path('../output.txt').read_text()[-2000:]}"
        )


def second_run() -> Path | None:
    """Return the record of the second measured run of the comparison, once there is one."""
    records = list(Path("race/runs").glob("*-r1/record.jsonl"))
    found = [path for path in records if b'"event":"finished"' not in path.read_bytes()]
    return found[0] if found and len(records) == 2 else None
