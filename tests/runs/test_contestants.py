"""Contestants: what is planned, what each run is told, what is compared, and what is refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from laptime.comparison.checks import check_spec
from laptime.comparison.collection import collect
from laptime.comparison.fairness import find_stated_differences, find_unequal_work, list_unequal
from laptime.comparison.noise import find_in_runs
from laptime.comparison.pairs import choose_anchor
from laptime.comparison.race import compare
from laptime.comparison.result import ComparisonResult
from laptime.comparison.schedule import list_measured, plan_runs, run_spec, switch_off
from laptime.data.input_manifest import InputJob, InputManifest
from laptime.errors import UserError
from laptime.runs.contestants import list_contestants, tell_options
from laptime.runs.disk import count_results
from laptime.runs.folder import claim
from laptime.runs.job import RunJob
from laptime.runs.plan import FILE_NAME, Plan, read_plan, write_plan
from laptime.runs.spec_changes import name_changes
from laptime.spec import WITHOUT_EFFECT, CompareSpec, ContestantSpec, ModelSpec, RunSpec, TrainingSpec
from laptime.util.atomic import as_read
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.comparison.test_ablation import FACTORS, AblatedRunner
from tests.comparison.test_fairness import record
from tests.comparison.test_race import SHAPE, Listener, ScriptedRunner


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


WIDE = ContestantSpec(name="wide", method="lora", method_options={"lora_rank": 64})
PLAIN = ContestantSpec(name="plain", method="lora", training={"plain": True})
HALF = ContestantSpec(name="half", method="lora", training={"precision": "bf16"})
OPTIONS = {"lora": {"lora_rank": 16, "lora_alpha": None, "lora_dropout": 0.0, "lora_targets": ["all-linear"]}}


def make_spec(
    *contestants: ContestantSpec, methods: tuple[str, ...] = ("lora",), **changes: Any
) -> CompareSpec:
    values: dict[str, Any] = {"rounds": 2, "training": TrainingSpec(seed=1)}
    return CompareSpec(
        methods=methods, contestants=contestants, model=ModelSpec(model="tiny"), method_options=OPTIONS,
        **(values | changes),
    )  # fmt: skip


class KeepingRunner(ScriptedRunner):
    """Keeps the jobs that it was given."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.jobs: dict[str, RunJob] = {}
        self.asked: list[InputJob] = []

    def prepare(self, job: InputJob) -> InputManifest:
        self.asked.append(job)
        return super().prepare(job)

    def run(self, job: RunJob, on_event: Any) -> None:
        self.jobs[job.run] = job
        super().run(job, on_event)


def race(folder: Path, spec: CompareSpec, runner: ScriptedRunner | None = None) -> ComparisonResult:
    return compare(spec, folder, runner or ScriptedRunner(), Listener(), "d")


def test_each_run_gets_the_spec_of_the_comparison_with_what_is_its_own() -> None:
    spec = make_spec(WIDE, PLAIN, training=TrainingSpec(seed=1, without=("fused_blocks",)))
    lora, wide, plain = (one.run_spec for one in list_contestants(spec))
    assert lora == run_spec(spec, plan_runs(make_spec(rounds=1))[1])
    assert wide.training == lora.training and wide.method_options == lora.method_options | {"lora_rank": 64}
    assert plain.method_options == lora.method_options
    assert plain.training == msgspec.structs.replace(lora.training, plain=True)
    assert isinstance(wide.training.without, tuple)


def test_a_list_of_its_own_takes_the_place_of_the_shared_one() -> None:
    own = ContestantSpec(name="own", method="lora", training={"without": ["answer_head"]})
    shared = TrainingSpec(without=("fused_blocks", "no_padding"))
    assert list_contestants(make_spec(own, training=shared))[1].run_spec.training.without == ("answer_head",)


def test_the_plan_and_the_folders_are_by_name(tmp_path: Path) -> None:
    runner = KeepingRunner()
    result = race(tmp_path / "out", make_spec(WIDE, PLAIN, methods=("full", "lora")), runner)
    names = ["full", "lora", "wide", "plain"]
    assert read_plan(tmp_path / "out").contestants == names
    assert {path.name for path in (tmp_path / "out" / "runs").iterdir()} == {
        "base", *(f"{name}-r{number}" for name in names for number in (1, 2))
    }  # fmt: skip
    assert [(row.name, row.method, row.differs) for row in result.methods] == [
        ("full", "full", {}),
        ("lora", "lora", {}),
        ("wide", "lora", {"lora_rank": 64}),
        ("plain", "lora", {"plain": True}),
    ]
    assert result.methods[2].method_options["lora_rank"] == 64
    assert runner.jobs["wide-r2"].spec.method_options["lora_rank"] == 64
    assert runner.jobs["wide-r2"].contestant == "wide" and runner.jobs["plain-r1"].spec.training.plain
    assert not runner.jobs["lora-r1"].spec.training.plain and runner.jobs["lora-r1"].contestant == ""
    assert set(result.questions[0].answers) == {"base", *names}
    assert all(pair.train_ratio for pair in result.pairs) and len(result.pairs) == 6
    assert collect(tmp_path / "out") == result


def test_contestants_alone_need_none_to_be_called_as_a_method(tmp_path: Path) -> None:
    result = race(tmp_path / "out", make_spec(WIDE, PLAIN, methods=()))
    assert [row.name for row in result.methods] == ["wide", "plain"]
    assert [(pair.equal_runs, pair.verdict) for pair in result.pairs] == [(False, "about_the_same")]


def test_two_with_equal_options_are_equal_runs_whatever_they_are_called(tmp_path: Path) -> None:
    twin = ContestantSpec(name="twin", method="lora", method_options={"lora_rank": 64})
    default = ContestantSpec(name="rank16", method="lora", method_options={"lora_rank": 16})
    result = race(tmp_path / "out", make_spec(WIDE, twin, default))
    equal = {frozenset((pair.slower, pair.faster)) for pair in result.pairs if pair.equal_runs}
    assert equal == {frozenset(("wide", "twin")), frozenset(("lora", "rank16"))}


def test_a_contestant_is_full_fine_tuning_by_its_method_and_not_by_its_name() -> None:
    assert choose_anchor({"wide": "lora", "slow": "full", "full": "full"}) == "slow"
    assert choose_anchor({"wide": "lora", "narrow": "lora"}) == "wide"
    assert choose_anchor({}) == ""


@pytest.mark.parametrize(
    ("own", "facts"),
    [
        ({"without": ["fused_blocks"]}, {}),
        ({"plain": True}, {}),
        ({"gradient_checkpointing": True}, {}),
        ({"adam_beta2": 0.95}, {}),
        ({"precision": "bf16"}, {"model": {"compute_dtype": "bfloat16", "attention": "eager"}}),
        (
            {"threads": 1},
            {"facts": {"cpu": "Test CPU", "cores": 2, "threads": 1, "versions": {"torch": "2"}}},
        ),
        ({"batch_size": 1, "gradient_accumulation": 2}, {}),
    ],
)
def test_what_a_contestant_has_for_itself_is_no_unequal_work(
    tmp_path: Path, own: dict[str, Any], facts: dict[str, Any]
) -> None:
    finished = {
        "full": [record(tmp_path, "full")],
        "lora": [record(tmp_path, "lora", training=own, **facts)],
    }
    assert find_unequal_work(finished), "for the same work something would have to be said"
    assert find_unequal_work(finished, {"lora": own}) == {}
    assert find_unequal_work(finished, {"lora": {"schedule": "cosine"}}), "it is free by choice alone"


def test_batches_of_its_own_give_no_ratio_where_other_examples_stand_in_a_step(tmp_path: Path) -> None:
    own = {"batch_size": 2}
    lora = record(tmp_path, "lora", training=own, losses=(4.0, 2.0), other_work_at=1)
    finished = {"full": [record(tmp_path, "full")], "lora": [lora]}
    (finding,) = find_unequal_work(finished, {"lora": own})["full", "lora"]
    assert (finding.level, finding.code) == ("unequal", "other_batches")
    assert finding.text == (
        "full, lora train other examples in a step (full: --batch-size 1; lora: --batch-size 2), "
        "so there is no ratio between such as differ."
    )


def test_batches_of_its_own_are_told_once_however_many_stand_beside_them(tmp_path: Path) -> None:
    own = {"batch_size": 2}
    half = record(tmp_path, "half", training=own, losses=(4.0, 2.0), other_work_at=1)
    others = {name: [record(tmp_path, name)] for name in ("full", "lora", "lora_top")}
    finished = {**others, "half": [half]}
    unequal = find_unequal_work(finished, {"half": own})
    assert len(unequal) == 3, "each pair knows why it has no ratio"
    (finding,) = list_unequal(unequal, finished)
    assert finding.text == (
        "full, half, lora, lora_top train other examples in a step (full, lora, lora_top: --batch-size 1; "
        "half: --batch-size 2), so there is no ratio between such as differ."
    )


def test_other_work_stays_unequal_whatever_is_its_own(tmp_path: Path) -> None:
    finished = {
        "full": [record(tmp_path, "full")],
        "lora": [record(tmp_path, "lora", other_work_at=2, training={"plain": True, "seed": 3})],
    }
    codes = [one.code for one in find_unequal_work(finished, {"lora": {"plain": True}})["full", "lora"]]
    assert codes == ["different_work", "different_training_option"]


def test_what_is_its_own_is_stated(tmp_path: Path) -> None:
    records = {
        "lora": record(tmp_path, "lora"),
        "half": record(tmp_path, "half", model={"compute_dtype": "bfloat16", "learning_rate": 2e-4}),
    }
    own = {"half": {"precision": "bf16", "without": ["answer_head", "no_padding"]}}
    assert [finding.text for finding in find_stated_differences(records, own)] == [
        "half has options of its own: --precision bf16 --without answer_head,no_padding.",
        "The precision of compute differs, as was asked for: lora float32, half bfloat16.",
    ]
    assert find_stated_differences(records) == []


def test_options_are_told_as_one_types_them() -> None:
    options = {"plain": True, "gradient_checkpointing": False, "learning_rate": 2e-5, "threads": None,
               "without": [], "lora_targets": ("q_proj", "v_proj")}  # fmt: skip
    assert tell_options(options) == (
        "--plain --gradient-checkpointing false --learning-rate 2e-05 --threads default --without none "
        "--lora-targets q_proj,v_proj"
    )


def flags_of(result: ComparisonResult) -> list[str]:
    return [one.text for one in result.findings if one.code in ("plain", "switched_off", "switched_off_for")]


def test_what_is_off_for_all_is_flagged_and_what_is_off_for_one_is_its_own(tmp_path: Path) -> None:
    assert flags_of(race(tmp_path / "one", make_spec(PLAIN))) == []
    training = TrainingSpec(seed=1, without=("answer_head",))
    assert flags_of(race(tmp_path / "two", make_spec(PLAIN, training=training))) == [
        "Switched off for lora: answer_head. The times are those without."
    ]
    assert flags_of(race(tmp_path / "three", make_spec(WIDE, training=training))) == [
        "Switched off by name: answer_head. The times are those without."
    ]


def machine(threads: int) -> dict[str, Any]:
    return {"cpu": "Test CPU", "cores": 2, "threads": threads, "free_cores": 1, "physical_cores": 2}


def test_threads_of_one_are_not_told_as_those_of_all(tmp_path: Path) -> None:
    runs = {
        name: [record(tmp_path, name, facts=machine(threads))] for name, threads in (("lora", 1), ("two", 2))
    }
    (finding,) = [one for one in find_in_runs(runs) if one.code == "fewer_threads"]
    assert finding.values["threads"] == "lora 1, two 2"
    (finding,) = [one for one in find_in_runs({"lora": runs["lora"]}) if one.code == "fewer_threads"]
    assert finding.values["threads"] == 1


class Varied(KeepingRunner):
    """Records what a run was told: its threads, and as many steps as its batches make of four examples."""

    def run(self, job: RunJob, on_event: Any) -> None:
        training = job.spec.training
        losses = (4.0, 3.0, 2.0, 1.0)[:: training.batch_size]
        write_scripted_run(
            Path(job.folder), job.spec.method, job.spec.round, 10.0, losses,
            comparison=job.comparison, spec=job.spec, contestant=job.contestant, started=1e9 + len(self.ran),
            facts=machine(training.threads or 2),
        )  # fmt: skip
        self.ran.append(job.run)


@pytest.mark.parametrize(("methods", "threads", "num_steps"), [(("lora",), 2, 4), ((), None, None)])
def test_facts_of_all_are_not_those_of_one(
    tmp_path: Path, methods: tuple[str, ...], threads: int | None, num_steps: int | None
) -> None:
    one = ContestantSpec(name="a", method="lora", training={"threads": 1, "batch_size": 2})
    result = race(tmp_path / "out", make_spec(one, methods=methods, rounds=1), Varied())
    assert (result.machine.get("threads"), result.data.get("num_steps")) == (threads, num_steps)
    assert result.machine["cpu"] == "Test CPU" and result.data["template"] == "qa-ko"


def test_an_ablation_switches_off_what_each_has(tmp_path: Path) -> None:
    without = ContestantSpec(name="headless", method="lora", training={"without": ["head"]})
    runner = AblatedRunner(FACTORS)
    result = compare(make_spec(without, ablate=True), tmp_path / "out", runner, Listener(), "d")
    assert result.complete
    ablated = {one.method: {variant.without for variant in one.variants} for one in result.ablation}
    assert ablated == {
        "lora": {"head", "blocks", "projections", "rows", "plain"},
        "headless": {"blocks", "projections", "rows", "plain"},
    }
    assert runner.jobs["headless-r2-without-rows"].spec.training.without == ("head", "rows")
    assert {"headless-r1-plain", "headless-r2-plain"} <= set(runner.ran)


def test_plain_for_one_leaves_others_something_to_switch_off() -> None:
    spec = msgspec.structs.replace(make_spec(PLAIN, ablate=True), model=ModelSpec())
    assert check_spec(spec)
    with pytest.raises(UserError, match="--ablate: --plain leaves nothing to switch off"):
        check_spec(msgspec.structs.replace(spec, methods=()))
    assert switch_off(RunSpec(method="lora"), "plain").training.plain


@pytest.mark.parametrize(
    ("own", "shared", "message"),
    [
        ({"threads": 99_999}, {}, "--contestant x: --threads 99999: this machine has "),
        ({"without": ["answer_head"]}, {"speedups": ("answer_head",)},
         "--contestant x: --without answer_head: --speedups asks for it; leave one of the two out"),
        ({}, {"learning_rate": {"lora_top": 1e-4}},
         "--learning-rate lora_top: not among the methods lora; leave lora_top= out"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_the_rest_is_refused_by_name(
    own: dict[str, Any], shared: dict[str, Any], message: str
) -> None:
    one = ContestantSpec(name="x", method="lora", training=own)
    with pytest.raises(UserError) as error:
        check_spec(CompareSpec(contestants=(one,), methods=("lora",), training=TrainingSpec(**shared)))
    assert str(error.value).startswith(message)


def test_a_cache_is_checked_for_each() -> None:
    reusing = ContestantSpec(
        name="x", method="lora_top", training={"plain": True}, method_options={"reuse_cache": True}
    )
    with pytest.raises(UserError, match="--contestant x: --reuse-cache: --plain leaves nothing to keep"):
        check_spec(CompareSpec(methods=("lora",), contestants=(reusing,)))


def test_the_disk_is_asked_for_what_each_leaves() -> None:
    narrow, wide = (
        ContestantSpec(name=f"rank{rank}", method="lora", method_options={"lora_rank": rank})
        for rank in (8, 64)
    )
    saved = [
        count_results(list_measured(spec, plan_runs(spec)), SHAPE)[0]
        for spec in (make_spec(narrow, methods=()), make_spec(wide, methods=()))
    ]
    assert saved[1] == 8 * saved[0] > 0


def test_the_precision_of_each_is_asked_before_the_race(tmp_path: Path) -> None:
    runner = KeepingRunner()
    race(tmp_path / "out", make_spec(HALF), runner)
    assert runner.asked[0].precisions == {"": "auto", "--contestant half: ": "bf16"}


def test_a_speedup_that_cannot_apply_is_refused_in_the_name_of_who_asked(tmp_path: Path) -> None:
    runner = ScriptedRunner()
    runner.refuses["lora"] = ("prefix_cache",)
    asking = ContestantSpec(name="asks", method="lora", training={"speedups": ["prefix_cache"]})
    with pytest.raises(UserError, match=r"^--contestant asks: "):
        race(tmp_path / "out", make_spec(asking), runner)
    assert not (tmp_path / "out").exists()


def test_an_interrupted_race_of_contestants_goes_on(tmp_path: Path) -> None:
    spec = make_spec(WIDE, PLAIN)
    with pytest.raises(KeyboardInterrupt):
        race(tmp_path / "out", spec, ScriptedRunner(dies_at="wide-r2"))
    again = ScriptedRunner()
    assert race(tmp_path / "out", spec, again).complete
    assert "wide-r2" in again.ran and "wide-r1" not in again.ran


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ((msgspec.structs.replace(WIDE, method_options={"lora_rank": 32}), PLAIN), "--contestant wide"),
        ((WIDE,), "--contestant plain"),
        ((WIDE, PLAIN, HALF), "--contestant half"),
        ((PLAIN, WIDE), "--contestant in another order"),
        ((msgspec.structs.replace(WIDE, method="full"), PLAIN), "--contestant wide"),
    ],
)
def test_a_changed_contestant_is_refused_by_name(
    tmp_path: Path, changed: tuple[ContestantSpec, ...], named: str
) -> None:
    race(tmp_path / "out", make_spec(WIDE, PLAIN))
    with pytest.raises(UserError) as error:
        race(tmp_path / "out", make_spec(*changed))
    assert str(error.value) == (
        f"--out {tmp_path}/out: begun with other options ({named}); "
        f"give another folder, or the options it was begun with"
    )


def test_a_run_of_another_contestant_is_not_taken_for_its_own(tmp_path: Path) -> None:
    race(tmp_path / "out", make_spec(WIDE, PLAIN, rounds=1))
    runs = tmp_path / "out" / "runs"
    (runs / "wide-r1").rename(runs / "moved")
    (runs / "plain-r1").rename(runs / "wide-r1")
    with pytest.raises(UserError, match=r"wide-r1/record.jsonl: of run plain-r1"):
        collect(tmp_path / "out")


def as_version_3(folder: Path) -> Plan:
    """Turn the plan in `folder` into one of the version before contestants."""
    plan = read_plan(folder)
    plan.version = 3
    plan.spec.pop("contestants", None)
    plan.spec["data"].pop("skip_bad", None)  # and later options
    plan.spec["training"].pop("hang_minutes", None)
    plan.spec["answers"].pop("skip_self_checks", None)
    for options in plan.spec["method_options"].values():
        options.pop("lora_dropout", None)
    (folder / FILE_NAME).unlink()
    write_plan(folder, plan)
    return plan


def test_a_plan_from_before_contestants_is_read_and_gone_on_with(tmp_path: Path) -> None:
    spec = make_spec(methods=("full", "lora"))
    with pytest.raises(KeyboardInterrupt):
        race(tmp_path / "out", spec, ScriptedRunner(dies_at="lora-r2"))
    as_version_3(tmp_path / "out")
    wanted = msgspec.json.decode(msgspec.json.encode(spec))
    assert claim(tmp_path / "out", wanted) is not None
    assert race(tmp_path / "out", spec).complete
    assert name_changes({}, {"contestants": []}) == []


SPEC = as_read(CompareSpec(methods=("lora",), contestants=(WIDE,), method_options=OPTIONS))
SECTIONS = [name for name, part in SPEC.items() if isinstance(part, dict) and name != "method_options"]


@pytest.mark.parametrize(
    ("section", "option"),
    [(section, option) for section in SECTIONS for option in SPEC[section] if option != "plain"]
    + [("lora", option) for option in OPTIONS["lora"]]
    + [
        ("contestants", option)
        for option in as_read(WIDE)
        if option not in {"name", "method", "method_options"}
    ]
    + [("", option) for option in SPEC if option not in {*SECTIONS, "methods", "contestants"}],
)
def test_an_option_that_a_plan_has_not_is_at_its_default(section: str, option: str) -> None:
    """Whatever is added to a spec, a plan of before it can be gone on with."""
    old = copy.deepcopy(SPEC)
    places = {"": old, "lora": old["method_options"]["lora"], "contestants": old["contestants"][0]}
    place = places[section] if section in places else old[section]
    place.pop(option)
    assert name_changes(old, SPEC) == []
    place[option] = "another"
    if option not in {*WITHOUT_EFFECT, "method_options"}:
        assert name_changes(old, SPEC)


def test_before_there_were_speedups_none_ran() -> None:
    old = copy.deepcopy(SPEC)
    old["training"].pop("plain")
    assert name_changes(old, SPEC) == ["--plain"]


def test_a_scripted_comparison_of_version_3_gives_the_same_result(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [20.0, 21.0], "lora": [10.0, 10.1], "lora-2": [10.0, 10.2]})
    before = collect(tmp_path)
    as_version_3(tmp_path)
    after = collect(tmp_path)
    assert after == before
    assert [row.name for row in after.methods] == ["full", "lora", "lora-2"]
