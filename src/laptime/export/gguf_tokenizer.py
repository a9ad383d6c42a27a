"""A tokenizer as GGUF has it: byte-level BPE by the name of its pre-tokenizer, or SentencePiece by scores."""

from __future__ import annotations

import json
from typing import Any

from laptime.errors import UserError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # llama.cpp's types of tokens
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
SPACE = "▁"


def describe_pre_tokenizer(state: dict[str, Any]) -> str:
    """Return llama.cpp's name of the pre-tokenizer of a byte-level BPE, "" for one that has none here.

    `state` is the content of tokenizer.json.
    """
    pre = state.get("pre_tokenizer") or {}
    parts = pre.get("pretokenizers") or [pre]
    kinds = [part.get("type") for part in parts]
    normalises = (state.get("normalizer") or {}).get("type")
    if kinds == ["Split", "ByteLevel"] and not parts[1].get("use_regex"):
        known = {(LLAMA3, None): "llama-bpe", (QWEN2, "NFC"): "qwen2"}
        return known.get((parts[0]["pattern"].get("Regex", ""), normalises), "")
    if normalises is not None or parts[-1].get("add_prefix_space"):
        return ""
    if kinds == ["ByteLevel"] and parts[0].get("use_regex"):
        return "gpt-2"
    is_smollm = kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits")
    return "smollm" if is_smollm and parts[1].get("use_regex") else ""


def read_state(tokenizer: Any) -> dict[str, Any]:
    """Return what tokenizer.json holds of a tokenizer, {} of one that has none."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    state: dict[str, Any] = json.loads(backend.to_str()) if backend is not None else {}
    return state


def is_sentencepiece(state: dict[str, Any]) -> bool:
    """Tell whether a tokenizer is SentencePiece's BPE: blanks become a letter, and no bytes are letters."""
    normaliser = state.get("normalizer") or {}
    steps = normaliser.get("normalizers") or [normaliser]
    replaces = any(step.get("type") == "Replace" and step.get("content") == SPACE for step in steps)
    pre = state.get("pre_tokenizer") or {}
    return state.get("model", {}).get("type") == "BPE" and (replaces or pre.get("type") == "Metaspace")


def check_tokenizer(tokenizer: Any) -> None:
    """Raise UserError for a tokenizer that llama.cpp would read otherwise, or of another kind."""
    state = read_state(tokenizer)
    if state.get("model", {}).get("type") != "BPE":
        kind = state.get("model", {}).get("type") or type(tokenizer).__name__
        raise UserError(f"--to gguf: a tokenizer of another kind ({kind}); BPE and SentencePiece's BPE go")
    if not merges(state):
        raise UserError(
            "--to gguf: a tokenizer without merges, which llama.cpp does not load; use --to merged"
        )
    if is_sentencepiece(state):
        if state["model"].get("byte_fallback"):
            return
        raise UserError(
            "--to gguf: a SentencePiece tokenizer without tokens for bytes, which llama.cpp needs; "
            "use --to merged"
        )
    if not describe_pre_tokenizer(state):
        raise UserError(
            "--to gguf: a pre-tokenizer that has no name in llama.cpp known here, so that texts would be cut "
            "otherwise; use --to merged, and llama.cpp's own converter"
        )


def add_tokenizer(writer: Any, tokenizer: Any, vocabulary: int, begins: bool, stop_ids: list[int]) -> None:
    """Write the tokenizer into a GGUF; `begins`: the beginning of sequence stands before a text."""
    state = read_state(tokenizer)
    tokens, types = list_tokens(state, vocabulary)
    pieces = is_sentencepiece(state)
    writer.add_tokenizer_model("llama" if pieces else "gpt2")
    writer.add_tokenizer_pre("default" if pieces else describe_pre_tokenizer(state))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if pieces:
        writer.add_token_scores(list_scores(state, tokens))
        writer.add_add_space_prefix(adds_prefix(state))
    else:
        writer.add_token_merges(
            [merge if isinstance(merge, str) else " ".join(merge) for merge in merges(state)]
        )
    add_special(writer, tokenizer, stop_ids, vocabulary)
    writer.add_add_bos_token(begins)
    writer.add_add_eos_token(False)


def add_special(writer: Any, tokenizer: Any, stop_ids: list[int], vocabulary: int) -> None:
    """Write which tokens begin, end and pad; what ends an answer beside EOS is the end of a turn."""
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    eos = tokenizer.eos_token_id if tokenizer.eos_token_id in stop_ids else stop_ids[0]
    writer.add_eos_token_id(eos)
    if others := [token for token in stop_ids if token != eos]:
        writer.add_eot_token_id(others[0])
    for name in ("unk", "pad"):
        token = getattr(tokenizer, f"{name}_token_id")
        if token is not None and token < vocabulary:
            getattr(writer, f"add_{name}_token_id")(token)


def list_tokens(state: dict[str, Any], vocabulary: int) -> tuple[list[str], list[int]]:
    """Return text and type of every token of the model; those that its tokenizer lacks are unused."""
    texts = {index: text for text, index in state["model"]["vocab"].items()}
    types = dict.fromkeys(texts, NORMAL)
    if is_sentencepiece(state):
        types |= {index: BYTE for index, text in texts.items() if len(text) == 6 and text.startswith("<0x")}
    for added in state.get("added_tokens") or []:
        texts[added["id"]] = added["content"]
        types[added["id"]] = CONTROL if added["special"] else USER_DEFINED
    unknown = state["model"].get("unk_token")
    types |= {index: UNKNOWN for index, text in texts.items() if unknown and text == unknown}
    return (
        [texts.get(index, f"[PAD{index}]") for index in range(vocabulary)],
        [types.get(index, UNUSED) for index in range(vocabulary)],
    )


def merges(state: dict[str, Any]) -> list[Any]:
    """Return the merges of a BPE, the first one first."""
    return list(state["model"].get("merges") or [])


def list_scores(state: dict[str, Any], tokens: list[str]) -> list[float]:
    """Return a score for each token by which SentencePiece merges in the order of the merges."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges(state)):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        ranks.setdefault("".join(pair), rank)
    lowest = float(-len(ranks) - 1)
    return [-float(ranks[token]) if token in ranks else lowest for token in tokens]


def adds_prefix(state: dict[str, Any]) -> bool:
    """Tell whether a blank is put before every text."""
    normaliser = state.get("normalizer") or {}
    steps = normaliser.get("normalizers") or [normaliser]
    pre = state.get("pre_tokenizer") or {}
    return any(step.get("type") == "Prepend" for step in steps) or pre.get("prepend_scheme") in (
        "always",
        "first",
    )
