"""At which shapes a machine is measured: those of a model, or of the reference job's."""

from __future__ import annotations

from pathlib import Path

from laptime.errors import UserError
from laptime.models.config_shape import foresee_shape
from laptime.models.shape import Shape
from laptime.models.source import locate_model
from laptime.spec import ModelSpec

REFERENCE = "meta-llama/Llama-3.2-1B"
REFERENCE_CONFIG = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256,
    "tie_word_embeddings": True,
}  # fmt: skip


def find_shape(model: str | None) -> tuple[Shape, str]:
    """Return a model's shape and its name, without its weights; raises UserError.

    Without a model it is the one of the reference job, which need not be here.
    """
    if model is None:
        shape = foresee_shape(REFERENCE_CONFIG)
        assert shape is not None
        return shape, REFERENCE
    spec = ModelSpec(model=model)
    source = locate_model(spec, download=False, weights=False)
    if shape := foresee_shape(source.config):
        return shape, model
    return measure_other(spec, Path(source.folder)), model


def measure_other(spec: ModelSpec, folder: Path) -> Shape:
    """Return the shape of a model that its configuration alone does not tell; raises UserError."""
    from laptime.models.loading import build_empty_model, quiet_libraries
    from laptime.models.module_shape import measure_shape

    quiet_libraries()
    shape = measure_shape(build_empty_model(spec, folder))
    if not shape.linears:
        raise UserError(f"--model {spec.model}: has no linear layers that could be measured")
    return shape
