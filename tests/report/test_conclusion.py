"""Every sentence of the conclusion comes from a figure."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.comparison.result import ComparisonResult
from laptime.report.conclusion import write_conclusion
from laptime.report.language import Language, choose_language
from laptime.report.rounds_sentences import write_rounds
from laptime.runs.plan import Foretold
from tests.report import invented


def _say(result: ComparisonResult) -> dict[str, str]:
    sentences = write_conclusion(result, Language("en"))
    return {
        topic: " ".join(r.text for r in sentences if r.topic == topic)
        for topic in {r.topic for r in sentences}
    }


def test_normal_comparison_word_for_word() -> None:
    said = [
        (sentence.topic, sentence.text)
        for sentence in write_conclusion(invented.make_result(), Language("en"))
    ]
    assert said == [
        (
            "time",
            "LoRA trained in 9.3 s, full fine-tuning in 21.5 s (medians of 3 rounds). The difference is "
            "shown: 2.31x, and the 95 % interval of full fine-tuning over LoRA from 2.20 to 2.43 "
            "leaves out 1.",
        ),
        (
            "total",
            "From import to the saved result LoRA took 14.5 s and full fine-tuning 27.9 s: 1.92x, with an "
            "interval of full fine-tuning over LoRA from 1.85 to 1.99.",
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
        ("rounds", "A difference in training time below 5.1 % could well be missed."),
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
            "takes 54.8 times the space of the adapter; an adapter needs the base model beside it.",
        ),
        (
            "quality",
            "On held-out examples the loss is 1.934 with full fine-tuning and 1.871 with LoRA. Before "
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


def test_what_is_not_settled_is_not_explained_away() -> None:
    said = _say(invented.make_not_settled())
    assert said["time"].endswith("neither a difference is shown nor that there is none.")
    assert "source" not in said
    assert said["rounds"] == (
        "About 7 more would tell: --rounds 10, in another folder. "
        "A difference in training time below 14 % could well be missed."
    )


def test_ratio_beyond_arithmetic_is_a_warning() -> None:
    sentences = write_conclusion(invented.make_extreme(), Language("en"))
    warning = next(sentence for sentence in sentences if sentence.topic == "arithmetic")
    assert warning.warning
    assert warning.text.startswith(
        "Arithmetic explains only about 1.5x of the 116x: a factor of 78.4 comes from something else. Before"
    )


def test_unequal_work_sets_no_times_against_each_other() -> None:
    said = _say(invented.make_unequal())
    assert not {"total", "source", "arithmetic"} & set(said)
    assert said["time"] == (
        "LoRA and full fine-tuning did not do the same work (see Fairness), so their times are not set "
        "against each other. Full fine-tuning trained in 21.5 s. LoRA trained in 9.3 s."
    )


def test_no_quality_is_claimed_without_held_out_examples_or_with_random_weights() -> None:
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
        "Full fine-tuning, round 1: out of memory. CUDA ran out of memory A smaller --batch-size, "
        "--gradient-checkpointing or a method that trains less may help."
    )
    assert _say(invented.make_unfinished())["incomplete"].startswith("1 of 6 planned runs have ended")


def test_rounds_that_follow_by_themselves_are_not_asked_for() -> None:
    result = invented.make_not_settled()
    assert "more would tell: --rounds 10" in _say(result)["rounds"]
    result.complete, result.spec = False, {**result.spec, "rounds": "auto"}
    assert "would tell" not in _say(result).get("rounds", "")
    result.spec = {**result.spec, "rounds": 3}
    assert "more would tell: --rounds 10" in _say(result)["rounds"]


def test_a_base_that_failed_is_said_to_lack() -> None:
    result = invented.make_result()
    assert result.base
    result.base.failures = invented.make_one_failed().methods[0].failures
    told = _say(result)["failures"]
    assert told.startswith("The base has no figures and no answers: its run failed (out of memory). CUDA ran")


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
    result = invented.make_not_settled()
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


def test_the_rounds_of_auto_say_why_they_ended_and_what_looking_costs() -> None:
    said = _say(invented.make_about_the_same())
    assert said["rounds"] == (
        "The rounds went on until the interval of the headline was narrower than 5 %, to 5. Since the "
        "interval was looked at after every round, it is one of 99 % instead of 95 %: so it shows a "
        "difference where there is none in fewer than 5 of 100 comparisons. A difference in training time "
        "below 2 % could well be missed."
    )
    assert said["time"].endswith("contains 1 and lies within 5 %: they are about the same.")
    assert "steps hold time that both share" in said["arithmetic"], "that is a finding, not noise"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("most", "The rounds went on to 3, the most; the interval of the headline is still wider than 5 %."),
        ("minutes", "The rounds ended after 3: with another the runs would have taken more than 1 min 30 s"),
        ("disk", "The rounds ended after 3: the disk has no room for the results of another."),
        ("no_ratio", "The rounds ended after 3: there is no ratio that more of them would settle."),
    ],
)
def test_every_end_of_the_rounds_is_said(end: Any, words: str) -> None:
    spec = {"rounds": "auto", "minutes": 1.5, "model": {"model": "x"}}
    result = invented.make_result(rounds_end=end, spec=spec)
    assert _say(result)["rounds"].startswith(words)
    (korean,) = [one.text for one in write_conclusion(result, Language("ko")) if one.topic == "rounds"]
    assert "라운드" in korean and "{" not in korean


def test_more_than_two_methods_are_ranked_by_what_is_shown_alone() -> None:
    result = invented.make_five()
    said = _say(result)
    assert said["time"].endswith(
        "Shown to be faster: LoRA on the top layers than full fine-tuning, LoRA and DoRA; LoRA than full "
        "fine-tuning; DoRA than full fine-tuning. No order is shown between LoRA and DoRA."
    ), said["time"]
    assert "6 ratios are judged together by Holm's method" in said["rounds"]


def test_without_an_interval_there_is_no_rank() -> None:
    result = invented.make_five()
    for pair in result.pairs:
        pair.verdict, pair.train_interval, pair.train_confidence = "one_round", None, None
    said = _say(result)["time"]
    assert "Shown to be faster" not in said
    assert "No order is shown between LoRA and full fine-tuning," in said


def test_who_did_other_work_than_all_is_named_beside_the_others() -> None:
    result = invented.make_five()
    for pair in result.pairs:
        if "dora" in (pair.faster, pair.slower):
            pair.verdict, pair.train_ratio, pair.train_interval = "unequal_work", None, None
    said = "DoRA did other work than the rest (see Fairness), so no ratio is given."
    assert _say(result)["time"].endswith(f" {said}")
    assert said not in _say(invented.make_five())["time"]


def test_times_of_fewer_rounds_than_some_finished_say_which() -> None:
    result = invented.make_result(compared_rounds=[1, 3])
    assert _say(result)["rounds"].startswith("All times are of rounds 1 and 3.")
    (sentence,) = write_rounds(result, None, Language("ko"))
    assert sentence.text.startswith("시간은 모두 1, 3라운드의 값입니다.")


def test_the_one_round_that_all_finished_is_named_and_not_counted() -> None:
    result = invented.make_result(compared_rounds=[2])
    assert _say(result)["rounds"].startswith("All times are of round 2.")
    (sentence,) = write_rounds(result, None, Language("ko"))
    assert sentence.text.startswith("시간은 모두 2라운드의 값입니다.")


def test_equal_runs_beside_others_say_what_the_machine_shows() -> None:
    result = invented.make_result()
    equal = invented.make_equal_runs("faster", 1.04, 1.01)
    result.methods.append(equal.methods[1])
    result.pairs += equal.pairs
    assert "This machine shows a difference of 4 % between equal runs of LoRA" in _say(result)["rounds"]
    said = _say(equal)
    assert not {"source", "arithmetic"} & set(said), "equal runs differ by nothing that could be named"
    assert "LoRA (again)" in said["time"]
    assert "would tell" not in _say(invented.make_equal_runs("not_settled", 1.02, 1.09))["rounds"]


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "By past runs of this machine LoRA was to train for 8.0 s (6.4 s to 10.0 s) and took 9.3 s."),
        ("ko", "이 컴퓨터의 이전 실행에 따른 학습 시간 예측: LoRA 예측 8.0초(6.4초~10.0초), 실제 9.3초."),
    ],
)
def test_what_was_foretold_stands_beside_what_was_measured(lang: Any, said: str) -> None:
    told = Foretold(
        train_seconds=8.0, train_range=(6.4, 10.0), total_seconds=12.0, memory_bytes=1, num_runs=3
    )
    result = invented.make_result(foretold={"lora": told, "gone": told})
    sentences = write_conclusion(result, choose_language(lang, result))
    assert [one.text for one in sentences if one.topic == "foretold"] == [said]
    unfinished = invented.make_unfinished()
    unfinished.foretold = {"full": told}
    assert not [
        one
        for one in write_conclusion(unfinished, choose_language("en", unfinished))
        if one.topic == "foretold"
    ]
