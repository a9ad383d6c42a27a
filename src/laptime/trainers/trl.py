"""TRL: SFTTrainer with PEFT, as its documentation shows it (https://huggingface.co/docs/trl)."""

from __future__ import annotations

from typing import Any

TITLE = "TRL"
SUMMARY = "Hugging Face's SFTTrainer with PEFT"
PACKAGES = ("trl==1.16.0", "transformers==5.24.0", "peft==0.21.2", "torch==2.13.0")
METHODS = ("full", "lora")


def train(run: Any) -> None:
    """Train once, inside TRL's own Python."""
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    run.mark("import")
    own = run.as_it_comes
    tokenizer = AutoTokenizer.from_pretrained(run.model, trust_remote_code=run.trust_remote_code)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    # A path of its own choosing means its own precision too: SFTTrainer loads the model by its name.
    model: Any = run.model
    if not own:
        model = AutoModelForCausalLM.from_pretrained(
            run.model, dtype=run.weight_dtype(), trust_remote_code=run.trust_remote_code
        )
    run.mark("load")
    adapter = (
        (LoraConfig(task_type="CAUSAL_LM") if own else LoraConfig(**run.lora_settings()))
        if run.is_adapter
        else None
    )
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**settings(run)),
        train_dataset=run.dataset(),
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=[run.callback()],
    )
    trainer.train()
    trainer.save_model(run.out)
    run.saved()


def settings(run: Any) -> dict[str, Any]:
    """Return SFTConfig's arguments: a log line a step, no checkpoints, the same work."""
    always = run.instruments() | {"output_dir": run.scratch}
    if run.as_it_comes:
        return always | run.length()
    told = {"max_length": None, "packing": False}
    return always | told | run.training_arguments()
