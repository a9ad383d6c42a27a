"""The three commands around a run, as a person types them: doctor, plan, explain, on the toy."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import msgspec
import pytest

from laptime.doctor.facts import Examination
from laptime.forecast.forecast import Forecast
from tests import commands
from tests.caches import make_cache

laptime = partial(commands.laptime, forks=True)
RUN = ["--max-questions", "0", "--skip-self-checks", "--device", "cpu", "--precision", "fp32"]


def read_rows(text: str) -> list[Forecast]:
    """Return the rows of a plan as JSON."""
    return msgspec.convert(msgspec.json.decode(text)["rows"], list[Forecast])


@pytest.fixture
def cache(tmp_path: Path) -> dict[str, str]:
    """A user's cache in which nothing was measured and nothing has run."""
    return {"XDG_CACHE_HOME": str(make_cache(tmp_path / "cache"))}


def test_a_plan_learns_from_every_run(tmp_path: Path, cache: dict[str, str]) -> None:
    words = ["plan", "--methods", "full,lora", "--device", "cpu", "--precision", "fp32", "--json"]
    assert [one.num_runs for one in read_rows(laptime(tmp_path, *words, **cache))] == [0, 0]
    laptime(tmp_path, "train", "--method", "lora", "--epochs", "1", *RUN, "--out", "run", **cache)
    full, lora = read_rows(laptime(tmp_path, *words, **cache))
    assert (full.num_runs, full.of_method, lora.num_runs, lora.of_method) == (1, False, 1, True)
    for one in (full, lora):
        assert one.num_steps == 50 and one.fits
        assert one.train_range[0] < one.train_seconds < one.train_range[1]
        assert one.train_seconds < one.total_seconds
    assert lora.saved_bytes < full.saved_bytes and lora.train_seconds < full.train_seconds * 2
    told = laptime(tmp_path, *words[:-1], "--price", "3600", **cache)
    assert "lora: by 1 run of this method on this machine" in told
    assert "full: by 1 run of other methods on this machine, which was of no job like this" in " ".join(
        told.split()
    )
    assert "cost" in told and "a comparison: at least 6 runs" in told and "float32 on cpu, 1 thread (" in told


def test_a_comparison_says_its_plan_where_every_row_has_a_past(tmp_path: Path, cache: dict[str, str]) -> None:
    words = ["compare", "--methods", "lora", "--rounds", "1", "--epochs", "1", *RUN]
    assert "by past runs" not in laptime(tmp_path, *words, "--out", "first", **cache)
    told = laptime(tmp_path, *words, "--out", "second", **cache)
    assert "by past runs of this machine, a comparison: 1 run, about" in " ".join(told.split())
    explained = laptime(tmp_path, "explain", "second", **cache)
    assert explained.startswith("lora-r1: ") and "forward" in explained
    assert "laptime doctor has measured no float32 with 1 thread on such a processor" in explained
    assert laptime(tmp_path, "explain", "second", "lora", "lora", code=2, **cache).endswith(
        "name two rows or runs\n"
    )


def test_what_runs_between_two_rows_stands_in_none(tmp_path: Path, cache: dict[str, str]) -> None:
    words = [
        "plan",
        "--methods",
        "full",
        "--contestant",
        "x=lora --precision fp32",
        "--explain",
        "--rounds",
        "2",
    ]
    told = laptime(tmp_path, *words, "--device", "cpu", "--json", **cache)
    assert [one.name for one in read_rows(told)] == ["full", "x"]
    assert "a comparison: 8 runs" in told


def test_a_probe_makes_a_few_steps_and_leaves_nothing_but_a_past(
    tmp_path: Path, cache: dict[str, str]
) -> None:
    words = ["plan", "--methods", "lora", "--device", "cpu", "--precision", "fp32", "--probe"]
    told = laptime(tmp_path, *words, **cache)
    assert (
        re.search(r"^\d+ steps of each", told, re.M)
        and "lora: by 1 run of this method on this machine" in told
    )
    assert {path.name for path in tmp_path.iterdir()} == {"cache"}


def test_the_doctor_looks_at_the_machine_and_keeps_what_it_measured(
    tmp_path: Path, cache: dict[str, str]
) -> None:
    words = ["doctor", "--model", "builtin", "--device", "cpu", "--out", "results/race", "--json"]
    first = msgspec.json.decode(laptime(tmp_path, *words, **cache), type=Examination)
    assert first.cpu.threads == 1 and first.measured.processor.startswith(first.cpu.name)
    assert {rate.dtype for rate in first.measured.products} >= {"float32"}
    assert all(rate.flops_per_second > 1e6 for rate in first.measured.products)
    assert (first.measured.memory_bytes_per_second or 0) > 1e8
    assert first.disk.folder == "results/race" and not (tmp_path / "results").exists()
    facts = json.loads(laptime(tmp_path, *words, **cache))
    assert facts["cpu"]["name"] == first.cpu.name
    kept = [*(tmp_path / "cache" / "laptime" / "doctor").iterdir()]
    # Tests run beside each other: what is measured then is told, and not kept.
    assert len(kept) == (1 if first.cpu.free in (None, first.cpu.allowed) else len(kept))
    told = laptime(tmp_path, *words[:-1], **cache)
    assert told.startswith("This machine\n  processor") and "\nA training here\n" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "--methods", "lroa"], "no method 'lroa'; did you mean 'lora'?"),
        (["plan", "--out", "race"], "no option --out"),
        (["plan", "--price", "0"], "--price"),
        (["plan", "--price", "nan"], "--price nan: give the cost of an hour"),
        (["plan", "--data", "absent.jsonl"], "--data absent.jsonl"),
        (["doctor", "--model", "./absent"], "--model ./absent: no such folder"),
        (["doctor", "--out", "file/below"], "--out file/below"),
        (["doctor", "--device", "cuda"], "--device cuda: torch sees no CUDA device here"),
        (["plan", "--gpu", "t5"], "--gpu t5: not known; there are t4, t4x2"),
        (["plan", "--gpu", "t4", "--probe"], "--probe: a Tesla T4 is not here"),
        (["explain"], "DIR: missing"),
        (["explain", "--model", "builtin", "file"], "--model: goes with --scenario alone"),
        (["explain", "--scenario", "trainer-defaults", "file"], "makes runs of its own; leave file out"),
        (["explain", "--scenario", "none"], "--scenario"),
        (["explain", "absent"], "absent: no such folder"),
        (["explain", "."], "no record.jsonl here"),
    ],
)
def test_bad_input_is_refused_in_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    import torch

    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    (tmp_path / "file").touch()
    told = laptime(tmp_path, *words, code=2)
    (line,) = told.strip().splitlines()
    assert said in line


@pytest.mark.slow
def test_the_scenario_leaves_what_is_there_alone(tmp_path: Path, cache: dict[str, str]) -> None:
    mine = tmp_path / "race" / "plan.json"
    mine.parent.mkdir()
    mine.write_text("{}")
    said = laptime(tmp_path, "explain", "--scenario", "trainer-defaults", "--out", "race", code=2, **cache)
    assert "--out race: holds something else already; give a new folder" in said
    assert [*mine.parent.iterdir()] == [mine]


def test_the_scenario_shows_where_the_ratio_comes_from(tmp_path: Path, cache: dict[str, str]) -> None:
    words = ["explain", "--scenario", "trainer-defaults", "--out", "scenario"]
    told = laptime(tmp_path, *words, **cache)
    _, waterfalls = told.split("\nfull-r1: ")
    assert "checkpoints" in waterfalls and "\nlora-r1: " in waterfalls
    ratios = [line.rpartition(", ") for line in told.splitlines() if line.endswith("x")]
    assert [name.partition(":")[0] for name, _, _ in ratios][:3] == [
        "from start to saved result", "training alone", "training and checkpoints",
    ]  # fmt: skip
    again = laptime(tmp_path, *words, **cache)
    assert again == "full-r1: " + waterfalls, "what is done is not done again"
    pair = laptime(tmp_path, "explain", "scenario/defaults", "scenario/lora", **cache)
    assert pair == again
    laptime(tmp_path, "train", "--epochs", "2", *RUN, "--out", "other", **cache)
    said = laptime(tmp_path, "explain", "scenario/lora", "other", code=2, **cache)
    assert "made different numbers of steps" in said and "can't be set side by side" in said
