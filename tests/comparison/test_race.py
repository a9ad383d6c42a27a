"""The whole comparison with a runner of invented seconds: order, resumption, refusals, exact results."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from laptime.comparison.checks import check_spec
from laptime.comparison.collection import collect, collect_single
from laptime.comparison.race import compare
from laptime.comparison.result import read_result
from laptime.comparison.schedule import plan_runs
from laptime.data.input_manifest import MANIFEST_FILE, InputJob, InputManifest
from laptime.errors import UserError
from laptime.models.digest import describe_base
from laptime.models.shape import Shape
from laptime.options.config_file import read_config
from laptime.runs import preparation
from laptime.runs.events import AnyEvent, Failed
from laptime.runs.job import RunJob
from laptime.runs.plan import PlannedRun, read_plan
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.runs.record_lines import decode_events
from laptime.runs.runner import Prospect
from laptime.runs.single_run import train_once
from laptime.spec import CompareSpec, DataSpec, ModelSpec, RunSpec, TrainingSpec, build, flatten
from tests.comparison.scripted import replay, switched_off, write_scripted_inputs, write_scripted_run

SECONDS = {"full": [20.0, 22.0, 21.0], "lora": [10.0, 10.5, 10.2], "base": [0.0] * 3}
SHAPE = Shape(
    architecture="LlamaForCausalLM",
    hidden_size=8,
    num_layers=1,
    vocabulary_size=10,
    num_parameters=1000,
    linears={"model.layers.0.q_proj": (64, 64), "lm_head": (64, 10)},
    head="lm_head",
)


class ScriptedRunner:
    """Writes records instead of training; `dies_at` is the run during which the power goes out."""

    def __init__(self, dies_at: str = "", fails: tuple[str, ...] = ()) -> None:
        self.ran: list[str] = []
        self.asked: list[str] = []  # the runs that were to answer the questions
        self.dies_at = dies_at
        self.fails = fails
        self.prepared = 0
        self.reason: Any = "out_of_memory"  # of those that fail
        self.refuses: dict[str, tuple[str, ...]] = {}  # speedups that cannot apply, by method
        self.resuming = ""  # what a run that is to go on refuses with
        self.base = Path("tiny")

    def prepare(self, job: InputJob) -> InputManifest:
        self.prepared += 1
        facts = InputManifest(
            model_name="tiny",
            model_folder=str(self.base),
            model_digest="m",
            toy=False,
            random_weights=False,
            weight_bytes=4,
            shape=SHAPE,
            data={"name": "ten", "records_digest": "d", "num_records": 2},
            base_files=describe_base(self.base, False),
        )
        folder = write_scripted_inputs(Path(job.folder))
        (folder / MANIFEST_FILE).write_bytes(msgspec.json.encode(facts))
        return facts

    def run(self, job: RunJob, on_event: Any) -> None:
        folder, method, round_ = Path(job.folder), job.spec.method, job.spec.round
        if any(name in self.refuses.get(method, ()) for name in job.spec.training.speedups):
            write_scripted_run(folder, method, round_, losses=(), failed="refused")
            return
        if job.resumes and self.resuming:
            record = RecordWriter(folder)
            record.write(Failed(reason="refused", message=self.resuming))
            record.close()
            return
        seconds = SECONDS[method][(max(round_, 1) - 1) % 3]
        of_job: Any = {"comparison": job.comparison, "spec": job.spec, "without": switched_off(job.run)}
        of_job |= {"contestant": job.contestant, "is_between": job.role == "between"}
        if job.until == "preparation":
            write_scripted_run(folder, method, round_)
            return
        if job.run == self.dies_at:
            write_scripted_run(folder, method, round_, seconds, unfinished=True, **of_job)
            raise KeyboardInterrupt
        failed = self.reason if job.run in self.fails else None
        write_scripted_run(
            folder, method, round_, seconds, failed=failed, started=1e9 + len(self.ran), **of_job
        )
        replay(folder, on_event)
        self.ran.append(job.run)
        if job.asks:
            self.asked.append(job.run)


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.prospects: list[Prospect] = []

    def say(self, text: str) -> None:
        self.heard.append(text)

    def preparing(self) -> None:
        self.heard.append("preparing")

    def prepared(self, facts: InputManifest) -> None:
        self.heard.append(f"prepared {facts.data['name']}")

    def planned(self, runs: list[PlannedRun], num_done: int, prospect: Prospect) -> None:
        self.prospect = prospect
        self.prospects.append(prospect)
        self.heard.append(f"planned {len(runs)}, {num_done} done")

    def began(self, planned: PlannedRun) -> None:
        self.heard.append(f"began {planned.run}")

    def happened(self, event: AnyEvent) -> None:
        self.last = event

    def ended(self, planned: PlannedRun) -> None:
        self.heard.append(f"ended {planned.run}")


SPEC = CompareSpec(rounds=3, model=ModelSpec(model="tiny"), training=TrainingSpec(seed=1))


def race(folder: Path, runner: ScriptedRunner, spec: CompareSpec = SPEC, digest: str = "d") -> Any:
    return compare(spec, folder, runner, Listener(), digest)


def test_the_base_goes_first_and_every_round_holds_every_method_once() -> None:
    runs = plan_runs(CompareSpec(rounds=20))
    assert runs[0] == PlannedRun(run="base", method="base", round=0, role="base")
    rounds = [[run.method for run in runs if run.round == number] for number in range(1, 21)]
    assert all(sorted(order) == ["full", "lora"] for order in rounds)
    assert runs == plan_runs(CompareSpec(rounds=20)), "by the seed alone"


def test_a_comparison_has_exact_results(tmp_path: Path) -> None:
    runner = ScriptedRunner()
    result = race(tmp_path / "out", runner)
    assert runner.ran == [run.run for run in plan_runs(SPEC)]
    assert result.complete
    (pair,) = result.pairs
    assert (pair.faster, pair.slower, pair.num_rounds, pair.verdict) == ("lora", "full", 3, "faster")
    assert pair.train_ratio == pytest.approx((2.0 * 22 / 10.5 * 21 / 10.2) ** (1 / 3))
    assert pair.train_interval[0] < pair.train_ratio < pair.train_interval[1]
    by_name = {method.name: method for method in result.methods}
    assert by_name["lora"].train_seconds == 10.2
    assert by_name["full"].train_seconds_by_round == SECONDS["full"]
    assert read_result(tmp_path / "out") == result


def test_an_interrupted_comparison_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    order = [run.run for run in plan_runs(SPEC)]
    first = ScriptedRunner(dies_at=order[3])
    with pytest.raises(KeyboardInterrupt):
        race(folder, first)
    kept = {run: (folder / "runs" / run / FILE_NAME).read_bytes() for run in order[:3]}
    assert read_result(folder).complete is False

    second = ScriptedRunner()
    result = race(folder, second)
    assert second.ran == order[3:], "finished runs do not run again"
    assert second.prepared == 0, "and the inputs stay"
    assert {run: (folder / "runs" / run / FILE_NAME).read_bytes() for run in order[:3]} == kept
    assert (folder / "runs" / f"{order[3]}.interrupted-1" / FILE_NAME).exists(), "nothing is thrown away"
    assert result.complete
    assert [finding.code for finding in result.findings if finding.code == "retried"] == ["retried"]


@pytest.mark.parametrize("content", [b"my own notes", b'{"mine": 1}', None])
def test_a_result_that_somebody_wrote_or_changed_is_refused_before_anything_runs(
    tmp_path: Path, content: bytes | None
) -> None:
    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        race(folder, ScriptedRunner(dies_at=plan_runs(SPEC)[3].run))
    file, runner, listener = folder / "comparison.json", ScriptedRunner(), Listener()
    file.write_bytes(content or file.read_bytes().replace(b'"complete": false', b'"complete": true'))
    edited = file.read_bytes()
    with pytest.raises(UserError) as error:
        compare(SPEC, folder, runner, listener, "d")
    said = (
        "not written by laptime; move it away" if content else "damaged: it does not match its digest; move"
    )
    assert str(error.value).startswith(f"{file}: {said}")
    assert (runner.prepared, runner.ran, listener.heard) == (0, [], [])
    assert file.read_bytes() == edited


def test_a_finished_comparison_runs_nothing_again(tmp_path: Path) -> None:
    first = race(tmp_path / "out", ScriptedRunner())
    again = ScriptedRunner()
    assert race(tmp_path / "out", again) == first
    assert again.ran == []


def test_each_contestant_is_asked_once_in_the_first_round_that_it_finishes(tmp_path: Path) -> None:
    runner = ScriptedRunner(fails=("full-r1",))
    race(tmp_path / "out", runner)
    assert sorted(runner.asked) == ["base", "full-r1", "full-r2", "lora-r1"]


def test_a_failed_run_stays_as_a_row_and_the_rest_goes_on(tmp_path: Path) -> None:
    runner = ScriptedRunner(fails=("full-r1", "full-r2", "full-r3"))
    result = race(tmp_path / "out", runner)
    assert len(runner.ran) == 7
    full = next(method for method in result.methods if method.name == "full")
    assert full.status == "failed"
    assert [failure.reason for failure in full.failures] == ["out_of_memory"] * 3
    assert result.pairs[0].train_ratio is None


@pytest.mark.parametrize("reason", ["disk_full", "killed", "hung"])
def test_a_run_that_something_else_ended_is_tried_again(tmp_path: Path, reason: str) -> None:
    runner = ScriptedRunner(fails=("full-r1",))
    runner.reason = reason
    race(tmp_path / "out", runner)
    again = ScriptedRunner()
    assert race(tmp_path / "out", again).complete
    assert again.ran == ["full-r1"]


def test_other_options_in_the_same_folder_are_refused_by_name(tmp_path: Path) -> None:
    race(tmp_path / "out", ScriptedRunner())
    other = CompareSpec(rounds=2, model=ModelSpec(model="tiny"), training=TrainingSpec(seed=1, epochs=4))
    with pytest.raises(UserError) as error:
        race(tmp_path / "out", ScriptedRunner(), other)
    assert str(error.value) == (
        f"--out {tmp_path}/out: begun with other options (--epochs, --rounds); "
        f"give another folder, or the options it was begun with"
    )


def test_changed_data_are_refused(tmp_path: Path) -> None:
    race(tmp_path / "out", ScriptedRunner())
    with pytest.raises(UserError, match="changed since"):
        race(tmp_path / "out", ScriptedRunner(), digest="another")


@pytest.mark.parametrize("name", ["encoded.bin", MANIFEST_FILE])
@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_damaged_inputs_are_prepared_anew(tmp_path: Path, name: str, how: str) -> None:
    order = [run.run for run in plan_runs(SPEC)]
    with pytest.raises(KeyboardInterrupt):
        race(tmp_path / "out", ScriptedRunner(dies_at=order[3]))
    file = tmp_path / "out" / "inputs" / name
    content = file.read_bytes()
    file.unlink()
    if how == "damaged":
        file.write_bytes(content[:-1])
    runner = ScriptedRunner()
    assert race(tmp_path / "out", runner).complete
    assert runner.prepared == 1
    assert file.read_bytes() == content


def test_inputs_prepared_anew_must_be_the_same(tmp_path: Path) -> None:
    order = [run.run for run in plan_runs(SPEC)]
    with pytest.raises(KeyboardInterrupt):
        race(tmp_path / "out", ScriptedRunner(dies_at=order[3]))
    (tmp_path / "out" / "inputs" / "encoded.bin").unlink()

    class Other(ScriptedRunner):
        def prepare(self, job: InputJob) -> InputManifest:
            facts = super().prepare(job)
            facts.model_digest = "another"
            return facts

    with pytest.raises(UserError, match=r"--model tiny: changed since the comparison was begun; give a new"):
        race(tmp_path / "out", Other())


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("two years of work")
    with pytest.raises(UserError) as error:
        race(tmp_path, ScriptedRunner())
    assert str(error.value) == (
        f"--out {tmp_path}: holds something else (thesis.txt); give a new or empty folder"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_start_that_gets_no_further_than_its_inputs_leaves_no_trace(tmp_path: Path) -> None:
    class Refusing(ScriptedRunner):
        def prepare(self, job: InputJob) -> InputManifest:
            super().prepare(job)
            raise UserError("--model tiny: its tokenizer cannot be loaded")

    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(UserError, match="tokenizer"):
            race(tmp_path / name, Refusing())
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "empty").iterdir()) == [], "a folder of the user stays, as it was"


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/laptime"])
def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"a file; give a folder|cannot be written to"):
        race(tmp_path / out, ScriptedRunner())
    spec = RunSpec(method="lora", model=ModelSpec(model="tiny"))
    with pytest.raises(UserError, match=r"a file; give a folder|cannot be written to"):
        train_once(spec, tmp_path / out, ScriptedRunner(), Listener())
    assert (tmp_path / "file").read_text() == "mine"


def test_too_little_disk_is_seen_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    runner = ScriptedRunner()
    with pytest.raises(UserError) as error:
        race(tmp_path / "out", runner)
    assert str(error.value).endswith(
        "the runs leave their results, with 200.0 MB to spare for records and the report; 1.0 MB are free; "
        "use fewer --rounds or another disk"
    )
    assert runner.ran == [] and runner.prepared == 0
    monkeypatch.setattr(preparation, "check_disk", lambda *_: None)
    with pytest.raises(UserError, match=r"kB of results, with 200\.0 MB to spare .* use fewer --rounds or"):
        race(tmp_path / "out", runner)
    assert runner.ran == [] and runner.prepared == 1


def test_the_spec_file_repeats_the_comparison(tmp_path: Path) -> None:
    race(tmp_path / "out", ScriptedRunner())
    values = read_config(tmp_path / "out" / "spec.json")
    assert values["rounds"] == 3
    assert values["model"] == "tiny"
    assert (
        build(TrainingSpec, {k: v for k, v in values.items() if hasattr(TrainingSpec(), k)}) == SPEC.training
    )
    assert msgspec.json.decode(msgspec.json.encode(flatten(SPEC))) == values
    plan = read_plan(tmp_path / "out")
    assert plan.repeat_command == f"laptime compare --config {tmp_path}/out/spec.json --out AGAIN"


def test_two_at_once_are_refused_with_the_pid(tmp_path: Path) -> None:
    class Nested(ScriptedRunner):
        def run(self, job: RunJob, on_event: Any) -> None:
            with pytest.raises(UserError, match=r"locked by pid \d+"):
                race(tmp_path / "out", ScriptedRunner())
            with pytest.raises(UserError, match=r"this machine: locked by pid \d+"):
                race(tmp_path / "other", ScriptedRunner())
            alone, beside = RunSpec(method="lora", model=ModelSpec(model="tiny")), Listener()
            if not (tmp_path / "alone").exists():
                train_once(alone, tmp_path / "alone", ScriptedRunner(), beside)
                assert collect_single(tmp_path / "alone").complete
                assert re.fullmatch(
                    rf"note: pid {os.getpid()} since [\d:]+ compares on this machine; "
                    r"the times of both are off \(--wait waits for it\)",
                    beside.heard[2],
                )
            super().run(job, on_event)

    assert race(tmp_path / "out", Nested()).complete


def test_a_single_training_keeps_its_record_in_its_folder(tmp_path: Path) -> None:
    spec = RunSpec(method="lora", model=ModelSpec(model="tiny"))
    train_once(spec, tmp_path / "run", ScriptedRunner(), Listener())
    result = collect_single(tmp_path / "run")
    assert (tmp_path / "run" / FILE_NAME).exists()
    assert [method.name for method in result.methods] == ["lora"]
    assert result.methods[0].train_seconds == 10.0
    with pytest.raises(UserError, match=r"holds a finished training; give a new folder$"):
        train_once(spec, tmp_path / "run", ScriptedRunner(), Listener())


def test_a_speedup_that_cannot_apply_is_refused_before_anything_runs(tmp_path: Path) -> None:
    runner = ScriptedRunner()
    runner.refuses = {"full": ("prefix_cache",)}
    training = TrainingSpec(speedups=("prefix_cache",))
    spec = CompareSpec(methods=("lora", "full"), model=ModelSpec(model="tiny"), training=training)
    with pytest.raises(UserError, match="refused at step 2"):
        race(tmp_path / "out", runner, spec)
    assert runner.ran == [], "not even the base"
    assert not (tmp_path / "out").exists(), "so that the same folder can be given again"
    alone = RunSpec(method="full", model=ModelSpec(model="tiny"), training=training)
    with pytest.raises(UserError, match="refused at step 2"):
        train_once(alone, tmp_path / "run", runner, Listener())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("when", ["prepare", "disk", "speedup"])
def test_nothing_is_said_to_begin_before_the_last_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Neither what is compared and where, nor that a run begins."""

    class Refusing(ScriptedRunner):
        def prepare(self, job: InputJob) -> InputManifest:
            if when == "prepare":
                raise UserError("its tokenizer cannot be loaded")
            return super().prepare(job)

        def run(self, job: RunJob, on_event: Any) -> None:
            super().run(job, on_event)
            on_event(Failed(reason="refused", message="refused at step 2"))

    if when == "disk":
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    runner = Refusing()
    runner.refuses = {"lora": ("prefix_cache",)}
    training = TrainingSpec(speedups=("prefix_cache",))
    shared = {"model": ModelSpec(model="tiny"), "training": training}
    alone, race_of_one = RunSpec(method="lora", **shared), CompareSpec(methods=("lora",), rounds=1, **shared)
    for start in (partial(train_once, alone), partial(compare, race_of_one, examples_digest="d")):
        listener = Listener()
        with pytest.raises(UserError):
            start(folder=tmp_path / "run", runner=runner, listener=listener)
        assert listener.heard == ["preparing"]


def test_a_training_that_may_refuse_is_heard_from_its_start_once_it_has_not(tmp_path: Path) -> None:
    training = TrainingSpec(speedups=("prefix_cache",))
    spec = RunSpec(method="lora", model=ModelSpec(model="tiny"), training=training)
    listener = Hearing()
    train_once(spec, tmp_path / "run", ScriptedRunner(), listener)
    assert listener.heard == [
        "preparing",
        "prepared ten",
        "planned 1, 0 done",
        "began lora-r1",
        "ended lora-r1",
    ]
    assert listener.events == decode_events((tmp_path / "run" / FILE_NAME).read_bytes())


class Hearing(Listener):
    """Remembers the events too."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[AnyEvent] = []

    def happened(self, event: AnyEvent) -> None:
        self.events.append(event)


def test_a_speedup_that_applies_is_rehearsed_and_then_run(tmp_path: Path) -> None:
    runner = ScriptedRunner()
    training = TrainingSpec(speedups=("answer_head",))
    spec = CompareSpec(rounds=1, model=ModelSpec(model="tiny"), training=training)
    assert race(tmp_path / "out", runner, spec).complete
    assert sorted(runner.ran) == ["base", "full-r1", "lora-r1"], "a rehearsal is no run of the comparison"


REUSING: dict[str, Any] = {
    "methods": ("lora_top",),
    "method_options": {"lora_top": {"reuse_cache": True}},
}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            CompareSpec(ablate=True, training=TrainingSpec(plain=True)),
            "--ablate: --plain leaves nothing to switch off; leave one of the two out",
        ),
        (
            CompareSpec(methods=("full", "lorra")),
            "--methods: no method 'lorra'; did you mean 'lora'? there are adalora, bitfit, dora, full, ",
        ),
        (
            CompareSpec(rounds=4, minutes=5),
            "--minutes: --rounds 4 is a number already; leave one of the two out",
        ),
        (CompareSpec(data=DataSpec(data="nowhere.jsonl")), "--data nowhere.jsonl: no such file or folder"),
        (CompareSpec(model=ModelSpec(model="./nowhere")), "--model ./nowhere: no such folder"),
        (CompareSpec(training=TrainingSpec(threads=99_999)), "--threads 99999: this machine has "),
        (
            CompareSpec(training=TrainingSpec(learning_rate=-1.0)),
            "--learning-rate: must be above 0 (got -1.0)",
        ),
        (
            CompareSpec(training=TrainingSpec(learning_rate={"lora": 1e-4, "ful": 1.0})),
            "--learning-rate: no method 'ful'; did you mean 'full'? there are adalora, bitfit, dora, full, ",
        ),
        (
            CompareSpec(training=TrainingSpec(learning_rate={"lora_top": 1e-4})),
            "--learning-rate lora_top: not among the methods full, lora; leave lora_top= out",
        ),
        (
            CompareSpec(training=TrainingSpec(plain=True), **REUSING),
            "--reuse-cache: --plain leaves nothing to keep; leave one of the two out",
        ),
        (
            CompareSpec(training=TrainingSpec(without=("fused_blocks",)), **REUSING),
            "--reuse-cache: --without fused_blocks leaves nothing to keep; leave one of the two out",
        ),
    ],
)
def test_mistakes_are_seen_before_anything_runs(spec: CompareSpec, message: str) -> None:
    with pytest.raises(UserError) as error:
        check_spec(spec)
    assert str(error.value).startswith(message)


def test_a_cache_that_cannot_be_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError) as error:
        check_spec(CompareSpec(**REUSING))
    assert str(error.value) == (
        f"--reuse-cache: {tmp_path}/file/laptime/prefix cannot be written to (Not a directory); "
        f"set XDG_CACHE_HOME to a folder"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert check_spec(CompareSpec(**REUSING))
    assert list((tmp_path / "cache" / "laptime" / "prefix").iterdir()) == []


def test_records_are_only_appended_to(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path)
    writer.write(Failed(reason="killed", message="one"))
    RecordWriter(tmp_path).write(Failed(reason="killed", message="two"))
    lines = (tmp_path / FILE_NAME).read_text().splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["one", "two"]


@pytest.mark.parametrize("ended", [True, False])
def test_a_run_whose_record_is_damaged_is_set_aside_and_done_anew(tmp_path: Path, ended: bool) -> None:
    """One that had ended, and one that left a checkpoint to go on from."""
    folder, order = tmp_path / "out", [run.run for run in plan_runs(SPEC)]
    with pytest.raises(KeyboardInterrupt):
        race(folder, ScriptedRunner(dies_at=order[3]))
    home = folder / "runs" / order[2 if ended else 3]
    if not ended:
        (home / "checkpoints" / "step-00000001").mkdir(parents=True)
    content = (home / FILE_NAME).read_bytes().replace(b'"parameters":1000', b'"parameters":1001')
    (home / FILE_NAME).write_bytes(content)
    assert [f.run for m in collect(folder).methods for f in m.failures] == [home.name]
    runner, listener = ScriptedRunner(), Listener()
    result = compare(SPEC, folder, runner, listener, "d")
    assert runner.ran == order[2 if ended else 3 :] and result.complete
    assert (home.with_name(f"{home.name}.interrupted-1") / FILE_NAME).read_bytes() == content
    (said,) = [line for line in listener.heard if line.startswith(f"{home}/")]
    assert said == (
        f"{home}/record.jsonl:3: it does not match its checksum: set aside as {home.name}.interrupted-1, the "
        f"run is done anew"
    )
    assert [f.run for m in result.methods for f in m.failures] == []


@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_run_done_anew_says_why_and_where_the_earlier_attempt_is(tmp_path: Path, checkpoint: bool) -> None:
    """One that was killed before its first checkpoint, and one none of whose checkpoints is whole."""
    folder, order = tmp_path / "out", [run.run for run in plan_runs(SPEC)]
    with pytest.raises(KeyboardInterrupt):
        race(folder, ScriptedRunner(dies_at=order[2]))
    home, runner, listener = folder / "runs" / order[2], ScriptedRunner(), Listener()
    why = f"{home}: ended before a checkpoint was written"
    if checkpoint:
        (home / "checkpoints" / "step-00000001").mkdir(parents=True)
        why = f"{home}/checkpoints: no checkpoint to go on from (one is cut; another too)"
        runner.resuming = f"{why}; start a new --out"
    result = compare(SPEC, folder, runner, listener, "d")
    assert f"{why}: set aside as {home.name}.interrupted-1, the run is done anew" in listener.heard
    assert not any("--out" in line for line in listener.heard), "the remedy is applied, not asked for"
    assert (home.with_name(f"{home.name}.interrupted-1") / FILE_NAME).exists()
    assert result.complete and runner.ran == order[2:]


@pytest.mark.parametrize("during", ["", "full-r2"])
def test_another_base_in_the_middle_is_refused_and_costs_no_run(tmp_path: Path, during: str) -> None:
    """Overwritten between two starts of the command, or while a run goes on."""
    runner, weights = ScriptedRunner(dies_at="" if during else "lora-r2"), tmp_path / "base/model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    runner.base = weights.parent
    overwriting = Overwriting(weights, during)
    begin = partial(compare, SPEC, tmp_path / "out", runner, overwriting, "d")
    with pytest.raises(UserError if during else KeyboardInterrupt):
        begin()
    weights.write_bytes(b"WEIGHTS")
    ran, runner.dies_at = list(runner.ran), ""
    with pytest.raises(UserError) as error:
        begin()
    assert str(error.value) == (
        f"--model tiny: {weights.parent}: model.safetensors has changed since {tmp_path / 'out'} was begun; "
        f"put it back as it was, or begin anew with another --out"
    )
    assert runner.ran == ran
    weights.write_bytes(b"weights")
    assert begin().complete


class Overwriting(Listener):
    """Overwrites a file when a run begins."""

    def __init__(self, file: Path, during: str) -> None:
        super().__init__()
        self.file, self.during = file, during

    def began(self, planned: PlannedRun) -> None:
        if planned.run == self.during:
            self.file.write_bytes(b"WEIGHTS")
            self.during = ""
