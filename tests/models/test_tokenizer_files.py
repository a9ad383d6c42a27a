"""A tokenizer that cannot be used is told in one line that names the file at fault."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from laptime.data.encoding import encode, has_chat_template
from laptime.data.formats import read_examples
from laptime.errors import UserError
from laptime.models.loading import build_empty_model, load_tokenizer
from laptime.models.source import locate_model
from laptime.models.tokenizer_files import lacks_chat_template
from laptime.spec import AnswerSpec, DataSpec, ModelSpec
from tests.tiny import make_tiny_model

PUT_BACK = "put back the file that came with the model"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model."""
    return make_tiny_model(tmp_path_factory.mktemp("made") / "model")


@pytest.fixture
def model(made_once: Path, tmp_path: Path) -> Path:
    """A whole model of the test's own."""
    return shutil.copytree(made_once, tmp_path / "model")


def refusal(model: Path, data: Path | None = None) -> str:
    """Return the line with which a model is refused, up to where its tokenizer has written the data."""
    spec = ModelSpec(model=str(model))
    with pytest.raises(UserError) as error:
        source = locate_model(spec)
        build_empty_model(spec, model)
        tokenizer = load_tokenizer(spec, source)
        data_spec = DataSpec(data=str(data or "builtin"), template="chat" if data else "auto")
        encode(read_examples(data_spec, seed=0), tokenizer, data_spec, AnswerSpec(), 256)
    assert "\n" not in str(error.value)
    return str(error.value)


def change(file: Path, **values: Any) -> None:
    """Change settings in a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_folder_without_a_tokenizer_is_told_as_that(model: Path) -> None:
    for file in model.glob("tokenizer*"):
        file.unlink()
    assert refusal(model) == f"--model {model}: no tokenizer in this folder (tokenizer.json); {PUT_BACK}"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model_max_length", "x", "expected a number (got 'x')"),
        ("model_max_length", [1], "expected a number (got [1])"),
        ("eos_token", 5, "expected text or a table (got 5)"),
        ("tokenizer_class", {}, "expected text (got {})"),
        ("chat_template", 5, "expected text or a table or a list (got 5)"),
        ("padding_side", "middle", "expected left or right (got 'middle')"),
        ("added_tokens_decoder", [], "expected a table (got [])"),
        ("split_special_tokens", "no", "expected true or false (got 'no')"),
    ],
)
def test_a_setting_of_another_kind_is_named(model: Path, key: str, value: Any, said: str) -> None:
    file = model / "tokenizer_config.json"
    change(file, **{key: value})
    assert refusal(model) == f"{file}: {key}: {said}; {PUT_BACK}"


def test_settings_as_models_have_them_are_taken(model: Path) -> None:
    change(
        model / "tokenizer_config.json",
        model_max_length=1000000000000000019884624838656,  # what transformers writes for no limit
        eos_token={"content": "</s>", "lstrip": False},
        pad_token=None,
        extra_special_tokens={"image_token": "<image>"},
        of_a_later_version=[1],
    )
    locate_model(ModelSpec(model=str(model)))


@pytest.mark.parametrize("name", ["generation_config.json", "special_tokens_map.json", "added_tokens.json"])
def test_a_list_in_the_place_of_settings_is_named(model: Path, name: str) -> None:
    (model / name).write_text("[1]")
    assert refusal(model) == f"{model / name}: expected an object ({{...}}); {PUT_BACK}"


def test_settings_of_generation_that_cannot_be_read_are_named(model: Path) -> None:
    (model / "generation_config.json").write_text('{"watermarking_config": [1]}')
    said = refusal(model)
    assert said.startswith(f"{model / 'generation_config.json'}: ") and said.endswith(PUT_BACK)


@pytest.mark.parametrize("content", ["{}", "[]", '{"model": {}}', '{"model'])
def test_a_tokenizer_file_that_holds_none_is_named(model: Path, content: str) -> None:
    (model / "tokenizer.json").write_text(content)
    said = refusal(model)
    assert said.startswith(f"{model / 'tokenizer.json'}: no tokenizer can be made of it (")
    assert said.endswith(PUT_BACK)


def test_a_template_in_another_encoding_is_named(model: Path) -> None:
    (model / "chat_template.jinja").write_bytes(b"{{ 'hello' }}\xff")
    assert refusal(model) == f"{model / 'chat_template.jinja'}: invalid UTF-8 at byte 14; {PUT_BACK}"


@pytest.fixture
def conversation(tmp_path: Path) -> Path:
    """One example."""
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    (file := tmp_path / "d.jsonl").write_text(json.dumps({"messages": turns}))
    return file


BROKEN = [
    ("{{ 1 }}\n{% for m in messages %}{{ m.content }", "in its line 2 (unexpected '}')"),
    ("{% for m in messages %}{{ m.content | nofilter }}{% endfor %}", "in its line 1 (No filter named"),
    ("{{ 1 }}\n{{ messages[0].content + 3 }}", "in its line 2 on d.jsonl:1 (can only concatenate"),
    ("{{ messages[0].content.foo.bar }}", "in its line 1 on d.jsonl:1 ('str object' has no attribute 'foo')"),
    (
        "{% for m in messages %}{% generation %}{{ m.content + 3 }}{% endgeneration %}{% endfor %}",
        "in its line 1 on d.jsonl:1 (can only concatenate",
    ),
]


@pytest.mark.parametrize(("template", "said"), BROKEN)
@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json"])
def test_a_broken_template_is_its_own_fault(
    model: Path, conversation: Path, name: str, template: str, said: str
) -> None:
    if name.endswith(".jinja"):
        (model / name).write_text(template)
    else:
        change(model / name, chat_template=template)
    line = refusal(model, conversation)
    assert line.startswith(f"{model / name}: the chat template fails {said}")
    assert line.endswith("; mend it, or use --template (qa-en, or a string)")


def test_an_example_that_a_template_refuses_is_the_examples_fault(model: Path, conversation: Path) -> None:
    (model / "chat_template.jinja").write_text("{{ raise_exception('no jokes') }}")
    assert refusal(model, conversation) == "d.jsonl:1: the chat template refuses this conversation (no jokes)"


@pytest.mark.parametrize("place", ["settings", "chat_template.jinja", "additional_chat_templates", "nowhere"])
def test_a_chat_template_is_missed_where_the_tokenizer_has_none(model: Path, place: str) -> None:
    template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    if place == "settings":
        change(model / "tokenizer_config.json", chat_template=template)
    elif place == "additional_chat_templates":
        (model / place).mkdir()
        (model / place / "default.jinja").write_text(template)
    elif place != "nowhere":
        (model / place).write_text(template)
    spec = ModelSpec(model=str(model))
    has_one = has_chat_template(load_tokenizer(spec, locate_model(spec)))
    assert lacks_chat_template(model) is not has_one
    assert has_one is (place != "nowhere")


@pytest.mark.parametrize("change_of_it", ["no settings", "own code", "of mistral-common"])
def test_nothing_is_said_of_one_that_may_make_it_itself(model: Path, change_of_it: str) -> None:
    if change_of_it == "no settings":
        (model / "tokenizer_config.json").unlink()
    elif change_of_it == "own code":
        change(model / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Tokenizer", None]})
    else:
        (model / "tekken.json").write_text("{}")
    assert not lacks_chat_template(model)
