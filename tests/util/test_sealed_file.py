"""Of a file that carries its own digest no bit can change unseen."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.collection import collect
from laptime.comparison.result import read_outline, read_result, refuse_foreign_result, write_result
from laptime.data.input_manifest import VERSION, InputManifest, read_manifest, write_manifest
from laptime.errors import UserError
from laptime.models.shape import Shape
from laptime.runs.job import JOB_FILE, RunJob, read_job
from laptime.runs.plan import read_plan
from laptime.spec import RunSpec
from laptime.util.sealed_file import DamagedFileError, is_sealed, write_sealed
from tests.comparison.scripted import write_scripted_comparison

SHAPE = Shape(
    architecture="Llama",
    hidden_size=8,
    num_layers=2,
    vocabulary_size=9,
    num_parameters=7,
    linears={},
    head=None,
)
FACTS = InputManifest(
    model_name="tiny", model_folder="tiny", model_digest="m", toy=False, random_weights=False, weight_bytes=4,
    shape=SHAPE, data={"template_reason": "questions in Korean", "num_records": 2}, version=VERSION,
)  # fmt: skip
READERS: dict[str, Callable[[Path], Any]] = {
    "plan.json": read_plan,
    "comparison.json": read_result,
    "facts.json": read_manifest,
    JOB_FILE: read_job,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]})
    write_result(tmp_path, collect(tmp_path))
    write_manifest(tmp_path, FACTS)
    write_sealed(tmp_path / JOB_FILE, RunJob(run="a", spec=RunSpec(method="lora"), folder="", inputs=""))
    return tmp_path


@pytest.mark.parametrize("name", READERS)
def test_a_flipped_bit_is_named_with_its_file(folder: Path, name: str) -> None:
    """In the middle, and in each byte of the end, where the digest stands."""
    path, read = folder / name, READERS[name]
    whole, value = path.read_bytes(), read(folder)
    chance = random.Random(name)
    places = [*(chance.randrange(len(whole)) for _ in range(150)), *range(len(whole) - 90, len(whole))]
    for place in places:
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1 :]
        )
        with pytest.raises(UserError) as error:
            read(folder)
        assert str(error.value).startswith(f"{path}: "), place
    path.write_bytes(whole)
    assert read(folder) == value


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_lost_its_end_is_damaged_wherever_it_is_cut(folder: Path, name: str) -> None:
    """And says what to do; one that somebody else wrote is not called damaged."""
    path, read = folder / name, READERS[name]
    whole = path.read_bytes()
    for length in (*range(1, 40), len(whole) // 2, *range(len(whole) - 100, len(whole))):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError, match=r"damaged: (its end is cut off|it has no digest).*; "):
            read(folder)
    for nothing in (b"", b"\n", bytes(512)):
        path.write_bytes(nothing)
        with pytest.raises(DamagedFileError, match="damaged: it is empty; "):
            read(folder)
    path.write_bytes(b"notes of mine {")
    with pytest.raises(UserError, match=r"no whole JSON \(.+\); it was damaged, or is not ") as error:
        read(folder)
    assert not isinstance(error.value, DamagedFileError)


@pytest.mark.parametrize("name", ["plan.json", "comparison.json", "facts.json"])
def test_files_of_version_1_have_no_digest_and_are_read(folder: Path, name: str) -> None:
    path, read = folder / name, READERS[name]
    content = path.read_bytes()
    assert is_sealed(content)
    bare = content[: content.rindex(b',\n  "digest"')] + b"\n}\n"
    path.write_bytes(bare)
    with pytest.raises(DamagedFileError, match="it has no digest at its end"):
        read(folder)
    path.write_bytes(re.sub(rb'"version": \d+', b'"version": 1', bare, count=1))
    assert read(folder).version == 1


def test_a_damaged_result_is_not_called_a_users(folder: Path) -> None:
    path = folder / "comparison.json"
    path.write_bytes(path.read_bytes().replace(b'"complete": true', b'"complete": null'))
    for read in (read_outline, refuse_foreign_result):
        with pytest.raises(UserError) as error:
            read(folder)
        assert str(error.value) == (
            f"{path}: damaged: it does not match its digest; "
            f"move it away: laptime report makes it anew from the records"
        )
    path.write_text("mine")
    with pytest.raises(UserError, match="not written by laptime"):
        refuse_foreign_result(folder)
