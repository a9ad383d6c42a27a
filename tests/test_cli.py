"""The command line as a person meets it: help, refusals in one line, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from laptime.cli import main as cli
from laptime.methods.method import find_methods
from laptime.options.commands import by_name, compare_options, train_options
from laptime.options.flags import convert, method_options, options_of
from laptime.report.plain_text import width
from laptime.spec import SECTIONS, CompareSpec, build, flag
from laptime.speedups.speedup import speedup_names
from tests.commands import run_command

COMMAND = [sys.executable, "-m", "laptime"]
COMMANDS = [
    "compare", "train", "data", "ask", "report", "show", "serve", "plan", "doctor", "explain", "methods",
]  # fmt: skip

LISTED = ", ".join(sorted(find_methods()))


def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run_command([*map(str, words)], cwd, os.environ | {"HF_HUB_OFFLINE": "1", "COLUMNS": "80"})


def refusal(*words: str | Path, cwd: Path | None = None) -> str:
    """Return the one line with which the command refuses."""
    done = run(*words, cwd=cwd)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line.removeprefix("laptime: error: ")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from laptime.cli import main as cli; cli.build_commands(); "
        "print(sorted({'torch', 'transformers', 'peft', 'scipy', 'jinja2', 'pyarrow', 'huggingface_hub'} "
        "& set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"laptime {command}" in done.stdout
    assert "Example" in done.stdout


@pytest.mark.parametrize("command", ["compare", "train"])
def test_help_has_a_section_with_the_names_of_the_speedups(command: str) -> None:
    section = run(command, "--help").stdout.split("\nSpeedups:\n")[1].split("\nAnswers:")[0]
    assert all(option in section for option in ("--plain", "--without NAMES", "--speedups NAMES"))
    assert set(speedup_names()) <= set(section.replace(",", " ").replace(";", " ").split())


def test_help_is_there_at_once() -> None:
    """Half a second on a machine that does nothing else: what takes longer is importing."""
    code = (
        "import sys\nfrom laptime.cli import main as cli\nsys.argv = ['laptime', '--help']\n"
        "try: cli.main()\n"
        "finally: print('\\n' + ' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    imported = set(done.stdout.splitlines()[-1].split())
    assert {"laptime.cli.main", "click"} < imported
    assert {name.split(".")[0] for name in imported} & {
        "torch", "transformers", "peft", "numpy", "scipy", "pyarrow", "tokenizers", "safetensors", "jinja2",
        "huggingface_hub", "sacrebleu", "rich", "asyncio",
    } == set()  # fmt: skip
    assert len(imported) < 320


def test_every_field_of_every_spec_is_a_documented_option() -> None:
    options = {option.opts[0]: option for option in options_of([CompareSpec, *SECTIONS.values()])}
    for kind in SECTIONS.values():
        for name in kind.__struct_fields__:
            assert options[flag(name)].help, name
    assert {"--lora-rank", "--lora-alpha", "--lora-dropout", "--lora-targets"} <= {
        option.opts[0] for option in method_options()
    }


def test_the_help_of_one_training_offers_one_rate() -> None:
    rates = [by_name(options)["learning_rate"].help for options in (train_options(), compare_options())]
    assert ["full=" in (said or "") for said in rates] == [False, True]


def test_rounds_are_a_number_or_a_word() -> None:
    (option,) = [option for option in options_of([CompareSpec]) if option.name == "rounds"]
    assert option.metavar == "N|auto"
    assert [build(CompareSpec, {"rounds": convert(option, given)}).rounds for given in ("auto", "7")] == [
        "auto",
        7,
    ]
    assert build(CompareSpec, {}).rounds == "auto"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compair"], "no command 'compair'; did you mean 'compare'?"),
        (["compare", "--lerning-rate", "1"], "no option --lerning-rate; did you mean '--learning-rate'?"),
        (
            ["compare", "--methods", "full,lorra"],
            "--methods: no method 'lorra'; did you mean 'lora'? there are " + LISTED,
        ),
        (["train", "--lr", "1"], "no option --lr; here it is --learning-rate"),
        (["compare", "--output_dir", "x"], "no option --output_dir; here it is --out"),
        (
            ["train", "--deepspeed", "x"],
            "no option --deepspeed; leave it out: --devices says how many work together, the method how",
        ),
        (
            ["data", "--epochs", "3"],
            "no option --epochs of laptime data; it is one of compare, train and plan",
        ),
        (
            ["train", "--method", "loraa"],
            "--method: no method 'loraa'; did you mean 'lora'? there are " + LISTED,
        ),
        (
            ["compare", "--methods", "unheard"],
            "--methods: no method 'unheard'; there are " + LISTED,
        ),
        (["compare", "--epochs", "many"], "--epochs: expected a whole number (got 'many')"),
        (["compare", "--epochs", "0"], "--epochs: expected a whole number >= 1 (got 0)"),
        (["compare", "--learning-rate", "full=fast"], "--learning-rate: expected a number (got 'fast')"),
        (["compare", "--data", "nowhere.jsonl"], "--data nowhere.jsonl: no such file or folder"),
        (["compare", "--model", "./nowhere"], "--model ./nowhere: no such folder"),
        (["compare", "--config", "nowhere.toml"], "nowhere.toml: no such config file"),
        (["compare", "--track", "wandbb"], "--track: no tracker 'wandbb'; did you mean 'wandb'?"),
        (
            ["compare", "--methods", "full", "--lora-rank", "8"],
            "--lora-rank: none of the methods full has this option",
        ),
        (
            ["train", "--without", "answer_hed"],
            "--without: no speedup 'answer_hed'; did you mean 'answer_head'?",
        ),
        (
            ["train", "--speedups", "prefixcache"],
            "--speedups: no speedup 'prefixcache'; did you mean 'prefix_cache'?",
        ),
        (
            ["train", "--without", "no_padding", "--speedups", "no_padding"],
            "--without no_padding: --speedups asks for it; leave one of the two out",
        ),
        (
            ["compare", "--ablate", "--plain"],
            "--ablate: --plain leaves nothing to switch off; leave one of the two out",
        ),
        (
            ["train", "--save-every", "soon"],
            "--save-every: expected steps (50) or a time (90s, 10min, 2h) (got 'soon')",
        ),
        (
            ["train", "--method", "loro"],
            "--method: no method 'loro'; did you mean 'lora'? there are " + LISTED,
        ),
        (["train", "--lora-dropout", "1.5"], "--lora-dropout: expected a number < 1.0 (got 1.5)"),
        (["compare", "--weight-decay", "inf"], "--weight-decay: expected a finite number (got inf)"),
        (["compare", "--learning-rate", "nan"], "--learning-rate: expected a finite number (got nan)"),
        (["compare", "--learning-rate", "full=nan"], "--learning-rate: must be above 0 (got nan)"),
        (["compare", "--data", ""], "--data: empty; give a value or leave the option out"),
        (["compare", "--out", ""], "--out: empty; give a value or leave the option out"),
        (["compare", "--ask", " "], "--ask: empty; give a value or leave the option out"),
        (["compare", "--ask", "why", "--ask", "\t"], "--ask: empty; give a value or leave the option out"),
        (
            ["compare", "--ask", "\u200b"],
            "--ask: a question in which nothing can be seen; leave it out",
        ),
        (["ask", "nowhere", ""], "QUESTION: empty; give a question"),
        (["ask", "nowhere", "why", " "], "QUESTION: empty; give a question"),
        (
            ["compare", "--methods", "full,,lora"],
            "--methods: an empty name (got 'full,,lora'); give names with a comma between",
        ),
        (["train", "--track", ","], "--track: an empty name (got ','); give names with a comma between"),
        (["compare", "--methods", "full", "--methods", "lora"], "--methods: given 2 times; give it once"),
        (["train", "--out", "a", "--out", "b"], "--out: given 2 times; give it once"),
        (["data", "--examples", "1", "--examples", "2"], "--examples: given 2 times; give it once"),
        (
            ["data", "--records", "1", "--examples", "2"],
            "--records: --examples is given too; leave --records out",
        ),
        (["report", "a", "--lang", "ko", "--lang", "en"], "--lang: given 2 times; give it once"),
        (["ask", "a", "b", "--threads", "1", "--threads", "2"], "--threads: given 2 times; give it once"),
        *(
            (
                ["train", option, "a\nb"],
                f"{option}: a path with \\n in it ('a\\nb'); give one without",
            )
            for option in ("--out", "--data", "--model", "--held-out", "--config", "--resume")
        ),
        (["train", "--out", "\x1b[31m"], r"--out: a path with \x1b in it ('\x1b[31m'); give one without"),
        (["train", "--data", "a\u202eb"], r"--data: a path with \u202e in it ('a\u202eb'); give one without"),
        (["data", "a\tb"], r"DATA: a path with \t in it ('a\tb'); give one without"),
        (["ask", "a\rb", "q"], r"RUN_OR_COMPARISON: a path with \r in it ('a\rb'); give one without"),
        (["show", "a\x9bb"], r"DIR: a path with \x9b in it ('a\x9bb'); give one without"),
        (["report", "\udcff"], r"DIR: a path with \udcff in it ('\udcff'); give one without"),
        (["show", "a  [/b] 한글"], "a  [/b] 한글: no such folder"),
        (["compare", "--learning-rate", "full=1,full=2"], "--learning-rate: full is given twice"),
        (["compare", "--rounds", "many"], "--rounds: expected a whole number or auto (got 'many')"),
        (["compare", "--rounds", "2.5"], "--rounds: expected a whole number or auto (got '2.5')"),
        (["compare", "--target-loss", "low"], "--target-loss: expected a number or slowest (got 'low')"),
        (["compare", "--target-loss", "0"], "--target-loss: expected a number > 0.0 (got 0.0)"),
        (
            ["compare", "--moments", "4"],
            "--moments: goes with --target-loss alone; give it too, or leave both out",
        ),
        (
            ["compare", "--rounds", "3", "--minutes", "2"],
            "--minutes: --rounds 3 is a number already; leave one of the two out",
        ),
        (["compare", "--minutes", "0"], "--minutes: expected a number > 0.0 (got 0.0)"),
        (["compare", "--rounds", "1000000"], "--rounds: expected a whole number <= 1000 (got 1000000)"),
        (["show", "nowhere"], "nowhere: no such folder"),
        (["report", "."], ".: neither a comparison nor a run of laptime"),
        (
            ["report", ".", "--picture-prefix", "a/"],
            "--picture-prefix: goes with --readme alone; add it, or leave this out",
        ),
        (
            ["report", ".", "--readme", "--picture-prefix", "../a"],
            "--picture-prefix ../a: give a path within the folder: letters, digits, - _ . and / (images/, or "
            "images/race-)",
        ),
        (["ask", "nowhere", "why?"], "nowhere: no such folder"),
        (["ask", "nowhere"], "QUESTION: missing; give one, or talk turn by turn with --chat"),
        (
            ["compare", "--model", "meta-llama/Llama-3.2-1B"],
            "--model meta-llama/Llama-3.2-1B: no such folder here, not in the cache, "
            "and the hub cannot be reached; "
            "give the path of a local copy",
        ),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    assert refusal(*words, cwd=tmp_path) == message
    assert list(tmp_path.iterdir()) == [], "a refusal leaves nothing behind"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["train", "--method", "full", "--speedups", "prefix_cache"],
            "--speedups prefix_cache: cannot apply here: the lowest layer trains",
        ),
        (["train", "--method", "lora_top", "--top-layers", "99"], "--top-layers 99: this model has 5 layers"),
    ],
)
def test_what_only_the_model_can_refuse_is_one_line_too(
    tmp_path: Path, words: list[str], message: str
) -> None:
    assert refusal(*words, "--out", "out", cwd=tmp_path) == message
    assert list(tmp_path.iterdir()) == [], "a refusal leaves nothing behind"


def test_more_threads_than_there_are_cores_are_refused_by_all_who_take_them(tmp_path: Path) -> None:
    for words in (["ask", ".", "why?"], ["train"], ["compare"]):
        said = refusal(*words, "--threads", "99999", cwd=tmp_path)
        assert said.startswith("--threads 99999: this machine has "), said
    assert list(tmp_path.iterdir()) == [], "a refusal leaves nothing behind"


def test_data_errors_name_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(
        '{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": " "}\n'
    )
    assert refusal("compare", "--data", "train.jsonl", cwd=tmp_path).startswith("train.jsonl:2: ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("job.toml", "lora_rnk = 8", "job.toml: unknown option 'lora_rnk'; did you mean 'lora_rank'?"),
        ("job.toml", 'epochs = "5"', "job.toml: --epochs: expected a whole number (got '5')"),
        (
            "job.yaml",
            'learning_rate: "1e-4"',
            "job.yaml: --learning-rate: expected a number, or one for each method (got '1e-4')",
        ),
        ("job.toml", 'learning_rate = "full=x"', "job.toml: --learning-rate: expected a number (got 'x')"),
        (
            "job.toml",
            'schedule = "bad"',
            "job.toml: --schedule: expected linear, cosine or constant (got 'bad')",
        ),
        (
            "job.yaml",
            "base_model: x\nmicro_batch_size: 2\nsample_packing: true",
            "job.yaml: options of another tool: base_model -> model, micro_batch_size -> batch-size; leave "
            "out sample_packing (a batch is laid end to end without padding already)",
        ),
        ("job.yaml", "- 1", "job.yaml: expected option: value pairs at the top level"),
        ("job.json", '{"epochs": ', "job.json: Expecting value: line 1 column 12 (char 11)"),
        ("job.json", '{"epochs": 1, "epochs": 2}', "job.json: option 'epochs' is given twice"),
        ("job.yaml", "epochs: 1\nepochs: 2", "job.yaml: option 'epochs' is given twice"),
        ("job.yaml", "lora_rank: 1\nlora-rank: 2", "job.yaml: option 'lora_rank' is given twice"),
        (
            "job.yaml",
            "ablate: true\nplain: true",
            "job.yaml: --ablate: --plain leaves nothing to switch off; leave one of the two out",
        ),
        (
            "job.yaml",
            "without: answer_hed",
            "job.yaml: --without: no speedup 'answer_hed'; did you mean 'answer_head'?",
        ),
        ("job.toml", "learning-rate = -1", "job.toml: --learning-rate: must be above 0 (got -1.0)"),
        (
            "job.toml",
            "learning-rate = {full=1e-4, lroa=1e-4}",
            "job.toml: --learning-rate: no method 'lroa'; did you mean 'lora'? there are " + LISTED,
        ),
        ("job.yaml", "held-out: 1.0", "job.yaml: --held-out 1.0: a fraction lies between 0 and 1 (0.1)"),
        (
            "job.yaml",
            "held-out: 10%",
            "job.yaml: --held-out 10%: give a fraction between 0 and 1 (0.1), or a file",
        ),
        (
            "job.yaml",
            "without: fused_blocks\nspeedups: fused_blocks",
            "job.yaml: --without fused_blocks: --speedups asks for it; leave one of the two out",
        ),
        (
            "job.toml",
            "devices = [0, true]",
            "job.toml: --devices: expected text (got [0, true]); put it in quotes",
        ),
        ("job.yaml", "devices: [0, 0]", "job.yaml: --devices 0,0: names a GPU twice; name each once"),
        ("job.yaml", "lang: no", "job.yaml: --lang: expected text (got false); put it in quotes"),
        ("job.yaml", "model: no", "job.yaml: --model: expected text (got false); put it in quotes"),
        (
            "job.yaml",
            "methods: [lora, no]",
            "job.yaml: --methods: expected text (got ['lora', false]); put it in quotes",
        ),
        ("job.yaml", "out: 2026-01-02", "job.yaml: --out: expected text (got 2026-01-02); put it in quotes"),
        ("job.yaml", "methods: null", "job.yaml: --methods: expected a list (got null)"),
        (
            "job.yaml",
            "contestants:\n- {name: no, method: lora}",
            "job.yaml: contestants 1: name: expected text (got false); put it in quotes",
        ),
        ("job.yaml", "lora-rnak: 3", "job.yaml: unknown option 'lora-rnak'; did you mean 'lora-rank'?"),
        (
            "job.yaml",
            "contestants:\n- {name: a, method: lora, lora-rnak: 3}",
            "job.yaml: contestants 1 (a): no option lora-rnak; did you mean 'lora-rank'?",
        ),
        (
            "job.yaml",
            "epochs: 1\n---\nepochs: 2",
            "job.yaml:2: a second document begins here; options are one, without --- between",
        ),
        (".", "", ".: a folder; save the options in a file"),
        ("job.yaml", "ablate: 3", "job.yaml: --ablate: expected true or false (got 3)"),
        ("job.yaml", "wait: soon", "job.yaml: --wait: expected true or false (got 'soon')"),
        ("job.yaml", "target_loss: low", "job.yaml: --target-loss: expected a number or slowest (got 'low')"),
        ("job.yaml", "rounds: soon", "job.yaml: --rounds: expected a whole number or auto (got 'soon')"),
        ("job.yaml", "rounds: 2.5", "job.yaml: --rounds: expected a whole number or auto (got 2.5)"),
        ("job.yaml", "lang: fr", "job.yaml: --lang: one of en, ko (got 'fr')"),
        (
            "job.json",
            r'{"out": "a\u0000b"}',
            r"job.json: --out: a path with \x00 in it ('a\x00b'); give one without",
        ),
        (
            "job.json",
            r'{"data": "a\u202eb"}',
            r"job.json: --data: a path with \u202e in it ('a\u202eb'); give one without",
        ),
        ("job.ini", "", "job.ini: a config file ends in .toml, .yaml, .yml or .json"),
    ],
)
def test_config_errors_name_the_file_and_the_option(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    if content or name != ".":
        (tmp_path / name).write_text(content)
    assert refusal("compare", "--config", name, cwd=tmp_path) == message


def test_a_config_file_takes_every_option_and_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        "methods: lora\nepochs: 3\nwait: true\nlearning_rate: 1e-4\nlora-rank: 4\ndata: nowhere.jsonl\n"
    )
    assert refusal("compare", "--config", "job.yaml", cwd=tmp_path).startswith(
        "job.yaml: --data nowhere.jsonl"
    )
    assert refusal("compare", "--config", "job.yaml", "--data", "other.jsonl", cwd=tmp_path).startswith(
        "--data other"
    )


def test_a_config_file_of_rates_by_method_is_read_as_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('learning-rate = "full=2e-5, lora=2e-4"\nmethods = ["full"]')
    said = refusal("compare", "--config", "job.toml", cwd=tmp_path)
    assert said == "job.toml: --learning-rate lora: not among the methods full; leave lora= out"
    (tmp_path / "job.toml").write_text('data = "lang=ko/a.jsonl"')
    said = refusal("compare", "--config", "job.toml", cwd=tmp_path)
    assert said.startswith("job.toml: --data lang=ko/a.jsonl: no such file"), (
        "other texts may hold such a sign"
    )


@pytest.mark.parametrize("others", ["methods: [full, lora]\nrounds: 2\nlang: ko", "method: full\nepochs: 3"])
def test_data_takes_the_file_of_a_training_or_a_comparison(tmp_path: Path, others: str) -> None:
    """What says nothing on the data is passed over, if it is right; a seed says what is held out."""
    (tmp_path / "job.yaml").write_text(f"data: nowhere.jsonl\n{others}\nseed: 3")
    said = refusal("data", "--config", "job.yaml", cwd=tmp_path)
    assert said == "job.yaml: --data nowhere.jsonl: no such file or folder"
    (tmp_path / "job.yaml").write_text(f"{others}\nbatch_size: none")
    said = refusal("data", "--config", "job.yaml", cwd=tmp_path)
    assert said == "job.yaml: --batch-size: expected a whole number (got 'none')"


def test_what_examples_was_called_before_is_taken_and_not_shown(tmp_path: Path) -> None:
    """`--records N` of earlier versions does what `--examples N` does."""
    before, now = (run("data", f"{option}=1", cwd=tmp_path) for option in ("--records", "--examples"))
    assert before.returncode == 0 and before.stdout == now.stdout and "... and 9 more examples" in now.stdout
    shown = run("data", "--help").stdout
    assert "--examples" in shown and "--records" not in shown


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"laptime, version {cli.__version__}\n"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_stays_within_eighty_columns(command: str) -> None:
    shown = run(*command.split(), "--help").stdout
    assert len(shown.splitlines()) > 8
    assert [line for line in shown.splitlines() if width(line) > 80 or line != line.rstrip()] == []
    assert "..." not in shown.partition("Commands:")[2], "no summary is cut"
