"""A double of the measuring half: writes records of runs that never ran, with invented seconds.

With it the whole way from records to comparison, report and trackers has exact expected output.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from laptime.data.encoded import Counts, EncodedData, write_encoded
from laptime.data.flat_examples import FlatExamples
from laptime.data.input_manifest import ENCODED_FILE
from laptime.runs.contestants import split_name
from laptime.runs.events import (
    Answer,
    Data,
    Energy,
    Evaluation,
    Failed,
    FailureReason,
    Finished,
    Load,
    Machine,
    Model,
    Moment,
    Phase,
    RankUse,
    Saved,
    SpeedupRun,
    Started,
    Step,
)
from laptime.runs.plan import Plan, PlannedRun, run_folder, write_plan
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.runs.record_lines import decode_events
from laptime.spec import CompareSpec, ModelSpec, RunSpec, TrainingSpec

CREATED = 1_700_000_000.0
TRAINABLE = {"base": 0, "full": 1_000, "lora": 50}
FLOPS_PER_TOKEN = {"base": None, "full": 6_000.0, "lora": 4_000.0}
RATES = {"full": 2e-5, "lora": 2e-4}
TRAINING: dict[str, Any] = {"epochs": 2, "threads": 2}
QUESTION, REFERENCE = "RAG가 무엇인가요?", "검색 증강 생성입니다."
HELD_OUT_QUESTION, HELD_OUT_REFERENCE = "RAG를 설명해 주세요.", "검색한 글로 답을 만드는 방법입니다."


def run_name(method: str, round_: int, without: str = "") -> str:
    """Return the name of a run, as the plan gives it."""
    off = {"": "", "plain": "-plain"}.get(without, f"-without-{without}")
    return method if method == "base" else f"{method}-r{round_}{off}"


def switched_off(run: str) -> str:
    """Return what the run of that name does without, as `run_name` takes it."""
    return run.partition("-without-")[2] or ("plain" if run.endswith("-plain") else "")


def make_speedups(ran: Sequence[str], off: Sequence[str] = (), **changes: Any) -> list[SpeedupRun]:
    """Return the events of speedups that ran and of some that did not."""
    return [
        SpeedupRun(**({"name": name, "claims": "rounding", "ran": name in ran, "note": "as told"} | changes))
        for name in (*ran, *off)
    ]


def make_ranks(number: int = 2, name: str = "", exchange_seconds: float = 2.0) -> list[RankUse]:
    """Return what each of some processes did that trained together: on GPUs of that name, or the CPU."""
    return [
        RankUse(
            rank=rank,
            device=f"cuda:{rank}" if name else "cpu",
            name=name,
            train_seconds=10.0,
            exchange_seconds=exchange_seconds + rank,
            parameters=500,
            peak_bytes={"vm_hwm": 1_000 + rank, "cuda_allocated": 2_000 + rank},
        )
        for rank in range(number)
    ]


def write_scripted_inputs(folder: Path) -> Path:
    """Write encoded data that hold no example into `folder` and return the folder."""
    flat = FlatExamples()
    flat.begin_set()
    flat.begin_set()
    examples, held_out = flat.finish()
    data = EncodedData(
        name="ten", digest=flat.digest, template="qa-ko", template_reason="as told", shape="pairs",
        questions=[], stop_ids=[], num_special_text=0, encode_seconds=0.0, counts=Counts(), max_length=64,
        train_on="answers", examples=examples, held_out=held_out,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_encoded(folder / ENCODED_FILE, data)
    return folder


def write_scripted_run(
    folder: Path,
    method: str,
    round: int = 1,
    train_seconds: float = 10.0,
    losses: Sequence[float | None] = (4.0, 3.0, 2.0, 1.0),
    *,
    epochs: int = 2,
    failed: FailureReason | None = None,
    unfinished: bool = False,
    held_out_loss: float | None = 1.5,
    texts: Sequence[str] = (REFERENCE, HELD_OUT_REFERENCE),
    stopped: str = "end_of_sequence",
    other_work_at: int | None = None,
    training: dict[str, Any] | None = None,
    load: dict[str, Any] | None = None,
    load_after: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    method_options: dict[str, Any] | None = None,
    skipped: int = 0,
    started: float | None = None,
    without: str = "",
    speedups: Sequence[SpeedupRun] = (),
    comparison: str = "",
    contestant: str = "",
    spec: RunSpec | None = None,
    ranks: Sequence[RankUse] = (),
    is_between: bool = False,
    rate: float | None = None,
    moments: Sequence[tuple[float, float | None]] = (),
) -> Path:
    """Write the record of one run into `folder` and return the folder.

    The steps share `train_seconds`: the first takes twice as long as each later one. A step trains 8 of
    20 tokens. `other_work_at` gives the step that trains other tokens; `load`, `load_after`, `model`,
    `training` and `facts` replace fields of the events; `without` makes it a run of the ablation.
    `spec` is its spec where it is not that of `write_scripted_plan`. `moments` are seconds of training and
    the held-out loss that it had come to then.
    """
    writer = RecordWriter(folder)
    clock = started if started is not None else CREATED + 100 * round + TRAINABLE.get(method, 500) / 100
    spec = spec or RunSpec(
        method=method,
        round=round,
        model=ModelSpec(model="tiny"),
        training=msgspec.convert(TRAINING | {"epochs": epochs} | (training or {}), TrainingSpec),
        method_options=method_options or {},
    )
    role: Any = "ablation" if without else "base" if method == "base" else "measured"
    role = "tuning" if rate is not None else "between" if is_between else role
    run = run_name(contestant or method, round, without)
    run = f"{contestant or method}-rate-{rate:g}" if rate is not None else run
    events: list[Any] = [
        Started(
            laptime="0.1.0",
            run=run,
            method=method,
            round=round,
            role=role,
            spec=msgspec.to_builtins(spec),
            comparison=comparison,
            contestant=contestant,
        ),
        Machine(facts=facts or {"cpu": "Test CPU", "cores": 2, "threads": 2, "versions": {"torch": "2"}}),
        _model(method, model or {}),
        *(msgspec.structs.replace(speedup) for speedup in speedups),
        _data(len(losses) if role != "base" else 0),
    ]
    if role != "base" and not unfinished:
        events += [_load("before", load or {}), *_phases(train_seconds)]
        events += _steps(losses, epochs, train_seconds, round, other_work_at, skipped)
        events += [_load("after", load_after or load or {})]
        events += [
            Moment(step=step, train_seconds=seconds, loss=loss, error="" if loss else "no space")
            for step, (seconds, loss) in enumerate(moments, 1)
        ]
        events += [Energy(joules=train_seconds * 50, source="nvml"), *map(msgspec.structs.replace, ranks)]
    if unfinished:
        events += _steps(losses[:1], epochs, train_seconds, round, other_work_at, 0)
    elif failed:
        events += [Failed(reason=failed, message=f"{failed} at step 2", step=2, peak_bytes={"vm_hwm": 1})]
    elif without:
        events += [Finished(train_seconds=train_seconds, total_seconds=1.0, wall_seconds=1.0, peak_bytes={})]
    else:
        events += _ending(method, train_seconds, held_out_loss, texts, stopped)
    for index, event in enumerate(events):
        event.time = clock + index
        writer.write(event)
    writer.close()
    return folder


def replay(folder: Path, on_event: Callable[[Any], None]) -> None:
    """Tell the events of a record as the process tells them that wrote it."""
    for event in decode_events((folder / FILE_NAME).read_bytes()):
        on_event(event)


def _model(method: str, changes: dict[str, Any]) -> Model:
    """Return what is trained."""
    fields: dict[str, Any] = {
        "name": "tiny",
        "architecture": "LlamaForCausalLM",
        "parameters": 1_000,
        "trainable_parameters": TRAINABLE.get(method, 70),
        "random_weights": False,
        "digest": "model-digest",
        "shape": {"hidden_size": 16},
        "compute_dtype": "float32",
        "trained_dtype": "float32",
        "precision_reason": "this CPU has no native bf16",
        "attention": "sdpa",
        "device": "cpu",
        "learning_rate": RATES.get(method, 1e-4),
        "flops_per_token": FLOPS_PER_TOKEN.get(method, 3_000.0),
    }
    return Model(**(fields | changes))


def _data(num_steps: int) -> Data:
    """Return what it is trained on."""
    return Data(
        name="ten", digest="data-digest", template="qa-ko", num_records=2, num_held_out=1,
        num_tokens=40, num_trained_tokens=16, num_cut=0, num_steps=num_steps,
    )  # fmt: skip


def _load(when: Any, changes: dict[str, Any]) -> Load:
    """Return a quiet machine but for `changes`."""
    fields = {"load_average": 2.0, "cores": 2, "swapped_pages": 7, "throttle_count": 0, "clock_mhz": 3000.0}
    return Load(when=when, **(fields | changes))


def _phases(train_seconds: float) -> list[Phase]:
    """Return the phases of a run: four seconds beside the training."""
    seconds = {
        "import": 1.0,
        "load": 2.0,
        "prepare": 0.25,
        "train": train_seconds,
        "save": 0.75,
        "evaluate": 3.0,
    }
    return [Phase(name=name, seconds=value, peak_bytes={"vm_hwm": 5_000}) for name, value in seconds.items()]


def _steps(
    losses: Sequence[float | None],
    epochs: int,
    train_seconds: float,
    round_: int,
    other: int | None,
    skipped: int,
) -> list[Step]:
    """Return the steps, whose digests depend on round and step alone but for the step `other`."""
    steady = train_seconds / (len(losses) + 1)
    per_epoch = max(1, len(losses) // epochs)
    return [
        Step(
            step=step,
            epoch=min(epochs, 1 + (step - 1) // per_epoch),
            loss=loss,
            learning_rate=1e-4 / step,
            grad_norm=1.0,
            seconds=steady * (2 if step == 1 else 1),
            trained_tokens=8,
            tokens=20,
            padded_tokens=24,
            digest=hashlib.sha256(f"{round_} {step}{' other' * (step == other)}".encode()).hexdigest()[:16],
            parts={
                "data": 0.0,
                "forward": steady * 0.25,
                "backward": steady * 0.5,
                "optimizer": steady * 0.25,
            },
            skipped=step <= skipped,
        )
        for step, loss in enumerate(losses, start=1)
    ]


def _ending(
    method: str, train_seconds: float, held_out_loss: float | None, texts: Sequence[str], stopped: Any
) -> list[Any]:
    """Return what a finished run writes after its training."""
    size = TRAINABLE.get(method, 70) * 4
    events: list[Any] = []
    if method != "base":
        kind: Any = "model" if method == "full" else "adapter"
        events += [Saved(kind=kind, path=kind, num_bytes=size, files={f"{kind}.safetensors": size})]
    if held_out_loss is not None:
        when: Any = "before" if method == "base" else "after"
        events += [Evaluation(when=when, loss=held_out_loss, num_tokens=9)]
    known = [(QUESTION, REFERENCE, "trained"), (HELD_OUT_QUESTION, HELD_OUT_REFERENCE, "held_out")]
    for (question, reference, source), text in zip(known, texts, strict=False):
        answer = {"question": question, "reference": reference, "source": source, "text": text}
        events += [Answer(num_tokens=len(text), stopped=stopped, **answer)]  # type: ignore[arg-type]
    seconds = None if method == "base" else train_seconds
    total = (seconds or 0.0) + 4
    peak = {"vm_hwm": 5_000 + size}
    return [
        *events,
        Finished(train_seconds=seconds, total_seconds=total, wall_seconds=total + 3, peak_bytes=peak),
    ]


def plan_scripted_run(name: str, number: int) -> PlannedRun:
    """Return the planned run of a contestant: "lora-2" runs lora."""
    method, _ = split_name(name)
    contestant = name if name != method else ""
    return PlannedRun(run=run_name(name, number), method=method, round=number, contestant=contestant)


def write_scripted_plan(folder: Path, methods: Sequence[str] = ("full", "lora"), rounds: int = 3) -> Plan:
    """Write the plan of a comparison of `methods`, contestants by name, the base first."""
    runs = [PlannedRun(run="base", method="base", round=0, role="base")]
    for number in range(1, rounds + 1):
        runs += [plan_scripted_run(name, number) for name in methods]
    spec = CompareSpec(
        methods=tuple(split_name(name)[0] for name in methods),
        rounds=rounds,
        model=ModelSpec(model="tiny"),
        training=TrainingSpec(**TRAINING),
    )
    plan = Plan(
        laptime="0.1.0",
        created=CREATED,
        spec=msgspec.to_builtins(spec),
        runs=runs,
        data={"name": "ten", "digest": "data-digest", "template": "qa-ko", "encode_seconds": 0.5},
        summaries={
            "full": "Trains every weight.",
            "lora": "Trains low-rank updates.",
            "base": "The base model.",
        },
        repeat_command="laptime compare --model tiny --methods full,lora",
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_plan(folder, plan)
    return plan


def write_scripted_comparison(
    folder: Path,
    seconds: dict[str, Sequence[float]],
    changes: dict[str, dict[str, Any]] | None = None,
    skip: Sequence[str] = (),
) -> Path:
    """Write a plan and the records of every run: `seconds` by method and round, `changes` by run.

    `changes` holds arguments of `write_scripted_run`; runs named in `skip` get no folder.
    """
    rounds = max((len(values) for values in seconds.values()), default=0)
    plan = write_scripted_plan(folder, list(seconds), rounds)
    for planned in plan.runs:
        if planned.run in skip:
            continue
        arguments: dict[str, Any] = {"texts": ("모릅니다.", "모릅니다."), "held_out_loss": 4.0}
        if planned.role == "measured":
            arguments = {"train_seconds": seconds[planned.name][planned.round - 1]}
            arguments["contestant"] = planned.contestant
        arguments |= (changes or {}).get(planned.run, {})
        write_scripted_run(run_folder(folder, planned.run), planned.method, planned.round, **arguments)
    return folder
