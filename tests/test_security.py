"""What docs/security.md promises of the code, of models, of folders and of files, promise by promise."""

from __future__ import annotations

import ast
import importlib
import io
import json
import os
import pkgutil
import random
import re
import time
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import laptime
from laptime import floors
from laptime.comparison import folder as folders
from laptime.comparison.folder import locked
from laptime.comparison.plan import Plan, PlannedRun, read_plan, write_plan
from laptime.config_file import read_config
from laptime.credentials import hide, without_secrets
from laptime.errors import UserError
from laptime.floors import FLOORS, check_floors, is_older
from laptime.inputs.chat import ChatTemplate
from laptime.inputs.model_folder import check_saved
from laptime.inputs.model_source import locate_model
from laptime.inputs.records import Message
from laptime.inputs.tokens import Tokens
from laptime.record import RecordWriter, Saved, Started, read_record
from laptime.report.terminal import print_table
from laptime.session import gather_result, render_again, told_in_one_line
from laptime.spec import ModelSpec
from laptime.untrusted import MOST_BYTES, read_whole
from laptime.whole_file import write_whole
from tests.comparison.scripted import write_scripted_comparison
from tests.tiny import make_byte_tokenizer

SOURCE = Path(laptime.__file__).parent
REPOSITORY = Path(__file__).parent.parent


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 400
    return text


# The code


def calls_and_imports() -> list[tuple[str, str]]:
    """Return (file, dotted name) of every import and call in the package."""
    found = []
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [(file.name, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found += [(file.name, f"{node.module}.{alias.name}") for alias in node.names]
            elif isinstance(node, ast.Call):
                found.append((file.name, ast.unparse(node.func)))
    return found


def test_no_pickle_is_read_or_written_and_no_text_becomes_code() -> None:
    forbidden = re.compile(
        r"(pickle|marshal|shelve|dill|joblib|cloudpickle)(\..*)?|(torch|numpy|np|pandas)\.(load|save|read_pickle)"
        r"|eval|exec|compile|__import__|os\.system|os\.popen|yaml\.(unsafe_|full_)?load_all|yaml\.unsafe_load"
    )
    assert [one for one in calls_and_imports() if forbidden.fullmatch(one[1])] == []


def test_no_shell_runs_a_command_and_yaml_makes_no_objects() -> None:
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                keywords = {one.arg: ast.unparse(one.value) for one in node.keywords}
                assert keywords.get("shell", "False") == "False", file
                if ast.unparse(node.func) in ("yaml.load", "yaml.compose"):
                    assert "Loader" in keywords["Loader"] and "unsafe" not in keywords["Loader"].lower(), file


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['id']", "!!python/name:os.system", "!x 1"])
def test_unsafe_yaml_tags_are_refused(tmp_path: Path, tag: str) -> None:
    (tmp_path / "job.yaml").write_text(f"epochs: {tag}\n")
    with pytest.raises(UserError, match="is not allowed"):
        read_config(tmp_path / "job.yaml")


def test_no_pattern_takes_long_for_any_text() -> None:
    """Every pattern of the package on texts that make careless patterns take hours."""
    patterns = set()
    for module in pkgutil.walk_packages([str(SOURCE)], "laptime."):
        if module.name.startswith(("laptime.training.run", "laptime.training.preparation")):
            continue
        holder = importlib.import_module(module.name)
        patterns |= {value for value in vars(holder).values() if isinstance(value, re.Pattern)}
    assert len(patterns) > 15
    pieces = [
        "a",
        " ",
        "0",
        "\\",
        "`",
        "{",
        "}",
        "=",
        "-",
        "/",
        ".",
        ":",
        "@",
        "\n",
        "\t",
        "가",
        "://a",
        "{a ",
        "u",
    ]
    for pattern in patterns:
        for piece in pieces:
            long = (piece * 3000)[:3000]
            for text in (long, "x" + long + "\x00"):
                begun = time.perf_counter()
                pattern.search(text), pattern.fullmatch(text)
                assert time.perf_counter() - begun < 2.0, (pattern.pattern, piece)


# Versions


def test_the_floors_are_those_of_the_project_and_of_its_pins() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    stated = dict(line.split(">=") for line in project["dependencies"])
    assert stated == FLOORS
    for line in (REPOSITORY / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name.lower().replace("-", "_") in FLOORS:
            assert not is_older(version, FLOORS[name.lower().replace("-", "_")]), line


@pytest.mark.parametrize(
    ("version", "floor", "older"),
    [
        ("2.13.0+cpu", "2.10", False),
        ("2.10.0", "2.10", False),
        ("2.10", "2.10.0", False),
        ("2.9.1", "2.10", True),
        ("2.10.0a0+git1", "2.10", True),
        ("5.3.0.dev0", "5.3", True),
        ("5.3.0rc1", "5.3", True),
        ("5.4.0.dev0", "5.3", False),
        ("3.20.2", "3.20.3", True),
        ("14", "14", False),
        ("unknown", "1", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, floor: str, older: bool) -> None:
    assert is_older(version, floor) is older


def test_an_old_or_absent_package_is_named_with_what_is_installed() -> None:
    def version_of(name: str) -> str:
        if name == "peft":
            raise metadata.PackageNotFoundError(name)
        return {"torch": "2.9.1+cu130", "transformers": "5.2.0"}.get(name, "99")

    with pytest.raises(UserError) as error:
        check_floors(FLOORS, version_of)
    assert one_line(error) == (
        "torch 2.9.1+cu130 is too old, 2.10 or newer is needed; transformers 5.2.0 is too old, 5.3 or newer "
        "is needed; peft is not installed, 0.21 or newer is needed; "
        "pip install 'torch>=2.10' 'transformers>=5.3' 'peft>=0.21'"
    )


def test_old_versions_end_the_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from laptime import cli

    monkeypatch.setattr("laptime.cli.check_floors", lambda: check_floors({"torch": "99"}))
    monkeypatch.setattr("sys.argv", ["laptime", "show", "nowhere"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("laptime: error: torch ") and said.count("\n") == 1
    assert floors.FLOORS["torch"] == "2.10"


# Models


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


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
    for name, text in {"config.json": '{"model_type": "llama"}', "model.safetensors": "weights"}.items():
        (cache / "blobs" / name).write_text(text)
        (folder / name).symlink_to(Path("../../blobs") / name)
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


# Folders that somebody else made


def write_comparison(folder: Path, run: str = "lora-r1", **changes: Any) -> Path:
    """Write a comparison of one run without figures."""
    spec = {"model": {"model": "m"}, "data": {}, "training": {}, "methods": ["lora"]}
    plan = Plan(laptime="1", created=1.0, spec=spec, runs=[PlannedRun(run=run, method="lora", round=1)])
    folder.mkdir(parents=True, exist_ok=True)
    write_plan(folder, plan)
    home = folder / "runs" / "lora-r1"
    writer = RecordWriter(home)
    writer.write(
        Started(laptime="1", run=changes.get("started", "lora-r1"), method="lora", round=1, spec=spec)
    )
    writer.write(Saved(kind="adapter", path=changes.get("saved", "saved"), num_bytes=1, files={}))
    writer.close()
    return folder


@pytest.mark.parametrize(
    "name", ["../x", "/etc", "..", ".", "", "a/b", "a\\b", "x\x1b[31m", "*", "a" * 300, "-rf"]
)
def test_names_of_runs_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    write_comparison(tmp_path / "plan", run=name)
    with pytest.raises(UserError, match="is no name of a run"):
        read_plan(tmp_path / "plan")
    write_comparison(tmp_path / "record", started=name)
    with pytest.raises(UserError, match="is no name of a run"):
        read_record(tmp_path / "record" / "runs" / "lora-r1")


@pytest.mark.parametrize("path", ["../../../etc", "/etc/passwd", "a/../../b", "", "a\\..\\b", "C:\\x"])
def test_what_a_run_saved_lies_in_its_folder(tmp_path: Path, path: str) -> None:
    write_comparison(tmp_path, saved=path)
    with pytest.raises(UserError, match="leaves the folder"):
        read_record(tmp_path / "runs" / "lora-r1")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"version": 1, "laptime": "", "created": 1, "runs": [], "spec": ' + b'{"a":' * 50_000,
        b"\xff\xfe",
        b"1e999",
        b"9" * 5000,
        b'{"version": 1, "laptime": "", "created": 1, "spec": {}, '
        b'"runs": [{"run": "a", "method": "a", "round": 99999999}]}',
        b"",
        b"null",
    ],
)
def test_a_hostile_plan_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(UserError) as error:
        gather_result(tmp_path)
    assert str(tmp_path / "plan.json") in one_line(error)


def test_reading_ends_and_reads_files_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(UserError, match="not a file"):
            read_whole(tmp_path / name)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UserError, match="too large"):
        read_whole(tmp_path / "huge")


def test_asking_a_folder_trusts_no_code_that_its_maker_trusted() -> None:
    """The folder's spec says trust_remote_code; only the flag of who asks counts."""
    source = (SOURCE / "answers.py").read_text(encoding="utf-8")
    assert "trust_remote_code=trusts_code" in source
    from laptime.answers import Interviewer

    assert Interviewer.__init__.__defaults__ == (False,)


NUMBER = re.compile(rb'(?<=":)\s?(-?[0-9][0-9.]*(e[-+]?[0-9]+)?|null|true|false)')
EXTREMES = (
    b"0",
    b"-1",
    b"1e308",
    b"-1e308",
    b"5e-324",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"null",
)
TEXT = re.compile(rb'(?<=":)\s?"[^"\\\\]*"')


@pytest.mark.parametrize("seed", range(2))
def test_records_with_impossible_figures_are_shown_or_refused_in_one_line(tmp_path: Path, seed: int) -> None:
    """Some figures and texts of a comparison changed at random: a table and a report, or one line."""
    write_scripted_comparison(tmp_path, {"full": [9.0, 9.5], "lora": [3.0, 3.2]})
    files = [tmp_path / "plan.json", *sorted(tmp_path.rglob("record.jsonl"))]
    whole = {file: file.read_bytes() for file in files}
    chance, outcomes = random.Random(seed), {"shown": 0, "refused": 0}
    for _ in range(15):
        for file in files:
            file.write_bytes(whole[file])
        changed = chance.choice(files)
        content = whole[changed]
        for _ in range(chance.choice((1, 1, 3))):
            spots = list(chance.choice((NUMBER, NUMBER, TEXT)).finditer(content))
            if spots:
                spot = chance.choice(spots)
                new = b'"</script>"' if spot[0].strip().startswith(b'"') else chance.choice(EXTREMES)
                content = content[: spot.start()] + new + content[spot.end() :]
        changed.write_bytes(content)
        try:
            with told_in_one_line(tmp_path):
                print_table(gather_result(tmp_path), Console(file=io.StringIO(), width=80))
            render_again(tmp_path, "en")
            outcomes["shown"] += 1
        except UserError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
    assert outcomes["shown"] > 3, outcomes


# Files


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for name in ("report.html.tmp", "report.html"):
        (tmp_path / name).symlink_to(mine)
    write_whole(tmp_path / "report.html", b"report")
    assert mine.read_text() == "mine"
    assert (tmp_path / "report.html").read_text() == "report" and not (tmp_path / "report.html").is_symlink()


def test_the_lock_of_the_machine_lies_in_a_folder_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path))
    with locked(tmp_path / "out"):
        own = tmp_path / f"laptime-{os.getuid()}"
        assert own.stat().st_mode & 0o777 == 0o700
        with pytest.raises(UserError, match=f"locked by pid {os.getpid()}"), locked(tmp_path / "other"):
            pass
    for path in own.iterdir():
        path.unlink()
    own.rmdir()
    own.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="not a folder of yours alone"), locked(tmp_path / "out"):
        pass
    own.unlink()
    own.mkdir()
    own.chmod(0o777)
    with pytest.raises(UserError, match="not a folder of yours alone"), locked(tmp_path / "out"):
        pass


# Secrets


def test_secrets_are_told_by_name_and_by_form() -> None:
    environment = {
        "HF_TOKEN": "hf_1",
        "WANDB_API_KEY": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_ACCESS_KEY_ID": "i",
        "githubtoken": "t",
        "my_password": "p",
        "https_proxy": "http://user:pass@proxy:3128",
        "DATABASE_URL": "postgres://u:p@host/db",
        "PATH": "/bin",
        "OMP_NUM_THREADS": "2",
        "TOKENIZERS_PARALLELISM": "false",
        "KEYBOARD": "ko",
        "no_proxy": "localhost",
        "HTTP_PROXY": "http://proxy:3128",
    }
    kept = without_secrets(environment)
    assert set(kept) == {
        "PATH",
        "OMP_NUM_THREADS",
        "TOKENIZERS_PARALLELISM",
        "KEYBOARD",
        "no_proxy",
        "HTTP_PROXY",
    }


def test_messages_lose_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary-in-a-variable")
    text = "GET https://me:pass@host/x or https:/me:pass@host failed with canary-in-a-variable; see http://host/a@b"
    assert hide(text) == "GET https://***@host/x or https:/***@host failed with ***; see http://host/a@b"


# Templates


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
        assert str(error).startswith("train.jsonl:1: the chat template refuses this conversation (")
    else:
        assert not re.search(r"class |module|root:|uid=", text), text
