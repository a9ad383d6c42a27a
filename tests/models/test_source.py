"""What can be seen to be wrong with a model before it is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.models import source as model_source
from laptime.models.digest import describe_base, digest_model
from laptime.models.source import locate_model
from laptime.spec import ModelSpec
from tests.tiny import write_model_files


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    return write_model_files(tmp_path / "model")


def message(folder: str | Path, **options: object) -> str:
    with pytest.raises(UserError) as error:
        locate_model(ModelSpec(model=str(folder), **options))  # type: ignore[arg-type]
    return str(error.value)


def test_a_whole_folder_is_found(model_folder: Path) -> None:
    source = locate_model(ModelSpec(model=str(model_folder)))
    assert (source.folder, source.toy) == (str(model_folder), False)


def test_absent_folders_and_files_are_refused(tmp_path: Path) -> None:
    assert message("./nowhere") == "--model ./nowhere: no such folder"
    file = tmp_path / "model.gguf"
    file.write_text("")
    assert message(file) == f"--model {file}: a file; give the folder that holds config.json"
    assert message(tmp_path) == f"--model {tmp_path}: no config.json in this folder"


def test_an_adapter_is_not_a_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    assert message(tmp_path) == f"--model {tmp_path}: an adapter; give its base model instead"


def test_a_broken_config_is_named(model_folder: Path) -> None:
    (model_folder / "config.json").write_text("{")
    assert message(model_folder) == (
        f"{model_folder}/config.json: truncated JSON: expecting property name enclosed in double quotes at "
        f"line 1 column 2; put back the file that came with the model"
    )
    (model_folder / "config.json").write_text("{}")
    assert (
        message(model_folder)
        == f"{model_folder}/config.json: no model_type in it; is this a transformers model?"
    )


def test_an_encoder_writes_no_text(model_folder: Path) -> None:
    (model_folder / "config.json").write_text('{"model_type": "bert", "architectures": ["BertForMaskedLM"]}')
    assert message(model_folder) == f"--model {model_folder}: BertForMaskedLM is no causal language model"


def test_code_of_others_needs_the_flag(model_folder: Path) -> None:
    (model_folder / "config.json").write_text('{"model_type": "x", "auto_map": {"AutoConfig": "x.X"}}')
    assert "then add --trust-remote-code" in message(model_folder)
    locate_model(ModelSpec(model=str(model_folder), trust_remote_code=True))


def test_weights_must_be_safetensors_and_whole(model_folder: Path) -> None:
    weights = model_folder / "model.safetensors"
    for cut in (b"", weights.read_bytes()[:-1], weights.read_bytes() + b"x", b"other weights", b"\xff" * 20):
        weights.write_bytes(cut)
        assert message(model_folder) == (
            f"{weights}: not a whole safetensors file; put back the file that came with the model"
        )
    weights.unlink()
    assert message(model_folder).endswith("no weights; or --random-weights, for speed alone")
    spec = ModelSpec(model=str(model_folder))
    with pytest.raises(UserError, match="no weights"):
        locate_model(spec, download=False)
    locate_model(spec, download=False, weights=False)
    (model_folder / "pytorch_model.bin").write_bytes(b"")
    assert "only pickled weights (pytorch_model.bin)" in message(model_folder)
    locate_model(ModelSpec(model=str(model_folder), random_weights=True))
    index = model_folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": "part-1.safetensors"}}))
    assert message(model_folder).endswith(
        "part-1.safetensors: missing, though model.safetensors.index.json names it"
    )
    index.write_text(json.dumps({"weight_map": {"w": "../../secret.safetensors"}}))
    assert message(model_folder) == f"{index}: '../../secret.safetensors' leaves the folder"


def test_an_unreachable_hub_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert message("meta-llama/Llama-3.2-1B") == (
        "--model meta-llama/Llama-3.2-1B: no such folder here, not in the cache, "
        "and the hub cannot be reached; "
        "give the path of a local copy"
    )


@pytest.mark.parametrize(
    ("error_name", "expected"),
    [
        (
            "GatedRepoError",
            "--model org/name: gated; accept its terms at https://huggingface.co/org/name, "
            "then `hf auth login` (or set HF_TOKEN)",
        ),
        (
            "RepositoryNotFoundError",
            "--model org/name: no such folder here, and no model of that name on the hub "
            "(or a private one: then `hf auth login`)",
        ),
    ],
)
def test_hub_errors_say_what_to_do(monkeypatch: pytest.MonkeyPatch, error_name: str, expected: str) -> None:
    import huggingface_hub
    from huggingface_hub import errors

    kind = getattr(errors, error_name)

    def refuse(*_: object, **__: object) -> None:
        raise kind.__new__(kind)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr(model_source, "check_reachable", lambda: None)
    assert message("org/name") == expected


def test_the_digest_covers_config_and_weights(model_folder: Path) -> None:
    def digest(random_weights: bool = False) -> str:
        source = locate_model(ModelSpec(model=str(model_folder)))
        return digest_model(source, describe_base(model_folder, random_weights))

    first, first_random = digest(), digest(random_weights=True)
    weights = model_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert digest() != first
    assert digest(random_weights=True) == first_random


def test_pickled_weights_load_when_asked_for_in_words(tmp_path: Path) -> None:
    import torch

    from laptime.models.loading import build_empty_model, load_model
    from laptime.models.stored_weights import check_weights
    from tests.tiny import make_tiny_model

    folder = make_tiny_model(tmp_path / "model")
    spec = ModelSpec(model=str(folder), allow_pickled_weights=True)
    expected = load_model(spec, folder, torch.float32).state_dict()
    torch.save({name: tensor.clone() for name, tensor in expected.items()}, folder / "pytorch_model.bin")
    with_both = digest_model(locate_model(spec), describe_base(folder, False))
    (folder / "model.safetensors").unlink()
    assert "add --allow-pickled-weights" in message(folder)
    assert digest_model(locate_model(spec), describe_base(folder, False)) != with_both
    check_weights(spec, folder, build_empty_model(spec, folder))
    for name, tensor in load_model(spec, folder, torch.float32).state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_a_pickle_that_would_run_code_runs_none(tmp_path: Path) -> None:
    import torch

    from laptime.models.loading import load_model
    from tests.tiny import make_tiny_model

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    folder = make_tiny_model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Hostile()}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(ModelSpec(model=str(folder), allow_pickled_weights=True), folder, torch.float32)
    assert not (tmp_path / "ran").exists()
