"""LitGPT: litgpt finetune lora and full (https://github.com/Lightning-AI/litgpt).

It reads and writes checkpoints of its own: what turns the model into one is counted as loading, what turns
the result into an adapter or a model that others read, as saving. Told of the same work, it is given what
its finetuning has no option for: clipping, the rate of each step, tied embeddings, and losses weighed so
that every token of a step counts alike. Its own ways: one dropout mask for the q, k and v of a layer, and
after a training of adapters it also saves the whole model with them merged.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

TITLE = "LitGPT"
SUMMARY = "Lightning's LitGPT, from its own checkpoints"
PACKAGES = (
    "litgpt==0.5.13", "lightning==2.6.6", "torch==2.13.0", "safetensors==0.8.0",
    "requests==2.34.2",  # LitGPT does not ask for it, trains without it and then cannot save
)  # fmt: skip
METHODS = ("full", "lora")

IGNORED = -100


def train(run: Any) -> None:
    """Train once, inside LitGPT's own Python."""
    if run.gradient_checkpointing and not run.as_it_comes:
        raise SystemExit("keeps every activation; leave out --gradient-checkpointing to race it")
    if run.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # it takes whatever device there is
    import litgpt_checkpoint as checkpoints

    finetune: Any = importlib.import_module(f"litgpt.finetune.{'lora' if run.is_adapter else 'full'}")
    importlib.import_module("requests")
    run.mark("import")
    config = json.loads((Path(run.model) / "config.json").read_text(encoding="utf-8"))
    checkpoint, work = Path(run.scratch) / "checkpoint", Path(run.scratch) / "work"
    options = checkpoints.adapter_options(run)
    checkpoints.convert_model(run.model, config, checkpoint)
    notes = SimpleNamespace(step=0, begun=False, rate=None, grad_norm=None, trained=None)
    if not run.as_it_comes:
        tell_same_work(run, finetune, notes, bool(config.get("tie_word_embeddings")))
    watch_steps(run, finetune, notes)
    # It reads the options of its adapters again from the command line when it saves them.
    sys.argv = ["litgpt", str(checkpoint), *(f"--{name}={value}" for name, value in options.items())]
    finetune.setup(checkpoint, work, devices=1, data=make_data(run), **options, **settings(run))
    write = checkpoints.write_adapter if run.is_adapter else checkpoints.write_model
    write(run, config, work / "final")
    run.saved()


def settings(run: Any) -> dict[str, Any]:
    """Return what `setup` is told beside model, data and adapters: a log line a step, no checkpoints."""
    from litgpt.args import EvalArgs, TrainArgs

    if run.as_it_comes:
        batches = {"global_batch_size": 16, "micro_batch_size": 1, "lr_warmup_steps": 100}  # as in its setup
        train = TrainArgs(save_interval=None, epochs=run.epochs, max_steps=run.max_steps, **batches)
        return {"train": train}
    train = TrainArgs(
        save_interval=None,
        global_batch_size=run.batch_size * run.gradient_accumulation,
        micro_batch_size=run.batch_size,
        lr_warmup_steps=0,
        epochs=1,
        max_steps=run.num_steps,
    )
    never = EvalArgs(interval=run.num_steps + 1, max_new_tokens=1, max_iters=0, final_validation=False)
    precision = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}[run.precision]
    return {"train": train, "eval": never, "precision": precision, "seed": run.seed}


def make_data(run: Any) -> Any:
    """Return a DataModule of the examples: as told the micro-batches in their order, else shuffled."""
    import torch
    from litgpt.data import DataModule
    from litgpt.prompts import Default
    from torch.utils.data import DataLoader

    lines = Path(run.records).read_text(encoding="utf-8").splitlines()
    examples: Any = [{name: torch.tensor(ids) for name, ids in json.loads(line).items()} for line in lines]
    nothing: Any = []

    class Examples(DataModule):
        prompt_style = Default()

        def connect(self, *_: Any, batch_size: int = 1, **__: Any) -> None:
            self.batch_size = batch_size

        def train_dataloader(self) -> Any:
            if run.as_it_comes:
                return DataLoader(examples, self.batch_size, shuffle=True, collate_fn=collate)
            return DataLoader(examples, batch_sampler=lay_out(run, len(examples)), collate_fn=collate)

        def val_dataloader(self) -> Any:
            return DataLoader(nothing)

    return Examples()


def lay_out(run: Any, number: int) -> list[list[int]]:
    """Return which of `number` examples are in each micro-batch, epoch by epoch.

    Those that the last step of an epoch lacks are empty.
    """
    per_step = run.batch_size * run.gradient_accumulation
    batches = []
    for first in range(0, number, run.records_per_epoch):
        last = min(first + run.records_per_epoch, number)
        begins = range(first, first - (first - last) // per_step * per_step, run.batch_size)
        batches += [list(range(begin, min(begin + run.batch_size, last))) for begin in begins]
    return batches


def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a batch as LitGPT's own collation makes it; of no examples, two tokens that train nothing."""
    import torch
    from litgpt.data.base import get_sft_collate_fn

    lengths = [len(example["input_ids"]) for example in examples] or [0]
    if not examples:
        nothing = torch.zeros(2, dtype=torch.long)
        examples = [{"input_ids": nothing, "labels": nothing + IGNORED}]
    counted = [
        example | {"token_counts": {"raw": length, "raw_plus_prompt_template": length}}
        for example, length in zip(examples, lengths, strict=True)
    ]
    batch: dict[str, Any] = get_sft_collate_fn()(counted)
    return batch


def watch_steps(run: Any, finetune: Any, notes: Any) -> None:
    """Time and prove the steps where LitGPT takes batches, steps its optimizer and logs."""
    fit, make = finetune.fit, finetune.instantiate_torch_optimizer

    def note_rate(optimizer: Any, *_: Any) -> None:
        notes.rate = optimizer.param_groups[0]["lr"]

    def make_optimizer(*given: Any) -> Any:
        optimizer = make(*given)
        optimizer.register_step_pre_hook(note_rate)
        return optimizer

    def watch_fit(**given: Any) -> Any:
        describe(run, given)
        run.mark("load")
        counts = fit(**given)
        run.mark("train")
        return counts

    finetune.fit, finetune.instantiate_torch_optimizer = watch_fit, make_optimizer
    finetune.choose_logger = lambda *_, **__: make_logger(run, notes)
    finetune.CycleIterator = make_iterator(run, notes, finetune.CycleIterator)
    finetune.generate_example = lambda *_: None  # the examples hold no text to show


def describe(run: Any, given: dict[str, Any]) -> None:
    """Tell what is about to train; `given` is what LitGPT's loop was given."""
    model = given.get("model") or given["state"]["model"]
    optimizer = given.get("optimizer") or given["state"]["optimizer"]
    batches = given["train"].epochs * len(given["train_dataloader"])  # a step may reach into the next epoch
    steps = batches // given["train"].gradient_accumulation_iters(1)
    precision = given["fabric"].strategy.precision.precision
    told = {"bf16": "bf16" in precision, "fp16": precision.startswith("16")}
    rate = None if not run.as_it_comes else optimizer.defaults["lr"]
    arguments = SimpleNamespace(learning_rate=rate, **told)
    run.describe(model, arguments, min(steps, given["train"].max_steps or steps))


def make_iterator(run: Any, notes: Any, base: Any) -> Any:
    """Return LitGPT's iterator over batches, which begins the clock of a step and keeps what it trains on."""
    ahead = 1 if run.as_it_comes else run.gradient_accumulation

    class Batches(base):  # type: ignore[misc]
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.queue: list[Any] = []

        def __next__(self) -> Any:
            if not notes.begun:
                run.begin_step()
                notes.begun = True
            if not self.queue:
                self.queue = [super(Batches, self).__next__() for _ in range(ahead)]
                notes.trained = sum((batch["labels"][:, 1:] != IGNORED).sum() for batch in self.queue)
            batch = self.queue.pop(0)
            keep_batch(run, batch)
            return batch

    return Batches


def keep_batch(run: Any, batch: dict[str, Any]) -> None:
    """Keep a batch for the proof of a step; LitGPT has no mask, for what is padded carries no loss."""
    import torch

    ids, lengths = batch["input_ids"], batch["token_counts"]["raw_plus_prompt_template"]
    if int(lengths.sum()):
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths.reshape(-1, 1).to(ids.device)
        run.batches.append({"input_ids": ids, "labels": batch["labels"], "attention_mask": mask})


def make_logger(run: Any, notes: Any) -> Any:
    """Return a logger for LitGPT that ends the clock of a step and tells of it."""
    from lightning.fabric.loggers.logger import Logger

    class Log(Logger):
        name, version = "laptime", 0

        def log_hyperparams(self, *_: Any, **__: Any) -> None:
            """Keep nothing."""

        def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
            if metrics.get("step", 0) > notes.step:
                run.end_step()
                run.tell_step(metrics["step"], float(metrics["loss"]), notes.rate, notes.grad_norm)
                notes.step, notes.begun = metrics["step"], False

    return Log()


def tell_same_work(run: Any, finetune: Any, notes: Any, tied: bool) -> None:
    """Give LitGPT's finetuning what it has no options for, where it looks these things up."""
    from torch.optim.lr_scheduler import LambdaLR

    build, loss_of = finetune.GPT, finetune.chunked_cross_entropy

    def make_scheduler(optimizer: Any, **_: Any) -> Any:
        return LambdaLR(optimizer, lambda step: run.rates[min(step, run.num_steps - 1)])

    def weigh_loss(logits: Any, targets: Any, **named: Any) -> Any:
        share = (targets != IGNORED).sum() / notes.trained.clamp(min=1)
        return loss_of(logits, targets, **named) * share * run.gradient_accumulation

    finetune.GPT = lambda config: build_model(run, build, config, tied)
    finetune.instantiate_torch_optimizer = lambda _, parameters: make_optimizer(run, notes, parameters)
    finetune.get_lr_scheduler = make_scheduler
    finetune.chunked_cross_entropy = weigh_loss


def build_model(run: Any, build: Any, config: Any, tied: bool) -> Any:
    """Return LitGPT's model: frozen weights in the precision of compute, adapters in float32."""
    import torch

    usual = torch.get_default_dtype()
    torch.set_default_dtype(run.weight_dtype())
    try:
        model = build(config)
    finally:
        torch.set_default_dtype(usual)
    for module in model.modules():
        if hasattr(module, "lora_A"):
            module.lora_A.data, module.lora_B.data = module.lora_A.data.float(), module.lora_B.data.float()
            module.reset_parameters()
    if tied:
        getattr(model.lm_head, "linear", model.lm_head).weight = model.transformer.wte.weight
    return model


def make_optimizer(run: Any, notes: Any, parameters: Any) -> Any:
    """Return AdamW as told, which clips before it steps; its rate is the scheduler's."""
    import torch

    trained = [parameter for parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": run.weight_decay},
        {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0},  # norms and biases
    ]
    betas = (run.adam_beta1, run.adam_beta2)
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=betas, eps=run.adam_epsilon)

    def clip(*_: Any) -> None:
        limit = run.max_grad_norm or float("inf")
        notes.grad_norm = float(torch.nn.utils.clip_grad_norm_(trained, limit))

    optimizer.register_step_pre_hook(clip)
    return optimizer
