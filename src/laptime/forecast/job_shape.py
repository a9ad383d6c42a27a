"""A run as far as its time depends on it: what a step multiplies and moves, what is loaded and saved."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from laptime.data.batches import plan_steps
from laptime.data.input_manifest import InputManifest
from laptime.memory_estimate import (
    FLOAT32_BYTES,
    HALF_BYTES,
    OPTIMIZER_BYTES,
    MemoryEstimate,
    find_moment_bytes,
)
from laptime.methods.method import make_method
from laptime.optimizers import update_flops
from laptime.runs.past_runs import PastRun
from laptime.spec import RunSpec

UPDATE_BYTES = 12  # of a trained number, in float32: it is read and written, its gradient read
ADAMW_BYTES = UPDATE_BYTES + 2 * OPTIMIZER_BYTES  # the moments are read and written too
MASTERED_BYTES = 4  # more in half precision: the weight and its gradient beside the master
PASSES = 12  # over the values between the products, forward and back, some of them fused


class JobShape(Struct, frozen=True, kw_only=True):
    """One run, past or to come."""

    method: str
    dtype: str
    num_devices: int
    hidden_size: int
    num_layers: int
    parameters: int
    trained: int
    step_flops: float
    step_tokens: float
    num_steps: int = 0
    num_passes: int = 1  # forward passes of a step
    saved_bytes: int = 0
    update_bytes: float = ADAMW_BYTES  # read and written of a trained number

    @property
    def element_bytes(self) -> int:
        """The bytes of a weight."""
        return FLOAT32_BYTES if self.dtype == "float32" else HALF_BYTES

    @property
    def exchanged_bytes(self) -> float:
        """What each of several processes gives the others in a step.

        A whole model is spread: weights are gathered forward and back, gradients are summed in float32.
        Of adapters the gradients are summed.
        """
        of_others = (self.num_devices - 1) / self.num_devices
        if self.is_spread:
            return of_others * self.parameters * (2.0 * self.element_bytes + FLOAT32_BYTES)
        return of_others * 2.0 * self.trained * FLOAT32_BYTES

    @property
    def is_spread(self) -> bool:
        """Whether each of several processes holds a part of what trains."""
        return self.num_devices > 1 and self.trained == self.parameters

    @property
    def moved_bytes(self) -> float:
        """Roughly what a step moves beside its products: what is trained, and values between layers."""
        of_weight = self.update_bytes + (MASTERED_BYTES if self.element_bytes < FLOAT32_BYTES else 0)
        values = self.step_tokens * self.hidden_size * self.num_layers * self.element_bytes
        own = self.trained / self.num_devices if self.is_spread else self.trained
        return own * of_weight + PASSES * values


def shape_of_past(run: PastRun) -> JobShape:
    """Return a past run as a job."""
    return JobShape(
        method=run.method,
        dtype=run.dtype,
        num_devices=run.num_devices,
        hidden_size=run.hidden_size,
        num_layers=run.num_layers,
        parameters=run.parameters,
        trained=run.trained,
        step_flops=run.step_flops,
        step_tokens=run.step_tokens,
        num_passes=run.num_passes,
        saved_bytes=run.saved_bytes,
    )


def shape_of_job(spec: RunSpec, manifest: InputManifest, dtype: str, num_devices: int = 1) -> JobShape:
    """Return a run that is to come."""
    training, data, shape = spec.training, manifest.data, manifest.shape
    method = make_method(spec.method, spec.method_options)
    element_bytes = FLOAT32_BYTES if dtype == "float32" else HALF_BYTES  # a model is saved as it computes
    examples = data["num_records"]
    plans = plan_steps(examples, training, training.seed)
    cost = method.cost(shape, element_bytes, plans.mean_epochs)
    in_step = min(training.batch_size * training.gradient_accumulation, examples)
    tokens = data["num_tokens"] / plans.steps_per_epoch
    trained_tokens = data["num_trained_tokens"] / plans.steps_per_epoch
    a_weight = 6.0 if cost.trainable_parameters == shape.num_parameters else 4.0
    head = shape.hidden_size * shape.vocabulary_size
    adapts = method.saved_kind == "adapter"  # whose matrices are narrow
    of_update = 0.0 if adapts else update_flops(training.optimizer, shape, method.lowest_layer(shape))
    return JobShape(
        method=spec.method,
        dtype=dtype,
        num_devices=num_devices,
        hidden_size=shape.hidden_size,
        num_layers=shape.num_layers,
        parameters=shape.num_parameters,
        trained=cost.trainable_parameters,
        step_flops=cost.count_operations(tokens, in_step)
        - a_weight * head * (tokens - trained_tokens)
        + of_update,
        step_tokens=tokens,
        num_steps=len(plans),
        saved_bytes=cost.saved_bytes,
        update_bytes=UPDATE_BYTES + 2 * find_moment_bytes(training, shape, method),
    )


def fit_job(job: JobShape, estimate: MemoryEstimate, available_bytes: int) -> JobShape:
    """Return a job as it runs where so much memory is there: in how many passes, and with what recomputed."""
    recomputed = 0.0
    if estimate.will_recompute(available_bytes):  # each layer runs forward a second time
        head = estimate.shape.hidden_size * estimate.shape.vocabulary_size
        recomputed = 2.0 * max(0, estimate.shape.num_matmul_weights - head) * job.step_tokens
    return replace(
        job,
        step_flops=job.step_flops + recomputed,
        num_passes=-(-estimate.share_of_step // max(1, estimate.most_at_once)),
    )


def estimate_memory(
    spec: RunSpec, manifest: InputManifest, element_bytes: int, on_cuda: bool, num_ranks: int
) -> MemoryEstimate:
    """Return the estimate by which a run is refused or made to fit."""
    training, method = spec.training, make_method(spec.method, spec.method_options)
    return MemoryEstimate(
        shape=manifest.shape,
        method=method,
        element_bytes=element_bytes,
        batch_size=min(training.batch_size, manifest.data["num_records"]),
        accumulation=training.gradient_accumulation,
        longest=manifest.data["longest"],
        recomputes=training.gradient_checkpointing,
        plain=training.plain,
        on_cuda=on_cuda,
        num_ranks=num_ranks,
        moment_bytes=find_moment_bytes(training, manifest.shape, method),
    )
