"""What a look at a machine found: facts alone, as `laptime doctor --json` prints them; no torch is needed."""

from __future__ import annotations

from msgspec import Struct

from laptime.hardware.measurements import Measured


class Cpu(Struct, kw_only=True):
    """The processor, and how much of it this process gets."""

    name: str
    cores: int  # of the machine, as the system counts them
    allowed: int  # that this process may run on
    quota: float | None  # cores' worth of time that its control groups allow; None for no limit
    free: int | None  # that others leave alone at the moment; None where nobody knows
    threads: int  # that a training begun now would get
    threads_reason: str
    instructions: list[str]  # of those that speed depends on
    load_average: float | None
    clock_mhz: float | None
    throttle_count: int | None  # thermal events since boot


class Memory(Struct, kw_only=True):
    """The main memory."""

    total_bytes: int
    free_bytes: int | None  # that this process may still take
    system_free_bytes: int | None  # that the whole machine has left
    swap_used_bytes: int


class Disk(Struct, kw_only=True):
    """The disk on which results are to lie."""

    folder: str
    free_bytes: int
    write_bytes_per_second: float | None = None  # until the data is on the disk
    read_bytes_per_second: float | None = None
    in_memory: bool = False  # a tmpfs: what lies there takes memory


class Gpu(Struct, kw_only=True):
    """A GPU that torch sees."""

    index: int
    name: str
    capability: str
    total_bytes: int
    free_bytes: int
    has_kernels: bool  # this torch was built for it
    link_now: str = ""  # PCIe generation and width: "3 x16"
    link_most: str = ""
    slowed_by: list[str] = []  # what lowers its clocks
    peers: list[int] = []  # of which it can read the memory directly


class Software(Struct, kw_only=True):
    """What computes: versions, and for which cards torch was built."""

    python: str
    platform: str
    versions: dict[str, str | None]
    cuda: str | None  # that torch was built with; None for a build for processors
    driver: str | None
    kernels: list[str]  # sm_75, compute_90
    driver_gpus: list[str]  # that NVIDIA's driver shows
    visible: str | None  # CUDA_VISIBLE_DEVICES
    compiler: str | None  # of C
    compiled_parts: str  # "" where the parts in C can be used, else why not


class Choice(Struct, kw_only=True):
    """What a training would use here."""

    device: str
    precision: str
    precision_reason: str
    kernels: str


class Advice(Struct, kw_only=True):
    """Something that is wrong, or worth knowing, and what to do about it."""

    code: str
    level: str  # "wrong": it costs much or fails; "note"
    text: str
    fix: str


class Examination(Struct, kw_only=True):
    """All that the doctor found."""

    laptime: str
    model: str  # whose shapes were measured
    cpu: Cpu
    memory: Memory
    disk: Disk
    gpus: list[Gpu]
    software: Software
    choice: Choice
    measured: Measured
    advice: list[Advice] = []
    seconds: float = 0.0
