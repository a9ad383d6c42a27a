"""Equal work is proven by the records; every difference is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.fairness import find_stated_differences, find_unequal_work
from laptime.comparison.result import Finding
from laptime.runs.record import RunRecord, read_record
from tests.comparison.scripted import make_ranks, write_scripted_run


def record(folder: Path, method: str, round_: int = 1, **changes: Any) -> RunRecord:
    """Return the record of a scripted run."""
    return read_record(write_scripted_run(folder / f"{method}-{round_}", method, round_, **changes))


def differences(folder: Path, **changes: Any) -> list[Finding]:
    """Return how lora with `changes` differs from full without."""
    finished = {"full": [record(folder, "full")], "lora": [record(folder, "lora", **changes)]}
    return find_unequal_work(finished).get(("full", "lora"), [])


def test_equal_work_has_no_finding(tmp_path: Path) -> None:
    """Other seconds, losses, rates and precision of what is trained are no other work."""
    model = {"trained_dtype": "bfloat16", "learning_rate": 1.0, "trainable_parameters": 3}
    assert differences(tmp_path, train_seconds=3.0, losses=(9.0, 8.0, 7.0, 6.0), model=model) == []


def test_other_tokens_are_named_with_step_and_round(tmp_path: Path) -> None:
    """A step with another digest takes the ratio away."""
    (finding,) = differences(tmp_path, other_work_at=3)
    assert (finding.level, finding.code) == ("unequal", "different_work")
    assert finding.values == {"methods": "full, lora", "option": "tokens", "step": 3, "round": 1}
    assert finding.text == "full, lora did not do the same work: step 3 of round 1 trains other tokens."


def test_other_number_of_steps(tmp_path: Path) -> None:
    """Fewer steps are less work."""
    finding = differences(tmp_path, losses=(4.0, 2.0))[0]
    assert (finding.level, finding.code) == ("unequal", "different_steps")
    assert finding.values["values"] == "full 4, lora 2"


@pytest.mark.parametrize(
    ("changes", "option", "values"),
    [
        ({"training": {"batch_size": 2}}, "batch_size", "full 1, lora 2"),
        ({"training": {"gradient_accumulation": 4}}, "gradient_accumulation", "full 1, lora 4"),
        ({"training": {"seed": 7}}, "seed", "full 0, lora 7"),
        ({"training": {"threads": 1}}, "threads", "full 2, lora 1"),
        ({"training": {"max_grad_norm": 0.5}}, "max_grad_norm", "full 1, lora 0.5"),
        ({"model": {"attention": "eager"}}, "attention", "full sdpa, lora eager"),
        ({"model": {"device": "cuda"}}, "device", "full cpu, lora cuda"),
        ({"facts": {"cpu": "Other", "cores": 2, "threads": 2, "versions": {"torch": "2"}}}, "machine cpu",
         "full Test CPU, lora Other"),
        ({"facts": {"cpu": "Test CPU", "cores": 2, "threads": 2, "versions": {"torch": "1"}}},
         "machine versions torch", "full 2, lora 1"),
    ],
)  # fmt: skip
def test_other_options(tmp_path: Path, changes: dict[str, Any], option: str, values: str) -> None:
    """Each option that should be equal is named with both values."""
    (finding,) = differences(tmp_path, **changes)
    assert (finding.level, finding.code) == ("unequal", "different_training_option")
    assert finding.values == {"methods": "full, lora", "option": option, "values": values}


def test_other_precision_of_compute_is_unequal(tmp_path: Path) -> None:
    """bf16 against fp32 is no comparison of methods."""
    (finding,) = differences(tmp_path, model={"compute_dtype": "bfloat16"})
    assert (finding.level, finding.code) == ("unequal", "compute_dtype")
    assert finding.text == "The precision of compute differs: full float32, lora bfloat16."


def test_other_base_model(tmp_path: Path) -> None:
    """The digest of the base's weights must be the same."""
    (finding,) = differences(tmp_path, model={"digest": "other"})
    assert (finding.code, finding.values["option"]) == ("different_work", "model")


def test_a_difference_in_every_round_is_named_once(tmp_path: Path) -> None:
    """Rounds are compared with their like; the first place is named."""
    finished = {
        "full": [record(tmp_path, "full", number) for number in (1, 2)],
        "lora": [record(tmp_path, "lora", number, other_work_at=1 + number) for number in (1, 2)],
    }
    (finding,) = find_unequal_work(finished)["full", "lora"]
    assert (finding.values["step"], finding.values["round"]) == (2, 1)


def test_only_the_odd_one_out_is_unequal(tmp_path: Path) -> None:
    """Of three methods, the two that did the same work can still be compared."""
    finished = {
        "full": [record(tmp_path, "full")],
        "lora": [record(tmp_path, "lora")],
        "top": [record(tmp_path, "top", other_work_at=1)],
    }
    assert sorted(find_unequal_work(finished)) == [("full", "top"), ("lora", "top")]


def test_what_cannot_be_equal_is_stated(tmp_path: Path) -> None:
    """Learning rate and the precision of what is trained are printed, not refused."""
    records = {
        "full": record(tmp_path, "full"),
        "lora": record(tmp_path, "lora", model={"trained_dtype": "bfloat16"}),
    }
    rate, dtype = find_stated_differences(records)
    assert (rate.level, rate.code, rate.values["values"]) == (
        "stated",
        "learning_rate",
        "full 2e-05, lora 0.0002",
    )
    assert (dtype.level, dtype.code, dtype.values["values"]) == (
        "stated", "trained_dtype", "full float32, lora bfloat16",
    )  # fmt: skip


def test_without_the_lines_of_some_steps_equal_work_is_not_shown(tmp_path: Path) -> None:
    full, lora = record(tmp_path, "full"), record(tmp_path, "lora")
    del lora.steps[1]
    unequal = find_unequal_work({"full": [full], "lora": [lora]})
    (finding,) = unequal["full", "lora"]
    assert (finding.code, finding.values) == (
        "unknown_work", {"methods": "full, lora", "round": 1, "lacking": "lora"}
    )  # fmt: skip


FACTS: dict[str, Any] = {"cpu": "Test CPU", "cores": 2, "threads": 2, "versions": {"torch": "2"}}
HALF = FACTS | {"threads": 1, "environment": {"MALLOC_ARENA_MAX": "1"}}


def test_what_follows_from_several_devices_is_no_unequal_work(tmp_path: Path) -> None:
    """Two processes on a processor have half the threads each, also where --devices is everyone's."""
    assert differences(tmp_path, ranks=make_ranks(), facts=HALF) == []
    (alone,) = differences(tmp_path / "alone", facts=FACTS | {"threads": 1})
    assert alone.values["option"] == "machine threads"


def test_equal_devices_must_have_equal_threads(tmp_path: Path) -> None:
    full = [record(tmp_path, "full", ranks=make_ranks())]
    lora = [record(tmp_path, "lora", ranks=make_ranks(), facts=HALF)]
    (finding,) = find_unequal_work({"full": full, "lora": lora})["full", "lora"]
    assert finding.values["option"] == "machine threads", "what the allocator is told follows from the method"


def test_gpus_that_a_contestant_has_for_itself_may_be_others(tmp_path: Path) -> None:
    gpu = {"gpu": "Tesla T4", "gpu_count": 2, "device": "cuda"}
    changes: dict[str, Any] = {
        "model": {"device": "cuda:0"},
        "facts": FACTS | gpu,
        "training": {"devices": "0,"},
    }
    other: dict[str, Any] = {"model": {"device": "cuda:1"}, "training": {"devices": "1,"}}
    finished = {
        "full": [record(tmp_path, "full", **changes)],
        "lora": [record(tmp_path, "lora", **changes | other)],
    }
    assert find_unequal_work(finished, {"lora": ["devices"]}) == {}
    assert find_unequal_work(finished) != {}


def test_different_devices_are_stated(tmp_path: Path) -> None:
    two = record(tmp_path, "lora", ranks=make_ranks(name="Tesla T4"))
    found = find_stated_differences({"full": record(tmp_path, "full"), "lora": two})
    (finding,) = [one for one in found if one.code == "devices"]
    assert (finding.level, finding.values["values"]) == ("stated", "full 1; lora 2× Tesla T4")
    assert "trained on different devices (full 1; lora 2× Tesla T4)" in finding.text
    found = find_stated_differences({"full": two, "lora": two})
    assert [one for one in found if one.code == "devices"] == []
