"""The lines that follow an export: how it is uploaded and served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from laptime.export.card import Base
from laptime.export.gguf_kind import GGUF_FILE
from laptime.export.kinds import ADAPTER_FOLDER
from laptime.export.served_template import MODELFILE
from laptime.export.subject import Subject
from laptime.models.folder import ADAPTER_CONFIG
from laptime.report.language import Language
from laptime.util.shell import shell_command

VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank takes


def tell_next(subject: Subject, base: Base, folder: Path, language: Language) -> list[str]:
    """Return the lines: label and command, or why there is none."""
    lines = [line("upload", shell_command("hf", "upload", "USER/NAME", folder), language)]
    if (folder / ADAPTER_CONFIG).is_file():
        lines.append(serve_adapter(subject, base.hub_id or str(subject.base_folder), folder, language))
    elif (folder / GGUF_FILE).is_file():
        lines.append(line("serve", shell_command("llama-server", "-m", folder / GGUF_FILE), language))
    elif not (folder / ADAPTER_FOLDER).is_dir():
        lines.append(line("serve", shell_command("vllm", "serve", folder), language))
    if (folder / MODELFILE).is_file():
        lines.append(
            line("ollama", shell_command("ollama", "create", "NAME", "-f", folder / MODELFILE), language)
        )
    return lines


def line(key: str, command: str, language: Language) -> str:
    """Return a command behind its label."""
    return f"{language.say(f'export.next.{key}')} {command}"


def serve_adapter(subject: Subject, base: str, folder: Path, language: Language) -> str:
    """Return the command that serves an adapter with vLLM, or why vLLM has none."""
    config = json.loads((folder / ADAPTER_CONFIG).read_bytes())
    if reason := find_unserved(config):
        key = "export.not_served" if subject.method.merges else "export.not_served.at_all"
        return language.say(key, reason=reason)
    rank = next((rank for rank in VLLM_RANKS if rank >= config["r"]), 0)
    if not rank:
        return language.say("export.not_served", reason=f"rank {config['r']} > {VLLM_RANKS[-1]}")
    command = shell_command(
        "vllm",
        "serve",
        base,
        "--enable-lora",
        "--lora-modules",
        f"NAME={folder}",
        "--max-lora-rank",
        str(rank),
    )
    return line("serve", command, language)


def find_unserved(config: dict[str, Any]) -> str:
    """Return what of an adapter vLLM does not serve, "" where it does."""
    if config["peft_type"] != "LORA":
        return str(config["peft_type"])
    if config.get("use_dora"):
        return "DoRA"
    if config.get("modules_to_save"):
        return "modules_to_save"
    return "target_parameters" if config.get("target_parameters") else ""
