"""Options of other tools lead to ours, and to nothing that is not there."""

from __future__ import annotations

import pytest

from laptime.cli.main import build_commands, commands
from laptime.options.flags import SectionedOption
from laptime.options.foreign_names import HERE, NOWHERE, find_here, find_reason, tell_foreign


def options_of(command: str) -> set[str]:
    build_commands()
    params = commands.commands[command].params
    return {option.name for option in params if isinstance(option, SectionedOption) and option.name}


def test_every_name_leads_to_an_option_of_train_and_is_none_itself() -> None:
    ours = options_of("train")
    assert set(HERE.values()) <= ours
    assert not ours & (HERE.keys() | NOWHERE.keys())
    assert not HERE.keys() & NOWHERE.keys()


@pytest.mark.parametrize(
    ("name", "command", "ours"),
    [
        ("model_name_or_path", "train", "model"),
        ("--per_device_train_batch_size", "train", "batch_size"),
        ("num-train-epochs", "compare", "epochs"),
        ("lora_r", "train", "lora_rank"),
        ("cutoff_len", "data", "max_length"),
        ("micro_batch_size", "train", "batch_size"),
        ("sequence_len", "data", "max_length"),
        ("finetuning_type", "train", "method"),
        ("finetuning_type", "compare", "methods"),
        ("lr", "data", ""),
        ("epochs", "train", ""),
    ],
)
def test_a_name_is_told_where_the_command_has_the_option(name: str, command: str, ours: str) -> None:
    assert find_here(name, options_of(command)) == ours


def test_what_is_given_otherwise_here_is_said() -> None:
    known = options_of("train")
    assert tell_foreign(["warmup_steps", "bf16", "alpha"], known) == (
        "warmup_steps -> warmup-ratio (a share of the steps), bf16 -> precision bf16, alpha -> lora-alpha"
    )


def test_what_has_no_counterpart_says_why() -> None:
    assert (find_reason("--deepspeed") or "").startswith("--devices says")
    assert find_reason("--epochs") == ""


def test_all_names_of_a_file_are_told_at_once() -> None:
    known = options_of("train")
    names = ["cutoff_len", "stage", "packing", "do_train", "lr", "mine"]
    assert tell_foreign(names, known) == (
        "cutoff_len -> max-length, lr -> learning-rate; leave out stage, do_train (it is supervised "
        "fine-tuning), packing (a batch is laid end to end without padding already); no option: mine"
    )
    assert tell_foreign(["mine"], known) == ""
