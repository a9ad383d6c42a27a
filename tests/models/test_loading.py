"""What is read from a model's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.models.config_shape import model_max_length


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"max_position_embeddings": 64}, 64),
        ({"n_positions": 1024, "n_ctx": 512}, 1024),
        ({"max_seq_len": 2048}, 2048),
        ({"text_config": {"max_position_embeddings": 8192}}, 8192),
        ({"max_position_embeddings": None, "n_positions": 32}, 32),
        ({"n_layer": 3}, None),
    ],
)
def test_the_longest_sequence_has_many_names(config: dict[str, Any], length: int | None) -> None:
    assert model_max_length(config) == length
