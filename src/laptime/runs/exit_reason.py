"""What became of a process that ended without a last line of its own, and where memory ran short."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from msgspec.structs import replace

from laptime.credentials import hide
from laptime.hardware.system_memory import count_oom_kills
from laptime.runs.events import Failed, FailureReason, Finished, Memory
from laptime.runs.job import LOG_FILE
from laptime.runs.record import FILE_NAME, RecordWriter, RunRecord, read_record
from laptime.runs.record_lines import decode_events

SILENCE = "no output"  # of a process whose log is empty
LOST = "lost the others: "  # what a process of several says where another one is gone
RAISED = (1, 2)  # exit codes of Python and of ours for what was raised and could not be recorded
LITTLE_BYTES = 1_000_000  # a disk with less room takes neither log nor record
# What allocators say, in lower case: torch, libc, C++, the kernel, cuBLAS, oneDNN.
SHORTAGE = (
    "can't allocate memory", "cannot allocate memory", "out of memory", "bad_alloc", "alloc_failed",
    "could not create a memory object", "unable to mmap",
)  # fmt: skip


def find_silent_death(
    folder: Path, code: int, peak_bytes: int = 0, oom_kills_before: int | None = None, begun_at: int = 0
) -> Failed | None:
    """Append and return a failure for a run that ended without a last line of its own.

    `peak_bytes` is the most memory that it was seen to hold, `oom_kills_before` the system's count of kills
    for want of memory when it began, `begun_at` the byte of the record where this attempt began.
    """
    own = decode_events((folder / FILE_NAME).read_bytes()[begun_at:])
    if any(isinstance(event, (Failed, Finished)) for event in own):
        return None
    record = read_record(folder)
    peaks = last_peaks(record)
    peaks["vm_hwm"] = max(peaks.get("vm_hwm", 0), peak_bytes)
    reason, message = explain(folder, code, record.memory, peaks, oom_kills_before)
    return append_last(folder, Failed(reason=reason, message=message, peak_bytes=peaks))


def append_last(folder: Path, failure: Failed) -> Failed:
    """Append and return the failure of a run that could not tell of it, with the step that it had come to."""
    record = read_record(folder)
    step = record.steps[-1].step if failure.step is None and record.steps else failure.step
    peaks = last_peaks(record) | failure.peak_bytes
    failure = replace(failure, step=step, peak_bytes={name: peak for name, peak in peaks.items() if peak})
    append(folder, failure)
    return failure


def append(folder: Path, failure: Failed) -> None:
    """Write the last line of a record."""
    writer = RecordWriter(folder)
    writer.write(failure)
    writer.close()


def last_peaks(record: RunRecord) -> dict[str, int]:
    """Return the memory counters at the end of the last phase that ended."""
    return dict(record.phases[-1].peak_bytes) if record.phases else {}


def explain(
    folder: Path, code: int, memory: Memory | None, peaks: dict[str, int], oom_kills_before: int | None
) -> tuple[FailureReason, str]:
    """Return why a process ended with `code` (negative: by a signal), and the line that says so."""
    said = last_line(folder / LOG_FILE, but=LOST)
    if code >= 0:
        if is_crammed(folder):
            return "disk_full", f"ended with code {code}: the disk is full"
        if code in RAISED:
            return "error", f"ended with code {code}: {said}"
        return "left", f"left with code {code} before the end: {said}"
    if means_shortage(said):
        return "out_of_memory", tell_shortage(memory, peaks)
    if -code != signal.SIGKILL:
        return "killed", f"ended by {signal_name(-code)}"
    kills = count_oom_kills()
    if kills is None or oom_kills_before is None:
        details = f": {tell_shortage(memory, peaks)}" if memory else ""
        return "killed", f"ended by SIGKILL; often the system is out of memory{details}"
    if kills > oom_kills_before:
        return "out_of_memory", f"the system ended it: {tell_shortage(memory, peaks)}"
    return "killed", "ended by SIGKILL; not for want of memory, by the system's count"


def is_crammed(folder: Path) -> bool:
    """Tell whether the disk of a folder has no room even for what a run says of itself."""
    return shutil.disk_usage(folder).free < LITTLE_BYTES


def signal_name(number: int) -> str:
    """Return SIGKILL for 9; a real-time signal has only its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def means_shortage(text: str) -> bool:
    """Tell whether an error says that memory could not be had."""
    return any(words in text.lower() for words in SHORTAGE)


def tell_shortage(memory: Memory | None, peaks: dict[str, int], counter: str = "vm_hwm") -> str:
    """Say how much was held, how much was there, and what would fit."""
    parts = [f"peak {gigabytes(peaks[counter])}"] if peaks.get(counter) else []
    if memory is None:
        return ", ".join(parts) or "its peak is not known"
    parts.append(f"{gigabytes(memory.needed_bytes)} needed by estimate")
    if memory.available_bytes is not None:
        parts.append(f"{gigabytes(memory.available_bytes)} there")
    return f"{', '.join(parts)}; {tell_cause(memory)}"


def tell_cause(memory: Memory) -> str:
    """Say what would fit; of a run that fits by estimate, that something else must have come in between."""
    if not memory.would_fit and memory.needed_bytes <= (memory.available_bytes or 0):
        return "by estimate it fits: look at what else takes memory there, or who ended it"
    return tell_remedies(memory)


def tell_remedies(memory: Memory) -> str:
    """Say what would fit."""
    if not memory.would_fit:
        return "nothing smaller of this model would fit: take a smaller model or more memory"
    return f"would fit: {', '.join(memory.would_fit)}"


def gigabytes(num_bytes: int) -> str:
    """Return bytes as 12.3 GB."""
    return f"{num_bytes / 1e9:.1f} GB"


def last_line(log: Path, but: str = "") -> str:
    """Return the last line of a log that says something, and does not hold the words of `but`."""
    try:
        text = hide(log.read_text(errors="replace"))
    except OSError:
        return SILENCE
    lines = [line.strip() for line in text.splitlines() if line.strip() and not (but and but in line)]
    return lines[-1][:500] if lines else SILENCE
