"""The list of methods: figures by arithmetic, and why one is not for a model."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from laptime.doctor.shapes import find_shape
from laptime.methods.method import find_methods, make_method
from laptime.report.method_table import encode_methods, list_rows, make_method_table, tell_methods
from tests.commands import laptime


def test_every_method_has_a_row_beside_lora() -> None:
    shape, name = find_shape(None)
    rows = {row.name: row for row in list_rows(shape)}
    assert list(rows) == list(find_methods())
    lora = make_method("lora", {}).cost(shape, 2, 5)
    assert rows["lora"].trained == lora.trainable_parameters and rows["lora"].against_lora == 1.0
    assert rows["full"].trained == shape.num_parameters and 1.4 < (rows["full"].against_lora or 0) < 1.5
    memory = {name: row.memory_bytes or 0 for name, row in rows.items()}
    assert memory["lora_top"] < memory["lora"] < memory["top_layers"] < memory["full"]
    assert all(row.paper.startswith("arXiv:") for row in rows.values() if row.paper)
    told = json.loads(encode_methods(name, shape, list(rows.values())))
    assert told["parameters"] == 1_235_814_400 and len(told["methods"]) == len(rows)
    table = make_method_table(list(rows.values()))
    assert table.row_count == len(rows)


def test_why_a_method_is_not_for_a_model_is_said() -> None:
    shape, _ = find_shape(None)
    renamed = {name.replace("k_proj", "key"): size for name, size in shape.linears.items()}
    rows = list_rows(msgspec.structs.replace(shape, linears=renamed, layer_parameters=()))
    lines = list(tell_methods(rows))
    assert any(
        line.startswith("not for this model: --ia3-targets: no linear layer 'k_proj'") for line in lines
    )
    assert any("top_layers: LlamaForCausalLM has no numbered layers; use full" in line for line in lines)
    make_method_table(rows)


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_the_command(tmp_path: Path, words: list[str]) -> None:
    printed = laptime(tmp_path, "methods", *words)
    assert "dora" in printed and "meta-llama/Llama-3.2-1B" in printed
