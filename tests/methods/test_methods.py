"""Every method, through the same claims: a new file in laptime/methods is covered the moment it exists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from peft import PeftModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM

from laptime.data.batches import make_steps
from laptime.data.encoding import EncodedExample
from laptime.errors import UserError
from laptime.methods.lora import Lora, LoraOptions
from laptime.methods.method import (
    expand_methods,
    find_lacking,
    find_method,
    find_methods,
    make_method,
)
from laptime.models.folder import check_saved
from laptime.models.loading import build_empty_model
from laptime.models.module_shape import measure_shape
from laptime.models.shape import Shape
from laptime.runs.record import RecordWriter
from laptime.spec import ModelSpec, TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.loop import train
from laptime.training.meter import StepTimer
from laptime.training.optimizer import Optimizer
from tests.tiny import make_tiny_model

METHODS = [name for name in find_methods() if not find_lacking(name)]
EXACTLY = {"rtol": 0.0, "atol": 0.0}
NEARLY = {torch.float32: {"rtol": 1e-4, "atol": 1e-5}, torch.bfloat16: {"rtol": 0.05, "atol": 0.05}}
PROMPT_BT = torch.tensor([[256, 10, 20, 30, 40]])


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), attention_bias=True)  # for bitfit


@pytest.fixture(scope="module")
def shape(tiny_model: Path) -> Shape:
    return measure_shape(build_empty_model(ModelSpec(model=str(tiny_model)), tiny_model))


def trained(name: str, base: Path, folder: Path, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """Return the method and its model after a few steps."""
    method = make_method(name, {})
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype).requires_grad_(False)
    torch.manual_seed(0)
    model = method.attach(model)
    training = TrainingSpec(epochs=3)
    examples = [
        EncodedExample([256, 65 + i, 66, 67, 257], [False, False, True, True, True], "x") for i in range(3)
    ]
    optimizer = Optimizer(method.parameter_groups(model), training, loss_scaling=False)
    timer = StepTimer(RecordWriter(folder), torch.device("cpu"), False)
    steps = method.prepare(model, make_steps(examples, training, 0))
    train(Forward(model), method, steps, optimizer, 1e-2, training, timer)
    return method, model.eval()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_saved_loads_in_plain_libraries_with_identical_logits(
    tiny_model: Path, tmp_path: Path, name: str, dtype: torch.dtype
) -> None:
    method, model = trained(name, tiny_model, tmp_path, dtype)
    method.save(model, tmp_path / "saved")
    if method.saved_kind == "adapter":
        base = method.hold_base(AutoModelForCausalLM.from_pretrained(tiny_model, dtype=dtype))
        plain = PeftModel.from_pretrained(base, str(tmp_path / "saved"))
    else:
        plain = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", dtype=dtype)
    with torch.no_grad():
        ours = model(PROMPT_BT).logits
        before = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=dtype)(PROMPT_BT).logits
        theirs = plain.eval()(PROMPT_BT).logits
        if method.saves_others:  # the same sum in another order
            torch.testing.assert_close(ours, theirs, **NEARLY[dtype])
        else:
            assert torch.equal(ours, theirs)
        assert not torch.equal(ours, before), "it learned something"


@pytest.mark.parametrize("name", METHODS)
def test_our_own_loading_and_merging_compute_the_same(tiny_model: Path, tmp_path: Path, name: str) -> None:
    method, model = trained(name, tiny_model, tmp_path)
    method.save(model, tmp_path / "saved")
    check_saved(tmp_path / "saved", method.saved_kind)  # as laptime ask does
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    loaded = method.load(base, tmp_path / "saved", torch.float32).eval()
    with torch.no_grad():
        expected = model(PROMPT_BT).logits
        found = loaded(PROMPT_BT).logits
        torch.testing.assert_close(
            found, expected, **NEARLY[torch.float32] if method.saves_others else EXACTLY
        )
        if not method.merges:
            with pytest.raises(UserError, match=f"^{name}: its tokens can't be merged into weights; use the"):
                method.merge(model)
            return
        torch.testing.assert_close(method.merge(model)(PROMPT_BT).logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_the_cost_is_what_the_model_shows(tiny_model: Path, tmp_path: Path, shape: Shape, name: str) -> None:
    method, model = trained(name, tiny_model, tmp_path)
    cost = method.cost(shape, 4)
    assert cost.trainable_parameters == sum(p.numel() for p in model.parameters() if p.requires_grad)
    method.save(model, tmp_path / "saved")
    weights = sum(file.stat().st_size for file in (tmp_path / "saved").glob("*.safetensors"))
    if name == "adalora":  # whose ranks go to other layers in each training, which are of other sizes
        assert weights == pytest.approx(cost.saved_bytes, rel=0.3)
    else:
        assert cost.saved_bytes <= weights <= cost.saved_bytes + 10_000, "weights plus the file's header"
    assert cost.flops_per_token > 0


# What a pass makes of each layer's parameters, whatever its tokens, is no cost of a token; products of
# weights in 4 bits are out of torch's sight; OFT's blocks have a test of their own.
UNCOUNTED = {"dora", "loftq", "oft", "qlora"}


@pytest.mark.parametrize("name", [name for name in METHODS if name not in UNCOUNTED])
def test_the_operations_are_those_that_torch_counts(shape: Shape, tiny_model: Path, name: str) -> None:
    """Of the products of a step in which every token trains, less the scores of its attention."""
    method = make_method(name, {})
    model = AutoModelForCausalLM.from_pretrained(
        tiny_model, dtype=torch.float32, attn_implementation="eager"
    ).requires_grad_(False)
    model = method.attach(model)
    method.before_step(model, 1, list)
    embedded_BTD = model.get_input_embeddings()(PROMPT_BT)
    lowest = method.lowest_layer(shape)
    if not lowest and not embedded_BTD.requires_grad:  # else the lowest products have one gradient less
        embedded_BTD.requires_grad_()
    with FlopCounterMode(display=False) as counter:
        model(inputs_embeds=embedded_BTD).logits.sum().backward()
    counts = counter.get_flop_counts()["Global"]
    counted = sum(n for kind, n in counts.items() if "mm" in str(kind) and "bmm" not in str(kind))
    expected = method.cost(shape, 4).count_operations(PROMPT_BT.numel(), len(PROMPT_BT))
    assert counted == pytest.approx(expected, rel=0.08 if lowest else 0.01)


def count_blocks(model: Any, token_ids_BT: torch.Tensor) -> int:
    """Return the operations of products in batches: those of blocks, and of attention."""
    with FlopCounterMode(display=False) as counter:
        embedded_BTD = model.get_input_embeddings()(token_ids_BT).detach().requires_grad_()
        model(inputs_embeds=embedded_BTD).logits.sum().backward()
    return counter.get_flop_counts()["Global"][torch.ops.aten.bmm]


def test_the_operations_of_rotations_are_those_that_torch_counts(shape: Shape, tiny_model: Path) -> None:
    """What is more for four times as many tokens, so that what makes the blocks is left out."""
    method = make_method("oft", {"oft_block_size": 16})
    plain, rotated = (
        AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="eager").requires_grad_(False)
        for _ in range(2)
    )
    rotated = method.attach(rotated)
    more = [
        count_blocks(rotated, ids) - count_blocks(plain, ids) for ids in (PROMPT_BT, PROMPT_BT.repeat(4, 1))
    ]
    products = method.cost(shape, 4).flops_per_token - 4.0 * shape.num_matmul_weights
    assert more[1] - more[0] == 3 * PROMPT_BT.numel() * products


@pytest.mark.parametrize("name", METHODS)
def test_every_method_names_itself_and_has_a_rate(shape: Shape, name: str) -> None:
    kind = find_method(name)
    assert kind.name == name
    assert kind.summary
    assert 0 < make_method(name, {}).default_rate(shape) < 1


def test_methods_are_listed_without_torch() -> None:
    code = (
        "import sys; from laptime.methods.method import find_methods; find_methods(); "
        "print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_b_learns_faster_than_a(tiny_model: Path) -> None:
    method = make_method("lora_plus", {"lora_plus_ratio": 8.0})
    model = method.attach(AutoModelForCausalLM.from_pretrained(tiny_model).requires_grad_(False))
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = method.parameter_groups(model)
    factors = {names[p]: group["rate_factor"] for group in groups for p in group["params"]}
    assert factors.keys() == {name for name in names.values() if "lora_" in name}
    assert all(factor == (8.0 if "lora_B" in name else 1.0) for name, factor in factors.items())


def test_a_frozen_a_stays_and_half_trains(tiny_model: Path, shape: Shape) -> None:
    whole, half = (make_method(name, {}).cost(shape, 4) for name in ("lora", "lora_fa"))
    assert half.trainable_parameters < whole.trainable_parameters and half.saved_bytes == whole.saved_bytes
    model = make_method("lora_fa", {}).attach(AutoModelForCausalLM.from_pretrained(tiny_model))
    assert not any("lora_A" in name for name, p in model.named_parameters() if p.requires_grad)


def test_only_the_top_layers_train(tiny_model: Path, shape: Shape) -> None:
    method = make_method("top_layers", {"top_layers": 1})
    model = method.attach(AutoModelForCausalLM.from_pretrained(tiny_model))
    trained = {name.split(".")[2] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {str(shape.num_layers - 1)}
    assert method.lowest_layer(shape) == shape.num_layers - 1
    with pytest.raises(UserError, match="--top-layers 99: this model has 2 layers"):
        make_method("top_layers", {"top_layers": 99}).cost(shape, 4)


def test_what_an_adapter_began_with_is_no_part_of_what_is_saved(tiny_model: Path, tmp_path: Path) -> None:
    method = make_method("pissa", {"lora_rank": 4})
    model = method.attach(AutoModelForCausalLM.from_pretrained(tiny_model).requires_grad_(False))
    method.save(model, tmp_path)  # untrained: nothing was learned
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["init_lora_weights"]) == (8, 16, True)
    assert model.peft_config["default"].r == 4, "as it trains on"
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad():
        before = base(PROMPT_BT).logits
        after = PeftModel.from_pretrained(base, str(tmp_path))(PROMPT_BT).logits
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["lora*"], ("lora", "lora_fa", "lora_plus", "lora_top")),
        (["full", "?issa"], ("full", "pissa")),
        (["lora", "lora"], ("lora", "lora")),
        (["lora", "lora*"], ("lora", "lora_fa", "lora_plus", "lora_top")),
        (["lora", "lora", "pi*"], ("lora", "lora", "pissa")),  # named twice is refused as ever
        (["nope"], ("nope",)),  # refused with the nearest name by whoever makes it
    ],
)
def test_patterns_mean_methods(names: list[str], expected: tuple[str, ...]) -> None:
    assert expand_methods("--methods", names) == expected
    assert set(expand_methods("--methods", ["all"])) == set(METHODS)


def test_a_pattern_that_means_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"--methods: no method like 'x\*'; there are full, adalora"):
        expand_methods("--methods", ["x*"])


@pytest.mark.parametrize("name", ["pissa", "olora"])
def test_what_begins_with_the_base_is_no_wider_than_its_layers(shape: Shape, name: str) -> None:
    narrowest = min(min(size[1:]) for size in make_method(name, {}).targets(shape).values())
    make_method(name, {"lora_rank": narrowest}).cost(shape, 4)
    with pytest.raises(UserError, match=f"--lora-rank {narrowest + 1}: {name} can take {narrowest} at most"):
        make_method(name, {"lora_rank": narrowest + 1}).cost(shape, 4)


def test_scales_need_layers_of_those_names(shape: Shape) -> None:
    with pytest.raises(UserError) as error:
        make_method("ia3", {"ia3_targets": ("k_prj",)}).cost(shape, 4)
    assert str(error.value) == "--ia3-targets: no linear layer 'k_prj'; did you mean 'k_proj'?"


def test_lora_learns_ten_times_faster_than_full_but_in_narrow_models(shape: Shape) -> None:
    wide, narrow = (msgspec.structs.replace(shape, hidden_size=width) for width in (2048, 64))
    full, lora = (make_method(name, {}).learning_rate for name in ("full", "lora"))
    assert lora(wide) == pytest.approx(10 * full(wide))
    assert lora(narrow) == lora(msgspec.structs.replace(shape, hidden_size=400))
    assert full(narrow) == pytest.approx(lora(narrow) / 10 * 400 / 64)


def test_the_rate_of_lora_falls_as_alpha_grows(shape: Shape) -> None:
    """Alpha is twice the rank unless it is given: what counts is how much a step changes a layer."""
    rates = [
        make_method("lora", options).learning_rate(shape)
        for options in ({}, {"lora_rank": 64}, {"lora_alpha": 64.0}, {"lora_rank": 64, "lora_alpha": 32.0})
    ]
    assert rates == pytest.approx([rates[0], rates[0] / 4, rates[0] / 2, rates[0]])


def test_the_toy_has_rates_of_its_own(shape: Shape) -> None:
    for name, factor in (("full", 4), ("lora", 3)):
        method = make_method(name, {})
        assert method.default_rate(shape, toy=True) == pytest.approx(
            factor * method.default_rate(shape), rel=0.06
        )


def test_rates_grow_with_the_batch_up_to_a_bound(shape: Shape) -> None:
    for name in ("full", "lora"):
        method = make_method(name, {})
        rates = [method.default_rate(shape, batch) for batch in (1, 4, 16, 1000)]
        assert rates == pytest.approx([rates[0], 2**0.5 * rates[0], 2 * rates[0], 2 * rates[0]], rel=0.06)


def test_rates_fall_with_the_width_as_the_rule_says(shape: Shape) -> None:
    llama = msgspec.structs.replace(shape, architecture="LlamaForCausalLM", hidden_size=2048)
    qwen = msgspec.structs.replace(shape, architecture="Qwen3ForCausalLM", hidden_size=2048)
    assert make_method("lora", {}).default_rate(llama) == 4.9e-4
    assert make_method("lora", {}).default_rate(qwen) == 5.0e-4
    assert make_method("full", {}).default_rate(
        msgspec.structs.replace(llama, hidden_size=128)
    ) == pytest.approx(5.5e-4)


def test_the_shape_counts_tied_weights_once(tiny_model: Path, shape: Shape) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert shape.num_parameters == sum(p.numel() for p in model.parameters())
    assert (shape.head, shape.linears["lm_head"]) == ("lm_head", (32, 260))
    assert shape.linears["model.layers.0.self_attn.k_proj"] == (32, 16)


def test_an_unknown_target_is_refused_with_the_nearest(shape: Shape) -> None:
    with pytest.raises(UserError) as error:
        Lora(LoraOptions(lora_targets=("q_prj",))).cost(shape, 4)
    assert str(error.value) == "--lora-targets: no linear layer 'q_prj'; did you mean 'q_proj'?"
