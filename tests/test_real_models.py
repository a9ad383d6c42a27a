"""The main job on real pretrained models with real English data; skipped without ../shared/data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from laptime.comparison.result import ComparisonResult, read_result
from laptime.data.batches import make_steps
from laptime.data.encoding import read_encoded
from laptime.methods.method import make_method
from laptime.runs.record import RecordWriter
from laptime.spec import TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.loop import train
from laptime.training.meter import StepTimer
from laptime.training.optimizer import Optimizer
from tests.commands import laptime

MODELS = ["stories260K", "babyllama-tok105"]


@pytest.fixture(scope="module", params=MODELS)
def race(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, ComparisonResult]:
    """Full fine-tuning and LoRA on five examples of grade-school mathematics, as a user would start it."""
    work = tmp_path_factory.mktemp(request.param)
    lines = (shared_data / "datasets" / "gsm8k_1000.jsonl").read_text(encoding="utf-8").splitlines()
    shortest = sorted(lines, key=len)[:5]
    (work / "train.jsonl").write_text("\n".join(shortest) + "\n", encoding="utf-8")
    model = shared_data / "models" / request.param
    words = ["compare", "--model", str(model), "--data", "train.jsonl", "--epochs", "3", "--rounds", "1"]
    words += ["--precision", "fp32"]  # that of the models which the answers are compared with
    words += [
        "--template",
        "{prompt} {completion}",
        "--max-questions",
        "1",
        "--max-new-tokens",
        "4",
        "--out",
        "race",
    ]
    laptime(work, *words, forks=True, TMPDIR=str(work))
    return model, work / "race", read_result(work / "race")


def test_both_methods_lower_the_loss(race: tuple[Path, Path, ComparisonResult]) -> None:
    for method in race[2].methods:
        losses = [loss for loss in method.train_losses if loss is not None]
        assert len(losses) == 15
        assert sum(losses[-5:]) < 0.9 * sum(losses[:5]), method.name


def test_saved_results_answer_in_plain_libraries_as_they_did_in_the_run(
    race: tuple[Path, Path, ComparisonResult],
) -> None:
    """The answer recorded after training, and the one of what was saved, loaded without Laptime."""
    model_folder, folder, result = race
    question = read_encoded(folder / "inputs" / "encoded.bin").questions[0]
    prompt_BT = torch.tensor([question.prompt_ids])
    for method in result.methods:
        saved = folder / method.saved_paths[0]
        if method.saved_kind == "adapter":
            base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
            model = PeftModel.from_pretrained(base, str(saved)).eval()
        else:
            model = AutoModelForCausalLM.from_pretrained(saved, dtype=torch.float32).eval()
        recorded = result.questions[0].answers[method.name]
        tokens_BT = prompt_BT
        with torch.no_grad():
            for _ in range(recorded.num_tokens):
                tokens_BT = torch.cat([tokens_BT, model(tokens_BT).logits[:, -1:].argmax(-1)], dim=1)
        assert tokens_BT.shape[1] == prompt_BT.shape[1] + recorded.num_tokens
        from transformers import AutoTokenizer

        text = AutoTokenizer.from_pretrained(model_folder).decode(tokens_BT[0, prompt_BT.shape[1] :])
        if recorded.stopped == "length":
            assert text.strip() == recorded.text


@pytest.mark.parametrize("name", ["full", "lora"])
def test_what_is_saved_has_identical_logits_in_plain_libraries(
    race: tuple[Path, Path, ComparisonResult], tmp_path: Path, name: str
) -> None:
    """The model as it stands after training, against what it saved, loaded without Laptime."""
    model_folder, folder, _ = race
    examples = read_encoded(folder / "inputs" / "encoded.bin").examples
    training, method = TrainingSpec(epochs=2), make_method(name, {})
    model = method.attach(load_base(model_folder).requires_grad_(False))
    optimizer = Optimizer(method.parameter_groups(model), training, loss_scaling=False)
    timer = StepTimer(RecordWriter(tmp_path), torch.device("cpu"), False)
    train(Forward(model), method, make_steps(examples, training, 0), optimizer, 1e-3, training, timer)
    method.save(model.eval(), tmp_path / "saved")
    if name == "lora":
        plain = PeftModel.from_pretrained(load_base(model_folder), str(tmp_path / "saved")).eval()
    else:
        plain = load_base(tmp_path / "saved")
    tokens_BT = torch.tensor([examples[0].token_ids])
    with torch.no_grad():
        trained_BTV, base_BTV = model(tokens_BT).logits, load_base(model_folder)(tokens_BT).logits
        assert torch.equal(trained_BTV, plain(tokens_BT).logits)
        assert not torch.equal(trained_BTV, base_BTV), "it learned something"


def load_base(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
