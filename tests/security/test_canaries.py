"""Secrets that lie where secrets lie appear in nothing that a run leaves or prints, also when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from laptime.runs.record import read_record
from tests.commands import run_command
from tests.tiny import make_tiny_model

CANARIES = {
    place: f"canary{number}of{place}4711"
    for number, place in enumerate(
        ("hftoken", "wandbkey", "otherkey", "tokenfile", "proxy", "netrc", "address")
    )
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a token file and a netrc, and a job beside them."""
    home = tmp_path_factory.mktemp("home")
    make_tiny_model(home / "model")
    examples = [{"question": f"{n} + {n}?", "answer": f"{2 * n}."} for n in range(4)]
    (home / "train.jsonl").write_text("".join(json.dumps(one) + "\n" for one in examples))
    (home / "hf").mkdir()
    (home / "hf" / "token").write_text(CANARIES["tokenfile"])
    (home / ".netrc").write_text(f"machine api.wandb.ai login user password {CANARIES['netrc']}\n")
    (home / ".netrc").chmod(0o600)
    (home / "tmp").mkdir()
    return home


def laptime(home: Path, *words: str, forks: bool = False) -> tuple[int, str]:
    """Run the command with every secret in its place and no network."""
    proxy = f"http://user:{CANARIES['proxy']}@127.0.0.1:9"
    secrets = {
        "HF_TOKEN": CANARIES["hftoken"],
        "WANDB_API_KEY": CANARIES["wandbkey"],
        "SOME_SERVICE_KEY": CANARIES["otherkey"],
        "HF_HOME": str(home / "hf"),
        "HOME": str(home),
        "https_proxy": proxy,
        "HTTP_PROXY": proxy.replace("@", "/x@y@"),
        "ALL_PROXY": f"user:{CANARIES['proxy']}/#?@127.0.0.1:9",
        "WANDB_MODE": "offline",
        "TMPDIR": str(home / "tmp"),
    }
    if forks:
        done = run_command(words, home, os.environ | secrets)
    else:
        command = [sys.executable, "-m", "laptime", *words]
        done = subprocess.run(
            command, cwd=home, env=os.environ | secrets, capture_output=True, text=True, timeout=280
        )
    return done.returncode, done.stdout + done.stderr


def leaks(folder: Path, printed: str) -> Iterator[str]:
    """Yield where a canary is found."""
    for place, canary in CANARIES.items():
        if canary in printed:
            yield f"{place} was printed"
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_symlink() and canary.encode() in file.read_bytes():
                yield f"{place} stands in {file.relative_to(folder)}"


JOB = ["--model", "model", "--data", "train.jsonl", "--max-questions", "1", "--max-new-tokens", "4"]


def test_a_run_with_trackers_and_report_keeps_every_secret(home: Path) -> None:
    job = ["compare", *JOB, "--methods", "lora", "--rounds", "1", "--epochs", "1", "--out", "race"]
    others = [name for name in ("mlflow", "trackio") if find_spec(name)]
    code, printed = laptime(home, *job, "--track", ",".join(["wandb", "tensorboard", *others]))
    assert code == 0, printed
    assert list((home / "race").rglob("*.wandb")) and list((home / "race").rglob("events.out*")), printed
    checks = read_record(home / "race" / "runs" / "lora-r1").checks
    assert [(one.name, one.passed) for one in checks] == [
        ("parameters", True),
        ("loss", True),
        ("reload", True),
    ]
    assert "the saved result, loaded again, is" in printed
    again, more = laptime(home, "report", "race", "--lang", "ko")
    assert again == 0
    assert list(leaks(home / "race", printed + more)) == []
    (home / "race" / "planted").write_bytes(CANARIES["netrc"].encode())
    assert list(leaks(home / "race", "")) == ["netrc stands in planted"]


def test_a_run_that_fails_keeps_every_secret(home: Path) -> None:
    code, printed = laptime(
        home,
        "train",
        *JOB,
        "--method",
        "full",
        "--learning-rate",
        "1e30",
        "--max-grad-norm",
        "0",
        "--out",
        "failed",
    )
    assert code == 1, printed
    failed = read_record(home / "failed").failed
    assert failed and failed.reason == "not_finite"
    assert "Traceback" in (home / "failed" / "log.txt").read_text()
    assert list(leaks(home / "failed", printed)) == []


def test_a_traceback_of_the_preparation_keeps_every_secret(home: Path) -> None:
    """A library that fails with the address and the key in its message."""
    broken = home / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'transformers':\n"
        "            import os\n"
        "            raise RuntimeError('GET ' + os.environ['https_proxy'] + ' ' + os.environ['HF_TOKEN'])\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    command = [sys.executable, "-m", "laptime", "train", *JOB, "--out", "prepared"]
    secrets = {
        "HF_TOKEN": CANARIES["hftoken"],
        "https_proxy": f"http://user:{CANARIES['proxy']}@127.0.0.1:9",
        "PYTHONPATH": str(broken),
        "TMPDIR": str(home / "tmp"),
    }
    done = subprocess.run(
        command, cwd=home, env=os.environ | secrets, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "RuntimeError: GET http://***@127.0.0.1:9 ***" in done.stderr
    assert list(leaks(home / "prepared", done.stdout + done.stderr)) == []


@pytest.mark.parametrize("option", ["--data", "--model", "--held-out", "--config", "--resume", "--out"])
@pytest.mark.parametrize("odd", ["", "m@x9", "d/x9", " a", "?#[b]:80"])
def test_an_address_with_a_password_is_refused_without_it(home: Path, option: str, odd: str) -> None:
    url = f"https://user:{odd}{CANARIES['address']}{odd}@host.invalid/x.jsonl"
    words = {"--model": "model", "--data": "train.jsonl", "--out": "addressed"} | {option: url}
    code, printed = laptime(home, "train", *(word for pair in words.items() for word in pair), forks=True)
    assert code == 2, printed
    assert printed == (
        f"laptime: error: {option}: an address with a name or a password in it; give a path without\n"
    )
    assert CANARIES["address"] not in printed
    assert not (home / "addressed").exists() or list(leaks(home / "addressed", printed)) == []
