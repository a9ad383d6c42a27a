"""Models and saved results: what docs/security.md promises of them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from laptime.data.chat import ChatTemplate
from laptime.data.examples import Message
from laptime.data.tokens import Tokens
from laptime.errors import UserError
from laptime.models.folder import check_saved
from laptime.models.source import locate_model
from laptime.spec import ModelSpec
from tests.security.refusal import one_line
from tests.tiny import make_byte_tokenizer, write_model_files


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model_files(tmp_path / "model")


def refused(folder: Path, **options: Any) -> str:
    with pytest.raises(UserError) as error:
        locate_model(ModelSpec(model=str(folder), **options))
    return one_line(error)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", {"auto_map": {"AutoModelForCausalLM": "x.X"}}, "brings its own Python code"),
        ("config.json", {"text_config": {"auto_map": {"AutoConfig": "x.X"}}}, "brings its own Python code"),
        (
            "tokenizer_config.json",
            {"auto_map": {"AutoTokenizer": ["x.X", None]}},
            "brings its own Python code",
        ),
        ("config.json", {"attn_implementation": "evil/kernel"}, "attn_implementation names code"),
        ("config.json", {"_attn_implementation_internal": "evil/kernel"}, "names code of a repository"),
        ("config.json", {"vision_config": {"_attn_implementation": "a/b"}}, "names code of a repository"),
        ("config.json", {"_experts_implementation": {"x": "a/b"}}, "names code of a repository"),
    ],
)
def test_no_code_of_a_model_without_the_flag(model: Path, file: str, content: Any, said: str) -> None:
    known = {"model_type": "llama"} if file == "config.json" else {}
    (model / file).write_text(json.dumps(known | content))
    message = refused(model)
    assert said in message and "add --trust-remote-code" in message
    locate_model(ModelSpec(model=str(model), trust_remote_code=True))


def test_a_model_that_names_another_base_is_refused(model: Path) -> None:
    """transformers would load the base that the adapter names, in silence."""
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/other"}')
    assert refused(model).endswith("holds an adapter beside the model; take adapter_config.json away")


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "a\x00b", "C:x", 7, None, ["x"]]
)
def test_weights_named_outside_the_folder_are_refused(model: Path, name: Any) -> None:
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": name}}))
    message = refused(model)
    assert "leaves the folder" in message or "not a weight index" in message


def test_links_out_of_a_local_model_are_refused_and_those_of_the_hub_cache_are_not(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("machine example.org password hunter2")
    cache = tmp_path / "models--org--name"
    folder = cache / "snapshots" / "0123abcd"
    folder.mkdir(parents=True)
    (cache / "blobs").mkdir()
    for file in write_model_files(tmp_path / "whole").iterdir():
        file.rename(cache / "blobs" / file.name)
        (folder / file.name).symlink_to(Path("../../blobs") / file.name)
    locate_model(ModelSpec(model=str(folder)))
    for place in ("chat_template.jinja", "additional_chat_templates/x.jinja"):
        link = folder / place
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(secret)
        assert refused(folder) == f"{link}: a link that leaves the folder; copy the file"
        link.unlink()
    os.mkfifo(folder / "tokenizer.json")
    assert refused(folder).endswith("tokenizer.json: neither a file nor a folder")


def test_a_tokenizer_that_reads_elsewhere_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    settings = model / "tokenizer_config.json"
    settings.write_text(json.dumps({"tokenizer_file": str(tmp_path / "secret.json")}))
    message = refused(model)
    assert message.startswith(f"{settings}: tokenizer_file '/") and message.endswith(" leaves the folder")
    settings.write_text('{"tokenizer_file": "/root/.cache/of/who/wrote/it.json"}')
    locate_model(ModelSpec(model=str(model)))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "not a saved adapter"),
        ({"adapter_config.json": "{}", "adapter_model.bin": "pickle"}, "not a saved adapter"),
        (
            {"adapter_config.json": '{"peft_type": "XLORA"}', "adapter_model.safetensors": ""},
            "'XLORA'; not ours",
        ),
        (
            {
                "adapter_config.json": '{"peft_type": "LORA", "megatron_config": {}, "megatron_core": "os"}',
                "adapter_model.safetensors": "",
            },
            "",
        ),
        (
            {
                "adapter_config.json": '{"peft_type": "LORA", "megatron_config": {"a": 1}}',
                "adapter_model.safetensors": "",
            },
            "asks for more",
        ),
        (
            {
                "adapter_config.json": '{"peft_type": "LORA", "init_lora_weights": "/x"}',
                "adapter_model.safetensors": "",
            },
            "asks for more",
        ),
    ],
)
def test_only_adapters_of_our_kind_are_loaded(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    if not said:
        check_saved(tmp_path, "adapter")
        return
    with pytest.raises(UserError) as error:
        check_saved(tmp_path, "adapter")
    assert said in one_line(error)


def test_a_saved_model_has_safetensors_and_is_no_adapter(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(UserError, match="no safetensors weights"):
        check_saved(tmp_path, "model")


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{ ''|attr('__class__')|attr('__mro__') }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% for i in range(10 ** 9) %}x{% endfor %}",
        "{{ messages.append(messages) }}",
        "{{ 1 // 0 }}",
    ],
)
def test_a_chat_template_stays_in_its_sandbox(template: str) -> None:
    tokenizer = make_byte_tokenizer()
    tokenizer.chat_template = template
    chat = ChatTemplate(Tokens(tokenizer))
    try:
        text = chat.cue([Message("user", "hello")], "train.jsonl:1")
    except UserError as error:
        assert re.search(r"the chat template (fails|refuses this conversation)", str(error))
        assert len(str(error).splitlines()) == 1
    else:
        assert not re.search(r"class |module|root:|uid=", text), text
