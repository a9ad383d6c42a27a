"""Every sentence of the conclusion comes from a figure."""

from __future__ import annotations

from laptime.comparison.result import ComparisonResult
from laptime.report.conclusion import write_conclusion
from laptime.report.language import Language
from tests.report import invented


def _say(result: ComparisonResult) -> dict[str, str]:
    remarks = write_conclusion(result, Language("en"))
    return {
        topic: " ".join(r.text for r in remarks if r.topic == topic) for topic in {r.topic for r in remarks}
    }


def test_normal_comparison_word_for_word() -> None:
    said = [
        (remark.topic, remark.text) for remark in write_conclusion(invented.make_result(), Language("en"))
    ]
    assert said == [
        (
            "time",
            "LoRA trained in 9.3 s, full fine-tuning in 21.5 s (medians of 3 rounds). The difference is "
            "shown: 2.31x, and the 95 % interval from 2.20 to 2.43 leaves out 1.",
        ),
        (
            "total",
            "From import to the saved result LoRA took 14.5 s and full fine-tuning 27.9 s: 1.92x, with an "
            "interval from 1.85 to 1.99.",
        ),
        (
            "source",
            "Of the 13.4 s between the two whole processes, 12.2 s is training and 1.20 s is saving. A "
            "steady step takes 182 ms with LoRA and 421 ms with full fine-tuning: optimizer 3.7 ms "
            "against 116 ms, forward 56 ms against 129 ms, backward 112 ms against 181 ms.",
        ),
        (
            "arithmetic",
            "The number of operations alone would give 1.47x; measured was 2.31x. The factor of 1.57 between "
            "them is not explained by arithmetic: the optimizer takes 2.2 % of a steady step with LoRA and "
            "27 % with full fine-tuning.",
        ),
        (
            "memory",
            "At its peak full fine-tuning held 9.8 GB and LoRA held 3.1 GB. Full fine-tuning needs 3.20x as "
            "much as LoRA.",
        ),
        (
            "parameters",
            "Full fine-tuning trains all 1.24 B parameters and LoRA trains 11.3 M of 1.25 B parameters "
            "(0.90 %).",
        ),
        (
            "disk",
            "Full fine-tuning leaves a whole model of 2.5 GB and LoRA leaves an adapter of 45 MB. The model "
            "takes 54.8 times the space; an adapter needs the base model beside it.",
        ),
        (
            "quality",
            "On held-out records the loss is 1.934 with full fine-tuning and 1.871 with LoRA. Before "
            "training it was 4.213. Each figure is the median of 3 rounds with their own seeds; the ranges "
            "are: full fine-tuning 1.914 to 1.954 and LoRA 1.851 to 1.891.",
        ),
        (
            "answers",
            "Memorisation (questions from the training data): chrF 98.1 with full fine-tuning and 98.1 with "
            "LoRA. Generalisation (held-out questions): chrF 61.7 with full fine-tuning and 63.2 with LoRA. "
            "The answers of full fine-tuning and LoRA are nearly the same: 94.6 chrF to each other, on "
            "average over 2 questions.",
        ),
    ]


def test_no_difference_is_not_explained_away() -> None:
    said = _say(invented.make_no_difference())
    assert said["time"].endswith("contains 1, so neither is shown to be faster.")
    assert "source" not in said


def test_ratio_beyond_arithmetic_is_a_warning() -> None:
    remarks = write_conclusion(invented.make_extreme(), Language("en"))
    warning = next(remark for remark in remarks if remark.topic == "arithmetic")
    assert warning.warning
    assert warning.text.startswith(
        "Arithmetic explains a ratio of 1.47x; the measured 116x is 78.4 times that. Before repeating"
    )


def test_unequal_work_sets_no_times_against_each_other() -> None:
    said = _say(invented.make_unequal())
    assert not {"total", "source", "arithmetic"} & set(said)
    assert said["time"] == (
        "LoRA and full fine-tuning did not do the same work (see Fairness), so their times are not set "
        "against each other. Full fine-tuning trained in 21.5 s. LoRA trained in 9.3 s."
    )


def test_no_quality_is_claimed_without_held_out_records_or_with_random_weights() -> None:
    assert _say(invented.make_no_held_out())["quality"] == (
        "There is no held-out set, so no quality is claimed; the training loss alone does not show it. "
        "The training loss of the last epoch is 0.112 with full fine-tuning and 0.148 with LoRA."
    )
    said = _say(invented.make_random_weights())
    assert said["quality"] == (
        "The model has random weights: losses and answers mean nothing, and no quality is claimed."
    )
    assert "answers" not in said


def test_fewer_than_three_rounds_claim_nothing_beyond_these_runs() -> None:
    assert _say(invented.make_one_round())["quality"].endswith(
        "Fewer than 3 rounds claim nothing beyond these runs."
    )


def test_failures_and_missing_runs_are_said() -> None:
    assert _say(invented.make_one_failed())["failures"] == (
        "Full fine-tuning, round 1: out of memory. CUDA ran out of memory"
    )
    assert _say(invented.make_unfinished())["incomplete"].startswith("1 of 6 planned runs have ended")


def test_saving_may_hold_most_of_the_difference() -> None:
    result = invented.make_result()
    result.methods[0].phase_seconds["save"] = 60.0
    assert _say(result)["source"].startswith("Of the 1 min 12 s")
    assert "Most of the difference in the whole process lies outside training." in _say(result)["source"]


def test_memory_of_unlike_counters_is_not_compared() -> None:
    result = invented.make_result()
    result.methods[0].peak_bytes_kind = "cuda_allocated"
    assert "not set against each other" in _say(result)["memory"]


def test_a_ratio_that_is_not_shown_is_not_explained_by_arithmetic() -> None:
    result = invented.make_no_difference()
    assert result.pairs[0].arithmetic_ratio
    assert "arithmetic" not in _say(result)
    result.pairs[0].train_ratio = 30.0  # a wild outlier in an interval that still contains 1
    assert "arithmetic" not in _say(result)


def test_steps_that_are_no_faster_are_not_named_as_the_cause() -> None:
    result = invented.make_one_round()
    assert "steady step" in _say(result)["source"]
    faster = next(method for method in result.methods if method.name == result.pairs[0].faster)
    slower = next(method for method in result.methods if method.name == result.pairs[0].slower)
    faster.steady_step_seconds, slower.steady_step_seconds = slower.steady_step_seconds, 1e-3
    assert "steady step" not in _say(result).get("source", "")
