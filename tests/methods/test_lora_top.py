"""LoRA on the top layers: what lies below is computed once, and nothing but the time changes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from laptime.errors import UserError
from laptime.methods.lora_top import list_top_layers
from laptime.methods.method import make_method
from laptime.models.loading import build_empty_model
from laptime.models.module_shape import measure_shape
from laptime.models.shape import Shape
from laptime.runs.record import RunRecord
from laptime.spec import ModelSpec
from laptime.speedups import prefix_cache, short_attention
from tests.caches import make_cache
from tests.commands import run_command
from tests.speedups import runs
from tests.speedups.runs import EXAMPLES, encode, make_base, speedup, write_examples

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def shape(base: Path) -> Shape:
    return measure_shape(build_empty_model(ModelSpec(model=str(base / "model")), base / "model"))


def train(base: Path, folder: Path, options: dict[str, Any] | None = None, **settings: Any) -> RunRecord:
    return runs.train(base, folder, "lora_top", options or {"top_layers": 2}, **settings)


def adapter(folder: Path) -> bytes:
    return (folder / "saved" / "adapter_model.safetensors").read_bytes()


def note(record: RunRecord, name: str = "prefix_cache") -> str:
    return speedup(record, name).note


@pytest.mark.parametrize(
    ("batch_size", "without", "precision"),
    [(1, (), "fp32"), (3, (), "fp32"), (3, ("no_padding",), "fp32"), (3, ("no_padding",), "bf16")],
)
def test_caching_changes_no_bit(
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batch_size: int,
    without: tuple[str, ...],
    precision: str,
) -> None:
    settings = {"batch_size": batch_size, "precision": precision}
    uncached = train(base, tmp_path / "uncached", without=(*without, "prefix_cache"), **settings)
    cached = train(base, tmp_path / "cached", without=without, **settings)
    monkeypatch.setattr(prefix_cache, "MEMORY_BYTES", 0)
    on_disk = train(base, tmp_path / "on_disk", without=without, **settings)
    assert note(uncached) == "switched off"
    assert note(cached) == note(on_disk) == "the 2 lowest of 4 layers"
    if batch_size > 1:
        assert (note(cached, "no_padding") == "batches are packed") == ("no_padding" not in without)
    assert adapter(tmp_path / "cached") == adapter(tmp_path / "uncached")
    assert adapter(tmp_path / "on_disk") == adapter(tmp_path / "uncached")
    losses = [[step.loss for step in record.steps] for record in (uncached, cached, on_disk)]
    assert losses[0] == losses[1] == losses[2]
    assert uncached.evaluations[0].loss == cached.evaluations[0].loss == on_disk.evaluations[0].loss
    assert sorted(file.name for file in (tmp_path / "on_disk").iterdir()) == ["record.jsonl", "saved"]


def test_a_later_run_finds_the_cache_and_ends_in_the_same_adapter(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(make_cache(tmp_path / "cache")))
    options = {"top_layers": 2, "reuse_cache": True}
    train(base, tmp_path / "alone", without=("prefix_cache",))
    first = train(base, tmp_path / "first", options)
    second = train(base, tmp_path / "second", options, epochs=3)
    again = train(base, tmp_path / "again", options)
    assert note(first) == "the 2 lowest of 4 layers"
    assert note(second) == note(again) == f"{note(first)}; 5 of 5 examples were cached by an earlier run"
    assert adapter(tmp_path / "first") == adapter(tmp_path / "again") == adapter(tmp_path / "alone")
    assert adapter(tmp_path / "second") != adapter(tmp_path / "first"), "it trained for longer"
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == len(EXAMPLES)
    other = train(base, tmp_path / "other", {"top_layers": 3, "reuse_cache": True})
    assert note(other) == "the 1 lowest of 4 layers", "another cut is another cache"


def test_other_attention_is_another_cache(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer examples change the attention of all, and with it the last bits of what was cached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(make_cache(tmp_path / "cache")))
    options = {"top_layers": 2, "reuse_cache": True}
    train(base, tmp_path / "short", options)
    monkeypatch.setattr(short_attention, "LONGEST", 100)
    write_examples(base / "train.jsonl", [*EXAMPLES, ("a much longer question " * 5, "g")])
    encode(base, "longer_inputs")
    write_examples(base / "train.jsonl", EXAMPLES)
    longer = train(base, tmp_path / "longer", options, inputs="longer_inputs")
    train(base, tmp_path / "alone", inputs="longer_inputs")
    assert not speedup(longer, "short_attention").ran
    assert "cached by an earlier run" not in note(longer)
    assert adapter(tmp_path / "longer") == adapter(tmp_path / "alone")


REUSING = {"top_layers": 2, "reuse_cache": True}


def fill_cache(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Path], list[bytes]]:
    """Train once with a cache of its own; return its files and what they hold."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(make_cache(tmp_path / "cache")))
    train(base, tmp_path / "first", REUSING)
    files = sorted((tmp_path / "cache").rglob("*.safetensors"))
    return files, [file.read_bytes() for file in files]


@pytest.mark.parametrize("memory_bytes", [1 << 30, 0])
def test_a_cache_file_that_is_not_whole_is_made_anew(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_bytes: int
) -> None:
    monkeypatch.setattr(prefix_cache, "MEMORY_BYTES", memory_bytes)
    files, whole = fill_cache(base, tmp_path, monkeypatch)
    files[0].write_bytes(whole[0][:-10])
    files[1].write_bytes(b"")
    files[2].write_bytes(b"no tensors at all" * 10)
    files[3].write_bytes(whole[3][:-1] + bytes([whole[3][-1] ^ 1]))
    files[4].unlink()
    files[4].mkdir()
    second = train(base, tmp_path / "second", REUSING)
    assert note(second).endswith("; 5 cached files were damaged and are made again")
    assert speedup(second, "prefix_cache").reused == 0
    assert adapter(tmp_path / "second") == adapter(tmp_path / "first")
    assert [file.read_bytes() for file in files] == whole


def test_a_cache_file_of_another_record_is_not_used(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, whole = fill_cache(base, tmp_path, monkeypatch)
    files[0].write_bytes(whole[1])
    files[1].write_bytes(whole[0])
    second = train(base, tmp_path / "second", REUSING)
    assert speedup(second, "prefix_cache").reused == 3
    assert "3 of 5 examples were cached by an earlier run; 2 cached files were damaged" in note(second)
    assert adapter(tmp_path / "second") == adapter(tmp_path / "first")
    assert [file.read_bytes() for file in files] == whole


def test_a_cache_that_cannot_be_written_costs_time_alone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file stands where the folder should")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(prefix_cache, "MEMORY_BYTES", 0)
    train(base, tmp_path / "cached", {"top_layers": 2, "reuse_cache": True})
    train(base, tmp_path / "uncached", without=("prefix_cache",))
    assert adapter(tmp_path / "cached") == adapter(tmp_path / "uncached")


def test_a_normal_adapter_comes_out(base: Path, tmp_path: Path) -> None:
    train(base, tmp_path / "run", {"lora_rank": 4})
    config = json.loads((tmp_path / "run" / "saved" / "adapter_config.json").read_text())
    assert config["layers_to_transform"] == [3], "a quarter of four layers"
    model = AutoModelForCausalLM.from_pretrained(base / "model", dtype=torch.float32)
    prompt_BT = torch.tensor([[256, 10, 20, 30]])
    with torch.no_grad():
        before = model(prompt_BT).logits
        loaded = PeftModel.from_pretrained(model, str(tmp_path / "run" / "saved"))
        after = loaded(prompt_BT).logits
    assert not torch.equal(before, after)
    names = [name for name, _ in loaded.named_parameters() if "lora_" in name]
    assert len(names) == 2 * 7 and all(".layers.3." in name for name in names)


def test_adapters_stand_in_the_top_layers_alone(base: Path, shape: Shape) -> None:
    model = AutoModelForCausalLM.from_pretrained(base / "model", dtype=torch.float32).requires_grad_(False)
    method = make_method("lora_top", {"top_layers": 2, "lora_targets": ("q_proj", "down_proj")})
    attached = method.attach(model)
    trained = {name: p for name, p in attached.named_parameters() if p.requires_grad}
    assert len(trained) == 2 * 2 * 2
    assert all((".layers.2." in name) or (".layers.3." in name) for name in trained)
    assert method.cost(shape, 4).trainable_parameters == sum(p.numel() for p in trained.values())


@pytest.mark.parametrize(("num_layers", "expected"), [(1, 1), (2, 1), (4, 1), (16, 4), (30, 8), (32, 8)])
def test_a_quarter_of_the_layers_is_the_default(num_layers: int, expected: int) -> None:
    assert list_top_layers(None, num_layers) == list(range(num_layers - expected, num_layers))


def test_the_frozen_layers_cost_their_forward_pass_once(shape: Shape) -> None:
    lora, top = make_method("lora", {}), make_method("lora_top", {"top_layers": 1})
    frozen = 0.75 * sum(a * b for name, (a, b) in shape.linears.items() if name != shape.head)
    adapters = top.cost(shape, 4).trainable_parameters
    assert 4 * adapters == lora.cost(shape, 4).trainable_parameters
    for epochs in (1, 5):
        expected = 4.0 * (shape.num_matmul_weights - frozen) + 2.0 * frozen / epochs + 6.0 * adapters
        assert top.cost(shape, 4, epochs).flops_per_token == pytest.approx(expected)
    every = make_method("lora_top", {"top_layers": 4})
    assert every.cost(shape, 4) == lora.cost(shape, 4)


def test_more_layers_than_there_are_is_refused(shape: Shape) -> None:
    with pytest.raises(UserError) as error:
        make_method("lora_top", {"top_layers": 5}).cost(shape, 4)
    assert str(error.value) == "--top-layers 5: this model has 4 layers"


def test_the_command_refuses_it_in_one_line_before_any_run(base: Path, tmp_path: Path) -> None:
    words = ["train", "--method", "lora_top", "--top-layers", "5", "--model", base / "model"]
    words += ["--data", base / "train.jsonl", "--out", "out"]
    done = run_command(words, tmp_path, os.environ | {"TMPDIR": str(tmp_path)})
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.strip() == "laptime: error: --top-layers 5: this model has 4 layers"
    assert not (tmp_path / "out").exists()
