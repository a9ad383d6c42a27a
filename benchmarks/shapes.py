"""The models that the benchmarks race: shapes of real ones with random weights, each with a real tokenizer.

    python benchmarks/shapes.py --tokenizer LLAMA_3_DIR --out FOLDER [NAME ...]

Speed and memory don't ask what the weights are worth; every run reads them from disk as a real model's. The
tokenizer is Llama 3's (128,256 words), so that head and embedding weigh what they do in the models people
train. Without names all are made but the largest.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

VOCABULARY = 128256
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")

# family, width, layers, width of the feed-forward part, heads, heads of keys and values
SHAPES = {
    "s15": ("llama", 288, 6, 768, 6, 6),
    "q15": ("qwen2", 288, 6, 768, 6, 6),  # its projections have biases, which BitFit trains
    "s42": ("llama", 512, 8, 1376, 8, 8),
    "m180": ("llama", 576, 30, 1536, 9, 3),
    "m1b": ("llama", 2048, 16, 8192, 32, 8),
}
LARGEST = "m1b"


def make_shape(name: str, tokenizer: Path, folder: Path) -> int:
    """Write a model of random weights in bfloat16 and its tokenizer to a folder; returns its parameters."""
    family, width, layers, inner, heads, key_heads = SHAPES[name]
    config = AutoConfig.for_model(
        family,
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        intermediate_size=inner,
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=128000,
        eos_token_id=128009,
    )
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    for file in TOKENIZER_FILES:
        shutil.copy(tokenizer / file, folder / file)
    return int(model.num_parameters())


def main() -> None:
    """Make the shapes that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(SHAPES)}")
    parser.add_argument(
        "--tokenizer", type=Path, required=True, help="a folder that holds Llama 3's tokenizer"
    )
    parser.add_argument("--out", type=Path, required=True, help="where each gets a folder of its name")
    options = parser.parse_args()
    unknown = set(options.names) - set(SHAPES)
    if unknown:
        parser.error(f"no shape is called {', '.join(sorted(unknown))}; there are {', '.join(SHAPES)}")
    for name in options.names or [each for each in SHAPES if each != LARGEST]:
        print(name, f"{make_shape(name, options.tokenizer, options.out / name):,} parameters")


if __name__ == "__main__":
    main()
