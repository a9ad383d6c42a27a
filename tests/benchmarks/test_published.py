"""The arithmetic of a step, and what is published of a comparison."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from arithmetic import Layers, count_step_flops, measure_ceiling, read_layers  # noqa: E402
from publish import publish  # noqa: E402

from laptime.api import race_spec  # noqa: E402
from laptime.comparison.collection import collect  # noqa: E402
from laptime.comparison.result import read_result  # noqa: E402
from laptime.options.commands import by_name, compare_options  # noqa: E402
from laptime.options.flags import read_config_options  # noqa: E402
from laptime.runs.contestants import list_contestants  # noqa: E402
from tests.comparison.test_growth import SPEC, Racer, quiet, race  # noqa: E402

LAYERS = Layers(body=[(4, 8, 2), (8, 4, 1)], head=(4, 10))


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


def test_ceiling_weighs_products_by_their_flops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every product takes a second whatever its size: the ceiling is the mean of their FLOPs."""
    monkeypatch.setattr("arithmetic.sustained_seconds", lambda product: 1.0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = measure_ceiling(LAYERS, "lora", "fp32", num_tokens=5, num_trained_tokens=3)
    work = [2 * 32 * 5] * 3 + [2 * 40 * 3]
    assert found["flops_per_second"] == pytest.approx(sum(work) / len(work))
    assert {one["product"] for one in found["products"]} == {"forward", "input gradient"}


def test_a_published_race_has_the_report_that_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = Path("race")
    race(out, Racer(quiet), SPEC)
    place = publish(out, "toy", tmp_path / "results")
    before, after = read_result(out), collect(place)
    assert [row.train_seconds for row in after.methods] == [row.train_seconds for row in before.methods]
    assert after.pairs == before.pairs and after.complete
    assert (place / "table.txt").read_text(encoding="utf-8")
    kept = {file.name for file in place.rglob("*") if file.is_file()}
    assert kept == {"plan.json", "spec.json", "record.jsonl", "table.txt"}


def test_a_race_that_names_folders_of_the_machine_is_not_published(tmp_path: Path) -> None:
    out = tmp_path / "race"
    race(out, Racer(quiet), SPEC)
    (out / "spec.json").write_text(f'{{"data": "{tmp_path}/x.jsonl"}}', encoding="utf-8")
    with pytest.raises(SystemExit, match="names a folder of this machine; race by relative names"):
        publish(out, "toy", tmp_path / "results")


JOBS = sorted((BENCHMARKS / "jobs").glob("*.toml"))


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.stem)
def test_the_jobs_are_config_files_of_compare(job: Path) -> None:
    values = read_config_options(str(job), by_name(compare_options()))
    assert list_contestants(race_spec(values))


PUBLISHED = sorted(path.parent for path in (BENCHMARKS / "results").glob("*/plan.json"))


@pytest.mark.parametrize("place", PUBLISHED, ids=lambda place: place.name)
def test_what_is_published_can_be_reported(place: Path) -> None:
    result = collect(place)
    assert result.complete and all(row.rounds or row.failures for row in result.methods)
    assert any(row.rounds for row in result.methods)
