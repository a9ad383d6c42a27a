"""Laptime from Python: what the commands do, with typed results; nothing is printed unless it is asked for.

    import laptime
    race = laptime.compare(model="meta-llama/Llama-3.2-1B", data="train.jsonl", methods=["full", "lora"])
    print(race.headline, race.report)

Options have the names of the command line's, with underscores. Importing this imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from laptime.comparison.checks import check_spec
from laptime.comparison.older import Older, read_older
from laptime.comparison.result import ComparisonResult
from laptime.errors import UserError
from laptime.hardware.processors import Look
from laptime.options.commands import by_name, compare_options, tracker_names, train_options
from laptime.options.entrants import choose_entrants
from laptime.options.flags import check_options, options_by_method, section_values, sections
from laptime.options.left_out import choose_methods, tell_left_out
from laptime.report.headline import write_headline
from laptime.report.language import choose_language
from laptime.report.progress import watch
from laptime.report.screen import console
from laptime.runs.between import add_between
from laptime.runs.checks import check_training
from laptime.runs.folder import refuse_records_alone
from laptime.runs.given_team import refuse_given
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import Before
from laptime.runs.runner import Listener
from laptime.runs.spec_changes import name_changes
from laptime.session import Kind, Session, Silence, choose_place, gather_result, run
from laptime.spec import CompareSpec, RunSpec, flag, flatten, flatten_run
from laptime.trackers.tracker import check_trackers
from laptime.util.atomic import as_read


class Results(Struct, frozen=True, kw_only=True):
    """What a comparison or a training left in `folder`; `result` has every figure (docs/record.md)."""

    folder: Path
    result: ComparisonResult

    def __repr__(self) -> str:
        return f"<laptime.Results in {self.folder}: {self.headline}>"

    @property
    def headline(self) -> str:
        """The first sentence of the report, in English."""
        return write_headline(self.result, choose_language("en", self.result)).text

    @property
    def report(self) -> Path:
        """The page."""
        from laptime.report.page import HTML_NAME

        return self.folder / HTML_NAME

    @property
    def saved(self) -> dict[str, Path]:
        """The folder of the first saved result of each that raced, for PEFT or transformers to load."""
        return {
            each.name: self.folder / each.saved_paths[0] for each in self.result.methods if each.saved_paths
        }

    @property
    def failures(self) -> dict[str, str]:
        """Why runs failed, by the name of the run."""
        return {
            failure.run: f"{failure.reason}: {failure.message}"
            for each in self.result.methods
            for failure in each.failures
        }


def compare(*, listener: Listener | None = None, progress: bool = False, **options: Any) -> Results:
    """Race methods, as `laptime compare` does; with the same `out` it goes on with what is there.

    `options` are those of the command (methods, data, epochs, lora_rank, out, ...); `contestants` is a list
    of tables with name, method and options. `listener` hears of every run and step, `progress` prints what
    the command prints. A run that fails stays as a row, in `failures` too. Raises UserError for what the
    command refuses, and KeyboardInterrupt when it is interrupted: finished runs are kept.
    """
    refuse_given("laptime.compare")
    values = check_options(plain(options), by_name(compare_options()), "laptime.compare: ")
    return _run(open_comparison(values), listener, progress)


def train(*, listener: Listener | None = None, progress: bool = False, **options: Any) -> Results:
    """Train once with one method, as `laptime train` does; `resume` names a folder to go on with.

    Arguments and errors are those of `compare`, with `method` in the place of `methods`.
    """
    refuse_given("laptime.train")
    values = check_options(plain(options), by_name(train_options()), "laptime.train: ")
    return _run(open_training(values), listener, progress)


def read(folder: str | PathLike[str]) -> Results:
    """Read what a comparison or a training has left so far; raises UserError where `folder` holds neither."""
    return Results(folder=Path(folder), result=gather_result(Path(folder)))


def open_comparison(values: Mapping[str, Any]) -> Session:
    """Return the session of a comparison from the values of its options, all of them checked."""
    look = Look()
    if values.get("out"):  # before its options, whose paths lead nowhere from here
        refuse_records_alone(Path(values["out"]))
    spec, against = race_job(values)
    check_trackers(tracker_names(values), values.get("track_live", False))
    folder = choose_place(values.get("out"), "compare")
    digest = check_spec(spec, begins=not (folder / PLAN_FILE).exists())
    session = _open("compare", spec, digest, values, folder, look, against)
    return session if against else replace(session, notes=tuple(tell_left_out(values)))


def open_training(values: Mapping[str, Any]) -> Session:
    """Return the session of one training from the values of its options, all of them checked."""
    look = Look()
    resumed = values.get("resume")
    values = {name: value for name, value in values.items() if name != "resume"}
    spec = resumed_spec(Path(resumed), values) if resumed else single_spec(values)
    check_trackers(tracker_names(values), values.get("track_live", False))
    digest = check_training(spec)
    kind: Kind = "resumed" if resumed else "train"
    return _open(kind, spec, digest, values, choose_place(resumed or values.get("out"), kind), look)


def _open(
    kind: Kind,
    spec: CompareSpec | RunSpec,
    digest: str,
    values: Mapping[str, Any],
    folder: Path,
    look: Look,
    against: Before | None = None,
) -> Session:
    """Return a session whose options were checked, with its folder."""
    return Session(
        kind=kind,
        spec=spec,
        folder=folder,
        examples_digest=digest,
        look=look,
        waits=values.get("wait", False),
        against=against,
        trackers=tracker_names(values),
        follows=values.get("track_live", False),
        lang=values.get("lang"),
    )


def race_job(values: Mapping[str, Any]) -> tuple[CompareSpec, Before | None]:
    """Return the spec of a comparison, and the older one that it is set beside; raises UserError."""
    if "against" not in values:
        return race_spec(values), None
    older = read_older(Path(values["against"]), Path(values["out"]) if "out" in values else None)
    return again_spec(older, values), older.before


def race_spec(values: Mapping[str, Any]) -> CompareSpec:
    """Return the spec of a comparison from its options; raises UserError."""
    chosen = section_values(CompareSpec, values)
    methods, contestants = choose_entrants(values, choose_methods(values, chosen.methods))
    spec = CompareSpec(
        methods=methods,
        contestants=contestants,
        rounds=chosen.rounds,
        minutes=chosen.minutes,
        ablate=chosen.ablate,
        tune=chosen.tune,
        explain=chosen.explain,
        target_loss=chosen.target_loss,
        moments=chosen.moments,
        **sections(values),
        method_options=options_by_method(values, [*methods, *(one.method for one in contestants)]),
    )
    return add_between(spec)


def single_spec(values: Mapping[str, Any]) -> RunSpec:
    """Return the spec of one run from its options; raises UserError."""
    from laptime.methods.method import find_methods, tell_no_method

    method = values.get("method", "lora")
    if method not in find_methods():
        raise UserError(tell_no_method("--method", method))
    options = options_by_method(values, (method,)).get(method, {})
    return RunSpec(method=method, **sections(values), method_options=options)


def resumed_spec(folder: Path, values: Mapping[str, Any]) -> RunSpec:
    """Return the spec of the run in `folder`; raises UserError for an option that is given otherwise now."""
    from laptime.runs.resumption import check_place, read_begun, refuse_changes

    if Path(values.get("out", folder)) != folder:
        raise UserError(f"--out {values['out']}: --resume goes on in {folder}; leave one of the two out")
    begun = read_begun(folder)
    spec = single_spec(flatten_run(begun) | dict(values))
    refuse_changes(folder, begun, spec)
    check_place(folder, begun)
    return spec


ENTRANTS = frozenset({"methods", "contestants", "trainers", "as_it_comes"})
ROUNDS = frozenset({"rounds", "minutes"})  # how often a job is done is no part of it
TRUST = ("trust_remote_code", "allow_pickled_weights")  # nobody trusts a model because a folder says so


def again_spec(older: Older, values: Mapping[str, Any]) -> CompareSpec:
    """Return the spec of the job of an older comparison, done again.

    Raises UserError for an option of the job that is given otherwise now.
    """
    place = f"--against {older.before.folder}: "
    begun = check_options(as_read(flatten(older.spec)), by_name(compare_options()), place)
    for name in TRUST:
        if begun.get(name) and name not in values:
            raise UserError(f"{place}its job has {flag(name)}; give it again, where you trust the model")
    job = race_spec(begun)  # with the options that its methods have got since
    _refuse_changes(place, job, _enter(job, begun, values))
    if ROUNDS & values.keys():
        begun = {name: value for name, value in begun.items() if name not in ROUNDS}
    spec = race_spec(begun | {name: value for name, value in values.items() if name not in ENTRANTS})
    _refuse_changes(place, job, spec)
    return spec


def _enter(older: CompareSpec, begun: Mapping[str, Any], values: Mapping[str, Any]) -> CompareSpec:
    """Return the older spec with those racing that `values` names, where it names some."""
    given = {name: value for name, value in values.items() if name in ENTRANTS}
    if not given:
        return older
    racing = older.methods or tuple(dict.fromkeys(one.method for one in older.contestants))
    known = {name: begun[name] for name in ("methods", "contestants") if name in begun}
    named = {"methods": racing} if "trainers" in given else known
    merged = named | given
    wanted = choose_methods({**begun, **merged}, merged.get("methods", ()))
    methods, contestants = choose_entrants(merged, wanted)
    return add_between(replace(older, methods=methods, contestants=contestants))


def _refuse_changes(place: str, older: CompareSpec, spec: CompareSpec) -> None:
    """Raise UserError, naming the options, where `spec` is not the job of the older comparison."""
    changed = name_changes(as_read(older), as_read(spec))
    # What lies elsewhere now may be the same: the preparation's digests tell.
    free = {*map(flag, ROUNDS), "--data", "--held-out", "--model", "--chat-template"}
    if changed := [name for name in changed if name not in free]:
        them = "it" if len(changed) == 1 else "them"
        raise UserError(f"{place}done with other options ({', '.join(changed)}); leave {them} out")


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a config file would hold them: paths as text, tuples as lists, without None."""

    def simplify(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [simplify(item) for item in value]
        return str(value) if isinstance(value, PathLike) else value

    given = {name: simplify(value) for name, value in options.items() if value is not None}
    return {name: value for name, value in given.items() if (name, value) != ("contestants", [])}


def _run(session: Session, listener: Listener | None, progress: bool) -> Results:
    """Run and render; the trackers are told."""
    from laptime.report.page import find_language, render_report
    from laptime.trackers.publication import publish

    folder = session.folder
    lang = session.lang or find_language(folder)
    shown = watch(console(lasting=True), session.spec, folder, lang) if progress else Silence()
    hears = listener or shown
    result = run(session, hears)
    render_report(folder, session.lang)
    for line in publish(folder, session.trackers) if session.trackers else ():
        hears.say(line)
    if session.trackers:
        render_report(folder, session.lang)  # with the addresses of what was published
    return Results(folder=folder, result=result)
