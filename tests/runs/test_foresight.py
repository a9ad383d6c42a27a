"""What is sure to be refused is refused before torch is imported, in the words of the late refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from laptime.api import open_comparison
from laptime.comparison.checks import check_spec
from laptime.errors import UserError
from laptime.hardware import devices
from laptime.models.config_shape import foresee_shape
from laptime.models.source import builtin_folder
from laptime.runs.foresight import refuse_sizes
from laptime.spec import CompareSpec, ContestantSpec, RunSpec, TrainingSpec

ASKS = """
import json, sys
from laptime.api import open_training
from laptime.errors import UserError
from laptime.hardware import devices
devices.read_build = lambda: {"cuda": None}
try:
    open_training(json.loads(sys.argv[1]))
except UserError as error:
    print(error)
sys.exit(bool({"torch", "transformers", "peft"} & sys.modules.keys()))
"""
INSIDE = "cannot apply here: works inside fused_blocks, which did not run"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda"}, "--device cuda: torch sees no CUDA device here; use --device cpu"),
        (
            {"precision": "fp16"},
            "--precision fp16: GPUs alone train in fp16, and this run is on a CPU; use auto",
        ),
        ({"max_length": 100_000}, "--max-length 100000: the model holds at most 512 tokens"),
        ({"lora_rank": 100_000}, "--lora-rank 100000: this model's layers have rank 128 at most"),
        ({"method": "lora_top", "top_layers": 100}, "--top-layers 100: this model has 5 layers"),
        (
            {"lora_targets": ["nope"]},
            "--lora-targets: no linear layer 'nope'; known: down_proj, gate_proj, k_proj, o_proj, q_proj, "
            "up_proj, v_proj",
        ),
        (
            {"method": "full", "speedups": ["prefix_cache"]},
            "--speedups prefix_cache: cannot apply here: the lowest layer trains",
        ),
        ({"speedups": ["answer_rows"], "without": ["fused_blocks"]}, f"--speedups answer_rows: {INSIDE}"),
        ({"speedups": ["no_padding"], "plain": True}, f"--speedups no_padding: {INSIDE}"),
        (
            {"speedups": ["no_padding"]},
            "--speedups no_padding: cannot apply here: no batch holds examples of different lengths",
        ),
        (
            {"template": "chat"},
            "--template chat: this tokenizer has no chat template; give one with --chat-template "
            "(chatml, llama3, or a file), or name another template (--template qa-en)",
        ),
    ],
)
def test_it_is_refused_without_torch(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    words = [sys.executable, "-c", ASKS, json.dumps(options | {"out": "new"})]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr, done.returncode) == (f"{message}\n", "", 0)
    assert not (tmp_path / "new").exists()


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "read_build", lambda: {"cuda": None})


@pytest.mark.usefixtures("without_gpu")
def test_a_comparison_names_the_contestant() -> None:
    wide = ContestantSpec(name="wide", method="lora", method_options={"lora_rank": 999})
    half = ContestantSpec(name="half", method="lora", training={"precision": "fp16"})
    kept = ContestantSpec(name="kept", method="full", training={"speedups": ["prefix_cache"]})
    for one, message in (
        (wide, "--contestant wide: --lora-rank 999: this model's layers have rank 128 at most"),
        (half, "--contestant half: --precision fp16: GPUs alone"),
        (kept, "--contestant kept: --speedups prefix_cache: cannot apply here: the lowest layer trains"),
    ):
        with pytest.raises(UserError) as error:
            check_spec(CompareSpec(contestants=(one,)))
        assert str(error.value).startswith(message)


def test_the_late_refusal_names_it_too() -> None:
    shape = foresee_shape(json.loads((builtin_folder() / "config.json").read_bytes()))
    assert shape
    with pytest.raises(UserError, match=r"^--contestant wide: --lora-rank 999: "):
        refuse_sizes(
            [("--contestant wide: ", RunSpec(method="lora", method_options={"lora_rank": 999}))], shape
        )


@pytest.mark.usefixtures("without_gpu")
def test_a_comparison_that_was_begun_is_not_asked(tmp_path: Path) -> None:
    """All its runs may be over: then nothing of this machine matters."""
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(UserError, match="no CUDA device"):
        open_comparison({"device": "cuda", "out": str(out)})
    (out / "plan.json").write_text("{}")
    (out / "inputs").mkdir()
    open_comparison({"device": "cuda", "out": str(out)})


@pytest.mark.usefixtures("without_gpu")
def test_what_another_trainer_does_with_speedups_is_its_own_affair() -> None:
    other = ContestantSpec(name="theirs", method="full", trainer="trl")
    training = TrainingSpec(speedups=("prefix_cache",))
    assert check_spec(CompareSpec(methods=("lora_top",), contestants=(other,), training=training))
