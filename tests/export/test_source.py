"""Which result is meant, and the one line where that is not clear; the command itself, on the toy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from laptime.cli.export import export_result
from laptime.errors import UserError
from laptime.export.source import find_run, find_source
from tests.commands import laptime
from tests.comparison.scripted import write_scripted_comparison
from tests.export.runs import make_run

OPTIONS: dict[str, Any] = {
    "kind": "card", "out": Path("x"), "number_format": None, "keep_adapter": False, "base_id": "",
    "license": "", "lang": "en", "threads": None, "trust_remote_code": False,
}  # fmt: skip


@pytest.fixture
def race(tmp_path: Path) -> Path:
    """Two contestants, two rounds."""
    return write_scripted_comparison(tmp_path / "race", {"full": (2.0, 2.0), "lora": (1.0, 1.0)})


def test_a_result_has_several_names(race: Path, tmp_path: Path) -> None:
    run = race / "runs" / "lora-r1"
    assert find_run(race / "lora") == find_run(run) == run
    run = make_run(tmp_path)
    source = find_source(run / "saved")
    assert source.folder == run and source.method.name == "lora" and source.saved == run / "saved"


def test_what_is_meant_must_be_clear(race: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"2 results; name one of them: {race}/full or {race}/lora$"):
        find_run(race)
    with pytest.raises(UserError, match=r"no contestant 'lorra' with a result; did you mean 'lora'\?"):
        find_run(race / "lorra")
    (race / "inputs").mkdir()
    (race / "inputs" / "facts.json").touch()
    with pytest.raises(
        UserError, match=rf"the base, which saves nothing; export {race}/full or {race}/lora$"
    ):
        find_source(race / "runs" / "base")
    with pytest.raises(UserError, match="no such folder"):
        find_run(tmp_path / "nowhere")


def test_the_only_result_needs_no_name(tmp_path: Path) -> None:
    race = write_scripted_comparison(tmp_path / "race", {"lora": (1.0,)})
    assert find_run(race) == race / "runs" / "lora-r1"


def test_a_changed_result_is_not_exported(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    file = run / "saved" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(UserError, match="not as the run saved it"):
        find_source(run)


def test_the_command_exports_the_toy(tmp_path: Path) -> None:
    words = ["--max-steps", "2", "--max-questions", "1", "--max-new-tokens", "4", "--skip-self-checks"]
    laptime(tmp_path, "train", *words, "--out", "run", forks=True)
    said = laptime(tmp_path, "export", "run", "--to", "merged", "--lang", "ko", "--out", "model", forks=True)
    assert "검증:" in said and "vllm serve model" in said and "라이선스" not in said
    assert "| 베이스의 라이선스 | apache-2.0 |" in (tmp_path / "model" / "README.md").read_text("utf-8")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model").num_parameters() > 2e6


def test_an_option_for_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--format f16: for --to gguf alone"):
        export_result(tmp_path, **OPTIONS | {"number_format": "f16"})
    with pytest.raises(UserError, match="--keep-adapter: for --to ollama alone"):
        export_result(tmp_path, **OPTIONS | {"keep_adapter": True})
