"""Every optimizer by name: what the library's own would do, kept and gone on with to the last bit."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import nn

from laptime.errors import UserError
from laptime.methods.method import find_methods, make_method
from laptime.optimizers import KINDS, moment_bytes, update_flops
from laptime.runs.checks import check_optimizer
from laptime.spec import RunSpec, TrainingSpec
from laptime.training.optimizer import Optimizer
from laptime.training.update_rules import assign_rules
from tests.runs.test_devices import make_manifest

ALL = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            bool(kind.library) and find_spec(kind.library) is None, reason=f"{kind.library} is not installed"
        ),
    )
    for name, kind in KINDS.items()
]
RATE = 1e-2


class Model(nn.Module):
    """Tables of tokens, a matrix and a vector."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(40, 16)
        self.matrix = nn.Linear(16, 96, bias=False)
        self.norm = nn.Parameter(torch.ones(96))
        self.head = nn.Linear(16, 40, bias=False)

    def get_input_embeddings(self) -> nn.Module:
        return self.table

    def get_output_embeddings(self) -> nn.Module:
        return self.head


def make(name: str, dtype: torch.dtype = torch.float32, **options: Any) -> tuple[Model, Optimizer]:
    """Return a model and what trains it."""
    model = Model().to(dtype)
    training = TrainingSpec(optimizer=name, **({"max_grad_norm": 0.0} | options))  # type: ignore[arg-type]
    groups: list[dict[str, Any]] = [
        {"params": [model.table.weight, model.matrix.weight, model.head.weight]},
        {"params": [model.norm], "decays": False, "rate_factor": 0.5},
    ]
    groups = assign_rules(groups, model, training)  # type: ignore[arg-type]
    return model, Optimizer(groups, training, loss_scaling=False, fused=False)


def give_gradients(model: Model, seed: int) -> None:
    """Give every weight random gradients."""
    torch.manual_seed(seed)
    for weight in model.parameters():
        weight.grad = torch.randn(weight.shape).to(weight.dtype)


def take_steps(model: Model, optimizer: Optimizer, seeds: range) -> None:
    for seed in seeds:
        give_gradients(model, seed)
        optimizer.step(RATE * (1 + seed))


def make_plain(name: str, model: Model) -> list[torch.optim.Optimizer]:
    """Return the library's own optimizers of the tables, the matrix and the vector, as a user makes them."""
    matrix, decay = [model.matrix.weight], {"weight_decay": 0.1}
    tables, vector = [model.table.weight, model.head.weight], [model.norm]
    own: dict[str, Any] = {"weight_decay": 0.0}
    if name in ("adamw8bit", "lion"):
        from bitsandbytes import optim

        kind: Any = optim.AdamW8bit if name == "adamw8bit" else optim.Lion
        return [kind([*tables, *matrix], **decay), kind(vector, **own)]
    if name == "sgd":
        torch_sgd: Any = torch.optim.SGD
        return [torch_sgd([*tables, *matrix], momentum=0.9, **decay), torch_sgd(vector, momentum=0.9, **own)]
    if name == "muon":
        first: Any = torch.optim.Muon(matrix, adjust_lr_fn="match_rms_adamw", **decay)
        return [first, torch.optim.AdamW(tables, **decay), torch.optim.AdamW(vector, **own)]
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adafactor
    return [kind([*tables, *matrix], **decay), kind(vector, **own)]


@pytest.mark.parametrize("name", ALL)
def test_weights_are_those_of_the_library_alone(name: str) -> None:
    """To the last bit: without clipping ours does nothing to the gradients."""
    model, optimizer = make(name, weight_decay=0.1)
    plain = Model()
    rules = make_plain(name, plain)
    for seed in range(5):
        take_steps(model, optimizer, range(seed, seed + 1))
        give_gradients(plain, seed)
        for number, rule in enumerate(rules, 1):
            for group in rule.param_groups:
                group["lr"] = RATE * (1 + seed) * (0.5 if number == len(rules) else 1.0)
            rule.step()
    for (key, ours), theirs in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs), key
        assert not torch.equal(ours, dict(Model().named_parameters())[key])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_run_goes_on_bit_by_bit(name: str, dtype: torch.dtype) -> None:
    """Half-precision weights have masters, whatever updates them."""
    (whole, optimizer), (first, before) = make(name, dtype), make(name, dtype)
    take_steps(whole, optimizer, range(6))
    take_steps(first, before, range(3))
    kept = {
        key: tensor.clone()
        for key, tensor in before.capture({weight: name for name, weight in first.named_parameters()}).items()
    }
    assert ("master.norm" in kept) is (dtype == torch.bfloat16)
    second, after = make(name, dtype)
    second.load_state_dict(first.state_dict())
    after.restore(kept, {weight: name for name, weight in second.named_parameters()})
    take_steps(second, after, range(3, 6))
    assert all(map(torch.equal, whole.parameters(), second.parameters()))
    again = after.capture({weight: name for name, weight in second.named_parameters()})
    assert again.keys() == kept.keys()


def test_a_lost_moment_is_noticed() -> None:
    model, optimizer = make("adamw")
    take_steps(model, optimizer, range(1))
    names: dict[nn.Parameter, str] = {weight: name for name, weight in model.named_parameters()}
    kept = optimizer.capture(names)
    del kept["exp_avg_sq.matrix.weight"]
    with pytest.raises(KeyError, match=r"exp_avg_sq\.matrix\.weight"):
        optimizer.restore(kept, names)


@pytest.mark.parametrize("name", ALL)
def test_a_gradient_that_is_not_finite_changes_nothing(name: str) -> None:
    model, optimizer = make(name)
    take_steps(model, optimizer, range(1))
    before = [weight.detach().clone() for weight in model.parameters()]
    give_gradients(model, 1)
    assert model.norm.grad is not None
    model.norm.grad[0] = torch.inf
    assert optimizer.step(RATE)[1]
    assert all(map(torch.equal, model.parameters(), before))


def test_muon_updates_matrices_and_adamw_all_else() -> None:
    model, optimizer = make("muon")
    rules = {id(weight): chunk.kind.name for chunk in optimizer.chunks for weight in chunk.parameters}
    found = {key: rules[id(weight)] for key, weight in model.named_parameters()}
    assert found == {
        "table.weight": "adamw",
        "matrix.weight": "muon",
        "norm": "adamw",
        "head.weight": "adamw",
    }


@pytest.mark.parametrize("name", ALL)
def test_the_estimate_knows_what_is_kept(name: str) -> None:
    """Of a model of wide matrices; the counts of steps and blocks are next to nothing."""
    matrix = nn.Parameter(torch.randn(256, 512))
    optimizer = Optimizer(
        [{"params": [matrix]}], TrainingSpec(optimizer=name), loss_scaling=False, fused=False
    )  # type: ignore[arg-type]
    matrix.grad = torch.randn_like(matrix)
    optimizer.step(RATE)
    kept = sum(value.nbytes for value in optimizer.capture({matrix: "matrix"}).values())
    shape = make_manifest().shape
    assert kept / matrix.numel() == pytest.approx(moment_bytes(name, shape, adapts=True), abs=0.26)


def test_estimates_of_a_whole_model() -> None:
    """Adafactor's rows and columns are next to nothing; of Muon the tables keep AdamW's moments."""
    shape = make_manifest().shape
    assert 0 < moment_bytes("adafactor", shape) < 0.01
    tables = shape.vocabulary_size * shape.hidden_size / shape.num_parameters
    assert moment_bytes("muon", shape) == pytest.approx(4 + 4 * tables)
    assert [moment_bytes(name, shape) for name in ("adamw", "adamw8bit", "sgd", "lion")] == [8, 2, 4, 4]
    assert update_flops("adamw", shape) == 0 < update_flops("muon", shape, 8) < update_flops("muon", shape)


def test_the_default_rate_is_suited_to_the_optimizer() -> None:
    shape = make_manifest().shape
    for name in find_methods():
        method = make_method(name, {})
        usual = method.default_rate(shape, 4)
        for kind in KINDS.values():
            rate = method.default_rate(shape, 4, optimizer=kind.name)
            assert rate == pytest.approx(usual * kind.rate_factor, rel=0.1), (name, kind.name)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (
            {"optimizer": "muon", "devices": "2"},
            "--optimizer muon: full on --devices 2 spreads the moments, and ",
        ),
        (
            {"optimizer": "sgd", "adam_beta1": 0.5},
            "--adam-beta1: SGD with momentum has none of AdamW's; leave",
        ),
        ({"optimizer": "adafactor", "adam_epsilon": 1e-6}, "--adam-epsilon: Adafactor has none of AdamW's"),
    ],
)
def test_what_does_not_go_together_is_told(training: dict[str, Any], message: str) -> None:
    spec = RunSpec(method="full", training=TrainingSpec(device="cpu", **training))
    with pytest.raises(UserError, match=f"^{message}"):
        check_optimizer(spec)
    check_optimizer(RunSpec(method="full", training=TrainingSpec(optimizer="muon", adam_beta1=0.5)))


@pytest.mark.parametrize("name", ["adafactor", "sgd", "lion", "muon"])
def test_a_method_that_brings_an_optimizer_takes_none_beside_it(name: str) -> None:
    spec = RunSpec(method="galore", training=TrainingSpec(optimizer=name))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"^--optimizer {name}: galore brings an AdamW of its own; leave"):
        check_optimizer(spec)


@pytest.mark.parametrize("name", ["adafactor", "sgd", "muon"])
def test_a_loss_scale_goes_with_all(name: str) -> None:
    """A gradient that overflows under the scale leaves the step out and halves the scale."""
    model, _ = make(name)
    training = TrainingSpec(optimizer=name)  # type: ignore[arg-type]
    groups = assign_rules([{"params": [*model.parameters()]}], model, training)  # type: ignore[arg-type]
    optimizer = Optimizer(groups, training, loss_scaling=True, fused=False)
    before = model.matrix.weight.detach().clone()
    give_gradients(model, 0)
    assert model.norm.grad is not None
    model.norm.grad[0] = torch.inf
    assert optimizer.step(RATE)[1] and torch.equal(model.matrix.weight, before)
    assert optimizer.loss_scale is not None and float(optimizer.loss_scale) == 2**15
    give_gradients(model, 0)
    assert not optimizer.step(RATE)[1] and not torch.equal(model.matrix.weight, before)
