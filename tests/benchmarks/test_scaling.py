"""What is said of many devices follows from stated arithmetic, and from the code that spreads a model."""

from __future__ import annotations

import json
import sys

from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import scaling
import simulate_ranks

TOY = {
    "vocab_size": 96, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "tie_word_embeddings": True,
}  # fmt: skip
NUMBERS = [96 * 16, *[16 * 16] * 2, *[16 * 8] * 2, *[16 * 24] * 3, *[16] * 3]


def test_the_shapes_have_the_parameters_that_their_models_have() -> None:
    small, large = scaling.SHAPES
    assert (small.parameters, small.adapters()) == (1_235_814_400, 11_272_192)
    assert large.parameters == 8_030_261_248


def test_the_page_has_the_tables_that_are_computed() -> None:
    page = (REPOSITORY / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert scaling.put(page) == page, "python benchmarks/scaling.py --write docs/scaling.md"


def test_the_page_has_the_simulated_figures() -> None:
    page = (REPOSITORY / "docs" / "scaling.md").read_text(encoding="utf-8")
    file = REPOSITORY / "benchmarks" / "results" / "ranks_simulated_amd_epyc.json"
    for row in json.loads(file.read_bytes())["rows"]:
        held = [f"{row[name] / 1e9:.2f} GB" for name in ("parameters", "gradients", "moments", "peak")]
        assert f"| {row['ranks']} | {' | '.join(held)} |" in page


def test_an_exchange_takes_as_long_as_computing_where_it_is_said_to() -> None:
    shape = scaling.SHAPES[0]
    for gpus in scaling.GPUS:
        exchange = scaling.full_exchange(shape, gpus)
        tokens = scaling.least_tokens(exchange, scaling.full_compute(shape))
        assert scaling.full_compute(shape, tokens - 1) < exchange <= scaling.full_compute(shape, tokens)


def test_the_shares_of_two_ranks_are_the_whole() -> None:
    rows = [simulate_ranks.simulate(TOY, 2, tokens=4, rank=rank) for rank in (0, 1)]
    for row in rows:
        assert row["whole_parameters"] == sum(NUMBERS)
        assert row["moments"] == 2 * row["gradients"] == 2 * row["parameters"]
        assert row["peak"] > row["parameters"] + row["gradients"] + row["moments"]
    assert sum(row["parameters"] for row in rows) == 4 * sum(NUMBERS)
