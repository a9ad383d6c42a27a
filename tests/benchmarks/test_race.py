"""The race with invented seconds: FLOPs, ratios, order, the table, a peer's line; nothing is trained."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
sys.path.insert(0, str(BENCHMARKS / "peers"))

import contestants  # noqa: E402
import gpu  # noqa: E402
import measured_job  # noqa: E402
import race  # noqa: E402
from arithmetic import Layers, count_step_flops, measure_ceiling, read_layers  # noqa: E402
from contestants import Contestant, Job, Outcome  # noqa: E402
from standings import Spread, rank, steady_step, table  # noqa: E402

from laptime.errors import UserError  # noqa: E402

LAYERS = Layers(body=[(4, 8, 2), (8, 4, 1)], head=(4, 10))
JOB = Job(model="m", data="d.jsonl", method="lora", precision="fp32", steps=4, rank=2, learning_rate=1e-4)


def outcome(name: str, number: int, step_seconds: list[float], **more: object) -> Outcome:
    """Return an invented outcome that trained 3 of 5 tokens a step."""
    steps = len(step_seconds)
    figures = {
        "command": ["run"],
        "step_seconds": step_seconds,
        "train_seconds": sum(step_seconds),
        "whole_seconds": sum(step_seconds) + 1,
        "peak_bytes": 100 * 1024**2,
        "losses": [2.0] * steps,
        "num_tokens": 5 * steps,
        "num_trained_tokens": 3 * steps,
    }
    if name.startswith("laptime"):
        figures |= {"step_tokens": [5] * steps, "step_trained_tokens": [3] * steps}
    return Outcome(contestant=name, round=number, **(figures | more))


def test_flops_of_a_step_by_hand() -> None:
    body, head = 3 * 32, 40
    products = body * 5 + head * 3
    assert count_step_flops(LAYERS, "full", 2, 5, 3) == 6 * products
    adapters = 2 * (4 + 8) * 3
    assert count_step_flops(LAYERS, "lora", 2, 5, 3) == 4 * products + 6 * adapters * 5


def test_flops_are_those_that_torch_counts(shared_data: Path) -> None:
    """A plain full step over T tokens, all of them trained, less the scores of its attention."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = shared_data / "models" / "stories260K"
    config = AutoConfig.from_pretrained(folder, attn_implementation="eager")
    model = AutoModelForCausalLM.from_config(config)
    ids = torch.randint(0, 50, (1, 8))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids).logits.sum().backward()
    counts = counter.get_flop_counts()["Global"]
    counted = sum(n for kind, n in counts.items() if "mm" in str(kind) and "bmm" not in str(kind))
    assert count_step_flops(read_layers(str(folder)), "full", 16, 8, 8) == counted


def test_steady_step_leaves_the_first_two_out() -> None:
    assert steady_step(outcome("a", 1, [9, 8, 1, 3, 2])) == 2
    assert steady_step(outcome("a", 1, [9, 8])) == 8.5
    assert steady_step(outcome("a", 1, [])) is None


def test_ratios_are_paired_by_round() -> None:
    """Round 2 was slow for both: the ratios of the rounds say 2 and 4, ratios of medians would not."""
    runs = [
        outcome("laptime", 1, [5, 5, 1, 1]), outcome("trl", 1, [5, 5, 2, 2]),
        outcome("trl", 2, [5, 5, 40, 40]), outcome("laptime", 2, [5, 5, 10, 10]),
        outcome("laptime", 3, [5, 5, 1, 1]), outcome("trl", 3, [], error="exit code 1: no"),
    ]  # fmt: skip
    ours, trl = rank(runs, JOB, None, [])
    assert (ours.name, trl.name) == ("laptime", "trl")
    assert ours.step_ratio == Spread(1, 1, 1)
    assert trl.step_ratio == Spread(3, 2, 4)
    assert trl.rounds == 2
    assert trl.errors == ["round 3: exit code 1: no"]
    assert trl.ceiling_share is None


def test_share_of_the_ceiling() -> None:
    """Half of the middle ceiling for Laptime, a quarter for a peer that takes twice as long."""
    flops = count_step_flops(LAYERS, "lora", 2, 5, 3)
    runs = [outcome("laptime", 1, [9, 9, 2, 2]), outcome("trl", 1, [9, 9, 4, 4])]
    runs.append(outcome("laptime top", 1, [9, 9, 1, 1], same_method=False))
    shares = {one.name: one.ceiling_share for one in rank(runs, JOB, LAYERS, [flops / 2, flops, 3 * flops])}
    assert shares == {"laptime": 0.5, "trl": 0.25, "laptime top": None}


def test_losses_and_tokens_are_compared() -> None:
    runs = [
        outcome("laptime", 1, [1] * 3),
        outcome("trl", 1, [1] * 3, losses=[2.0, 2.5, 1.75]),
        outcome("ms_swift", 1, [1] * 3, num_tokens=14),
    ]
    _, trl, swift = rank(runs, JOB, None, [])
    assert (trl.first_loss_difference, trl.largest_loss_difference) == (0.0, 0.5)
    assert trl.same_tokens
    assert not swift.same_tokens
    assert "ms_swift trained 9 of 14 tokens: not the same work" in table("t", [swift])


def test_table_from_standings_and_from_a_result_file() -> None:
    runs = [
        outcome("laptime", 1, [1, 1, 1]),
        outcome("trl", 1, [1, 1, 3]),
        outcome("trl", 2, [], error="out"),
    ]
    standings = rank(runs, JOB, LAYERS, [])
    text = table("title", standings)
    assert text == table("title", [msgspec.to_builtins(one) for one in standings])
    lines = text.splitlines()
    assert lines[0] == "**title**"
    assert lines[4] == "| laptime | 1.000 | 1.00x | 3.0 | 1.00x | 4.0 | 1.00x | 100 | 1.00x | - | 0 |"
    assert lines[5].startswith("| trl | 3.000 | 3.00x | 5.0 | 1.67x |")
    assert lines[-1] == "- trl failed: round 2: out"
    assert len({line.count("|") for line in lines[2:6]}) == 1


def test_order_rotates() -> None:
    line_up = [Contestant(name=name, python="p") for name in "abc"]
    orders = ["".join(one.name for one in race.order_of(line_up, number)) for number in (1, 2, 3, 4)]
    assert orders == ["abc", "bca", "cab", "abc"]


def test_line_of_a_peer() -> None:
    line = json.dumps({"peer": "trl", "step_seconds": [1.0]})
    assert contestants.parse_figures(f"noise\n50%|##|{line}\nafterwards") == json.loads(line)
    with pytest.raises(ValueError, match="no JSON line"):
        contestants.parse_figures('{"loss": 1}\n')


def test_tokens_of_a_peer_are_counted_without_padding() -> None:
    import torch

    batch = {
        "input_ids": torch.zeros(2, 3),
        "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
        "labels": torch.tensor([[7, 7, 7], [-100, 7, -100]]),
    }
    counted = measured_job.count_tokens([batch, {k: v for k, v in batch.items() if k != "attention_mask"}])
    assert counted == {"num_tokens": 11, "num_trained_tokens": 6}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three records."""
    file = tmp_path / "three.jsonl"
    lines = [json.dumps({"prompt": f"p{i}", "completion": f"c{i}", "more": 1}) for i in range(3)]
    file.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return file


def test_peers_get_the_records_in_the_order_of_laptime(data: Path, tmp_path: Path) -> None:
    job = msgspec.structs.replace(JOB, data=str(data), steps=7)
    contestants.write_in_order(job, tmp_path / "ordered.jsonl")
    chosen = [record["prompt"] for record in contestants.read_pairs(str(tmp_path / "ordered.jsonl"))]
    assert len(chosen) == 7
    assert sorted(chosen[:3]) == sorted(chosen[3:6]) == ["p0", "p1", "p2"]
    uneven = msgspec.structs.replace(job, batch_size=2)
    with pytest.raises(UserError, match="must divide the 3 records"):
        contestants.write_in_order(uneven, tmp_path / "ordered.jsonl")


def test_commands(data: Path) -> None:
    job = msgspec.structs.replace(JOB, data=str(data), steps=7)
    top = race.variant("top=--method lora_top --top-layers 4")
    plain = contestants.command_of(contestants.laptime_itself(), job, data, Path("out"))
    assert plain[plain.index("--epochs") + 1] == "3"
    assert plain[plain.index("--method") + 1] == "lora"
    varied = contestants.command_of(top, job, data, Path("out"))
    assert varied.count("--method") == 1
    assert varied[-4:] == ["--method", "lora_top", "--top-layers", "4"]
    trl = race.peer(f"trl={sys.executable}")
    words = contestants.command_of(trl, job, data, Path("out"))
    read = measured_job.read_options(None, words[2:])
    assert (read.method, read.rank, read.precision, read.learning_rate) == ("lora", 2, "fp32", 1e-4)


@pytest.mark.parametrize("name", contestants.PEERS)
def test_every_peer_answers_help_without_its_packages(name: str) -> None:
    script = contestants.PEER_FOLDER / contestants.PEERS[name]
    ended = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True)
    assert ended.returncode == 0
    assert "--precision" in ended.stdout


def test_a_failing_contestant_keeps_its_last_line(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "fails.py"
    script.write_text("print('one'); raise SystemExit('no such model')")
    job = msgspec.structs.replace(JOB, data=str(data))
    failing = Contestant(name="trl", python=sys.executable, script=str(script))
    result = contestants.run(failing, job, 1, tmp_path)
    assert result.error == "exit code 1: no such model"
    assert result.whole_seconds > 0


def test_a_contestant_that_takes_too_long_is_ended(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "sleeps.py"
    script.write_text("import time; print('asleep', flush=True); time.sleep(60)")
    job = msgspec.structs.replace(JOB, data=str(data), limit_seconds=0.5)
    result = contestants.run(
        Contestant(name="trl", python=sys.executable, script=str(script)), job, 1, tmp_path
    )
    assert result.error == "exit code -15: asleep"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_that_of_the_largest_process(tmp_path: Path) -> None:
    """A parent that holds little starts a child that holds 200 MiB."""
    seen, watched = tmp_path / "seen", Outcome(contestant="x", round=1, command=[])
    child = f"import os, time; block = bytearray(200 * 2**20); seen = {str(seen)!r}\n"
    child += "while not os.path.exists(seen): time.sleep(0.02)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    def look() -> None:
        while watched.peak_bytes < 200 * 2**20 and not ended.wait(0.02):
            pass
        seen.touch()

    ended = threading.Event()
    looking = threading.Thread(target=look)
    looking.start()
    code = contestants.execute([sys.executable, "-c", parent], {}, tmp_path / "log", 200, watched)
    ended.set()
    looking.join()
    assert code == 0
    assert 200 * 2**20 < watched.peak_bytes < 260 * 2**20
    assert watched.peak_tree_bytes > watched.peak_bytes


def test_result_file_names_no_folder_of_this_machine() -> None:
    job = msgspec.structs.replace(JOB, model="/models/one", data="/sets/two.jsonl")
    runs = [outcome("laptime", 1, [1.5], command=["/usr/bin/python3", "--model", "/models/one"])]
    this = race.Race(name="r", job=job, contestants=[], outcomes=runs)
    text = race.without_folders(json.dumps(race.content(this)), job)
    assert "/models" not in text
    assert "/sets" not in text
    assert json.loads(text)["outcomes"][0]["command"] == ["python3", "--model", "one"]


def test_bad_options_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        (["--peer", "trll=x"], "no peer 'trll'"),
        (["--peer", "trl=/no/python"], "no Python interpreter"),
        (["--name", "x"], "--model, --data: required"),
        (["--variant", "plain"], "expected NAME=OPTIONS"),
    ):
        with pytest.raises(SystemExit):
            race.read_command(words)
        assert message in capsys.readouterr().err.splitlines()[-1]


def test_ceiling_weighs_products_by_their_flops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every product takes a second whatever its size: the ceiling is the mean of their FLOPs."""
    monkeypatch.setattr("arithmetic.sustained_seconds", lambda product: 1.0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = measure_ceiling(LAYERS, "lora", "fp32", num_tokens=5, num_trained_tokens=3)
    work = [2 * 32 * 5] * 3 + [2 * 40 * 3]
    assert found["flops_per_second"] == pytest.approx(sum(work) / len(work))
    assert {one["product"] for one in found["products"]} == {"forward", "input gradient"}


def test_gpu_refuses_in_one_line_without_a_gpu(tmp_path: Path) -> None:
    if gpu.has_gpu():
        pytest.skip("there is a GPU here")
    words = ["--config", str(tmp_path), "--data", "x.jsonl"]
    ended = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py"), *words], capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "gpu.py: error: torch sees no CUDA device here; race.py measures on the CPU"
    ]


def test_races_of_the_gpu_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds go on while the next would still end in the job's part of the time; one round always runs."""
    now = [0.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    held: list[str] = []

    def take_ten_seconds(contestant: Contestant, job: Job, number: int, work: Path) -> Outcome:
        now[0] += 10
        held.append(job.method)
        return outcome(contestant.name, number, [1.0])

    monkeypatch.setattr(race, "run", take_ten_seconds)
    monkeypatch.setattr(race, "measure_ceiling", lambda this: None)
    monkeypatch.setattr(gpu, "write", lambda this: Path("file"))
    jobs = [msgspec.structs.replace(JOB, method=method) for method in ("lora", "full")]
    gpu.hold_all(jobs, [contestants.laptime_itself()], rounds=9, name="x", seconds=55)
    assert held == ["lora"] * 2 + ["full"] * 3
