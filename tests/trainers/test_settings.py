"""What every trainer of transformers' kind is told where it is to train by its own defaults."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.trainers import llamafactory, ms_swift, trl
from tests.trainers.conftest import MakeRun

SETTINGS = {
    "llamafactory": lambda run: llamafactory.settings(run, "tokenized"),
    "ms_swift": ms_swift.settings,
    "trl": trl.settings,
}


@pytest.mark.parametrize("name", SETTINGS)
def test_as_it_comes_it_is_told_of_model_data_epochs_and_method_alone(name: str, make_run: MakeRun) -> None:
    run = make_run(as_it_comes=True, epochs=5, max_steps=7)
    told: dict[str, Any] = SETTINGS[name](run)
    assert told["num_train_epochs"] == 5 and told["max_steps"] == 7
    assert not (run.training_arguments().keys() - {"num_train_epochs", "max_steps"}) & told.keys()
    assert not [word for word in told if word.startswith(("lora", "torch_dtype", "packing"))]


@pytest.mark.parametrize("name", SETTINGS)
def test_it_reports_to_nobody_keeps_no_checkpoints_and_tells_of_every_step(
    name: str, make_run: MakeRun
) -> None:
    for own in (False, True):
        for device in ("cpu", "cuda"):
            told = SETTINGS[name](make_run(as_it_comes=own, device=device))
            assert told["report_to"] in ([], "none") and told["save_strategy"] == "no"
            assert told["logging_steps"] == 1 and told["use_cpu"] == (device == "cpu")
