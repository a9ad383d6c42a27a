"""Out of memory: foreseen, caught in the run, or a silent death; each time with what would fit."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.hardware import device_memory as training_memory
from laptime.hardware import system_memory
from laptime.memory_advice import find_remedies
from laptime.memory_estimate import SPARE, MemoryEstimate
from laptime.methods.method import make_method
from laptime.models.shape import Shape
from laptime.runs.events import Failed, Memory, Phase, Started
from laptime.runs.exit_reason import find_silent_death, means_shortage, tell_shortage
from laptime.runs.record import FILE_NAME, RecordWriter, read_record
from laptime.training.checkpoint import find_newest
from laptime.training.failure import DoesNotFitError, classify, refuse_what_cannot_fit
from laptime.training.optimizer import Optimizer
from tests.speedups import runs
from tests.training.test_resume import attempt, make_job, saved

GB = 10**9
LLAMA_1B = Shape(
    architecture="LlamaForCausalLM",
    hidden_size=2048,
    num_layers=16,
    vocabulary_size=128_256,
    num_parameters=1_235_814_400,
    linears={
        f"model.layers.{layer}.{name}": size
        for layer in range(16)
        for name, size in {
            "q_proj": (2048, 2048), "k_proj": (2048, 512), "v_proj": (2048, 512), "o_proj": (2048, 2048),
            "gate_proj": (2048, 8192), "up_proj": (2048, 8192), "down_proj": (8192, 2048),
        }.items()
    } | {"lm_head": (2048, 128_256)},
    head="lm_head",
)  # fmt: skip


def demand(method: str = "full", **changes: Any) -> MemoryEstimate:
    """A job on the CPU: eight examples of 1024 tokens at a time."""
    settings: dict[str, Any] = {"element_bytes": 4, "batch_size": 8, "longest": 1024, "packs": True}
    return MemoryEstimate(shape=LLAMA_1B, method=make_method(method, {}), **settings | changes)


def test_the_reference_job_needs_what_it_was_reported_to_need() -> None:
    assert demand().fixed_bytes == 16 * 1_235_814_400, "19.8 GB in fp32, before any activation"
    assert demand(element_bytes=2).fixed_bytes == 16 * 1_235_814_400, "bf16 keeps float32 masters"
    lora = demand("lora")
    assert lora.fixed_bytes == 4 * 1_235_814_400 + 16 * 11_272_192


def test_the_estimate_is_near_what_was_measured() -> None:
    """Peaks of a 180 M model on a CPU in fp32, batches of 284 and 1164 tokens: 4.19, 5.67, 1.98, 3.97 GB."""
    shape = Shape(
        architecture="LlamaForCausalLM", hidden_size=576, num_layers=30, vocabulary_size=128_256,
        num_parameters=180_078_912,
        linears={
            f"model.layers.{layer}.{name}": size
            for layer in range(30)
            for name, size in {
                "q_proj": (576, 576), "k_proj": (576, 192), "v_proj": (576, 192), "o_proj": (576, 576),
                "gate_proj": (576, 1536), "up_proj": (576, 1536), "down_proj": (1536, 576),
            }.items()
        },
        head=None,
    )  # fmt: skip
    measured = {("full", 284): 4.19, ("full", 1164): 5.67, ("lora", 284): 1.98, ("lora", 1164): 3.97}
    for (method, num_tokens), peak in measured.items():
        one = MemoryEstimate(
            shape=shape, method=make_method(method, {}), element_bytes=4, batch_size=1, longest=num_tokens,
            packs=True,
        )  # fmt: skip
        assert one.needed_bytes(10**12) / GB == pytest.approx(peak, rel=0.25)


@pytest.mark.parametrize("available_gb", [4, 6, 8, 12, 16, 24, 30, 40])
@pytest.mark.parametrize("method", ["full", "lora", "lora_top"])
def test_what_would_fit_fits(method: str, available_gb: int) -> None:
    asked = demand(method, recomputes=False)
    for advice in find_remedies(asked, available_gb * GB):
        estimate = float(re.search(r"\(([\d.]+) GB\)$", advice)[1])  # type: ignore[index]
        assert estimate <= SPARE * available_gb + 0.05
        assert estimate * GB < asked.needed_bytes(available_gb * GB)


def test_advice_begins_with_what_changes_no_result() -> None:
    roomy = find_remedies(demand(recomputes=False), 40 * GB)
    assert [advice.rpartition(" (")[0] for advice in roomy] == [
        "--gradient-checkpointing",
        "--batch-size 4 --gradient-accumulation 2",
        "--precision bf16",
        "--max-length 512",
    ]
    assert find_remedies(demand(), 16 * GB) == ["lora instead of full (10.5 GB)"]
    tight = find_remedies(demand(), 5 * GB)
    assert len(tight) == 1 and tight[0].startswith("lora instead of full + --without prepacked_weights")
    assert "--precision bf16" in tight[0]
    assert find_remedies(demand(), 2 * GB) == [], "nothing of this model fits 2 GB"


def test_a_machine_without_half_precision_is_not_advised_to_use_it() -> None:
    assert not any("precision" in one for one in find_remedies(demand(half=None, recomputes=False), 40 * GB))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.make_base(tmp_path_factory.mktemp("base"))


def test_a_run_that_surely_does_not_fit_is_refused_before_it_loads(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_memory, "free_bytes", lambda swap=False: 0)
    monkeypatch.setattr(training_memory, "read_kilobytes", lambda lines, name: 100_000)
    with pytest.raises(DoesNotFitError) as error:
        runs.train(base, tmp_path / "run", "full")
    memory = read_record(tmp_path / "run").memory
    assert memory and memory.available_bytes == 100_000 and memory.fixed_bytes > 100_000
    assert read_record(tmp_path / "run").phases == read_record(tmp_path / "run").phases[:1], "only the import"
    reason, line = classify(error.value, memory)
    assert reason == "out_of_memory"
    assert re.fullmatch(
        r"[\d.]+ GB needed for weights, gradients and optimizer alone, 0\.0 GB there; nothing smaller of "
        r"this model would fit: take a smaller model or more memory",
        line,
    )


def test_swap_space_counts_before_a_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_memory, "free_bytes", lambda swap=False: 5 * GB if swap else 1 * GB)
    memory = Memory(device="cpu", available_bytes=GB, needed_bytes=4 * GB, fixed_bytes=3 * GB)
    refuse_what_cannot_fit(memory, torch.device("cpu"))
    with pytest.raises(DoesNotFitError):
        refuse_what_cannot_fit(replace(memory, fixed_bytes=9 * GB), torch.device("cpu"))


MEMORY = Memory(
    device="cpu",
    available_bytes=8 * GB,
    needed_bytes=20 * GB,
    fixed_bytes=19 * GB,
    would_fit=["--precision bf16 (7.1 GB)", "lora instead of full (5.5 GB)"],
)
WOULD_FIT = (
    "20.0 GB needed by estimate, 8.0 GB there; "
    "would fit: --precision bf16 (7.1 GB), lora instead of full (5.5 GB)"
)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("could not create a memory object"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_way_to_say_it_is_understood(error: Exception) -> None:
    assert classify(error, MEMORY, {"vm_hwm": 7 * GB}) == ("out_of_memory", f"peak 7.0 GB, {WOULD_FIT}")


def test_a_loader_that_hides_it_is_seen_through() -> None:
    try:
        try:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        except RuntimeError:
            raise UserError("--model m: cannot be loaded (DefaultCPUAllocator ...)") from None
    except UserError as error:
        assert classify(error, MEMORY)[0] == "out_of_memory"
    quoted = UserError("--data out of memory.jsonl: no such file")
    assert classify(quoted, MEMORY) == ("refused", str(quoted))


def test_on_a_gpu_its_own_counter_is_told() -> None:
    on_gpu = replace(MEMORY, device="cuda")
    line = classify(torch.OutOfMemoryError("x"), on_gpu, {"vm_hwm": GB, "cuda_reserved": 6 * GB})[1]
    assert line.startswith("peak 6.0 GB, ")


CHILD = """
import resource, sys
from pathlib import Path
from laptime.startup.imports import defer_imports
defer_imports()
import laptime.training.run as run
import torch
allowed = int(sys.argv.pop(2))

train = run.train
def limited(*arguments, **options):
    status = Path("/proc/self/status").read_text().splitlines()
    used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmSize:"))
    resource.setrlimit(resource.RLIMIT_AS, (used + allowed, used + allowed))
    kept = []
    while True:
        kept.append(torch.ones(50_000_000))
run.train = limited
run.main()
"""


def test_an_allocator_that_gives_no_more_ends_in_that_row(base: Path, tmp_path: Path) -> None:
    """A real limit of the system, in a process of its own, while it trains."""
    from laptime.runs.job import JOB_FILE, RunJob
    from laptime.runs.process import write_first_line
    from laptime.spec import ModelSpec, RunSpec, TrainingSpec
    from laptime.util.atomic import write_json

    spec = RunSpec(
        method="full", model=ModelSpec(model=str(base / "model")), training=TrainingSpec(device="cpu")
    )
    job = RunJob(run="full-r1", spec=spec, folder=str(tmp_path), inputs=str(base / "inputs"))
    write_json(tmp_path / JOB_FILE, job)
    write_first_line(job)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / JOB_FILE), str(1 << 29)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    failed = read_record(tmp_path).failed
    assert failed and failed.reason == "out_of_memory"
    assert re.match(r"peak [\d.]+ GB, [\d.]+ GB needed by estimate, [\d.]+ GB there; ", failed.message)
    assert failed.peak_bytes["vm_hwm"] > GB / 2


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError()])
def test_the_checkpoint_before_it_goes_on_to_the_same_result(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The allocator gives no more in step 6 of 10; then there is memory again."""
    settings = {"precision": "fp32", "save_every": "2"}
    jobs = [make_job(base, tmp_path / name, "full", {}, **settings) for name in ("whole", "short")]
    attempt(jobs[0])
    step = Optimizer.step
    left = iter(range(6))

    def starve(self: Optimizer, *arguments: Any) -> Any:
        if next(left) == 5:
            raise error
        return step(self, *arguments)

    monkeypatch.setattr(Optimizer, "step", starve)
    with pytest.raises(type(error)):
        attempt(jobs[1])
    monkeypatch.undo()
    newest, unusable = find_newest(tmp_path / "short" / "checkpoints")
    assert newest and (newest.state.step, unusable) == (4, [])
    assert [step.step for step in attempt(jobs[1]).resumptions] == [4]
    assert saved(tmp_path / "short") == saved(tmp_path / "whole")


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A run that died after its loading."""
    (tmp_path / "log.txt").write_text("")
    writer = RecordWriter(tmp_path)
    writer.write(Started(laptime="0", run="full-r1", method="full", round=1, spec={}))
    writer.write(replace(MEMORY))
    writer.write(Phase(name="load", seconds=1.0, peak_bytes={"vm_hwm": 5 * GB}))
    writer.close()
    return tmp_path


def test_the_systems_count_tells_who_was_killed_for_memory(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laptime.runs.exit_reason.count_oom_kills", lambda: 4)
    failure = find_silent_death(begun, -signal.SIGKILL, 7 * GB, oom_kills_before=3)
    assert failure
    assert (failure.reason, failure.message) == (
        "out_of_memory", f"the system ended it: peak 7.0 GB, {WOULD_FIT}",
    )  # fmt: skip
    assert failure.peak_bytes["vm_hwm"] == 7 * GB


def test_a_resumed_run_dies_of_its_own_cause(begun: Path) -> None:
    """Not of what stopped the attempt before it."""
    writer = RecordWriter(begun)
    writer.write(Failed(reason="interrupted", message="stopped after step 2", signal=15))
    before = (begun / FILE_NAME).stat().st_size
    assert find_silent_death(begun, 128 + 15) is None
    failure = find_silent_death(begun, -signal.SIGKILL, begun_at=before)
    assert failure and failure.reason in ("killed", "out_of_memory")
    assert read_record(begun).failed == failure
    assert find_silent_death(begun, 1, begun_at=before) is None


def test_what_fits_by_estimate_is_not_told_to_be_smaller() -> None:
    fits = replace(MEMORY, needed_bytes=GB, would_fit=[])
    told = tell_shortage(fits, {"vm_hwm": GB})
    assert told.startswith("peak 1.0 GB, 1.0 GB needed by estimate, 8.0 GB there; by estimate it fits: look")
    assert "nothing smaller" in tell_shortage(replace(MEMORY, would_fit=[]), {})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (3, 3, "ended by SIGKILL; not for want of memory, by the system's count"),
        (None, None, f"ended by SIGKILL; often the system is out of memory: peak 5.0 GB, {WOULD_FIT}"),
    ],
)
def test_another_kill_is_called_a_kill(
    begun: Path, monkeypatch: pytest.MonkeyPatch, before: int | None, after: int | None, expected: str
) -> None:
    monkeypatch.setattr("laptime.runs.exit_reason.count_oom_kills", lambda: after)
    failure = find_silent_death(begun, -signal.SIGKILL, 0, oom_kills_before=before)
    assert failure and (failure.reason, failure.message) == ("killed", expected)


def test_an_abort_for_want_of_memory_is_read_from_the_log(begun: Path) -> None:
    (begun / "log.txt").write_text("terminate called after throwing an instance of 'std::bad_alloc'\n")
    failure = find_silent_death(begun, -signal.SIGABRT)
    assert failure and failure.reason == "out_of_memory"
    assert not means_shortage("ended as it should")


def make_files(folder: Path, contents: dict[str, str]) -> None:
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


@pytest.mark.parametrize("version", [1, 2])
def test_the_limits_of_a_container_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    meminfo = "MemTotal: 64000000 kB\nMemAvailable: 50000000 kB\nSwapFree: 1000000 kB\n"
    if version == 2:
        own = {
            "a/memory.max": "8000000000\n", "a/memory.current": "3000000000\n",
            "a/memory.stat": "anon 1\ninactive_file 500000000\n", "a/b/memory.max": "max\n",
            "a/b/memory.current": "1\n", "a/b/memory.events": "low 0\noom 2\noom_kill 2\n",
        }  # fmt: skip
        line = "0::/a/b\n"
    else:
        own = {
            "memory/a/memory.limit_in_bytes": "8000000000\n",
            "memory/a/memory.usage_in_bytes": "3000000000\n",
            "memory/a/memory.stat": "cache 1\ntotal_inactive_file 500000000\n",
            "memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/a/b/memory.usage_in_bytes": "1\n",
            "memory/a/b/memory.oom_control": "under_oom 0\noom_kill 2\n",
        }  # fmt: skip
        line = "3:cpuset:/\n4:memory:/a/b\n"
    make_files(proc, {"meminfo": meminfo, "self/cgroup": line, "self/status": "VmSize: 1 kB\n"})
    make_files(groups, own)
    monkeypatch.setattr(system_memory, "PROC", proc)
    monkeypatch.setattr(system_memory, "CGROUPS", groups)
    assert system_memory.free_bytes() == 5_500_000_000
    assert system_memory.count_oom_kills() == 2


def test_a_machine_that_tells_nothing_is_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_memory, "PROC", tmp_path)
    assert system_memory.free_bytes() is None
    assert system_memory.count_oom_kills() is None


def test_ulimit_counts() -> None:
    code = (
        "import resource, laptime.hardware.system_memory as m;"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9,) * 2); print(m.free_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 10**9 < json.loads(done.stdout) < 3 * 10**9
