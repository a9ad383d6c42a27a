"""Every family by every method through the whole run, against transformers, PEFT and torch alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, Gemma3Config, Trainer

from laptime.data.encoding import read_encoded
from laptime.data.input_manifest import ENCODED_FILE
from laptime.errors import UserError
from laptime.methods import lora
from laptime.methods.method import decayed_names, make_method
from laptime.models.module_shape import measure_shape
from laptime.models.shape import Shape
from laptime.spec import TrainingSpec
from laptime.training import self_checks
from tests.methods.families import FAMILIES, RANK, SIZES, STEADY_EPSILON, Family, train_plain
from tests.speedups.jobs import fill_adapters
from tests.speedups.plain import RATE
from tests.speedups.runs import EXAMPLES, encode, speedup, train, write_examples

NAMED = {family.name: family for family in FAMILIES}
METHODS = ("full", "lora", "lora_top")
SETTINGS: dict[str, Any] = {
    "epochs": 2, "batch_size": 2, "learning_rate": RATE, "adam_epsilon": STEADY_EPSILON, "seed": 3,
}  # fmt: skip
PROMPT_BT = torch.tensor([[256, 10, 20, 30, 40]])

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(autouse=True)
def much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for second copies: to ask for it takes longer than to train these models."""
    monkeypatch.setattr(self_checks, "has_room", lambda model: True)


@pytest.fixture(scope="module", params=list(NAMED))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Family, Path]:
    """A family with the folder of its tiny model, five ragged examples and a held-out one, encoded."""
    family, folder = NAMED[request.param], tmp_path_factory.mktemp(request.param)
    family.make_base(folder / "model")
    write_examples(folder / "train.jsonl", EXAMPLES)
    write_examples(folder / "held_out.jsonl", [("why", "so")])
    encode(folder, "inputs")
    return family, folder


@pytest.fixture(scope="module")
def shape(base: tuple[Family, Path]) -> Shape:
    return measure_shape(base[0].make_model())


@pytest.fixture(scope="module")
def before(base: tuple[Family, Path]) -> torch.Tensor:
    """The logits of the base."""
    with torch.no_grad():
        return load(base[1] / "model", base[1] / "model", "full")(PROMPT_BT).logits


@pytest.mark.parametrize("method", METHODS)
def test_a_run_trains_what_plain_libraries_train(
    base: tuple[Family, Path], shape: Shape, before: torch.Tensor, tmp_path: Path, method: str
) -> None:
    """Losses, final weights, counts, and what the saved result gives when it is loaded."""
    family, folder = base
    options = {} if method == "full" else {"lora_rank": RANK}
    # A token that two experts want alike goes to either by rounding, and more so with every step.
    settings = SETTINGS | ({"epochs": 1} if family.has_experts else {})
    record = train(folder, tmp_path / "run", method, options, **settings)
    training = TrainingSpec(**settings)
    examples = read_encoded(folder / "inputs" / ENCODED_FILE).examples
    losses, plain = train_plain(family, folder / "model", method, examples, training)
    assert [step.loss for step in record.steps] == pytest.approx(losses, rel=5e-5)
    assert [check.passed for check in record.checks] == [True, True, True], record.checks
    takes_apart = method != "full" and bool(family.parameters)
    assert speedup(record, "background_save").ran != takes_apart, "PEFT moves weights while it evaluates"
    assert record.model
    number = sum(p.numel() for p in plain.parameters() if p.requires_grad)
    cost = make_method(method, options).cost(shape, 4)
    assert record.model.trainable_parameters == cost.trainable_parameters == number
    saved = tmp_path / "run" / "saved"
    assert_close_weights(saved, plain)
    if method != "full":
        assert_same_in_any_process(saved / "adapter_config.json")
    loaded = load(saved, folder / "model", method)
    with torch.no_grad():
        theirs, ours = plain(PROMPT_BT).logits, loaded(PROMPT_BT).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float((theirs - before).abs().max()))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_weight_decay_leaves_out_what_the_trainer_leaves_out(family: Family) -> None:
    """Biases, torch's LayerNorm, and the norms that models bring along, each under names of its own."""
    model = family.make_model()
    ours, names = decayed_names(model), {name for name, _ in model.named_parameters()}
    assert ours == names & set(Trainer.get_decay_parameter_names(None, model))
    norms = {f"{n}.weight" for n, module in model.named_modules() if type(module).__name__.endswith("Norm")}
    assert norms and {name for name in ours & norms if "norm_f." not in name} == set(), (
        "Mamba's last one decays"
    )
    assert not any(name.endswith("bias") for name in ours)


def load(saved: Path, base: Path, method: str) -> Any:
    """Load a saved result without Laptime."""
    if method == "full":
        return AutoModelForCausalLM.from_pretrained(saved, dtype=torch.float32).eval()
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(model, str(saved)).eval()


def assert_same_in_any_process(file: Path) -> None:
    """PEFT keeps names in sets, whose order is another one in every process."""
    config = json.loads(file.read_text())
    for key in ("target_modules", "target_parameters", "exclude_modules"):
        assert config[key] is None or config[key] == sorted(config[key]), key


def assert_close_weights(saved: Path, plain: Any) -> None:
    """Compare the saved tensors with those of the reference, as far as they bear the same names."""
    (file,) = saved.glob("*.safetensors")
    ours = load_file(file)
    theirs = get_peft_model_state_dict(plain) if isinstance(plain, PeftModel) else plain.state_dict()
    common = ours.keys() & theirs.keys()
    assert common, "checkpoints of experts keep one tensor for each of them"
    if isinstance(plain, PeftModel):
        assert ours.keys() == theirs.keys()
    for name in sorted(common):
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-3, atol=2e-5, msg=name)


@pytest.mark.parametrize("name", [one.name for one in FAMILIES if not one.parameters and not one.left_out])
def test_without_experts_it_adapts_what_peft_calls_all_linear(name: str) -> None:
    ours = make_method("lora", {"lora_rank": RANK}).attach(NAMED[name].make_model())
    config = LoraConfig(r=RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    theirs = get_peft_model(NAMED[name].make_model(), config)
    trained = [{n for n, p in model.named_parameters() if p.requires_grad} for model in (ours, theirs)]
    assert trained[0] == trained[1] != set()


@pytest.mark.parametrize("name", [one.name for one in FAMILIES if one.counts])
def test_the_products_of_a_forward_pass_are_those_counted(name: str) -> None:
    """Two operations for each weight and token, as torch counts its own products with weights."""
    model = NAMED[name].make_model().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(PROMPT_BT, use_cache=False)
    ops = torch.ops.aten
    counted = counter.get_flop_counts()["Global"]
    products = sum(counted.get(op, 0) for op in (ops.mm, ops.addmm))
    assert products == 2 * PROMPT_BT.numel() * measure_shape(model).num_matmul_weights


@pytest.mark.parametrize("name", ["gpt2", "mixtral", "qwen3_next", "mamba"])
def test_merged_adapters_compute_the_same(name: str) -> None:
    method = make_method("lora", {"lora_rank": RANK})
    model = fill_adapters(method.attach(NAMED[name].make_model())).eval()
    with torch.no_grad():
        expected, before = model(PROMPT_BT).logits, NAMED[name].make_model().eval()(PROMPT_BT).logits
        torch.testing.assert_close(method.merge(model)(PROMPT_BT).logits, expected, rtol=1e-4, atol=1e-4)
    assert float((expected - before).abs().max()) > 0.01


def test_weights_of_experts_are_targets_by_name() -> None:
    shape = measure_shape(NAMED["mixtral"].make_model())
    assert (len(shape.experts), shape.experts_per_token) == (6, 2)
    method = make_method("lora", {"lora_rank": RANK, "lora_targets": ("gate_up_proj", "q_proj")})
    attached = method.attach(NAMED["mixtral"].make_model())
    trained = {n.partition(".lora_")[0] for n, p in attached.named_parameters() if p.requires_grad}
    assert {name.partition(".layers.2.")[2] for name in trained} - {""} == {"mlp.experts", "self_attn.q_proj"}
    # q_proj is 32 to 32; each of 4 experts is 32 to 2 times 48, and a token goes through two of them.
    one_layer = RANK * (32 + 32), RANK * (32 + 96)
    cost = method.cost(shape, 4)
    assert cost.trainable_parameters == 3 * (one_layer[0] + 4 * one_layer[1])
    adapters = 6.0 * 3 * (one_layer[0] + 2 * one_layer[1])
    assert cost.flops_per_token == 4.0 * shape.num_matmul_weights + adapters
    assert cost.copied_weights == 3 * 4 * 32 * 96
    assert make_method("full", {}).cost(shape, 4).copied_weights == 0


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "lora",
        {"lora_targets": ("gate_up_prj",)},
        "--lora-targets: no linear layer 'gate_up_prj'; did",
    ),
    ("lora", {"lora_targets": ("gate",)}, "--lora-targets: no linear layer 'gate'"),
    (
        "lora",
        {"lora_dropout": 0.1},
        "--lora-dropout 0.1: not before model.layers.*.mlp.experts.gate_",
    ),
    ("lora", {"lora_rank": 97}, "--lora-rank 97: this model's layers have rank 32 at most"),
    ("lora_top", {"top_layers": 4}, "--top-layers 4: this model has 3 layers"),
]


@pytest.mark.parametrize(("method", "options", "said"), REFUSED)
def test_what_experts_cannot_have_is_refused(method: str, options: dict[str, Any], said: str) -> None:
    shape = measure_shape(NAMED["mixtral"].make_model())
    with pytest.raises(UserError) as error:
        make_method(method, options).cost(shape, 4)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)
    if "lora_dropout" in options:
        make_method(method, options | {"lora_targets": ("q_proj", "v_proj")}).cost(shape, 4)


def test_models_that_leave_a_method_nothing_to_do_are_refused_by_it() -> None:
    bare = replace(measure_shape(NAMED["llama"].make_model()), linears={"lm_head": (32, 260)})
    nameless = replace(bare, linears={"body.up": (32, 48), "body.down": (48, 32), "lm_head": (32, 260)})
    for method in ("lora", "lora_top"):
        with pytest.raises(UserError, match=f"^{method}: LlamaForCausalLM has no linear layer to"):
            make_method(method, {}).cost(bare, 4)
    make_method("lora", {}).cost(nameless, 4)
    with pytest.raises(UserError, match=r"^lora_top: no linear layer to adapt in the 1 top layers of Llama"):
        make_method("lora_top", {}).cost(nameless, 4)
    assert make_method("full", {}).cost(bare, 4).trainable_parameters == bare.num_parameters


def test_peft_that_adapts_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does by itself where a layer bears the name of an expert's."""
    monkeypatch.setattr(lora, "NAMES_OF_EXPERTS", set())
    with pytest.raises(UserError, match=r"^lora: PEFT would train [\d,]+ numbers of Qwen3NextFor"):
        make_method("lora", {"lora_rank": RANK}).attach(NAMED["qwen3_next"].make_model())


def test_layers_without_adapters_are_told() -> None:
    mamba, mixtral, gpt2 = (measure_shape(NAMED[name].make_model()) for name in ("mamba", "mixtral", "gpt2"))
    (note,) = make_method("lora", {}).notes(mamba)
    assert note.startswith(
        "no adapters on backbone.layers.*.mixer.dt_proj, backbone.layers.*.mixer.out_proj: "
    )
    (note,) = make_method("lora_top", {}).notes(mixtral)
    assert note.startswith("no adapters on model.layers.*.mlp.gate: routers, ")
    assert make_method("full", {}).notes(mixtral) == make_method("lora", {}).notes(gpt2) == []


@pytest.mark.parametrize("method", ["lora", "lora_top"])
def test_what_sees_pictures_is_adapted_where_text_passes_through(method: str) -> None:
    """Adapters elsewhere would never learn, and its layers bear the same numbers."""
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = Gemma3Config(
        text_config=SIZES | {"query_pre_attn_scalar": 8},
        vision_config=sizes | {"image_size": 28, "patch_size": 14},
        mm_tokens_per_image=4, image_token_index=258, boi_token_index=254, eoi_token_index=255,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    assert any("vision" in name for name, _ in model.named_modules())
    shape = measure_shape(model)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=PROMPT_BT, use_cache=False)
    products = counter.get_flop_counts()["Global"][torch.ops.aten.mm]
    assert products == 2 * PROMPT_BT.numel() * shape.num_matmul_weights
    adapted = fill_adapters(make_method(method, {"lora_rank": RANK}).attach(model))
    adapted(input_ids=PROMPT_BT, use_cache=False).logits.sum().backward()
    trained = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    assert len(trained) == 2 * 7 * (3 if method == "lora" else 1)
    assert all("language_model" in name and p.grad is not None for name, p in trained.items())
