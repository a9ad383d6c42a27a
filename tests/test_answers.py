"""What asks is what trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from laptime.api import compare
from laptime.cli.ask import ask as ask_command
from laptime.comparison.result import QuestionAnswers
from laptime.data.input_manifest import (
    MANIFEST_FILE,
    InputManifest,
    find_base,
    follow_base,
    read_manifest,
    write_manifest,
)
from laptime.errors import UserError
from laptime.interview import ask_results
from laptime.models.digest import BaseFile, describe_base, digest_model
from laptime.models.source import builtin_folder, locate_model
from laptime.runs.folder import INPUTS_FOLDER
from laptime.session import gather_result
from laptime.spec import ModelSpec
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.speedups.runs import make_base, train


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("moved", [False, True])
def test_another_base_is_not_asked(tmp_path: Path, name: str, moved: bool) -> None:
    folder = make_base(tmp_path / "begun")
    model = folder / "model"
    if moved:  # as on another machine, where the name alone leads to the base
        model = shutil.move(model, tmp_path / "elsewhere")
    spec = ModelSpec(model=str(model))
    facts = read_manifest(folder / INPUTS_FOLDER)
    assert find_base(facts, spec, folder).folder == str(model)
    content = (model / name).read_bytes()
    changed = content[:-1] + bytes([content[-1] ^ 1])  # in the last weight; the file is as long as it was
    (model / name).write_bytes(changed if name.endswith("tensors") else content.replace(b"a", b"b", 1))
    with pytest.raises(
        UserError, match=rf"{model}: {name} has changed since {folder} was begun; put it back"
    ):
        find_base(facts, spec, folder)


@pytest.mark.parametrize("names_files", [True, False])
def test_the_built_in_base_is_our_own_wherever_it_was(tmp_path: Path, names_files: bool) -> None:
    """Another installation prepared the inputs; of facts of an earlier version the digest alone tells."""
    inputs, spec = tmp_path / INPUTS_FOLDER, ModelSpec()
    theirs = Path(shutil.copytree(builtin_folder(), tmp_path / "theirs"))
    source = locate_model(spec)
    files = describe_base(theirs, False)
    facts = read_manifest(make_base(tmp_path / "begun") / INPUTS_FOLDER)
    facts = msgspec.structs.replace(
        facts, model_name="builtin", model_folder=str(theirs),
        model_digest=digest_model(source, files), random_weights=False,
        base_files=files if names_files else {},
    )  # fmt: skip
    inputs.mkdir()
    for gone in (False, True):
        if gone:
            shutil.rmtree(theirs)
        write_manifest(inputs, facts)
        found = follow_base(read_manifest(inputs), spec, inputs)
        assert Path(found.model_folder) == builtin_folder().resolve() and found.base_files
        assert read_manifest(inputs) == found
    other = {"config.json": BaseFile("0")} if names_files else {}
    other_facts = msgspec.structs.replace(facts, base_files=other, model_digest="0")
    with pytest.raises(UserError, match=r"--model builtin: .*put (it|that one) back"):
        follow_base(other_facts, spec, inputs)


def test_facts_name_every_file_that_a_tokenizer_is_made_of(tmp_path: Path) -> None:
    folder = make_base(tmp_path)
    facts = msgspec.json.decode((folder / "inputs" / MANIFEST_FILE).read_bytes(), type=InputManifest)
    assert facts.base_files.keys() >= {path.name for path in (folder / "model").iterdir()}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """The folder of a training, as `laptime train` leaves it."""
    base, run = make_base(tmp_path / "begun"), tmp_path / "run"
    record = train(base, run, "lora", precision="fp32")
    assert record.saved and record.digests and record.digests.sha256.keys() == record.saved.files.keys()
    shutil.move(base / "inputs", run / "inputs")
    return run


def ask(run: Path) -> list[QuestionAnswers]:
    return list(ask_results(run, gather_result(run), ["a"], 2))


def test_a_question_of_the_data_is_known_though_the_run_was_not_asked_it(trained: Path) -> None:
    questions = ["a longer question", " a question ", "why", "nobody wrote this", "a long"]
    found = list(ask_results(trained, gather_result(trained), questions, 2))
    assert [(one.question, one.source, one.reference) for one in found] == [
        ("a longer question", "trained", "d"),
        (" a question ", "trained", "e"),
        ("why", "held_out", "so"),
        ("nobody wrote this", "asked", None),
        ("a long", "asked", None),
    ]
    assert found[0].answers["lora"].chrf is not None, "so it can be scored"


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_result_that_is_not_as_it_was_saved_is_not_asked(trained: Path, name: str) -> None:
    """One bit of a trained weight, or of a setting; then without the file."""
    assert ask(trained)[0].answers.keys() == {"base", "lora"}
    file = trained / "saved" / name
    content = file.read_bytes()
    file.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    with pytest.raises(UserError, match=rf"saved/{name}: not as the run saved it; put back a whole copy"):
        ask(trained)
    file.unlink()
    with pytest.raises(UserError, match=rf"{name}"):
        ask(trained)


def test_examples_of_other_facts_are_not_asked(trained: Path) -> None:
    facts = read_manifest(trained / "inputs")
    write_manifest(trained / "inputs", msgspec.structs.replace(facts, data=facts.data | {"digest": "other"}))
    with pytest.raises(UserError, match=r"inputs/encoded\.\w+: not the examples that facts\.json tells of"):
        ask(trained)


def test_a_run_within_a_comparison_is_asked_by_itself(trained: Path, tmp_path: Path) -> None:
    wanted = ask(trained)
    comparison, run = tmp_path / "c", tmp_path / "c" / "runs" / "lora-r1"
    shutil.move(trained, run)
    shutil.move(run / "inputs", comparison / "inputs")
    with pytest.raises(
        UserError, match=r"no inputs/facts\.json here: .*do the same again with another --out"
    ):
        ask(run)
    (comparison / "plan.json").touch()
    assert ask(run) == wanted


def test_a_base_within_a_comparison_names_what_can_be_asked(tmp_path: Path) -> None:
    base = tmp_path / "c" / "runs" / "base"
    write_scripted_run(base, "base")
    (tmp_path / "c" / "plan.json").touch()
    with pytest.raises(UserError) as error:
        ask_command(base, ("why",), None)
    assert str(error.value) == (
        f"{base}: the base, which saves nothing; "
        f"ask all of its comparison: laptime ask {tmp_path / 'c'} QUESTION"
    )


def test_records_alone_are_not_gone_on_with(tmp_path: Path) -> None:
    """As in a published folder, whose data lie elsewhere: told before they are looked for."""
    write_scripted_comparison(tmp_path / "c", {"full": [20.0], "lora": [10.0]})
    with pytest.raises(UserError, match=r"^--out .*/c: the records of a comparison alone, .*give a new"):
        compare(out=tmp_path / "c", data=str(tmp_path / "gone.jsonl"))


def test_a_run_of_a_contestant_is_shown_by_its_name(tmp_path: Path) -> None:
    write_scripted_run(tmp_path, "lora", contestant="wide")
    assert [row.name for row in gather_result(tmp_path).methods] == ["wide"]
