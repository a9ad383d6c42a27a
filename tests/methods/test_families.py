"""Every family by every method through the whole run, against transformers, PEFT and torch alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM

from laptime.inputs.encoding import read_encoded
from laptime.inputs.facts import ENCODED_FILE
from laptime.inputs.model_shape import measure_shape
from laptime.methods.method import make_method
from laptime.spec import TrainingSpec
from laptime.training import self_checks
from tests.methods.families import FAMILIES, RANK, STEADY_EPSILON, Family, train_plain
from tests.speedups.plain import RATE
from tests.speedups.runs import RECORDS, encode, train, write_records

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
    """A family with the folder of its tiny model, five ragged records and a held-out one, encoded."""
    family, folder = NAMED[request.param], tmp_path_factory.mktemp(request.param)
    family.make_base(folder / "model")
    write_records(folder / "train.jsonl", RECORDS)
    write_records(folder / "held_out.jsonl", [("why", "so")])
    encode(folder, "inputs")
    return family, folder


@pytest.mark.parametrize("method", METHODS)
def test_a_run_trains_what_plain_libraries_train(
    base: tuple[Family, Path], tmp_path: Path, method: str
) -> None:
    """Losses, final weights, counts, and what the saved result gives when it is loaded."""
    family, folder = base
    options = {} if method == "full" else {"lora_rank": RANK}
    record = train(folder, tmp_path / "run", method, options, **SETTINGS)
    training = TrainingSpec(**SETTINGS)
    records = read_encoded(folder / "inputs" / ENCODED_FILE).records
    losses, plain = train_plain(family, folder / "model", method, records, training)
    assert [step.loss for step in record.steps] == pytest.approx(losses, rel=5e-5)
    assert [check.passed for check in record.checks] == [True, True, True], record.checks
    assert record.model
    number = sum(p.numel() for p in plain.parameters() if p.requires_grad)
    cost = make_method(method, options).cost(measure_shape(family.make_model()), 4)
    assert record.model.trainable_parameters == cost.trainable_parameters == number
    saved = tmp_path / "run" / "saved"
    assert_close_weights(saved, plain)
    if method != "full":
        assert_same_in_any_process(saved / "adapter_config.json")
    loaded = load(saved, folder / "model", method)
    with torch.no_grad():
        theirs, ours = plain(PROMPT_BT).logits, loaded(PROMPT_BT).logits
        before = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)(PROMPT_BT).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float((theirs - before).abs().max()))


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
