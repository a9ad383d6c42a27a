"""What asks is what trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from laptime.answers import find_base
from laptime.errors import UserError
from laptime.inputs.facts import FACTS_FILE, InputFacts
from laptime.spec import ModelSpec
from tests.speedups.runs import make_base


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("moved", [False, True])
def test_another_base_is_not_asked(tmp_path: Path, name: str, moved: bool) -> None:
    folder = make_base(tmp_path / "begun")
    model = folder / "model"
    if moved:  # as on another machine, where the name alone leads to the base
        model = shutil.move(model, tmp_path / "elsewhere")
    spec = ModelSpec(model=str(model))
    assert find_base(folder, spec).folder == str(model)
    content = (model / name).read_bytes()
    (model / name).write_bytes(content.replace(b"a", b"b", 1))
    with pytest.raises(
        UserError, match=rf"{model}: {name} has changed since {folder} was begun; put it back"
    ):
        find_base(folder, spec)


def test_facts_name_every_file_that_a_tokenizer_is_made_of(tmp_path: Path) -> None:
    folder = make_base(tmp_path)
    facts = msgspec.json.decode((folder / "inputs" / FACTS_FILE).read_bytes(), type=InputFacts)
    assert facts.base_files.keys() >= {path.name for path in (folder / "model").iterdir()}
