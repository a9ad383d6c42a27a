"""The card of a model: what its page shows, and what the hub reads of it; imports no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from laptime.spec import BUILTIN

FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
MOST_BYTES = 1_000_000


def card_name() -> str:
    """Return the name of a card's file, as the hub has it."""
    from huggingface_hub.constants import REPOCARD_NAME

    return REPOCARD_NAME


def find_hub_id(name: str, folder: Path) -> str:
    """Return a base's id on the hub, "" where none is known: by its folder in the hub's cache.

    A name alone could be that of a folder which lies elsewhere.
    """
    for part in folder.absolute().parts:
        if part.startswith("models--"):
            kept = part.removeprefix("models--")
            return name if name.replace("/", "--") == kept else kept.replace("--", "/", 1)
    return ""


def read_front(file: Path) -> dict[str, Any]:
    """Return what stands above the text of a card, {} where there is none that can be read."""
    if not file.is_file() or file.stat().st_size > MOST_BYTES:
        return {}
    import yaml

    found = FRONT.match(file.read_text("utf-8", errors="replace"))
    try:
        front = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError:
        return {}
    return front if isinstance(front, dict) else {}


def write_front(front: Mapping[str, Any]) -> str:
    """Return the part above the text of a card, without what is empty."""
    import yaml

    known = {key: value for key, value in front.items() if value not in (None, "", [], {})}
    return f"---\n{yaml.safe_dump(known, allow_unicode=True, sort_keys=False, width=1000)}---\n"


def adapter_front(base: str, peft_type: str) -> dict[str, Any]:
    """Return what the hub wants to know of an adapter of PEFT's; without `base`, its id, no link is made."""
    tags = [*([f"base_model:adapter:{base}"] if base else []), peft_type.lower(), "transformers", "laptime"]
    return {"base_model": base, "library_name": "peft", "pipeline_tag": "text-generation", "tags": tags}


def write_short_card(base: str, name: str, peft_type: str, method: str, data: str) -> str:
    """Return the card of an adapter that was just saved; `name` is what the user calls the base."""
    loading = adapter_loading(base or "BASE", "ADAPTER")
    called = name_model(name)
    shown = f"`{base}`" if base else called
    examples = "the built-in examples" if data == BUILTIN else f"`{Path(data).name}`"
    lines = [
        write_front(adapter_front(base, peft_type)),
        f"# {method} on {base or called}",
        "",
        f"An adapter for {shown}, trained on {examples} with Laptime.",
        "",
        *fence(loading),
        "",
        "A card with the figures of the run, ready for the hub: `laptime export RUN --to card --out FOLDER`.",
    ]
    return "\n".join(lines) + "\n"


def name_model(name: str) -> str:
    """Return what a base is called that is not on the hub: no path of this machine."""
    return "Laptime's toy model" if name == BUILTIN else Path(name).name


def adapter_loading(base: str, adapter: str) -> list[str]:
    """Return the lines of Python that load an adapter."""
    return [
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f'model = AutoModelForCausalLM.from_pretrained("{base}", dtype="auto")',
        f'model = PeftModel.from_pretrained(model, "{adapter}")',
        f'tokenizer = AutoTokenizer.from_pretrained("{base}")',
    ]


def model_loading(model: str) -> list[str]:
    """Return the lines of Python that load a whole model."""
    return [
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f'model = AutoModelForCausalLM.from_pretrained("{model}", dtype="auto")',
        f'tokenizer = AutoTokenizer.from_pretrained("{model}")',
    ]


def fence(lines: Sequence[str], kind: str = "python") -> list[str]:
    """Return lines as a block of code, whatever stands in them."""
    runs = [len(run) for run in re.findall(r"`+", "\n".join(lines))]
    marks = "`" * max(3, 1 + max(runs, default=0))
    return [f"{marks}{kind}", *lines, marks]
