"""Rebuild the toy base model: its tokenizer and its weights, from the text that corpus.py makes.

Usage: python tools/toy_model/train.py [--out src/laptime/builtin/model] [--steps N]
"""

from __future__ import annotations

import argparse
import math
import random
import time
from pathlib import Path

import corpus  # the file next to this one
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
VOCABULARY = 4096
DEFAULT_OUT = corpus.BUILTIN / "model"


def tokenizer_text(texts: list[str]) -> list[str]:
    """Return the text for the tokenizer: the corpus and every Korean syllable.

    The syllables are there so that the first two of a syllable's three bytes always become one token; a
    syllable that the corpus never uses then takes two tokens, not three.
    """
    syllables = "\n".join(chr(code) for code in range(ord("가"), ord("힣") + 1))
    return texts + [syllables] * 8


def build_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer that puts BOS first and gives back any text exactly."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(tokenizer_text(texts), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def build_model(tokenizer: PreTrainedTokenizerFast, args: argparse.Namespace) -> LlamaForCausalLM:
    """Return the untrained model: a small Llama with tied embeddings and grouped key-value heads."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=args.hidden,
        intermediate_size=args.intermediate,
        num_hidden_layers=args.layers,
        num_attention_heads=args.hidden // 32,
        num_key_value_heads=args.hidden // 64,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def batches(rows: list[list[int]], size: int, seed: int) -> list[list[list[int]]]:
    """Return shuffled batches of rows of similar length, so that little work goes into padding."""
    rng = random.Random(seed)
    order = sorted(range(len(rows)), key=lambda i: (len(rows[i]), rng.random()))
    groups = [[rows[i] for i in order[start : start + size]] for start in range(0, len(order), size)]
    rng.shuffle(groups)
    return groups


def padded(group: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the input ids and the labels of a batch, padded on the right."""
    width = max(map(len, group))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in group])
    labels = torch.tensor([row + [-100] * (width - len(row)) for row in group])
    return ids, labels


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the rate of a step: a short warm-up, then a cosine down to a twentieth of the peak."""
    if step < 100:
        return peak * (step + 1) / 100
    progress = (step - 100) / max(1, steps - 100)
    return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def optimizer_for(model: LlamaForCausalLM, args: argparse.Namespace) -> torch.optim.AdamW:
    """Return AdamW that decays the matrices and leaves the norms alone."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    norms = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": args.weight_decay}, {"params": norms, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98))


def pretrain(model: LlamaForCausalLM, rows: list[list[int]], pad: int, args: argparse.Namespace) -> None:
    """Train the model on whole examples for a fixed number of steps."""
    optimizer = optimizer_for(model, args)
    model.train()
    started, step, epoch = time.monotonic(), 0, 0
    while step < args.steps:
        for group in batches(rows, args.batch, args.seed + epoch):
            for settings in optimizer.param_groups:
                settings["lr"] = learning_rate(step, args.steps, args.lr)
            ids, labels = padded(group, pad)
            # Right padding needs no attention mask: under causal attention no real token sees it.
            loss = model(input_ids=ids, labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step % 100 == 0:
                print(
                    f"step {step}/{args.steps}  loss {loss.item():.3f}  {time.monotonic() - started:.0f} s",
                    flush=True,
                )
            if step >= args.steps:
                break
        epoch += 1


def raise_gain(model: LlamaForCausalLM, gain: int) -> None:
    """Multiply the layers' norm weights by a power of two and divide the matrices after them by it.

    The model computes exactly the same, but a step of a given learning rate now changes it more. A model of
    2,000 dimensions sums each step over far more inputs than this one does; without the gain, learning rates
    that suit real models move the toy too little in fifty steps.
    """
    with torch.no_grad():
        for layer in model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            for norm in (layer.input_layernorm, layer.post_attention_layernorm):
                norm.weight *= gain
            for matrix in (attention.q_proj, attention.k_proj, attention.v_proj, mlp.gate_proj, mlp.up_proj):
                matrix.weight /= gain


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Save weights as bfloat16 with greedy generation settings, and the tokenizer."""
    model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(out)
    # The weights come out readable by their owner only; a package's files are for everyone.
    (out / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(out)


def parse() -> argparse.Namespace:
    """Return the command line's settings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--intermediate", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--gain", type=int, default=4)
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Make the corpus, the tokenizer and the model, and save the last two."""
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    texts = [t.format(prompt=p) + c for t, p, c in corpus.pairs(args.examples, args.seed)]
    tokenizer = build_tokenizer(texts)
    rows = [[*ids, tokenizer.eos_token_id] for ids in tokenizer(texts)["input_ids"]]
    model = build_model(tokenizer, args)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(rows):,} examples, "
          f"{sum(map(len, rows)) / len(rows):.1f} tokens each", flush=True)  # fmt: skip
    pretrain(model, rows, tokenizer.pad_token_id, args)
    raise_gain(model, args.gain)
    save(model, tokenizer, args.out)


if __name__ == "__main__":
    main()
