"""The result of a training on its way to the disk, before what follows or beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laptime.methods.method import Method
from laptime.models.card import find_hub_id, write_short_card
from laptime.runs.events import Digests
from laptime.runs.job import SAVED_FOLDER
from laptime.runs.record import RecordWriter
from laptime.training.meter import Meter
from laptime.training.opening import Opened
from laptime.training.run_state import keep_additions
from laptime.training.saving import begin_digests, describe_result, write_result

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Result:
    """Writes what the user keeps, once, and tells the record of it."""

    def __init__(
        self,
        opened: Opened,
        method: Method,
        model: PreTrainedModel,
        record: RecordWriter,
        meter: Meter,
        gather_seconds: float = 0.0,
    ) -> None:
        self.opened, self.method, self.model = opened, method, model
        self.record, self.meter = record, meter
        self.gather_seconds = gather_seconds  # that the whole model took to come together
        self.folder = opened.folder / SAVED_FOLDER
        self.kept = ""  # the name of what somebody else had put in its place
        self.digests: Future[Digests] | None = None

    @contextmanager
    def saving(self, saved_before: set[str], beside: bool, began: Callable[[], None]) -> Iterator[None]:
        """Save before the block, or `beside` it; either way the phase lasts as long as the writing.

        However the block ends, or `began`, which hears that the writing has begun: the result is written to
        its end. `saved_before` are the files that an earlier attempt left.
        """
        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(self._write, saved_before)
            try:
                began()
                if not beside:
                    self._tell(writing.result())
                yield
            finally:
                self._tell(writing.result())

    def end(self) -> None:
        """Tell the record of the digests, which were made beside what followed."""
        if self.digests:
            self.record.write(self.digests.result())

    def _write(self, saved_before: set[str]) -> float:
        """Write the adapter, or the whole model with its tokenizer; returns the seconds it took."""
        given = self.opened.encoded.chat_template
        tokenizer = self.opened.tokenizer if self.method.saved_kind == "model" or given else None
        if given:  # so that whoever asks the result stops where its answers end
            self.model.generation_config.eos_token_id = self.opened.encoded.stop_ids
        self.kept = keep_additions(self.folder, saved_before)
        card = self._name_base()
        return self.gather_seconds + write_result(self.method, self.model, tokenizer, self.folder, card)

    def _name_base(self) -> str:
        """Let an adapter name its base as the hub does, where that is known; returns the card of one."""
        configs: Any = getattr(self.model, "peft_config", None)
        if configs is None:
            return ""
        (config,) = configs.values()
        name, manifest = self.opened.spec.model.model, self.opened.manifest
        base = find_hub_id(name, Path(manifest.model_folder))
        config.base_model_name_or_path = base or config.base_model_name_or_path
        data = manifest.data["name"]
        return write_short_card(base, name, config.peft_type.value, self.method.name, data)

    def _tell(self, seconds: float) -> None:
        """Record, once, what was written and how long it took."""
        if "save" in self.meter.seconds:
            return
        self.meter.add_phase("save", seconds)
        self.record.write(describe_result(self.method.saved_kind, self.folder, self.kept))
        self.digests = begin_digests(self.folder)
