"""What a run trains and on what, as events of its record."""

from __future__ import annotations

from transformers import PreTrainedModel

from laptime.data.input_manifest import InputManifest
from laptime.hardware.precision import Precision
from laptime.methods.method import Cost
from laptime.runs.events import Data, Model

SHAPE_KEYS = ("architecture", "hidden_size", "num_layers", "vocabulary_size", "num_parameters", "head")


def describe_model(
    model: PreTrainedModel,
    manifest: InputManifest,
    precision: Precision,
    *,
    num_trained: int = 0,
    device: str,
    learning_rate: float,
    notes: list[str],
    cost: Cost | None,
) -> Model:
    """Return what is trained: parameters, precision with its reason, attention, arithmetic."""
    shape = manifest.shape
    return Model(
        name=manifest.model_name,
        architecture=shape.architecture,
        parameters=shape.num_parameters,
        trainable_parameters=num_trained,
        random_weights=manifest.random_weights,
        toy=manifest.toy,
        digest=manifest.model_digest,
        shape={key: getattr(shape, key) for key in SHAPE_KEYS},
        compute_dtype=precision.compute,
        trained_dtype=precision.trained,
        precision_reason=precision.reason,
        attention=str(getattr(model.config, "_attn_implementation", "")),
        device=device,
        learning_rate=learning_rate,
        notes=notes,
        flops_per_token=find_flops(cost, manifest) if cost else None,
    )


def find_flops(cost: Cost, manifest: InputManifest) -> float:
    """Return the operations of a token of the data, with its share of what a method puts beside it."""
    if not cost.tokens_per_example:
        return cost.flops_per_token
    tokens = manifest.data["num_tokens"]
    return cost.count_operations(tokens, manifest.data["num_records"]) / tokens


def describe_data(manifest: InputManifest, num_steps: int, loss_on: str) -> Data:
    """Return what it is trained on; tokens are those of one epoch."""
    data = manifest.data
    return Data(
        name=data["name"],
        digest=data["digest"],
        template=data["template"],
        num_records=data["num_records"],
        num_held_out=data["num_held_out"],
        num_tokens=data["num_tokens"],
        num_trained_tokens=data["num_trained_tokens"],
        num_cut=data["num_cut"],
        num_skipped=data.get("num_skipped", 0),
        chat_template=data.get("chat_template", ""),
        num_steps=num_steps,
        loss_on=loss_on,
        notes=data.get("notes", []),
    )
