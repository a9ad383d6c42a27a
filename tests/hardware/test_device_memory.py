"""What this machine says of its memory."""

from __future__ import annotations

import torch

from laptime.hardware.device_memory import available_bytes, read_kilobytes


def test_memory_of_this_machine_is_read() -> None:
    assert read_kilobytes(["MemTotal: 9 kB", "MemAvailable:   7 kB"], "MemAvailable:") == 7 * 1024
    assert read_kilobytes([], "MemAvailable:") == 0
    found = available_bytes(torch.device("cpu"))
    assert found is None or 10**8 < found < 10**14
