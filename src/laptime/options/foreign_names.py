"""What options are called in TRL, LLaMA-Factory, Axolotl and ms-swift, and what they are called here.

Their arguments: huggingface.co/docs/trl, llamafactory.readthedocs.io, docs.axolotl.ai, swift.readthedocs.io.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from laptime.errors import readable

_NAMES = {
    "model": "model_name_or_path pretrained_model_name_or_path base_model model_name model_id",
    "revision": "model_revision revision_of_model",
    "data": "dataset dataset_name datasets dataset_path data_path train_file train_dataset dataset_dir",
    "split": "dataset_train_split dataset_split",
    "held_out": "val_size val_set_size eval_dataset test_datasets validation_file val_dataset "
    "split_dataset_ratio dataset_test_split test_size",
    "template": "prompt_template prompt_style",
    "chat_template": "chat_template_path chat_template_jinja",
    "max_length": "cutoff_len sequence_len max_seq_length max_seq_len model_max_length block_size seq_len",
    "text_column": "dataset_text_field text_field",
    "messages_column": "field_messages",
    "train_on": "train_on_inputs train_on_prompt completion_only_loss assistant_only_loss "
    "mask_history roles_to_train",
    "epochs": "num_train_epochs num_epochs n_epochs max_epochs",
    "batch_size": "per_device_train_batch_size micro_batch_size train_batch_size",
    "gradient_accumulation": "gradient_accumulation_steps accumulate_grad_batches",
    "learning_rate": "lr",
    "schedule": "lr_scheduler_type lr_scheduler scheduler",
    "warmup_ratio": "warmup_steps warmup num_warmup_steps",
    "weight_decay": "wd",
    "adam_beta1": "beta1",
    "adam_beta2": "beta2",
    "max_grad_norm": "gradient_clipping gradient_clip_val clip_grad",
    "seed": "random_seed data_seed",
    "precision": "bf16 fp16 tf32 float32 dtype torch_dtype pure_bf16 mixed_precision",
    "gradient_checkpointing": "use_gradient_checkpointing activation_checkpointing "
    "disable_gradient_checkpointing",
    "save_every": "save_steps save_strategy saves_per_epoch",
    "keep_checkpoints": "save_total_limit",
    "resume": "resume_from_checkpoint auto_resume_from_checkpoints",
    "out": "output_dir out_dir output_path",
    "track": "report_to use_wandb wandb_project use_tensorboard",
    "method": "finetuning_type adapter peft_type train_type tuner_type use_peft sft_type",
    "lora_rank": "lora_r r rank",
    "lora_alpha": "alpha",
    "lora_targets": "lora_target target_modules lora_target_modules lora_target_linear",
    "device": "device_map",
    "devices": "num_gpus nproc_per_node num_processes",
    "optimizer": "optim",
}
_WITHOUT = {
    "a batch is laid end to end without padding already": "packing sample_packing neat_packing "
    "eval_packing pad_to_sequence_len group_by_length padding_free",
    "--devices says how many work together, the method how": "deepspeed fsdp fsdp_config fsdp_version ddp "
    "ddp_timeout local_rank tensor_parallel_size context_parallel_size ddp_find_unused_parameters",
    "the base is taken in full or half precision": "load_in_4bit load_in_8bit quantization_bit quant_bits "
    "quant_method quantization_method bnb_4bit_quant_type bnb_4bit_compute_dtype "
    "bnb_4bit_use_double_quant use_bnb_nested_quant double_quantization qlora",
    "the embeddings get no noise": "neftune_noise_alpha neftune_alpha noisy_embedding_alpha",
    "attention is chosen by itself": "attn_implementation flash_attn flash_attention attn_impl "
    "sdp_attention xformers_attention enable_liger_kernel use_liger_kernel use_unsloth",
    "it is supervised fine-tuning": "stage do_train rl rlhf_type",
    "it is done by itself": "logging_steps logging_dir logging_strategy plot_loss eval_steps eval_strategy "
    "evaluation_strategy evals_per_epoch do_eval overwrite_output_dir overwrite_cache "
    "preprocessing_num_workers dataset_num_proc dataloader_num_workers dataset_prepared_path "
    "per_device_eval_batch_size eval_batch_size remove_unused_columns include_num_input_tokens_seen "
    "model_type tokenizer_type special_tokens strict auto_find_batch_size",
    "examples are all taken": "max_samples max_train_samples streaming",
    "adapters are those of LoRA": "use_dora use_rslora pissa_init loraplus_lr_ratio lora_bias use_lora",
}
_VALUES = {"warmup_ratio": "a share of the steps"}  # what is given here where others give something else
HERE = {name: ours for ours, names in _NAMES.items() for name in names.split()}
NOWHERE = {name: why for why, names in _WITHOUT.items() for name in names.split()}


def find_here(name: str, options: Collection[str]) -> str:
    """Return what an option of another tool is called here, "" where `options` has nothing for it."""
    ours = HERE.get(_plain(name), "")
    if ours == "method" and ours not in options:
        ours = "methods"
    return ours if ours in options else ""


def tell_value(name: str, ours: str) -> str:
    """Say in parentheses what an option is given here, where its name in another tool says otherwise."""
    if ours == "precision" and _plain(name) in ("bf16", "fp16"):
        return f" {_plain(name)}"
    return f" ({_VALUES[ours]})" if ours in _VALUES else ""


def find_reason(name: str) -> str:
    """Return why an option of another tool has no counterpart here, "" where it is none."""
    return NOWHERE.get(_plain(name), "")


def tell_foreign(names: Sequence[str], options: Collection[str]) -> str:
    """Say what to do about each of some names that are no options; "" where none is of another tool."""
    here = [
        f"{name} -> {ours.replace('_', '-')}{tell_value(name, ours)}"
        for name in names
        if (ours := find_here(name, options))
    ]
    without: dict[str, list[str]] = {}
    for name in names:
        if (reason := find_reason(name)) and not find_here(name, options):
            without.setdefault(reason, []).append(name)
    left = [f"{', '.join(those)} ({reason})" for reason, those in without.items()]
    parts = [", ".join(here), "leave out " + ", ".join(left) if left else ""]
    told = "; ".join(part for part in parts if part)
    others = [name for name in names if not (find_here(name, options) or find_reason(name))]
    return f"{told}; no option: {', '.join(map(readable, others))}" if told and others else told


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()
