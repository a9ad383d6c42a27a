"""An older comparison beside a new one: invented seconds whose truth is known, refusals, going on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from laptime.comparison import older as older_module
from laptime.comparison.against import digest_work, find_other_machine
from laptime.comparison.collection import collect
from laptime.comparison.older import keep_threads, read_older
from laptime.comparison.race import compare
from laptime.comparison.result import Against, SetBeside
from laptime.data.input_manifest import InputJob, InputManifest
from laptime.errors import UserError
from laptime.hardware.processors import Threads
from laptime.runs.plan import Before, read_plan, write_plan
from laptime.runs.record import FILE_NAME, read_record
from laptime.spec import CompareSpec, ContestantSpec
from tests.comparison.scripted import make_speedups, write_scripted_comparison, write_scripted_run
from tests.comparison.test_race import SPEC, Listener, ScriptedRunner

HERE = {"cpu": "Test CPU", "cores": 2, "memory_bytes": 8_000_000_000}
FACTS = {"cpu": "Test CPU", "cores": 2, "threads": 2, "versions": {"torch": "2"}}
THEN = {"full": (20.0, 20.4, 19.8), "lora": (10.0, 10.2, 9.9)}


@pytest.fixture(autouse=True)
def this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(older_module, "describe_hardware", lambda: HERE)
    monkeypatch.setattr(older_module, "gpu_names", set)


def beside(folder: Path, then: Any, now: Any, changes_then: Any = None, changes: Any = None) -> Against:
    """Return what a scripted comparison of `now` seconds finds beside one of `then` seconds."""
    write_scripted_comparison(folder / "old", then, changes_then)
    write_scripted_comparison(folder / "new", now, changes)
    before = read_older(folder / "old").before
    write_plan(folder / "new", replace(read_plan(folder / "new"), against=before))
    shutil.rmtree(folder / "old")  # nothing of it is needed any more
    against = collect(folder / "new").against
    assert against is not None
    return against


def rows(against: Against) -> dict[str, SetBeside]:
    return {row.contestant: row for row in against.rows}


def runs(name: str, number: int = 3, **arguments: Any) -> dict[str, dict[str, Any]]:
    return {f"{name}-r{round_}": arguments for round_ in range(1, number + 1)}


def test_who_is_slower_and_who_is_as_before(tmp_path: Path) -> None:
    now = {"full": [23.0, 23.3, 22.7], "lora": [10.05, 10.0, 10.1]}
    against = beside(tmp_path, THEN, now)
    full, lora = (rows(against)[name] for name in ("full", "lora"))
    assert (full.verdict, lora.verdict) == ("slower", "about_the_same")
    assert full.train_ratio == pytest.approx((23.0 * 23.3 * 22.7 / (20.0 * 20.4 * 19.8)) ** (1 / 3))
    assert full.train_interval and full.train_interval[0] > 1
    assert (full.train_seconds_before, full.train_seconds) == (20.0, 23.0), "medians"
    assert (full.rounds_before, full.rounds, full.reason) == (3, 3, "")
    assert (full.total_seconds_before, full.total_seconds, full.total_verdict) == (24.0, 27.0, "slower")
    assert against.changes == []
    assert (against.folder, against.laptime) == (str(tmp_path / "old"), "0.1.0")


def test_the_number_of_rounds_may_differ_and_the_way_round_is_kept(tmp_path: Path) -> None:
    now = {"full": [16.0, 16.2, 15.9, 16.1, 16.0], "lora": [9.0, 12.5, 10.0, 14.0, 8.0]}
    against = beside(tmp_path, THEN, now)
    full, lora = (rows(against)[name] for name in ("full", "lora"))
    assert (full.verdict, full.rounds_before, full.rounds) == ("faster", 3, 5)
    assert full.train_interval and full.train_interval[1] < 1
    assert lora.verdict == "not_settled"
    assert lora.train_interval and lora.train_interval[0] < 1 < lora.train_interval[1]


@pytest.mark.parametrize(("then", "now"), [((10.0,), (20.0, 20.1)), ((10.0, 10.1), (20.0,))])
def test_one_round_on_a_side_has_no_interval(
    tmp_path: Path, then: Sequence[float], now: Sequence[float]
) -> None:
    row = rows(beside(tmp_path, {"lora": then}, {"lora": now}))["lora"]
    assert (row.verdict, row.train_interval, row.total_verdict) == ("one_round", None, "one_round")
    assert row.train_ratio == pytest.approx(2.0, rel=0.01)


def test_all_are_judged_together_at_the_higher_confidence(tmp_path: Path) -> None:
    """Holm: the greater doubt keeps the confidence of the comparison; that of --rounds auto is 99 %."""
    now = {"full": [23.0, 23.3, 22.7], "lora": [10.05, 10.0, 10.1]}
    found = rows(beside(tmp_path / "fixed", THEN, now))
    assert [found[name].train_confidence for name in ("full", "lora")] == pytest.approx([0.975, 0.95])
    write_scripted_comparison(tmp_path / "old", THEN)
    plan = read_plan(tmp_path / "old")
    write_plan(tmp_path / "old", replace(plan, spec=plan.spec | {"rounds": "auto"}))
    before = read_older(tmp_path / "old").before
    new = tmp_path / "fixed" / "new"
    write_plan(new, replace(read_plan(new), against=before))
    against = collect(new).against
    assert against and rows(against)["lora"].train_confidence == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("then", "now", "reason"),
    [
        ({}, {"lora-r2": {"other_work_at": 3}}, "other_work"),
        ({}, runs("lora", losses=(4.0, 3.0, 2.0)), "other_work"),
        ({}, runs("lora", model={"compute_dtype": "bfloat16"}), "other_precision"),
        ({}, runs("lora", model={"trainable_parameters": 51}), "other_parameters"),
        ({}, runs("lora", facts=FACTS | {"cpu": "Other CPU"}), "other_machine"),
        (runs("lora", failed="error"), {}, "not_finished_before"),
        ({}, runs("lora", failed="error"), "not_finished"),
    ],
)
def test_why_there_is_no_ratio(tmp_path: Path, then: Any, now: Any, reason: str) -> None:
    found = rows(beside(tmp_path, THEN, THEN, then, now))
    missing = reason.startswith("not_finished")
    lora = found["lora"]
    assert (lora.reason, lora.verdict) == (reason, "not_measured" if missing else "unequal_work")
    assert (lora.train_ratio, lora.train_interval, lora.total_ratio) == (None, None, None)
    assert found["full"].verdict == "about_the_same", "the others have theirs"


def test_one_that_was_not_there_has_no_ratio(tmp_path: Path) -> None:
    found = rows(beside(tmp_path, {"full": THEN["full"]}, THEN))
    assert (found["lora"].reason, found["lora"].rounds_before) == ("not_finished_before", 0)
    assert found["full"].verdict == "about_the_same"


def test_work_without_digests_is_not_shown_to_be_the_same(tmp_path: Path) -> None:
    record = read_record(write_scripted_run(tmp_path, "lora"))
    assert digest_work(record) and digest_work(replace(record, steps=record.steps[1:])) == ""
    assert digest_work(replace(record, steps=[replace(step, digest="") for step in record.steps])) == ""
    less = [replace(step, trained_tokens=7) for step in record.steps]
    assert digest_work(replace(record, steps=less)) not in ("", digest_work(record))


def test_times_are_of_the_rounds_that_all_finished(tmp_path: Path) -> None:
    """As those of the table that they stand beside."""
    against = beside(tmp_path, THEN, THEN, {"full-r2": {"failed": "error"}})
    lora = rows(against)["lora"]
    assert (lora.rounds_before, lora.rounds) == (2, 3)
    assert lora.train_seconds_before == pytest.approx(9.95)


def test_what_has_changed_is_told_with_whom_it_concerns(tmp_path: Path) -> None:
    then = runs("lora", speedups=make_speedups(["fused_blocks"])) | runs("full")
    new_facts = FACTS | {"threads": 1, "versions": {"torch": "3"}, "environment": {"OMP_NUM_THREADS": "1"}}
    now = runs("lora", facts=new_facts, speedups=make_speedups([], ["fused_blocks"]))
    against = beside(
        tmp_path, THEN, THEN, then, now | runs("full", facts=FACTS | {"versions": {"torch": "3"}})
    )
    found = {change.name: (change.before, change.now, change.contestants) for change in against.changes}
    assert found == {
        "torch": ("2", "3", ["full", "lora"]),
        "threads": (2, 1, ["lora"]),
        "environment OMP_NUM_THREADS": (None, "1", ["lora"]),
        "speedup fused_blocks": (True, None, ["lora"]),
    }
    assert rows(against)["lora"].verdict == "about_the_same", "stated, and compared all the same"


def test_a_little_memory_more_or_less_is_the_same_machine() -> None:
    then = {"cpu": "A", "cores": 4, "memory_bytes": 16_000_000_000}
    assert find_other_machine(then, then | {"memory_bytes": 15_700_000_000}) == []
    assert find_other_machine(then, then | {"memory_bytes": 12_000_000_000}) == ["memory_bytes"]
    assert find_other_machine(then, {"cpu": "B", "cores": 2}) == ["cpu", "cores"]
    assert find_other_machine({}, then) == [], "what is not known tells nothing"


# Refusals


def race(
    folder: Path, before: Before | None = None, runner: ScriptedRunner | None = None, **changes: Any
) -> Any:
    spec: CompareSpec = replace(SPEC, **changes)
    return compare(spec, folder, runner or ScriptedRunner(), Listener(), "d", against=before)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"cpu": "Other CPU"}, r"cpu Other CPU, here Test CPU"),
        ({"cores": 64}, r"cores 64, here 2"),
        ({"memory_bytes": 64_000_000_000}, r"memory 64\.0 GB, here 8\.0 GB"),
        ({"gpu": "GPU of then"}, r"gpu GPU of then, here GPU of now"),
    ],
)
def test_another_machine_is_refused_with_both_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], told: str
) -> None:
    monkeypatch.setattr(older_module, "gpu_names", lambda: {"GPU of now"})
    write_scripted_comparison(tmp_path / "old", THEN, runs("lora", facts=FACTS | facts))
    with pytest.raises(
        UserError, match=rf"^--against .*old: done on another machine \({told}\); compare there"
    ):
        read_older(tmp_path / "old")


def test_what_cannot_be_told_of_a_gpu_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"gpu": "NVIDIA H100 80GB HBM3 MIG 1g.10gb"}
    write_scripted_comparison(tmp_path / "old", THEN, runs("lora", facts=FACTS | facts))
    assert read_older(tmp_path / "old")
    monkeypatch.setattr(older_module, "gpu_names", lambda: {"NVIDIA H100 80GB HBM3"})
    assert read_older(tmp_path / "old"), "a slice is of its GPU"


def test_what_is_no_comparison_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    write_scripted_run(tmp_path / "run", "lora")
    for name, what in (("gone", "no such folder"), ("mine", "no comparison"), ("run", "a single training")):
        with pytest.raises(UserError) as error:
            read_older(tmp_path / name)
        assert str(error.value) == f"--against {tmp_path / name}: {what}; give the folder of a comparison"


def test_a_damaged_one_is_refused_by_file_and_line(tmp_path: Path) -> None:
    folder = write_scripted_comparison(tmp_path / "old", THEN)
    record = folder / "runs" / "lora-r2" / FILE_NAME
    whole = record.read_bytes()
    record.write_bytes(whole.replace(b'"train_seconds":10.2', b'"train_seconds":20.2'))
    with pytest.raises(
        UserError, match=rf"^--against {record}:\d+: it does not match its checksum; give the"
    ):
        read_older(folder)
    record.write_bytes(whole)
    assert read_older(folder)
    (folder / "plan.json").write_bytes((folder / "plan.json").read_bytes().replace(b"tiny", b"huge"))
    with pytest.raises(
        UserError, match=r"^--against .*plan\.json: damaged: it does not match its digest; give"
    ):
        read_older(folder)


def test_one_of_contestants_alone_is_read(tmp_path: Path) -> None:
    wide = ContestantSpec(name="wide", method="lora", method_options={"lora_rank": 64})
    race(tmp_path / "old", methods=(), contestants=(wide,))
    assert read_older(tmp_path / "old").spec.methods == ()
    assert read_older(tmp_path / "old").spec.contestants == (wide,)


def test_one_that_has_not_come_to_its_end_is_refused(tmp_path: Path) -> None:
    folder = write_scripted_comparison(tmp_path / "old", THEN)
    record = folder / "runs" / "lora-r2" / FILE_NAME
    record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[:4]))
    with pytest.raises(UserError, match=r"^--against .*old: not finished, lora-r2 still to run; go on there"):
        read_older(folder)


def test_one_without_a_finished_run_and_the_folder_of_out_are_refused(tmp_path: Path) -> None:
    folder = write_scripted_comparison(tmp_path / "old", {"lora": (1.0,)}, runs("lora", failed="error"))
    with pytest.raises(UserError, match=r"^--against .*old: no run of it has finished; finish it first"):
        read_older(folder)
    with pytest.raises(UserError, match=r"^--against .*: --out is the same folder; give a new --out"):
        read_older(folder, tmp_path / "sub" / ".." / "old")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"train_seconds": 1e300}, r"a run that took 1e\+300 s, as none can; leave --against out"),
        ({"train_seconds": 0.0}, r"a run that took 0 s, as none can; leave --against out"),
        ({"facts": FACTS | {"memory_bytes": "much"}}, r"its records hold what cannot be shown \(TypeError"),
    ],
)
def test_impossible_figures_are_refused_before_anything_runs(
    tmp_path: Path, arguments: dict[str, Any], told: str
) -> None:
    write_scripted_comparison(tmp_path / "old", THEN, runs("lora", **arguments))
    with pytest.raises(UserError, match=rf"^--against .*old: {told}"):
        read_older(tmp_path / "old")


def test_options_of_another_version_are_refused_in_one_line(tmp_path: Path) -> None:
    folder = write_scripted_comparison(tmp_path / "old", THEN)
    plan = read_plan(folder)
    write_plan(folder, replace(plan, spec=plan.spec | {"warp": 9}))
    with pytest.raises(UserError, match=r"done by laptime 0\.1\.0 with options that this one does not have"):
        read_older(folder)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"data": {"name": "ten", "records_digest": "e", "num_records": 2}},
            "--data builtin: other examples",
        ),
        ({"data": {"records_digest": "d", "digest": "e"}}, "--data builtin: the examples give other tokens"),
        ({"model_digest": "n"}, "--model tiny: another model"),
    ],
)
def test_other_inputs_are_refused_when_the_preparation_has_told(
    tmp_path: Path, changed: dict[str, Any], line: str
) -> None:
    class Changed(ScriptedRunner):
        def prepare(self, job: InputJob) -> InputManifest:
            return replace(super().prepare(job), **changed)

    race(tmp_path / "old")
    before = read_older(tmp_path / "old").before
    before = replace(before, data=before.data | {"digest": "d"})
    runner = Changed()
    with pytest.raises(UserError) as error:
        race(tmp_path / "new", before, runner)
    assert str(error.value) == (
        f"{line} than in --against {tmp_path / 'old'}; put back what was there, or leave --against out"
    )
    assert runner.ran == [] and not (tmp_path / "new").exists()


# Going on


def test_it_goes_on_when_the_older_one_is_gone(tmp_path: Path) -> None:
    """With --against given again, and without; another one is refused."""
    old, new = tmp_path / "old", tmp_path / "new"
    race(old)
    older = read_older(old)
    with pytest.raises(KeyboardInterrupt):
        race(new, older.before, ScriptedRunner(dies_at="lora-r2"))
    shutil.rmtree(old)
    kept = read_older(old, new)
    assert kept == older, "from what the new plan has kept"
    with pytest.raises(UserError, match="no such folder"):
        read_older(tmp_path / "another", new)
    with pytest.raises(KeyboardInterrupt):
        race(new, kept.before, ScriptedRunner(dies_at="lora-r3"))
    race(tmp_path / "other")
    other = read_older(tmp_path / "other").before
    for before in (other, replace(other, created=0.0)):
        with pytest.raises(
            UserError, match=r"^--against .*other: .*new was begun beside .*old, begun 20.* with"
        ):
            race(new, before)
    result = race(new)
    assert result.complete and result.against
    assert {row.verdict for row in result.against.rows} == {"not_settled"}
    assert [row.train_ratio for row in result.against.rows] == pytest.approx([1.0, 1.0])
    assert collect(new) == result


def test_one_that_was_begun_without_stays_so(tmp_path: Path) -> None:
    race(tmp_path / "old")
    race(tmp_path / "other")
    before = read_older(tmp_path / "old").before
    with pytest.raises(UserError, match=r"^--against .*old: .*other was begun without --against; give a new"):
        race(tmp_path / "other", before)
    assert read_plan(tmp_path / "other").against is None


def test_the_older_one_may_have_got_more_rounds_meanwhile(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    race(old)
    before = read_older(old).before
    with pytest.raises(KeyboardInterrupt):
        race(new, before, ScriptedRunner(dies_at="lora-r2"))
    result = race(new, replace(before, racers=[]))
    assert result.complete and result.against
    assert all(row.rounds_before == 3 for row in result.against.rows), "what was kept at the beginning"


def test_as_many_threads_as_before_unless_they_are_named() -> None:
    free = Threads(number=2, cores=2, free=2)
    before = Before(
        id="a", folder="old", created=0.0, laptime="0", confidence=0.95, data={}, model_digest="",
        threads=Threads(number=1, cores=2, why="busy"), racers=[],
    )  # fmt: skip
    kept = keep_threads(free, before)
    assert kept == Threads(number=1, cores=2, free=2, why="before")
    assert str(kept) == "1 thread (as in the comparison that this one is set beside)"
    for threads in (Threads(number=2, cores=2, why="asked"), Threads(number=2, cores=2, why="environment")):
        assert keep_threads(threads, before) == threads
    assert keep_threads(free, None) == keep_threads(free, replace(before, threads=None)) == free
    assert keep_threads(None, before) is None


def test_a_new_comparison_has_the_threads_of_the_older_one(tmp_path: Path) -> None:
    race(tmp_path / "old")
    before = replace(read_older(tmp_path / "old").before, threads=Threads(number=1, cores=2))
    listener = Listener()
    free = Threads(number=2, cores=2, free=2)
    compare(SPEC, tmp_path / "new", ScriptedRunner(), listener, "d", free, against=before)
    plan = read_plan(tmp_path / "new")
    assert plan.threads == replace(free, number=1, why="before") and plan.against == before
    assert "1 thread (as in the comparison that this one is set beside)" in listener.heard
    (line,) = [line for line in listener.heard if line.startswith("set beside ")]
    assert line.startswith(f"set beside {tmp_path / 'old'}, begun 20") and " with laptime 0.1" in line
