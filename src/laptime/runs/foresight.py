"""What a run would be refused for once torch is there, told before, as far as options and config.json say it.

The words are those of the late refusal, which decides wherever something is not known yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from laptime.data.formats import has_held_out
from laptime.data.templates import make_template
from laptime.errors import told_of
from laptime.hardware.devices import foresee_format, foresee_processor
from laptime.memory_estimate import FLOAT32_BYTES
from laptime.methods.method import make_method
from laptime.models.config_shape import choose_max_length, foresee_shape, model_max_length
from laptime.models.shape import Shape
from laptime.models.source import ModelSource
from laptime.models.tokenizer_files import lacks_chat_template
from laptime.runs.devices import ask_devices, list_devices
from laptime.spec import OURS, CompareSpec, RunSpec
from laptime.speedups.foresight import Prospect, refuse_without_effect


def refuse_foreseen(
    spec: RunSpec | CompareSpec, runs: Sequence[tuple[str, RunSpec]], source: ModelSource
) -> None:
    """Raise UserError where one of `runs`, behind what its message begins with, is sure to be refused.

    `spec` is what they share, `source` their model, of which nothing but config.json need be here.
    """
    training, config = spec.training, source.config
    foresee_processor(training.device)
    for place, run in runs:
        with told_of(place):
            foresee_format(training.device, run.training.precision)
            list_devices(ask_devices(run.training))
    choose_max_length(spec.data.max_length, model_max_length(config))
    is_whole = source.toy or Path(source.name).is_dir()
    if spec.data.template == "chat" and not spec.data.chat_template and is_whole:
        make_template("chat", has_chat_template=not lacks_chat_template(Path(source.folder)))
    if shape := foresee_shape(config):
        refuse_sizes(runs, shape)
    for place, run in runs:
        if run.trainer == OURS and run.training.speedups:
            with told_of(place):
                refuse_without_effect(look_ahead(run, config, shape))


def refuse_sizes(runs: Sequence[tuple[str, RunSpec]], shape: Shape) -> None:
    """Raise UserError for options of a method that do not fit a model of this shape."""
    for place, run in runs:
        with told_of(place):
            make_method(run.method, run.method_options).cost(shape, FLOAT32_BYTES)


def look_ahead(run: RunSpec, config: Mapping[str, Any], shape: Shape | None) -> Prospect:
    """Return what is known of a run that asks for speedups by name."""
    training = run.training
    return Prospect(
        training=training,
        method=make_method(run.method, run.method_options),
        config=config,
        shape=shape,
        device=foresee_processor(training.device),
        compute=foresee_format(training.device, training.precision),
        holds_out="background_save" not in training.speedups or has_held_out(run.data),
    )
