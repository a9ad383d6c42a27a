"""Records with invented seconds to a comparison, field by field."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from laptime.cli.report import render_again
from laptime.comparison.collection import collect, collect_single
from laptime.comparison.quality_figures import Front
from laptime.comparison.race import find_rate
from laptime.comparison.result import (
    ComparisonResult,
    Finding,
    MethodAnswer,
    MethodResult,
    Pair,
    QuestionAnswers,
    Score,
    read_result,
    write_result,
)
from laptime.comparison.scores import chrf
from laptime.errors import UserError
from laptime.runs.plan import read_plan, run_folder
from laptime.runs.record import FILE_NAME
from laptime.util.sealed_file import write_sealed
from tests.comparison.scripted import (
    CREATED,
    HELD_OUT_QUESTION,
    HELD_OUT_REFERENCE,
    QUESTION,
    REFERENCE,
    make_ranks,
    write_scripted_comparison,
    write_scripted_run,
)
from tests.records import edit_record

PERFECT = Score(chrf=100.0, exact_match=100.0, num_questions=1)
UNKNOWN = "모릅니다."
LOSSES: list[float | None] = [4.0, 3.0, 2.0, 1.0]
LORA_OPTIONS = {"lora_rank": 16, "lora_alpha": None, "lora_dropout": 0.0, "lora_targets": ["all-linear"]}


def expected_row(name: str, summary: str, seconds: float, **figures: Any) -> MethodResult:
    """Return the row of a method that took `seconds` (a multiple of 5 steps' halves) in both rounds."""
    step = seconds / 5
    saved = figures["saved_bytes"]
    row: dict[str, Any] = {
        "name": name,
        "method": name,
        "summary": summary,
        "status": "finished",
        "rounds": [1, 2],
        "failures": [],
        "train_seconds": seconds,
        "train_seconds_by_round": [seconds, seconds],
        "total_seconds": seconds + 4,
        "total_seconds_by_round": [seconds + 4, seconds + 4],
        "phase_seconds": {
            "import": 1.0, "load": 2.0, "prepare": 0.25, "train": seconds, "save": 0.75, "evaluate": 3.0,
        },
        "step_part_seconds": {"data": 0.0, "forward": step / 4, "backward": step / 2, "optimizer": step / 4},
        "first_step_seconds": 2 * step,
        "steady_step_seconds": step,
        "tokens_per_second": 80 / seconds,
        "peak_bytes": 5000 + saved,
        "peak_bytes_kind": "vm_hwm",
        "peak_bytes_all": {"vm_hwm": 5000 + saved},
        "peak_bytes_by_round": [5000 + saved] * 2,
        "parameters": 1000,
        "compute_dtype": "float32",
        "trained_dtype": "float32",
        "precision_reason": "this CPU has no native bf16",
        "method_options": LORA_OPTIONS if name == "lora" else {},
        "train_losses": LOSSES,
        "step_seconds": [2 * step, step, step, step],
        "train_losses_by_round": {1: LOSSES, 2: LOSSES},
        "final_train_loss": 1.5,
        "held_out_loss": 1.5,
        "held_out_loss_by_round": [1.5, 1.5],
        "energy_joules": 50 * seconds,
        "energy_source": "nvml",
        "memorisation": PERFECT,
        "generalisation": PERFECT,
    }  # fmt: skip
    return MethodResult(**(row | figures))


def expected_base() -> MethodResult:
    """Return the row of the base, which trains nothing."""
    return MethodResult(
        name="base", method="base", summary="The base model.", status="finished", rounds=[0], failures=[],
        train_seconds=None, train_seconds_by_round=[], total_seconds=4.0, total_seconds_by_round=[4.0],
        phase_seconds={}, step_part_seconds={}, first_step_seconds=None, steady_step_seconds=None,
        tokens_per_second=None, peak_bytes=5000, peak_bytes_kind="vm_hwm", peak_bytes_all={"vm_hwm": 5000},
        peak_bytes_by_round=[5000],
        trainable_parameters=0, parameters=1000, saved_bytes=None, saved_kind=None, saved_paths=[],
        learning_rate=1e-4, compute_dtype="float32", trained_dtype="float32",
        precision_reason="this CPU has no native bf16", flops_per_token=None, method_options={},
        train_losses=[], step_seconds=[], train_losses_by_round={}, final_train_loss=None,
        held_out_loss=4.0, held_out_loss_by_round=[4.0], energy_joules=None, energy_source="not measured",
        memorisation=Score(chrf=chrf(UNKNOWN, REFERENCE), exact_match=0.0, num_questions=1),
        generalisation=Score(chrf=chrf(UNKNOWN, HELD_OUT_REFERENCE), exact_match=0.0, num_questions=1),
    )  # fmt: skip


def expected_question(question: str, source: Any, reference: str) -> QuestionAnswers:
    """Return a question that the base does not know and both methods have learned."""
    learned = {"text": reference, "num_tokens": len(reference), "stopped": "end_of_sequence"}
    base = {"text": UNKNOWN, "num_tokens": len(UNKNOWN), "stopped": "end_of_sequence"}
    return QuestionAnswers(
        question=question,
        source=source,
        reference=reference,
        answers={
            "base": MethodAnswer(**base, chrf=chrf(UNKNOWN, reference), exact=False),
            "full": MethodAnswer(**learned, chrf=100.0, exact=True),
            "lora": MethodAnswer(**learned, chrf=100.0, exact=True),
        },
        alike={"full,lora": 100.0},
    )


def expected_result(folder: Path) -> ComparisonResult:
    """Return the whole comparison of full at 20 s and lora at 10 s, twice."""
    plan = read_plan(folder)
    return ComparisonResult(
        laptime="0.1.0",
        created=CREATED,
        complete=True,
        planned_rounds=2,
        compared_rounds=[1, 2],
        base=expected_base(),
        methods=[
            expected_row(
                "full", "Trains every weight.", 20.0, trainable_parameters=1000, saved_bytes=4000,
                saved_kind="model", saved_paths=["runs/full-r1/model", "runs/full-r2/model"],
                learning_rate=2e-5, flops_per_token=6000.0,
            ),
            expected_row(
                "lora", "Trains low-rank updates.", 10.0, trainable_parameters=50, saved_bytes=200,
                saved_kind="adapter", saved_paths=["runs/lora-r1/adapter", "runs/lora-r2/adapter"],
                learning_rate=2e-4, flops_per_token=4000.0,
            ),
        ],
        pairs=[
            Pair(
                faster="lora", slower="full", num_rounds=2, train_ratio=2.0, train_interval=(2.0, 2.0),
                train_confidence=0.95, verdict="faster", total_ratio=24 / 14,
                total_interval=(24 / 14, 24 / 14), total_confidence=0.95, total_verdict="faster",
                arithmetic_ratio=1.5,
            )
        ],
        questions=[
            expected_question(QUESTION, "trained", REFERENCE),
            expected_question(HELD_OUT_QUESTION, "held_out", HELD_OUT_REFERENCE),
        ],
        findings=[
            Finding(
                level="stated", code="learning_rate",
                text="The learning rates differ: full 2e-05, lora 0.0002.",
                values={"methods": "full, lora", "values": "full 2e-05, lora 0.0002"},
            )
        ],
        order=["base", "lora-r1", "full-r1", "lora-r2", "full-r2"],
        quality_claim="these_runs",
        fronts=[
            Front(cost=cost, unbeaten=["lora"], beaten={"full": ["lora"]})
            for cost in ("train_seconds", "held_bytes", "saved_bytes")
        ],
        model={
            "name": "tiny", "architecture": "LlamaForCausalLM", "parameters": 1000, "digest": "model-digest",
            "toy": False, "random_weights": False, "shape": {"hidden_size": 16},
        },
        data={
            "name": "ten", "digest": "data-digest", "template": "qa-ko", "num_records": 2, "num_held_out": 1,
            "num_tokens": 40, "num_trained_tokens": 16, "num_cut": 0, "num_steps": 4, "loss_on": "answers",
            "notes": [], "num_skipped": 0, "chat_template": "",
            "encode_seconds": 0.5,
        },
        training=plan.spec["training"],
        machine={"cpu": "Test CPU", "cores": 2, "threads": 2, "versions": {"torch": "2"}},
        repeat_command="laptime compare --model tiny --methods full,lora",
        spec=plan.spec,
    )  # fmt: skip


def rounded(value: Any) -> Any:
    """Return plain values with floats at nine digits, so that 0.1 + 0.2 equals 0.3."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) and math.isfinite(value) else value


def test_whole_comparison_is_exact(tmp_path: Path) -> None:
    """Every field of a comparison of two methods in two rounds."""
    write_scripted_comparison(tmp_path, {"full": [20, 20], "lora": [10, 10]})
    result = collect(tmp_path)
    assert rounded(msgspec.to_builtins(result)) == rounded(msgspec.to_builtins(expected_result(tmp_path)))
    assert list(result.methods[0].phase_seconds) == ["import", "load", "prepare", "train", "save", "evaluate"]
    write_result(tmp_path, result)
    assert read_result(tmp_path) == result


def test_medians_over_rounds(tmp_path: Path) -> None:
    """One slow round of three moves no figure."""
    write_scripted_comparison(tmp_path, {"full": [20, 60, 21], "lora": [10, 30, 10.5]})
    full, lora = collect(tmp_path).methods
    assert (full.train_seconds, lora.train_seconds) == (21, 10.5)
    assert full.train_seconds_by_round == [20, 60, 21]
    assert full.phase_seconds["train"] == 21
    assert full.steady_step_seconds == pytest.approx(4.2)
    assert full.first_step_seconds == pytest.approx(8.4)
    assert full.tokens_per_second == pytest.approx(80 / 21)


def test_failed_runs_stay_as_rows(tmp_path: Path) -> None:
    """A method that ran out of memory keeps its reason; rounds that both finished are still compared."""
    changes = {"full-r2": {"failed": "out_of_memory"}}
    write_scripted_comparison(tmp_path, {"full": [20, 20, 22], "lora": [10, 10, 11]}, changes)
    result = collect(tmp_path)
    full = result.methods[0]
    assert (full.status, full.rounds, result.complete) == ("partly_failed", [1, 3], True)
    (failure,) = full.failures
    assert (failure.run, failure.round, failure.reason) == ("full-r2", 2, "out_of_memory")
    assert failure.message == "out_of_memory at step 2"
    assert (result.pairs[0].num_rounds, result.pairs[0].train_ratio) == (2, pytest.approx(2.0))


def test_everything_failed(tmp_path: Path) -> None:
    """No figures, no error; what a failed run knew of its model is told."""
    runs = ("base", "full-r1", "lora-r1")
    write_scripted_comparison(
        tmp_path, {"full": [1], "lora": [1]}, {run: {"failed": "error"} for run in runs}
    )
    result = collect(tmp_path)
    assert [method.status for method in result.methods] == ["failed", "failed"]
    assert result.base is not None and result.base.status == "failed"
    assert (result.pairs[0].verdict, result.pairs[0].train_ratio) == ("not_measured", None)
    assert (result.questions, result.quality_claim, result.complete) == ([], "none", True)
    assert result.methods[0].trainable_parameters == 1000
    assert result.methods[0].peak_bytes is None
    write_result(tmp_path, result)
    assert read_result(tmp_path) == result


def test_unequal_work_gets_no_ratio(tmp_path: Path) -> None:
    """The difference is named first among the findings, and there is no figure to misread."""
    changes = {"lora-r2": {"other_work_at": 1}}
    write_scripted_comparison(tmp_path, {"full": [20, 20], "lora": [10, 10]}, changes)
    result = collect(tmp_path)
    (pair,) = result.pairs
    assert (pair.train_ratio, pair.train_interval, pair.total_ratio) == (None, None, None)
    assert pair.verdict == pair.total_verdict == "unequal_work"
    assert (result.findings[0].level, result.findings[0].code) == ("unequal", "different_work")


def test_one_method_and_one_round(tmp_path: Path) -> None:
    """No pair, no likeness, and no word on a ratio that there is none of."""
    write_scripted_comparison(tmp_path, {"lora": [10]})
    result = collect(tmp_path)
    assert (result.pairs, result.questions[0].alike) == ([], {})
    assert result.findings == []


def test_a_run_that_was_stopped_has_not_failed(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [10], "lora": [5]})
    write_scripted_run(run_folder(tmp_path, "lora-r1"), "lora", failed="interrupted")
    lora = {method.name: method for method in collect(tmp_path).methods}["lora"]
    assert (lora.status, lora.failures) == ("unfinished", [])


def test_three_methods_give_every_pair(tmp_path: Path) -> None:
    """Pairs name the faster side by the point estimate."""
    write_scripted_comparison(tmp_path, {"full": [20, 20], "lora": [10, 10], "top": [5, 5]})
    result = collect(tmp_path)
    assert [(pair.faster, pair.slower) for pair in result.pairs] == [
        ("lora", "full"),
        ("top", "full"),
        ("top", "lora"),
    ]
    assert list(result.questions[0].alike) == ["full,lora", "full,top", "lora,top"]


def test_half_way(tmp_path: Path) -> None:
    """A killed comparison: runs without folder, without first line and without last line are missing."""
    changes = {"full-r1": {"unfinished": True}}
    seconds = {"full": [20, 20], "lora": [10, 10]}
    write_scripted_comparison(tmp_path, seconds, changes, skip=["full-r2", "lora-r2"])
    empty = run_folder(tmp_path, "lora-r2")
    empty.mkdir()
    (empty / FILE_NAME).write_bytes(b'{"event": "star')
    result = collect(tmp_path)
    assert not result.complete
    assert [method.status for method in result.methods] == ["unfinished", "finished"]
    (finding,) = [one for one in result.findings if one.code == "unfinished"]
    assert finding.values["runs"].split(", ") == ["full-r1", "full-r2", "lora-r2"]
    assert result.order == ["base", "lora-r1", "full-r1"]


def test_earlier_attempts_are_flagged_and_give_no_figures(tmp_path: Path) -> None:
    """runs/<run>.interrupted-1 is told, and read no further."""
    write_scripted_comparison(tmp_path, {"full": [20, 20], "lora": [10, 10]})
    write_scripted_run(run_folder(tmp_path, "lora-r1.interrupted-1"), "lora", 1, train_seconds=999)
    result = collect(tmp_path)
    assert [f.values for f in result.findings if f.code == "retried"] == [{"run": "lora-r1"}]
    assert result.methods[1].train_seconds == 10


def test_a_damaged_record_is_a_failure(tmp_path: Path) -> None:
    """One line that can't be read costs one run, not the comparison."""
    write_scripted_comparison(tmp_path, {"full": [20, 20], "lora": [10, 10]})
    with (run_folder(tmp_path, "full-r1") / FILE_NAME).open("ab") as file:
        file.write(b"not json\n")
    full = collect(tmp_path).methods[0]
    assert (full.status, full.rounds, full.failures[0].reason) == ("partly_failed", [2], "unreadable")
    assert full.failures[0].message.endswith(
        "record.jsonl:23: it has no checksum; put back a whole copy, or do the run anew"
    )


def test_no_answers_and_no_held_out_loss(tmp_path: Path) -> None:
    """Without a held-out set nothing is claimed about quality."""
    bare = {"texts": (), "held_out_loss": None}
    runs = ("base", "full-r1", "lora-r1")
    write_scripted_comparison(tmp_path, {"full": [20], "lora": [10]}, dict.fromkeys(runs, bare))
    result = collect(tmp_path)
    assert (result.questions, result.quality_claim) == ([], "none")
    assert result.methods[0].memorisation is None


def test_three_seeds_show_quality(tmp_path: Path) -> None:
    """Three rounds carry a claim; the median of their held-out losses is the figure."""
    changes = {f"lora-r{number}": {"held_out_loss": float(number)} for number in (1, 2, 3)}
    write_scripted_comparison(tmp_path, {"full": [20, 20, 20], "lora": [10, 10, 10]}, changes)
    result = collect(tmp_path)
    assert result.quality_claim == "shown"
    assert (result.methods[1].held_out_loss, result.methods[1].held_out_loss_by_round) == (
        2.0,
        [1.0, 2.0, 3.0],
    )


def test_gpu_memory_is_what_torch_allocated(tmp_path: Path) -> None:
    """On a GPU the process's own memory is not the figure."""
    folder = write_scripted_run(tmp_path, "lora", model={"device": "cuda"})
    counters = b'"peak_bytes":{"vm_hwm":5200,"cuda_allocated":77,"cuda_reserved":99}'
    edit_record(folder, lambda content: content.replace(b'"peak_bytes":{"vm_hwm":5200}', counters))
    row = collect_single(folder).methods[0]
    assert (row.peak_bytes, row.peak_bytes_kind) == (77, "cuda_allocated")
    assert row.peak_bytes_all == {"vm_hwm": 5200, "cuda_allocated": 77, "cuda_reserved": 99}


def test_single_run(tmp_path: Path) -> None:
    """The folder of `laptime train` is a comparison of one."""
    write_scripted_run(tmp_path, "lora", train_seconds=10, method_options={"lora_rank": 4})
    (row,) = collect_single(tmp_path).methods
    assert (row.name, row.train_seconds, row.saved_paths) == ("lora", 10, ["adapter"])
    assert row.method_options == LORA_OPTIONS | {"lora_rank": 4}
    result = collect_single(tmp_path)
    assert (result.methods, result.pairs, result.base, result.complete) == ([row], [], None, True)
    assert result.spec["methods"] == ["lora"]


def test_no_comparison_here(tmp_path: Path) -> None:
    """A folder without a plan is named in one line."""
    with pytest.raises(UserError, match=r"no plan\.json here"):
        collect(tmp_path)
    (tmp_path / "plan.json").write_text("[]")
    with pytest.raises(UserError, match="not a plan"):
        collect(tmp_path)


def test_a_result_of_an_earlier_version_is_refused_and_made_anew(tmp_path: Path) -> None:
    """Its verdict is one that there is no more; the records tell all of it."""
    write_scripted_comparison(tmp_path, {"full": [20, 20], "lora": [10, 19]})
    content = msgspec.to_builtins(collect(tmp_path)) | {"version": 2}
    content["pairs"][0]["verdict"] = "no_measurable_difference"
    write_sealed(tmp_path / "comparison.json", content)
    with pytest.raises(UserError, match="not a comparison of this version of laptime"):
        read_result(tmp_path)
    render_again(tmp_path, "en")
    assert read_result(tmp_path).pairs[0].verdict == "not_settled"


def test_a_run_to_come_has_the_learning_rate_of_those_that_ran(tmp_path: Path) -> None:
    """The version that began may have had another rate of its own for the method."""
    write_scripted_comparison(tmp_path, {"full": [20.0, 21.0], "lora": [10.0, 10.1]})
    plan = read_plan(tmp_path)
    runs = {planned.run: planned for planned in plan.runs}
    edit_record(
        run_folder(tmp_path, "lora-r1"),
        lambda text: re.sub(rb'"learning_rate":[^,]+', b'"learning_rate":0.125', text),
    )
    shutil.rmtree(run_folder(tmp_path, "lora-r2"))
    assert find_rate(tmp_path, plan, runs["lora-r2"]) == 0.125
    shutil.rmtree(run_folder(tmp_path, "lora-r1"))
    assert find_rate(tmp_path, plan, runs["lora-r2"]) is None


def test_each_process_of_a_row_has_its_medians(tmp_path: Path) -> None:
    """Those of rounds on other devices do not mix with them; a row on one device has none."""
    changes = {
        "lora-r1": {"ranks": make_ranks(name="Tesla T4")},
        "lora-r2": {"ranks": make_ranks(name="Tesla T4", exchange_seconds=4.0)},
        "lora-r3": {"ranks": make_ranks(number=3, name="Tesla T4", exchange_seconds=9.0)},
    }
    seconds = {"full": (20.0, 20.0, 20.0), "lora": (10.0, 10.0, 10.0)}
    result = collect(write_scripted_comparison(tmp_path, seconds, changes))
    full, lora = result.methods
    assert (full.ranks, full.devices, lora.devices) == ([], "1", "2× Tesla T4")
    figures = [(rank.train_seconds, rank.compute_seconds, rank.exchange_seconds) for rank in lora.ranks]
    assert figures == [(10.0, 7.0, 3.0), (10.0, 6.0, 4.0)]
    assert [(rank.device, rank.parameters, rank.peak_bytes) for rank in lora.ranks] == [
        ("cuda:0", 500, 1_000),
        ("cuda:1", 500, 1_001),
    ]
    assert "devices" in {finding.code for finding in result.findings}
    write_result(tmp_path, result)
    assert read_result(tmp_path).methods[1].ranks == lora.ranks
