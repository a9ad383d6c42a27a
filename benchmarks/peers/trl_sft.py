"""TRL's side of the race: SFTTrainer and PEFT with the settings that their documentation recommends.

Loss on the completion only, nothing reported, one save at the end. The completion's tokens are what the
joined text has more than the prompt, or, where the two share a token, those of the completion alone, as
Laptime and the other peers do: SFTTrainer would merge the space at the end of a prompt with the completion's
first word, which are other tokens and other losses.
"""

from measured_job import PeerJob, read_options

JOB = PeerJob("trl")

import tempfile  # noqa: E402 - after the clock has started
from typing import Any  # noqa: E402


def settings(options: Any) -> Any:
    """Return the trainer's settings."""
    import torch
    from trl import SFTConfig

    return SFTConfig(
        output_dir=options.out,
        per_device_train_batch_size=options.batch_size,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        learning_rate=options.learning_rate,
        lr_scheduler_type="constant",
        bf16=options.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        save_strategy="no",
        logging_steps=1,
        report_to=[],
        max_length=2048,
        completion_only_loss=True,
        gradient_checkpointing=False,
        seed=0,
    )


def encode(record: dict[str, str], tokenizer: Any) -> dict[str, list[int]]:
    """Return the tokens of one record and which of them are trained, in SFTTrainer's names."""
    prompt = tokenizer(record["prompt"])["input_ids"]
    joined = tokenizer(record["prompt"] + record["completion"])["input_ids"]
    completion = joined[len(prompt) :]
    if joined[: len(prompt)] != prompt:
        completion = tokenizer(record["completion"], add_special_tokens=False)["input_ids"]
    completion.append(tokenizer.eos_token_id)
    return {"input_ids": prompt + completion, "completion_mask": [0] * len(prompt) + [1] * len(completion)}


def main() -> None:
    """Train once and print the figures."""
    options = read_options(__doc__)
    import torch
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTTrainer

    JOB.mark("import")
    with tempfile.TemporaryDirectory() as cache:
        dataset = load_dataset("json", data_files=options.data, split="train", cache_dir=cache)
        tokenizer = AutoTokenizer.from_pretrained(options.model)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        dataset = dataset.map(encode, fn_kwargs={"tokenizer": tokenizer}, remove_columns=dataset.column_names)
        dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype)
        JOB.mark("load")
        adapter = LoraConfig(
            r=options.rank,
            lora_alpha=2 * options.rank,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        trainer = SFTTrainer(
            model=model,
            args=settings(options),
            train_dataset=dataset,
            processing_class=tokenizer,
            peft_config=adapter if options.method == "lora" else None,
            callbacks=[JOB.callback()],
        )
        trainer.train()
        trainer.save_model(options.out)
        JOB.mark("save")
        JOB.print_figures()


if __name__ == "__main__":
    main()
