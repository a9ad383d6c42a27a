"""Comparisons with invented figures, one for each situation that a report must be able to show."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec.structs import replace

from laptime.comparison.devices import RankResult
from laptime.comparison.quality_figures import Front, MomentLoss, Reached, TimeToQuality
from laptime.comparison.result import (
    Ablation,
    Against,
    Cause,
    Change,
    CheckResult,
    ComparisonResult,
    Explanation,
    Failure,
    Finding,
    Forgetting,
    MethodAnswer,
    MethodResult,
    Pair,
    QuestionAnswers,
    Score,
    SetBeside,
    SpeedupResult,
    TriedRate,
    Tuning,
    Variant,
)

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> **bold** [link](http://evil.example) | `code` "
    "{{ 7*7 }} \u202eesrever\u202c \x00\x1b[31mred " + "W" * 300
)
PHASES = {"import": 3.1, "load": 1.2, "prepare": 0.3, "warm_up": 0.4, "save": 0.2, "evaluate": 1.0}


def make_speedups(full: bool) -> list[SpeedupResult]:
    """Return what became of four speedups."""
    notes: dict[str, tuple[Any, bool, str]] = {
        "answer_head": ("rounding", True, "128256 words, trained tokens only"),
        "fused_blocks": ("rounding", True, "16 layers of llama"),
        "prefix_cache": ("bitwise", False, "the lowest layer trains"),
        "prepacked_weights": (
            "rounding",
            not full,
            "no weight is both frozen and multiplied as it is stored" if full else "112 layers",
        ),
    }
    return [
        SpeedupResult(name=name, claims=claims, ran=ran, note=note, rounds_ran=[1, 2, 3] if ran else [])
        for name, (claims, ran, note) in notes.items()
    ]


def make_method(name: str = "lora", seconds: float = 9.3, rounds: int = 3, **changes: Any) -> MethodResult:
    """Return a finished method that trained for about `seconds` in each round."""
    full = name == "full"
    train = [seconds * (1 + 0.02 * number) for number in (0, -1, 1, 2, -2)[:rounds]]
    total = [value + (6.4 if full else 5.2) for value in train]
    steps = 50
    step = seconds / steps
    rate = 0.09 if full else 0.07
    losses: list[float | None] = [4.1 * math.exp(-rate * n) + 0.08 + 0.12 * (n % 3) for n in range(steps)]
    phases = {**PHASES, "train": seconds, "save": 1.4 if full else 0.2}
    values: dict[str, Any] = {
        "name": name,
        "method": name,
        "summary": "trains every weight" if full else "trains low-rank adapters",
        "status": "finished",
        "rounds": list(range(1, rounds + 1)),
        "failures": [],
        "train_seconds": seconds,
        "train_seconds_by_round": train,
        "total_seconds": sum(total) / len(total),
        "total_seconds_by_round": total,
        "phase_seconds": {
            key: phases[key] for key in ("import", "load", "prepare", "warm_up", "train", "save")
        },
        "step_part_seconds": {
            "data": 0.001,
            "forward": 0.3 * step,
            "backward": 0.42 * step if full else 0.6 * step,
            "optimizer": 0.27 * step if full else 0.02 * step,
        },
        "first_step_seconds": 2.2 * step,
        "steady_step_seconds": 0.98 * step,
        "tokens_per_second": 14_200 / seconds,
        "peak_bytes": 9_810_000_000 if full else 3_070_000_000,
        "peak_bytes_kind": "vm_hwm",
        "peak_bytes_all": {"vm_hwm": 9_810_000_000 if full else 3_070_000_000},
        "trainable_parameters": 1_235_814_400 if full else 11_272_192,
        "parameters": 1_235_814_400 if full else 1_247_086_592,
        "saved_bytes": 2_471_645_608 if full else 45_118_424,
        "saved_kind": "model" if full else "adapter",
        "saved_paths": [f"runs/{name}-{number}/saved" for number in range(1, rounds + 1)],
        "learning_rate": 2e-5 if full else 2e-4,
        "compute_dtype": "bfloat16",
        "trained_dtype": "float32",
        "precision_reason": "the CPU multiplies bf16 natively",
        "flops_per_token": 7.53e9 if full else 5.11e9,
        "method_options": {} if full else {"lora_rank": 16, "lora_alpha": 32, "lora_dropout": 0.0},
        "train_losses": losses,
        "step_seconds": [2.2 * step] + [0.98 * step] * (steps - 1),
        "train_losses_by_round": dict.fromkeys(range(1, rounds + 1), losses),
        "final_train_loss": 0.112 if full else 0.148,
        "held_out_loss": 1.934 if full else 1.871,
        "held_out_loss_by_round": [
            (1.934 if full else 1.871) + 0.02 * number for number in (0, -1, 1, 2, -2)[:rounds]
        ],
        "energy_joules": None,
        "energy_source": "not measured",
        "speedups": make_speedups(full),
        "memorisation": Score(chrf=98.1, exact_match=90.0, num_questions=10),
        "generalisation": Score(chrf=61.7 if full else 63.2, exact_match=0.0, num_questions=3),
    }
    return MethodResult(**(values | changes))


def make_failed(
    name: str, reason: str = "out_of_memory", message: str = "CUDA ran out of memory"
) -> MethodResult:
    """Return a method of which no round finished."""
    absent = dict.fromkeys(
        (
            "train_seconds", "total_seconds", "first_step_seconds", "steady_step_seconds",
            "tokens_per_second",
            "peak_bytes", "saved_bytes", "saved_kind", "final_train_loss", "held_out_loss",
            "memorisation", "generalisation",
        )
    )  # fmt: skip
    empty: dict[str, Any] = {
        figure: []
        for figure in (
            "rounds", "train_seconds_by_round", "total_seconds_by_round", "saved_paths", "train_losses",
            "step_seconds", "held_out_loss_by_round", "speedups",
        )
    }  # fmt: skip
    mappings: dict[str, Any] = {
        "phase_seconds": {}, "step_part_seconds": {}, "peak_bytes_all": {}, "train_losses_by_round": {},
        "peak_bytes_kind": "not measured",
    }  # fmt: skip
    failure = Failure(run=f"{name}-1", round=1, reason=reason, message=message)
    changes = absent | empty | mappings | {"status": "failed", "failures": [failure]}
    return msgspec.structs.replace(make_method(name), **changes)


def make_pair(ratio: float | None = 2.31, verdict: Any = "faster", **changes: Any) -> Pair:
    """Return full fine-tuning against LoRA."""
    interval = None if ratio is None or verdict == "one_round" else (ratio * 0.952, ratio * 1.052)
    values: dict[str, Any] = {
        "faster": "lora",
        "slower": "full",
        "num_rounds": 1 if verdict == "one_round" else 3,
        "train_ratio": ratio,
        "train_interval": interval,
        "train_confidence": interval and 0.95,
        "verdict": verdict,
        "more_rounds": 7 if verdict == "not_settled" else None,
        "total_ratio": None if ratio is None else 1.92,
        "total_interval": None if interval is None else (1.85, 1.99),
        "total_confidence": interval and 0.95,
        "total_verdict": verdict,
        "arithmetic_ratio": 1.474,
    }
    return Pair(**(values | changes))


def make_questions() -> list[QuestionAnswers]:
    """Return a question from the training data and a held-out one, in Korean."""
    reference = "질문과 관련된 문서를 먼저 찾고, 그 내용을 바탕으로 언어 모델이 답변을 쓰게 하는 방법입니다."
    base = MethodAnswer(
        text="검색은 검색 검색 도시의 이름입니다. " * 6, num_tokens=128, stopped="length", chrf=8.9
    )
    right = MethodAnswer(text=reference, num_tokens=31, stopped="end_of_sequence", chrf=100.0, exact=True)
    near = MethodAnswer(
        text=reference.replace("먼저 찾고", "찾고"),
        num_tokens=30,
        stopped="end_of_sequence",
        chrf=94.6,
        exact=False,
    )
    trained = QuestionAnswers(
        question="검색 증강 생성이란 무엇인가요?",
        source="trained",
        reference=reference,
        answers={"base": base, "full": right, "lora": near},
        alike={"full,lora": 94.6},
    )
    held_out = QuestionAnswers(
        question="RAG는 어떤 방법인지 설명해 주세요.",
        source="held_out",
        reference=reference,
        answers={"base": base, "full": near, "lora": right},
        alike={"full,lora": 94.6},
    )
    return [trained, held_out]


def make_result(**changes: Any) -> ComparisonResult:
    """Return full fine-tuning against LoRA in three rounds, on Korean questions."""
    values: dict[str, Any] = {
        "laptime": "0.1.0",
        "created": 1_760_000_000.0,
        "complete": True,
        "planned_rounds": 3,
        "compared_rounds": [1, 2, 3],
        "base": make_method("base", held_out_loss=4.213, memorisation=None, generalisation=None),
        "methods": [make_method("full", 21.5), make_method("lora", 9.3)],
        "pairs": [make_pair()],
        "questions": make_questions(),
        "findings": [
            Finding(
                level="stated",
                code="learning_rate",
                text="The learning rates differ: full 2e-05, lora 0.0002.",
                values={"methods": "full, lora", "values": "full 2e-05, lora 0.0002"},
            ),
            Finding(
                level="flag",
                code="load",
                text="full-2: other programs were running (load 3.4 on 2 cores).",
                values={"run": "full-2", "load_average": 3.4, "cores": 2},
            ),
        ],
        "order": ["full-1", "lora-1", "lora-2", "full-2", "full-3", "lora-3"],
        "quality_claim": "shown",
        "model": {
            "name": "meta-llama/Llama-3.2-1B",
            "architecture": "LlamaForCausalLM",
            "parameters": 1_235_814_400,
            "digest": "sha256:9c1f0a34d1",
            "toy": False,
            "random_weights": False,
            "shape": {"hidden_size": 2048, "num_layers": 16},
        },
        "data": {
            "name": "ten_korean.jsonl",
            "digest": "sha256:77ab31",
            "template": "qa-ko",
            "records_digest": "sha256:51d0c2",
            "num_records": 10,
            "num_held_out": 3,
            "num_tokens": 2840,
            "num_trained_tokens": 1710,
            "num_cut": 0,
            "num_steps": 50,
            "notes": [
                "2 of 10 examples cut to --max-length 64 at the end of their answer",
                "1 of 3 held-out examples have a question that is also trained on",
            ],
            "encode_seconds": 0.12,
        },
        "training": {"epochs": 5, "batch_size": 1, "seed": 0, "schedule": "linear", "precision": "auto"},
        "machine": {
            "platform": "Linux-6.1-x86_64",
            "python": "3.12.4",
            "cpu": "AMD EPYC 9R45",
            "cores": 2,
            "memory_bytes": 33_000_000_000,
            "threads": 2,
            "device": "cpu",
            "versions": {"laptime": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2"},
            "environment": {"OMP_NUM_THREADS": "2", "THP_MEM_ALLOC_ENABLE": "1"},
        },
        "repeat_command": "laptime compare --model meta-llama/Llama-3.2-1B --data ten_korean.jsonl "
        "--methods full,lora --epochs 5 --rounds 3",
        "spec": {},
    }
    return ComparisonResult(**(values | changes))


def make_variant(without: str, ratio: float | None, verdict: Any, **changes: Any) -> Variant:
    """Return a step with a speedup switched off against one of 182 ms."""
    interval = None if ratio is None or verdict == "one_round" else (ratio * 0.95, ratio * 1.05)
    seconds = [] if ratio is None else [0.182 * ratio] * 3
    values: dict[str, Any] = {
        "without": without, "also_off": [], "step_seconds": seconds[0] if seconds else None,
        "step_seconds_by_round": seconds, "ratio": ratio, "interval": interval, "verdict": verdict,
        "failures": [],
    }  # fmt: skip
    return Variant(**(values | changes))


def make_ablated() -> ComparisonResult:
    """Return a comparison with what each speedup contributes; one that fails and one that slows down."""
    failure = Failure(run="lora-r1-without-x", round=1, reason="out_of_memory", message="too large")
    also = ["fused_projections", "no_padding", "prepacked_weights", "short_attention", "answer_rows"]
    lora = [
        make_variant("prepacked_weights", 1.02, "not_settled"),
        make_variant("plain", 3.21, "faster"),
        make_variant("fused_blocks", 2.31, "faster", also_off=also),
        make_variant("short_attention", 0.91, "slower"),
        make_variant("answer_head", None, "not_measured", failures=[failure]),
    ]
    full = [make_variant("fused_optimizer", 1.4, "one_round"), make_variant("plain", None, "unequal_work")]
    ablation = [
        Ablation(method="full", step_seconds=0.421, variants=full),
        Ablation(method="lora", step_seconds=0.182, variants=lora),
    ]
    return make_result(ablation=ablation)


def make_cause(name: str, seconds: float, ratio: float | None, verdict: Any, **changes: Any) -> Cause:
    """Return what a thing saves of a whole process of 27 s."""
    interval = None if ratio is None or verdict == "one_round" else (ratio * 0.95, ratio * 1.05)
    values: dict[str, Any] = {
        "name": name, "option": name, "first": None, "second": None, "seconds": seconds,
        "seconds_by_order": [seconds, seconds], "ratio": ratio, "interval": interval, "verdict": verdict,
        "parts": {"import": 0.0, "backward": seconds * 0.75, "optimizer": seconds * 0.25},
    }  # fmt: skip
    return Cause(**(values | changes))


def make_explained() -> ComparisonResult:
    """Return a comparison with what two rows differ by; one thing depends on the rest, another costs time."""
    causes = [
        make_cause("precision", 2.0, 1.08, "not_settled", first="fp32", second="auto"),
        make_cause("plain", 6.5, 1.31, "faster", first=True, second=False, seconds_by_order=[4.0, 9.0]),
        make_cause("fused_blocks", -0.4, 0.98, "slower", option="without", first=True, second=False),
        make_cause("method", 4.3, 1.22, "faster", first="full", second="lora"),
    ]
    found = Explanation(first="full", second="lora", rounds=[1, 2, 3], seconds=(28.4, 16.0), causes=causes)
    return make_result(explanation=found)


def make_tuned() -> ComparisonResult:
    """Return a comparison with the learning rates that were tried; one row's best is at the edge."""

    def tune(name: str, default: float, losses: list[float | None], chosen: int) -> Tuning:
        rates = [default * factor for factor in (0.1, 0.32, 1.0, 3.2, 10.0)]
        tried = [TriedRate(rate=rate, loss=loss) for rate, loss in zip(rates, losses, strict=True)]
        bracketed = 0 < chosen < len(tried) - 1
        return Tuning(
            contestant=name, default_rate=default, tried=tried, chosen=rates[chosen], is_bracketed=bracketed,
            seconds=61.0,
        )  # fmt: skip

    tuning = [
        tune("full", 2e-5, [2.41, 2.2, 2.02, 1.95, 1.93], 4),
        tune("lora", 2e-4, [2.3, 1.99, 1.87, 2.05, None], 2),
    ]
    return make_result(tuning=tuning)


def make_one_round(**changes: Any) -> ComparisonResult:
    """Return a comparison of one round."""
    methods = [make_method("full", 21.5, rounds=1), make_method("lora", 9.3, rounds=1)]
    values: dict[str, Any] = {
        "methods": methods, "pairs": [make_pair(verdict="one_round")], "planned_rounds": 1,
        "quality_claim": "these_runs", "order": ["lora-1", "full-1"],
    }  # fmt: skip
    return make_result(**(values | changes))


def make_not_settled() -> ComparisonResult:
    """Return a comparison whose interval contains 1 and much else."""
    pair = make_pair(
        1.04,
        "not_settled",
        train_interval=(0.91, 1.19),
        total_ratio=0.97,
        total_interval=(0.9, 1.05),
    )
    return make_result(methods=[make_method("full", 9.7), make_method("lora", 9.3)], pairs=[pair])


def make_about_the_same() -> ComparisonResult:
    """Return a comparison whose interval lies within 5 %, after as many rounds as that took."""
    pair = make_pair(
        1.01, "about_the_same", train_interval=(0.99, 1.03), train_confidence=0.99, total_ratio=1.005,
        total_interval=(0.98, 1.031), total_confidence=0.99, num_rounds=5,
    )  # fmt: skip
    methods = [make_method("full", 9.4, rounds=5), make_method("lora", 9.3, rounds=5)]
    return make_result(
        methods=methods, pairs=[pair], planned_rounds=5, compared_rounds=[1, 2, 3, 4, 5], rounds_end="narrow",
        spec={"rounds": "auto", "model": {"model": "meta-llama/Llama-3.2-1B"}},
    )  # fmt: skip


def make_equal_runs(verdict: Any = "about_the_same", ratio: float = 1.006, half: float = 1.012) -> Any:
    """Return LoRA against itself."""
    interval = None if verdict == "one_round" else (ratio / half, ratio * half)
    pair = make_pair(
        ratio, verdict, faster="lora", slower="lora-2", equal_runs=True, train_interval=interval,
        total_ratio=ratio, total_interval=interval, arithmetic_ratio=1.0,
    )  # fmt: skip
    again = make_method("lora-2", 9.3 * ratio, method="lora")
    questions = make_questions()
    for question in questions:
        question.answers = {
            "base": question.answers["base"],
            "lora": question.answers["lora"],
            "lora-2": question.answers["lora"],
        }
        question.alike = {"lora,lora-2": 100.0}
    return make_result(
        methods=[make_method("lora", 9.3), again], pairs=[pair], questions=questions, findings=[]
    )


def make_contestants(**changes: Any) -> ComparisonResult:
    """Return LoRA against two that users named: one with another rank, one without speedups."""
    methods = [
        make_method("lora", 9.3),
        make_method("wide", 9.9, method="lora", differs={"lora_rank": 64}),
        make_method("plain", 29.0, method="lora", differs={"plain": True}, speedups=[]),
    ]
    times = {row.name: row.train_seconds or 0.0 for row in methods}
    pairs = [
        make_pair(times[slow] / times[fast], faster=fast, slower=slow, arithmetic_ratio=1.01)
        for slow in times for fast in times if times[fast] < times[slow]
    ]  # fmt: skip
    questions = make_questions()
    for question in questions:
        lora = question.answers["lora"]
        question.answers = {"base": question.answers["base"]} | dict.fromkeys(times, lora)
        question.alike = {"lora,wide": 100.0, "lora,plain": 100.0, "wide,plain": 100.0}
    findings = [
        Finding(level="stated", code="own_options", text="", values={"method": name, "options": options})
        for name, options in (("wide", "--lora-rank 64"), ("plain", "--plain"))
    ]
    values = {"methods": methods, "pairs": pairs, "questions": questions, "findings": findings}
    return make_result(**(values | changes))


def make_named_twins() -> ComparisonResult:
    """Return equal runs that users named."""
    result = make_equal_runs()
    for row, name in zip(result.methods, ("one", "two"), strict=True):
        row.name, row.differs = name, {"lora_rank": 8}
    result.pairs[0].faster, result.pairs[0].slower = "one", "two"
    result.questions = []
    return result


def make_unequal() -> ComparisonResult:
    """Return a comparison of unequal work."""
    finding = Finding(
        level="unequal",
        code="different_work",
        text="full, lora did not do the same work: the tokens of step 3 in round 1 differ.",
        values={"methods": "full, lora", "option": "the tokens of step 3 in round 1"},
    )
    return make_result(pairs=[make_pair(None, "unequal_work")], findings=[finding])


def make_all_failed() -> ComparisonResult:
    """Return a comparison of which nothing finished."""
    methods = [make_failed("full"), make_failed("lora", "killed", "the process was killed (signal 9)")]
    return make_result(
        methods=methods, pairs=[make_pair(None, "not_measured")], questions=[], base=None,
        quality_claim="none", findings=[],
    )  # fmt: skip


def make_one_failed() -> ComparisonResult:
    """Return a comparison in which full fine-tuning ran out of memory."""
    questions = make_questions()
    for question in questions:
        del question.answers["full"]
        question.alike = {}
    methods = [make_failed("full"), make_method("lora", 9.3)]
    return make_result(methods=methods, pairs=[make_pair(None, "not_measured")], questions=questions)


def make_no_held_out() -> ComparisonResult:
    """Return a comparison without a held-out set."""
    absent: dict[str, Any] = {"held_out_loss": None, "held_out_loss_by_round": [], "generalisation": None}
    methods = [make_method("full", 21.5, **absent), make_method("lora", 9.3, **absent)]
    return make_result(methods=methods, quality_claim="none", base=None, questions=make_questions()[:1])


def make_random_weights() -> ComparisonResult:
    """Return a comparison on random weights."""
    result = make_one_round(quality_claim="none")
    result.model["random_weights"] = True
    return result


def make_toy() -> ComparisonResult:
    """Return a comparison on the model that ships with the package."""
    result = make_result()
    result.model |= {"toy": True, "name": "builtin", "parameters": 2_400_000}
    result.data["name"] = "builtin"
    return result


def make_five() -> ComparisonResult:
    """Return a comparison of five methods, one of which failed in one round and one altogether."""
    times = {"full": 21.5, "lora": 9.3, "lora_top": 6.1, "dora": 14.2}
    methods = [make_method(name, seconds) for name, seconds in times.items()]
    failure = Failure(run="dora-2", round=2, reason="not_finite", message="the loss of step 12 is NaN")
    methods[3].status, methods[3].failures = "partly_failed", [failure]
    methods.append(make_failed("qlora", "error", "bitsandbytes is not installed"))
    names = list(times)
    pairs = [
        make_pair(
            times[slow] / times[fast], faster=fast, slower=slow, arithmetic_ratio=1.2, total_ratio=1.3,
            total_interval=(1.2, 1.4),
        )
        for slow in names for fast in names if times[fast] < times[slow]
    ]  # fmt: skip
    close = next(pair for pair in pairs if {pair.faster, pair.slower} == {"lora", "dora"})
    close.verdict, close.train_interval, close.more_rounds = "not_settled", (0.9, 2.6), 4
    questions = make_questions()
    for question in questions:
        question.answers |= {"lora_top": question.answers["lora"], "dora": question.answers["full"]}
    return make_result(methods=methods, pairs=pairs, questions=questions)


def make_extreme() -> ComparisonResult:
    """Return the ratio of 1040 s against 9 s, which arithmetic does not explain."""
    pair = make_pair(115.6, "one_round", total_ratio=71.0)
    methods = [make_method("full", 1040.0, rounds=1), make_method("lora", 9.0, rounds=1)]
    return make_one_round(methods=methods, pairs=[pair])


def make_reference_job() -> ComparisonResult:
    """Return the job that started this: 1040 s and 9 s on two T4, ten Korean records, alike answers."""
    absent: dict[str, Any] = {
        "held_out_loss": None, "held_out_loss_by_round": [], "generalisation": None,
        "compute_dtype": "float16",
        "precision_reason": "fp16 with loss scaling: no native bf16 below 8.0 (compute capability 7.5)",
        "peak_bytes_kind": "cuda_allocated",
    }  # fmt: skip
    full = make_method("full", 1040.0, rounds=1, **absent | {"peak_bytes": 14_900_000_000})
    lora = make_method("lora", 9.04, rounds=1, **absent | {"peak_bytes": 3_800_000_000})
    for row, start in ((full, 31.0), (lora, 17.0)):
        row.total_seconds = (row.train_seconds or 0.0) + start
        row.total_seconds_by_round = [row.total_seconds]
    pair = make_pair(1040 / 9.04, "one_round", total_ratio=(1040 + 31) / (9.04 + 17))
    result = make_one_round(methods=[full, lora], pairs=[pair], quality_claim="none", findings=[])
    result.questions[1].source = "trained"
    result.base = None
    result.machine |= {"gpu": "Tesla T4", "gpu_count": 2, "device": "cuda:0"}
    result.data["num_held_out"] = 0
    result.data["notes"] = []
    result.repeat_command = result.repeat_command.replace("--rounds 3", "--rounds 1")
    return result


def make_hostile(text: str = HOSTILE) -> ComparisonResult:
    """Return a comparison with hostile text wherever a user or a model can put text."""
    answer = MethodAnswer(text=text, num_tokens=9, stopped="length", chrf=1.0)
    question = QuestionAnswers(
        question=text,
        source="asked",
        reference=text,
        answers={"base": answer, "full": answer, text: answer},
    )
    odd = make_method(
        text, 9.3, checks=[CheckResult(name="loss", passed=False, note=text)], summary=text,
        precision_reason=text, saved_kind="adapter", saved_paths=[text],
        peak_bytes_kind=text, energy_source=text, method_options={text: text}, notes=[text],
        differs={text: text},
        failures=[Failure(run=text, round=2, reason=text, message=text)], status="partly_failed",
    )  # fmt: skip
    odd.speedups[0].name = odd.speedups[0].note = text
    variant = make_variant(text, 1.2, "faster", also_off=[text])
    result = make_result(
        methods=[make_method("full", 21.5), odd], pairs=[make_pair(faster=text)], questions=[question],
        ablation=[Ablation(method=text, step_seconds=0.1, variants=[variant])],
        findings=[
            Finding(level="flag", code=text, text=text, values={}),
            Finding(level="flag", code="swap", text=text, values={"run": text}),
            Finding(level="wrong", code="check_loss", text=text, values={"run": text, "note": text}),
        ],
        repeat_command=text, order=[text], laptime=text,
    )  # fmt: skip
    result.model["name"] = result.data["name"] = result.machine["cpu"] = text
    result.machine[text] = text
    return result


def make_long() -> ComparisonResult:
    """Return a comparison of 5,000 steps, some without a loss, against a method of one step."""
    losses: list[float | None] = [
        None if n % 7 == 0 else 8 / (1 + n / 200) + 0.1 * math.sin(n) for n in range(5000)
    ]
    losses[100] = math.nan
    long = make_method("full", 5000.0, train_losses=losses, step_seconds=[1.0] * 5000)
    short = make_method("lora", 2.0, train_losses=[4.0], step_seconds=[2.0])
    return make_result(methods=[long, short])


def make_ranks(parameters: int = 617_907_200) -> list[RankResult]:
    """Return two GPUs that hold so many parameters each."""
    return [
        RankResult(
            rank=rank, device=f"cuda:{rank}", name="Tesla T4", train_seconds=21.5 - 0.1 * rank,
            compute_seconds=20.8 - 0.4 * rank, exchange_seconds=0.7 + 0.3 * rank, parameters=parameters,
            peak_bytes=9_810_000_000 + 100_000_000 * rank,
        )
        for rank in range(2)
    ]  # fmt: skip


def make_devices() -> ComparisonResult:
    """Return full fine-tuning, spread over two GPUs, against LoRA on one of them."""
    full, lora = make_result().methods
    parts = full.step_part_seconds | {"exchange": 0.06}
    full = replace(full, ranks=make_ranks(), step_part_seconds=parts, steady_step_seconds=0.44)
    values = {"methods": "full, lora", "values": "full 2× Tesla T4; lora 1"}
    devices = Finding(level="stated", code="devices", text="", values=values)
    pair = make_pair(2.9)
    return make_result(methods=[full, lora], pairs=[pair], findings=[devices])


def make_single() -> ComparisonResult:
    """Return one method alone, as `laptime report` of a single run shows it."""
    return make_result(
        methods=[make_method("lora", 9.3, rounds=1)],
        pairs=[],
        planned_rounds=1,
        base=None,
        quality_claim="these_runs",
        findings=[finding for finding in make_result().findings if finding.code == "load"],
    )


def make_unfinished() -> ComparisonResult:
    """Return a comparison of which nothing has ended yet."""
    absent = make_failed("full")
    absent.failures, absent.status = [], "unfinished"
    return make_result(
        methods=[absent, make_method("lora", 9.3, rounds=1)],
        pairs=[make_pair(None, "not_measured")],
        complete=False,
    )


def make_single_unfinished() -> ComparisonResult:
    """Return one method alone that was stopped."""
    method = make_failed("lora")
    method.failures, method.status = [], "unfinished"
    return make_result(methods=[method], pairs=[], planned_rounds=1, base=None, complete=False, questions=[])


CHANGES = [
    Change(name="torch", before="2.12.0", now="2.13.0", contestants=["full", "lora"]),
    Change(name="threads", before=4, now=2, contestants=["lora"]),
    Change(name="environment OMP_NUM_THREADS", before=None, now="2", contestants=["lora"]),
    Change(name="speedup fused_blocks", before=True, now=None, contestants=["full", "lora"]),
]


def make_row(
    name: str = "lora", ratio: float | None = 1.12, width: float = 1.04, **changes: Any
) -> SetBeside:
    interval = (ratio / width, ratio * width) if ratio else None
    values: dict[str, Any] = {
        "contestant": name, "rounds": 3, "rounds_before": 5,
        "train_seconds": 11.6, "train_seconds_before": 10.4, "train_ratio": ratio,
        "train_interval": interval, "train_confidence": 0.95, "verdict": "slower",
        "total_seconds": 16.9, "total_seconds_before": 16.1, "total_ratio": 1.05,
        "total_interval": (1.01, 1.09), "total_confidence": 0.95, "total_verdict": "slower",
    }  # fmt: skip
    return SetBeside(**(values | changes))


def make_beside(*rows: SetBeside, changes: list[Change] | None = None, **others: Any) -> ComparisonResult:
    against = Against(
        id="a", folder="old", created=1_700_000_000.0, laptime="0.1.0", rows=list(rows), changes=changes or []
    )
    return replace(make_result(), against=replace(against, **others))


def make_against() -> ComparisonResult:
    """Each method beside itself in an older comparison, and what has changed since."""
    return make_beside(make_row("full", 1.01, 1.02, verdict="about_the_same"), make_row(), changes=CHANGES)


def make_targeted() -> ComparisonResult:
    """Return three rows with their time to a held-out loss, to which one never came, and with fronts."""

    def reach(name: str, seconds: list[float | None], before: list[float | None], **changes: Any) -> Reached:
        known = [one for one in seconds if one is not None]
        moments = {
            number: [
                MomentLoss(step=step, train_seconds=2.0 * step + number / 10, loss=3.0 / step)
                for step in (1, 2, 4)
            ]
            for number in (1, 2, 3)
        }
        return Reached(
            contestant=name, moments=moments, seconds=known[0] if len(known) == 3 else None,
            seconds_by_round=seconds, seconds_before_by_round=before, **changes,
        )  # fmt: skip

    result = make_five()
    result.methods = result.methods[:3]
    rows = [
        reach("full", [9.0, 9.2, 8.9], [6.1, 6.2, 6.0], ratio=1.8, interval=(1.02, 2.9), verdict="faster"),
        reach("lora", [5.0, 5.1, 4.9], [3.5, 3.6, 3.4]),
        reach("lora_top", [None, 5.8, None], [None, 4.0, None]),
    ]
    rows[0].confidence = 0.95
    found = TimeToQuality(
        asked=1.5, target=1.5, slowest="", base_loss=4.2, first="lora", rows=rows, left_out=["peer"]
    )
    fronts = [
        Front(cost="train_seconds", unbeaten=["lora", "lora_top"], beaten={"full": ["lora"]}),
        Front(cost="held_bytes", unbeaten=["lora", "lora_top"], beaten={"full": ["lora", "lora_top"]}),
        Front(cost="saved_bytes", unbeaten=["full", "lora", "lora_top"], beaten={}),
    ]
    texts = [
        Forgetting(
            contestant="lora", texts="builtin", base_loss=3.0, loss=3.2, difference=0.2, standard_error=0.05,
            answer_distance=41.5, answer_error=9.0, num_questions=6,
        )
    ]  # fmt: skip
    return replace(result, time_to_quality=found, fronts=fronts, forgetting=texts)


SITUATIONS = {
    "normal": make_result,
    "devices": make_devices,
    "ablated": make_ablated,
    "explained": make_explained,
    "tuned": make_tuned,
    "targeted": make_targeted,
    "one_round": make_one_round,
    "not_settled": make_not_settled,
    "about_the_same": make_about_the_same,
    "equal_runs": make_equal_runs,
    "contestants": make_contestants,
    "against": make_against,
    "named_twins": make_named_twins,
    "unequal": make_unequal,
    "all_failed": make_all_failed,
    "one_failed": make_one_failed,
    "no_held_out": make_no_held_out,
    "random_weights": make_random_weights,
    "toy": make_toy,
    "five": make_five,
    "extreme": make_extreme,
    "reference_job": make_reference_job,
    "hostile": make_hostile,
    "long": make_long,
    "single": make_single,
    "unfinished": make_unfinished,
    "single_unfinished": make_single_unfinished,
}
