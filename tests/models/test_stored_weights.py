"""What weight files hold beside, instead of or in another format than what the model needs."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from laptime.data.input_manifest import InputJob
from laptime.errors import UserError
from laptime.models import stored_weights
from laptime.models.loading import build_empty_model, load_model, load_tokenizer
from laptime.models.source import locate_model
from laptime.models.stored_weights import check_weights
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.training.preprocess import prepare
from tests.methods.families import FAMILIES
from tests.tiny import make_tiny_model

NAMED = {family.name: family for family in FAMILIES}
NORM, UP = "model.norm.weight", "model.layers.1.mlp.up_proj.weight"
Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "model")


def check(folder: Path, **options: Any) -> list[str]:
    spec = ModelSpec(model=str(folder), **options)
    locate_model(spec)
    return check_weights(spec, folder, build_empty_model(spec, folder))


def change(folder: Path, how: Callable[[Tensors], Any]) -> Path:
    """Change the tensors of the weight file; returns the file."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    how(tensors)
    save_file(tensors, file, {"format": "pt"})
    return file


def refusal(folder: Path, how: Callable[[Tensors], Any]) -> str:
    """Return the line that the changed weights are refused with, without the file."""
    file = change(folder, how)
    with pytest.raises(UserError) as error:
        check(folder)
    assert str(error.value).startswith(f"{file}: ") and "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("dtype", "shown"),
    [
        (torch.int8, "I8"), (torch.uint8, "U8"), (torch.bool, "BOOL"), (torch.int64, "I64"),
        (torch.float8_e4m3fn, "F8_E4M3"), (torch.float8_e5m2, "F8_E5M2"),
    ],
)  # fmt: skip
def test_weights_in_other_formats_are_not_cast(folder: Path, dtype: torch.dtype, shown: str) -> None:
    advice = "in float32, bf16 or fp16; take a copy of the model that is not quantised"
    one = refusal(folder, lambda tensors: tensors.update({NORM: tensors[NORM].to(dtype)}))
    assert one == f"{NORM} is stored as {shown}, not {advice}"
    two = refusal(folder, lambda tensors: tensors.update({UP: tensors[UP].to(dtype)}))
    assert two == f"{UP} and 1 more are stored as {shown}, not {advice}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_floats_of_any_width_are_taken(folder: Path, dtype: torch.dtype) -> None:
    change(folder, lambda tensors: tensors.update({name: t.to(dtype) for name, t in tensors.items()}))
    assert check(folder) == []


def test_tensors_of_no_part_are_refused(folder: Path) -> None:
    said = refusal(folder, lambda tensors: tensors.update({"model.extra.weight": torch.ones(3)}))
    assert said == "model.extra.weight is in no part of the model; is config.json theirs?"
    said = refusal(folder, lambda tensors: tensors.update({"a.scale": torch.ones(3)}))
    assert said == "a.scale and 1 more are in no part of the model; is config.json theirs?"


def test_layers_that_config_json_leaves_out_are_not_dropped(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1, "layer_types": None}))
    with pytest.raises(UserError, match=r"model\.layers\.1\.input_layernorm\.weight and 8 more are in no"):
        check(folder)


def test_angles_of_older_files_are_left_there_and_told(folder: Path, tmp_path: Path) -> None:
    old = {f"model.layers.{n}.self_attn.rotary_emb.inv_freq": torch.ones(4) for n in range(2)}
    change(folder, lambda tensors: tensors.update(old))
    told = "left in the weight files, as transformers does: model.layers.*.self_attn.rotary_emb.inv_freq"
    assert check(folder) == [told]
    (tmp_path / "train.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 3)
    job = InputJob(
        model=ModelSpec(model=str(folder)), data=DataSpec(data=str(tmp_path / "train.jsonl")),
        answers=AnswerSpec(max_questions=0), training=TrainingSpec(), folder=str(tmp_path / "inputs"),
    )  # fmt: skip
    assert told in prepare(job).data["notes"], "and so in the terminal and in the record"


def test_a_tied_head_may_be_stored_twice_but_not_differ(folder: Path) -> None:
    embedding = "model.embed_tokens.weight"
    change(folder, lambda tensors: tensors.update({"lm_head.weight": tensors[embedding].clone()}))
    assert check(folder) == []
    said = refusal(folder, lambda tensors: tensors["lm_head.weight"][0].add_(1))
    assert said.startswith(f"lm_head.weight differs from {embedding}, though config.json ties them; set tie_")


@pytest.mark.parametrize("prefixed", [True, False])
def test_masks_of_gpt2_files_are_left_there(tmp_path: Path, prefixed: bool) -> None:
    """Those on the hub hold a mask for each layer, some of them no prefix and no head."""
    folder = NAMED["gpt2"].make_base(tmp_path / "model")
    before = AutoModelForCausalLM.from_pretrained(folder).state_dict()

    def age(tensors: Tensors) -> None:
        for layer in range(3):
            name = f"transformer.h.{layer}.attn"
            tensors[f"{name}.bias"] = torch.ones(1, 1, 64, 64, dtype=torch.uint8).tril()
            tensors[f"{name}.masked_bias"] = torch.tensor(-1e4)
        if not prefixed:
            for name in list(tensors):
                if name.startswith("transformer."):
                    tensors[name.removeprefix("transformer.")] = tensors.pop(name)

    change(folder, age)
    start = "transformer.h" if prefixed else "h"
    told = f"left in the weight files, as transformers does: {start}.*.attn.bias, {start}.*.attn.masked_bias"
    assert check(folder) == [told]
    loaded = load_model(ModelSpec(model=str(folder)), folder, torch.float32).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in before.items())
    said = refusal(folder, lambda tensors: tensors.update({"h.0.attn.scale": torch.ones(1)}))
    assert said.endswith("h.0.attn.scale is in no part of the model; is config.json theirs?")


def test_masks_of_gpt_neox_files_are_left_there(tmp_path: Path) -> None:
    folder = NAMED["gpt_neox"].make_base(tmp_path / "model")
    old = {
        "bias": torch.ones(1, 1, 8, 8, dtype=torch.bool),
        "masked_bias": torch.tensor(-1e9),
        "rotary_emb.inv_freq": torch.ones(4),
    }
    start = "gpt_neox.layers.0.attention."
    change(folder, lambda tensors: tensors.update({start + name: tensor for name, tensor in old.items()}))
    (told,) = check(folder)
    assert told.startswith("left in the weight files") and all(told.count(name) for name in old)


@pytest.mark.parametrize("name", NAMED)
def test_what_every_family_saves_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    assert check(NAMED[name].make_base(tmp_path / "model")) == []


def test_files_that_transformers_does_not_read_are_no_part(folder: Path) -> None:
    save_file({"layers.0.attention.wq.weight": torch.ones(2)}, folder / "consolidated.safetensors")
    assert check(folder) == []
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    names = load_file(folder / "model-00001-of-00001.safetensors")
    index = {"weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert check(folder) == []


@pytest.mark.parametrize("dtype", [torch.int8, torch.float16])
def test_pickled_weights_are_held_to_the_same(folder: Path, dtype: torch.dtype) -> None:
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save({**tensors, UP: tensors[UP].to(dtype)}, folder / "pytorch_model.bin")
    if dtype == torch.float16:
        assert check(folder, allow_pickled_weights=True) == []
    else:
        with pytest.raises(UserError, match=rf"pytorch_model\.bin: {UP} is stored as int8, not in float32"):
            check(folder, allow_pickled_weights=True)


@pytest.mark.parametrize("method", ["fp8", "gptq", None])
def test_quantised_models_are_refused_by_their_configuration(folder: Path, method: str | None) -> None:
    config = json.loads((folder / "config.json").read_text())
    quantised = {"quantization_config": {"quant_method": method, "bits": 8}}
    (folder / "config.json").write_text(json.dumps(config | quantised))
    with pytest.raises(UserError) as error:
        check(folder)
    of_it = f", '{method}'" if method else ""
    assert str(error.value) == (
        f"{folder / 'config.json'}: quantised weights (quantization_config{of_it}); take a copy of the model "
        f"in float32, bf16 or fp16"
    )


def test_the_limit_of_open_files_is_told_as_that(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: Any, **options: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(stored_weights, "safe_open", refuse)
    with pytest.raises(UserError, match=r"too many open files to read it; raise the limit: ulimit -n 1024"):
        check(folder)


def test_a_low_limit_of_open_files_does_not_make_the_model_a_broken_one(folder: Path) -> None:
    """In a process of its own, which can open a few more: each tensor that is being read holds one."""
    code = (
        "import os, resource, sys; from pathlib import Path;"
        "from laptime.startup.imports import defer_imports; defer_imports(); import torch;"
        "from laptime.models.loading import load_model, quiet_libraries; from laptime.spec import ModelSpec;"
        "quiet_libraries(); folder = Path(sys.argv[1]); spec = ModelSpec(model=str(folder));"
        "load_model(spec, folder, torch.float32);"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (8 + max(map(int, os.listdir('/proc/self/fd'))), 99));"
        "load_model(spec, folder, torch.float32)"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith(f"--model {folder}: too many open files to read it; raise the limit: ulimit -n 1024")


def test_a_weight_of_another_shape_is_named(folder: Path) -> None:
    def widen(tensors: Tensors) -> None:
        tensors[UP] = torch.zeros(65, 32)

    assert refusal(folder, widen) == (
        f"{UP} is 65x32, the model of config.json has 64x32; is config.json theirs?"
    )


def test_what_config_json_says_wrong_is_not_the_tokenizers_fault(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"rms_norm_eps": "small"}))
    with pytest.raises(UserError, match=r"config\.json: .*rms_norm_eps"):
        load_tokenizer(ModelSpec(model=str(folder)), locate_model(ModelSpec(model=str(folder))))
