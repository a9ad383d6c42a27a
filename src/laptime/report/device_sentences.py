"""What the devices of a row did: sentences for the conclusion, and a table of each of them."""

from __future__ import annotations

from dataclasses import dataclass

from laptime.comparison.devices import RankResult
from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.report import quantities
from laptime.report.colours import number_rows
from laptime.report.language import Language
from laptime.report.quantities import known
from laptime.report.sentence import Sentence

COLUMNS = (
    "devices.rank", "devices.device", "column.memory", "devices.parameters", "column.train",
    "devices.compute", "devices.exchange",
)  # fmt: skip
_WORTH_NAMING = 1.05  # of the longest seconds of computing over the shortest


@dataclass(frozen=True)
class DeviceRows:
    """A row of the table of figures, and the cells of each of its devices in the order of COLUMNS."""

    name: str
    title: str
    number: int
    cells: list[list[str]]


def list_shared(result: ComparisonResult) -> list[MethodResult]:
    """Return the rows that were trained on several devices."""
    return [method for method in result.methods if method.ranks]


def write_devices(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say on which devices the rows trained, and how much of that was exchanging; nothing of single ones."""
    if not (shared := list_shared(result)):
        return []
    finished = [method for method in result.methods if method.rounds]
    if len({method.devices for method in finished}) == 1:
        sentences = [language.say("devices.same", devices=shared[0].devices)]
    else:
        sentences = [language.say("devices.differ", list=name_devices(finished, language))]
    if items := [_say_share(method, language) for method in shared if not method.hides_gathering]:
        sentences.append(language.say("devices.exchanged", list=language.join(items)))
    return [Sentence("devices", " ".join(map(language.sentence, sentences)))]


def name_devices(methods: list[MethodResult], language: Language) -> str:
    """Return the devices of each method, as a list within a sentence."""
    return language.join(
        [
            language.say("devices.item", method=language.method(method.name), devices=method.devices)
            for method in methods
        ]
    )


def _say_share(method: MethodResult, language: Language) -> str:
    """Return the largest share of the training that one of the devices exchanged and waited."""
    shares = [rank.exchange_seconds / rank.train_seconds for rank in method.ranks
              if known(rank.exchange_seconds) and rank.train_seconds]  # fmt: skip
    share = language.percent(max(shares, default=None))
    return language.say("devices.share", method=language.method(method.name), share=share)


def make_devices(result: ComparisonResult, language: Language) -> list[DeviceRows]:
    """Return the devices of each row that has several."""
    numbers = number_rows(result)
    return [
        DeviceRows(
            name=method.name,
            title=language.title(method.name),
            number=numbers[method.name],
            cells=[_make_cells(rank, language) for rank in method.ranks],
        )
        for method in result.methods
        if method.ranks
    ]


def _make_cells(rank: RankResult, language: Language) -> list[str]:
    """Return the cells of one device in the order of COLUMNS."""
    return [
        str(rank.rank),
        _name_device(rank),
        quantities.size(rank.peak_bytes),
        language.count(rank.parameters),
        language.seconds(rank.train_seconds),
        language.seconds(rank.compute_seconds),
        language.seconds(rank.exchange_seconds),
    ]


def tell_share(key: str, method: MethodResult) -> str:
    """Return the key of the words for whose memory that of a row is; "" for a row of one process."""
    if not method.ranks:
        return ""
    return f"{key}.together" if method.adds_memory else f"{key}.fullest"


def _name_device(rank: RankResult) -> str:
    """Return cpu, cuda:0 (Tesla T4), or cuda:0, node2 (Tesla T4)."""
    place = f"{rank.device}, {rank.host}" if rank.host else rank.device
    return f"{place} ({rank.name})" if rank.name else place


def explain_devices(result: ComparisonResult, language: Language) -> list[str]:
    """Return what must be known to read the table of devices."""
    shared = list_shared(result)
    sentences = [language.say("devices.caption")] if shared else []
    for key, is_spread in (("devices.whole", False), ("devices.spread", True)):
        if alike := [method for method in shared if method.is_spread == is_spread]:
            sentences.append(language.say(key, methods=_name_all(alike, language)))
    if hidden := [method for method in shared if method.hides_gathering]:
        sentences.append(language.say("devices.hidden", methods=_name_all(hidden, language)))
    for method in shared:
        if not method.hides_gathering and (slowest := find_slowest(method.ranks)) is not None:
            name = language.method(method.name)
            sentences.append(language.say("devices.slowest", method=name, rank=slowest))
    return sentences


def find_slowest(ranks: list[RankResult]) -> int | None:
    """Return the rank that computed longest, where the others are far enough from it to name one."""
    seconds = {rank.rank: rank.compute_seconds for rank in ranks if known(rank.compute_seconds)}
    if not seconds or max(seconds.values()) < _WORTH_NAMING * min(seconds.values()):
        return None
    return max(seconds, key=lambda rank: seconds[rank])


def write_gathering(methods: list[MethodResult], language: Language) -> list[str]:
    """Return that the passes of those of `methods` that are spread hold the gathering of their weights."""
    spread = [method for method in methods if method.is_spread]
    return [language.say("source.spread", methods=_name_all(spread, language))] if spread else []


def _name_all(methods: list[MethodResult], language: Language) -> str:
    """Return the names of methods as a list within a sentence."""
    return language.join([language.method(method.name) for method in methods])
