"""Encoded data that are not what was written are trained on neither at first nor after a resumption."""

from __future__ import annotations

from pathlib import Path

import pytest

from laptime.data.encoded import find_damage, read_encoded
from laptime.data.input_manifest import ENCODED_FILE
from laptime.errors import UserError
from laptime.runs.job import RunJob
from laptime.runs.record import RecordWriter
from laptime.spec import ModelSpec, RunSpec, TrainingSpec
from laptime.training.run import run
from tests.speedups.runs import encode, make_base, train


@pytest.mark.parametrize("resumes", [False, True])
def test_a_flipped_token_or_mask_stops_the_run(tmp_path: Path, resumes: bool) -> None:
    base = make_base(tmp_path)
    path = base / "inputs" / ENCODED_FILE
    whole = path.read_bytes()
    words = read_encoded(path).examples[0].words
    place = whole.index(bytes(memoryview(words).cast("B")))  # type: ignore[arg-type]
    for bit in (0, 31):  # of the first token of an example: its id, whether it is trained
        damaged = bytearray(whole)
        damaged[place + bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        training = TrainingSpec(device="cpu", precision="fp32")
        spec = RunSpec(method="lora", model=ModelSpec(model=str(base / "model")), training=training)
        folder = tmp_path / f"run-{bit}"
        folder.mkdir()
        job = RunJob(run="lora-r1", spec=spec, folder=str(folder), inputs=str(path.parent), resumes=resumes)
        with pytest.raises(UserError) as error:
            run(job, RecordWriter(folder))
        assert (
            str(error.value) == f"{path}: damaged: its content is not what was written (the digest differs)"
        )


def test_inputs_prepared_anew_give_the_same_training(tmp_path: Path) -> None:
    base = make_base(tmp_path)
    path = base / "inputs" / ENCODED_FILE
    before = train(base, tmp_path / "before", "lora", precision="fp32")
    path.write_bytes(path.read_bytes()[:-1])
    assert find_damage(base / "inputs")
    encode(base, "inputs")
    assert find_damage(base / "inputs") == ""
    after = train(base, tmp_path / "after", "lora", precision="fp32")
    assert [step.loss for step in after.steps] == [step.loss for step in before.steps]
    assert [step.digest for step in after.steps] == [step.digest for step in before.steps]
