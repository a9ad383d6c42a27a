"""ms-swift: `swift sft` by its own class, handed token ids where it would encode texts by its templates.

Its own ways, which stay as they are: a process of its own collates the batches; logits of positions without
a label are not computed; the accuracy over tokens is counted at every step; attention is of its choice by
family (eager for Gemma 3); a whole model is saved in float32, as it trains. As it comes, it computes a model
of float32 in fp16.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TITLE = "ms-swift"
SUMMARY = "ModelScope's swift sft"
PACKAGES = ("ms-swift==4.6.0", "transformers==5.19.0", "peft==0.20.0", "torch==2.13.0")
METHODS = ("full", "lora")


def train(run: Any) -> None:
    """Train once, inside ms-swift's own Python."""
    refuse_code(run)
    from swift.arguments import SftArguments

    pipeline_class = take_tokens(run)
    run.mark("import")
    keep_order(run)
    pipeline = pipeline_class(SftArguments(**settings(run), model_type=find_family(run.model)))
    run.mark("load")
    pipeline.main()
    run.saved()


def refuse_code(run: Any) -> None:
    """Refuse a model that brings code along unless that was asked for: ms-swift would run it in any case."""
    config = json.loads((Path(run.model) / "config.json").read_text(encoding="utf-8"))
    if "auto_map" in config and not run.trust_remote_code:
        raise SystemExit("would run the code that this model brings along; --trust-remote-code allows it")


def take_tokens(run: Any) -> Any:
    """Return `swift sft` for examples that are encoded already, its result where we look for it."""
    from swift.pipelines.train.sft import SwiftSft

    class TokenSft(SwiftSft):
        def _prepare_dataset(self) -> list[Any]:
            return [run.dataset(), None]

        def train(self, trainer: Any) -> Any:
            trainer.add_callback(run.callback())
            message = super().train(trainer)
            trainer.save_model(run.out)
            return message

    return TokenSft


def keep_order(run: Any) -> None:
    """Let its batches be ours, the short ones at the end of an epoch too: it has a sampler of its own."""
    from swift.trainers import mixin
    from torch.utils.data import BatchSampler

    def make_sampler(number: int, batch_size: int, **_: Any) -> Any:
        return BatchSampler(run.order(number), batch_size, drop_last=False)

    if not run.as_it_comes:
        mixin.BatchSamplerShard = make_sampler


def find_family(model: str) -> str | None:
    """Return ms-swift's family of a model; None where it knows it by the model's name, or not at all."""
    from swift.model.model_meta import get_matched_model_meta, get_matched_model_types

    if get_matched_model_meta(model) is not None:
        return None
    config = json.loads((Path(model) / "config.json").read_text(encoding="utf-8"))
    return choose_family(config, get_matched_model_types(config.get("architectures")))


def choose_family(config: dict[str, Any], families: list[str]) -> str | None:
    """Return the one of ms-swift's `families` of the same architecture that loads in the plainest way.

    It asks for one where there are several. None where it knows none: it then loads as transformers does.
    """
    own = config.get("model_type")
    return own if own in families else next(iter(families), None)


def settings(run: Any) -> dict[str, Any]:
    """Return the arguments of `swift sft`: a log line a step, no checkpoints, the same work."""
    always = run.instruments() | {
        "model": run.model,
        "check_model": False,  # else it would look on the network
        "hub_token": "",  # nor log in there with a token of the user's
        "tuner_type": run.method,
        "dataset": [run.records],  # asked for, and not read
        "template": "dummy",
        "output_dir": run.scratch,
        "add_version": False,
    }
    if run.as_it_comes:
        return always | run.length()
    precision = {"torch_dtype": str(run.weight_dtype()).removeprefix("torch.")}
    adapter = run.adapter_numbers() | {"target_modules": run.lora["targets"]} if run.is_adapter else {}
    return always | run.training_arguments() | precision | adapter
