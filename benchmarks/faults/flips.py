"""One bit flipped in any file of a begun training, of a begun comparison, of the base model or of the data.

    python benchmarks/faults/flips.py [--flips N] [--resumptions N] [--jobs N] [--seed N]

A training with checkpoints and a comparison are killed (SIGKILL) in the middle of a run. Then one bit is
flipped in one of their files, a command is followed by its own code (looks.py), and the file is put back: N
times [10000], each file at least 50 times, the rest by size. The verdict on a flip is

    named      refused in one line, or gone on without what is damaged and saying so; either names the file
    harmless   all that would be trained, reported and asked is the same to the last bit
    WRONG      anything else: other work in silence, a traceback, a refusal that names nothing

A flip in spec.json, a configuration file of the user's, counts as named where the line names the option; one
in a file of the base where it names the file, or --model and the folder that the file lies in. Some
of the harmless flips, and of those that are gone on with [--resumptions: 60 and 20], are flipped again and
really gone on with by the command, in a process of its own: weights and steps must be those of the same
command without a flip. The counts are written to benchmarks/results/flips_<processor>.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from begun import Flip, Snapshot, begin, make_tiny_model, second_run, start
from msgspec import Struct
from result_file import write_result

LEAST_FLIPS = 50  # of each file
GO_ON = {
    "run": ["train", "--resume", "run"],
    "race": ["compare", "--config", "race/spec.json", "--out", "race"],
}
TIMED = ("time", "seconds", "parts")


class Outcome(Struct):
    """The verdict on a flip, with what was said or what differs; `goes_on` names the commands that did."""

    flip: Flip
    verdict: str
    note: str = ""
    goes_on: list[str] = []


def choose_flips(snapshot: Snapshot, number: int, rng: random.Random) -> list[Flip]:
    """Return flips: each file at least so often, the rest by size."""
    sizes = {
        path.relative_to(snapshot.home).as_posix(): len(content) for path, content in snapshot.content.items()
    }
    sizes = {name: size for name, size in sorted(sizes.items()) if size}
    least = min(LEAST_FLIPS, number // len(sizes))
    names = [name for name in sizes for _ in range(least)]
    names += rng.choices(list(sizes), weights=list(sizes.values()), k=number - len(names))
    rng.shuffle(names)
    return [Flip(name, rng.randrange(sizes[name]), rng.randrange(8)) for name in names]


class Judge:
    """Follows the commands in a folder of flips, and compares what they come to with what is expected."""

    def __init__(self, snapshot: Snapshot) -> None:
        import looks

        self.snapshot, self.looks = snapshot, looks
        run, race = Path("run"), Path("race")
        self.commands: dict[str, Callable[[], Any]] = {
            "run": partial(looks.resume_training, run), "race": partial(looks.go_on_comparing, race),
            "report of run": partial(looks.report, run), "report of race": partial(looks.report, race),
            "ask of race": partial(looks.ask, race),
        }  # fmt: skip
        self.expected = {name: self.follow(command) for name, command in self.commands.items()}
        if refused := {name: seen.refusal for name, seen in self.expected.items() if seen.refusal}:
            raise SystemExit(f"refused without a flip: {refused}")
        self.known = self.learn_other_starts()

    def follow(self, command: Callable[[], Any]) -> Any:
        """Follow a command and put back what it changed."""
        try:
            return self.looks.look(command)
        finally:
            self.snapshot.restore()

    def learn_other_starts(self) -> list[Any]:
        """Return the pictures of runs that begin anew, or from the checkpoint before the newest."""
        pictures = [picture for seen in self.expected.values() for picture in seen.pictures]
        for home in (Path("run"), *Path("race/runs").iterdir()):
            name = home.parts[0]
            if checkpoints := sorted((home / "checkpoints").glob("step-*")):
                shutil.rmtree(checkpoints[-1])
                pictures += self.follow(self.commands[name]).pictures
            if name == "race":
                shutil.rmtree(home)
                pictures += self.follow(self.commands[name]).pictures
        return pictures

    def judge(self, flip: Flip) -> Outcome:
        """Flip, follow every command that the file may matter to, put back."""
        outcome = Outcome(flip=flip, verdict="harmless")
        top = flip.file.split("/")[0]
        for name, command in self.commands.items():
            if top in ("run", "race") and not name.endswith(top):
                continue
            self.snapshot.flip(flip)
            try:
                seen = self.follow(command)
            except Exception as error:
                return Outcome(
                    flip=flip, verdict="WRONG", note=f"{name}: {type(error).__name__}: {error}"[:500]
                )
            verdict, note = self.compare(name, seen, flip)
            if verdict == "WRONG":
                return Outcome(flip=flip, verdict=verdict, note=f"{name}: {note}"[:500])
            if verdict == "named":
                outcome.verdict, outcome.note = verdict, outcome.note or f"{name}: {note}"
            if not seen.refusal and name in GO_ON:
                outcome.goes_on.append(name)
        return outcome

    def compare(self, name: str, seen: Any, flip: Flip) -> tuple[str, str]:
        """Return the verdict on what one command came to, and why."""
        if seen.refusal:
            one_line = "\n" not in seen.refusal
            by_option = flip.file.startswith("model/") and "--model model: " in seen.refusal
            said = is_named(flip.file, seen.refusal) or flip.file == "race/spec.json" or by_option
            return ("named" if one_line and said else "WRONG"), seen.refusal
        if seen.pictures == self.expected[name].pictures:
            return "harmless", ""
        naming = [line for line in seen.said.splitlines() if is_named(flip.file, line)]
        known = name.startswith(("report", "ask")) or all(picture in self.known for picture in seen.pictures)
        if naming and known:
            return "named", naming[0]
        return "WRONG", tell_difference(self.expected[name].pictures, seen.pictures)


def is_named(file: str, line: str) -> bool:
    """Tell whether a line names a file: by its name, and by its checkpoint or else its run."""
    *folders, name = Path(file).parts
    places = [part for part in folders if part.startswith("step-")]
    places = places or [part for part in folders if part.endswith("-r1") or part == "base"]
    return all(part in line for part in (name, *places))


def tell_difference(expected: Any, found: Any) -> str:
    """Say in which parts the pictures of runs differ."""
    if [run for run, _ in expected] != [run for run, _ in found]:
        return f"other runs: {[run for run, _ in found]}"
    pairs = zip(expected, found, strict=True)
    parts = {name for (_, one), (_, other) in pairs for name in one if one[name] != other[name]}
    return f"differs in silence: {', '.join(sorted(parts))}"


def end_of(name: str) -> Any:
    """Return what a command left: every saved file, and every step, answer and loss without its times."""
    from laptime.runs.record import read_record

    homes = [Path("run")] if name == "run" else sorted(Path("race/runs").iterdir())
    left: dict[str, Any] = {}
    for home in (home for home in homes if "interrupted" not in home.name):
        record = read_record(home)
        if not record.finished:
            return {"unfinished": home.name}
        events = [*record.steps, *record.evaluations, *record.answers]
        kept = [{k: v for k, v in msgspec.to_builtins(event).items() if k not in TIMED} for event in events]
        files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in home.glob("saved/*")}
        left[home.name] = [kept, files]
    return left


def really_go_on(snapshot: Snapshot, name: str, flip: Flip | None) -> Any:
    """Run the command that goes on, in a process of its own; returns what it left, and puts all back."""
    if flip:
        snapshot.flip(flip)
    try:
        code = start(GO_ON[name]).wait()
        return end_of(name) if code == 0 else {"exit code": code}
    finally:
        snapshot.restore()


def work(
    seed: int, flips: int, resumptions: tuple[int, int], home: Path
) -> tuple[list[Outcome], list[Outcome]]:
    """Begin both in a folder of this process, judge its share of the flips, really go on with some."""
    place = home / f"work-{seed}"
    (place / "here").mkdir(parents=True)
    os.chdir(place / "here")
    os.environ |= {"TMPDIR": str(place), "XDG_CACHE_HOME": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    tempfile.tempdir = None
    make_tiny_model(Path("model").absolute())
    begin("run", lambda: path if (path := Path("run/record.jsonl")).exists() else None)
    begin("race", second_run)
    time.sleep(0.5)  # the kernel takes its time to free what the killed held
    os.fsync = lambda descriptor: None  # type: ignore[assignment] # no power goes out here
    snapshot, rng = Snapshot(Path().absolute()), random.Random(seed)
    judge, outcomes = Judge(snapshot), []
    for number, flip in enumerate(choose_flips(snapshot, flips, rng), 1):
        outcomes.append(judge.judge(flip))
        if number % 100 == 0 or outcomes[-1].verdict == "WRONG":
            last = outcomes[-1]
            print(f"{seed}: {number}/{flips} {last.flip.file}: {last.verdict} {last.note}", file=sys.stderr)
    return outcomes, go_on_with_some(snapshot, outcomes, resumptions, rng)


def go_on_with_some(
    snapshot: Snapshot, outcomes: list[Outcome], resumptions: tuple[int, int], rng: random.Random
) -> list[Outcome]:
    """Really go on with flips of each verdict, file after file; returns the verdicts on their ends."""
    expected = {name: really_go_on(snapshot, name, None) for name in GO_ON}
    cases = []
    for verdict, number in zip(("harmless", "named"), resumptions, strict=True):
        # What a run saved stays as it is, flipped bit and all: asking names it, going on does not touch it.
        found = [one for one in outcomes if one.verdict == verdict and "/saved/" not in one.flip.file]
        found = [one for one in found if one.goes_on]
        rng.shuffle(found)
        seen: Counter[str] = Counter()
        ranks = [(seen.update([one.flip.file]) or seen[one.flip.file], one) for one in found]
        cases += [one for _, one in sorted(ranks, key=lambda pair: pair[0])[:number]]
    ends = []
    for case in cases:
        for name in case.goes_on:
            same = really_go_on(snapshot, name, case.flip) == expected[name]
            ends.append(
                Outcome(flip=case.flip, verdict="same" if same else "WRONG", note=f"{case.verdict}: {name}")
            )
            print(f"went on: {case.flip.file}: {ends[-1].note}: {ends[-1].verdict}", file=sys.stderr)
    return ends


def summarise(outcomes: list[Outcome], ends: list[Outcome]) -> dict[str, Any]:
    """Return the figures of the result file."""
    by_file: dict[str, Counter[str]] = {}
    for one in outcomes:
        by_file.setdefault(one.flip.file, Counter()).update([one.verdict])
    bad = [one for one in (*outcomes, *ends) if one.verdict == "WRONG"]
    return {
        "flips": len(outcomes),
        "verdicts": dict(Counter(one.verdict for one in outcomes)),
        "gone_on_with": dict(Counter(f"{one.note.split(':')[0]}, {one.verdict}" for one in ends)),
        "wrong": len(bad),
        "files": {name: dict(counts) for name, counts in sorted(by_file.items())},
        "bad": [msgspec.to_builtins(one) for one in bad[:50]],
    }


def main() -> None:
    """Flip, judge and write the counts; ends with code 1 where anything went wrong in silence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--resumptions", type=int, nargs=2, default=(60, 20))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    share = [-(-number // arguments.jobs) for number in (arguments.flips, *arguments.resumptions)]
    begun = time.time()
    with tempfile.TemporaryDirectory(prefix="flips-") as name, ProcessPoolExecutor(arguments.jobs) as pool:
        seeds = [arguments.seed * arguments.jobs + number for number in range(arguments.jobs)]
        task = partial(work, flips=share[0], resumptions=(share[1], share[2]), home=Path(name))
        parts = list(pool.map(task, seeds))
    figures = summarise(
        [one for part, _ in parts for one in part], [one for _, part in parts for one in part]
    )
    figures["seconds"] = round(time.time() - begun)
    print(
        json.dumps({key: figures[key] for key in ("flips", "verdicts", "gone_on_with", "wrong", "seconds")})
    )
    print(write_result("flips", figures))
    sys.exit(bool(figures["wrong"]))


if __name__ == "__main__":
    main()
