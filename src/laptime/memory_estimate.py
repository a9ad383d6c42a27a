"""What a run will hold in memory, from shapes alone: for a refusal, for advice, and for making it fit.

What trains is exact, activations are counted by the linear layers. Recomputing them costs a third more
arithmetic, so it is chosen only where keeping them would not fit; and only where that is not enough, a step
goes through in smaller micro-batches. Imports no torch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from laptime.kernels.build import has_products
from laptime.methods.method import Method
from laptime.models.shape import FAMILIES, Shape, layer_of
from laptime.optimizers import moment_bytes
from laptime.spec import TrainingSpec
from laptime.startup.speedup_switches import is_wanted

FLOAT32_BYTES = 4
HALF_BYTES = 2
OPTIMIZER_BYTES = 8  # two float32 moments of AdamW for each trained number
OPTIMIZER_8BIT_BYTES = 2  # two moments of 8 bits; what is kept for each block of them is next to nothing
MASTER_BYTES = 4  # a float32 copy of what trains in half precision
GATHERED_BYTES = 8  # of a layer's number while its gradient is summed: in float32, here and from the others
SPARE = 0.9  # of the memory that is there: the rest is for kernels' workspaces and the allocator's gaps
CPU_BASE_BYTES = 900_000_000  # Python, torch and the libraries, buffers of the kernels
CUDA_BASE_BYTES = 600_000_000  # workspaces; the context is no longer free when it is asked
UNFUSED = (
    1.4  # times what linear layers take and give (benchmarks/fake_memory.py): inputs in float32, norms, gates
)
LOGITS_KEPT = 3  # without answer_head: logits, their float32 copy, its gradient
PACKING, PACKING_NEEDS = "prepacked_weights", ("answer_head", "fused_projections")
SHARE = 0.5  # of the bytes of all frozen linear layers: what their packed copies may take at most
LOGIT_BYTES = 8  # of one float32 logit and its gradient, which the plain path keeps


class MemoryEstimate(Struct, frozen=True, kw_only=True):
    """A job as far as memory depends on it; `advice` names how it differs from what was asked.

    `recomputes` is None where activations are recomputed only if they would not fit; `half` is the half
    precision that this machine has. Of several GPUs everything is counted for one of them; processes on a CPU
    share its memory, so that theirs is added up.
    """

    shape: Shape
    method: Method
    element_bytes: int  # of a weight in compute
    batch_size: int
    accumulation: int = 1
    micro_batch: int = 0  # examples at once where fewer fit than `batch_size`; 0: not cut
    longest: int  # tokens of the longest example
    recomputes: bool | None = None
    packs: bool = False  # keeps packed copies of frozen weights, where there are some
    packs_half: bool = True  # so it would in half precision
    asks_to_pack: bool = False  # with --speedups prepacked_weights
    plain: bool = False
    on_cuda: bool = False
    moment_bytes: float = OPTIMIZER_BYTES  # of a trained number
    num_ranks: int = 1  # processes that train together
    num_here: int | None = None  # of them on one machine; None: all
    half: str | None = "bf16"
    advice: tuple[str, ...] = ()

    @property
    def num_sharers(self) -> int:
        """The processes that share the memory which is counted."""
        return 1 if self.on_cuda else self.num_here or self.num_ranks

    @property
    def fixed_bytes(self) -> int:
        """Weights, gradients, masters and moments: what is held whatever the batch."""
        return self.num_sharers * self._fixed_bytes_of_one()

    def _fixed_bytes_of_one(self) -> int:
        """Count them for one process."""
        if self.num_ranks > 1 and self.method.spreads_weights:
            part = -(-self.shape.num_parameters // self.num_ranks)
            return round(part * (2 * FLOAT32_BYTES + self.moment_bytes)) + self._gathered_bytes()
        weights = self.method.held_weight_bytes(self.shape, self.element_bytes)
        cost = self.method.cost(self.shape, self.element_bytes)
        trained = cost.trainable_parameters
        if self.method.saved_kind == "adapter":  # float32, and beside the weights
            return weights + round(trained * (2 * FLOAT32_BYTES + self.moment_bytes))
        master = MASTER_BYTES if self.element_bytes < FLOAT32_BYTES else 0
        updated = trained if cost.updated_parameters is None else cost.updated_parameters
        moments = trained if cost.moments is None else cost.moments
        held = trained * master + updated * self.element_bytes + moments * self.moment_bytes
        return weights + round(held)

    def _gathered_bytes(self) -> int:
        """Count two layers gathered, of which one has its gradient, beside what is exchanged of that."""
        rows = self.shape.vocabulary_size * self.shape.hidden_size
        layer = max(0, self.shape.num_parameters - rows) // max(1, self.shape.num_layers)
        vocabulary = rows * (2 * self.element_bytes + GATHERED_BYTES) if self.plain else 0
        return layer * (3 * self.element_bytes + GATHERED_BYTES) + vocabulary

    @property
    def most_at_once(self) -> int:
        """The examples of a micro-batch in one process."""
        return min(self.micro_batch or self.batch_size, self.share_of_step)

    @property
    def share_of_step(self) -> int:
        """The examples of a step in one process."""
        return -(-self.batch_size * self.accumulation // self.num_ranks)

    @property
    def packed_bytes(self) -> int:
        """Copies of frozen weights in the order in which the kernels read them."""
        if not self.packs or self.method.trains_linears:
            return 0
        num_tokens = self.most_at_once * self.longest
        return self.num_sharers * foresee_packed_bytes(
            self.shape, self.method, self.element_bytes, num_tokens, self.asks_to_pack
        )

    def activation_bytes(self, recomputes: bool) -> int:
        """What the backward pass needs: all layers' values, or their inputs and one layer's values."""
        lowest = self.method.lowest_layer(self.shape)
        cost = self.method.cost(self.shape, self.element_bytes)
        kept = self.shape.values_per_token(lowest) * self.element_bytes
        kept = round(kept * self._unfused())
        kept += cost.plain_kept_bytes_per_token if self._is_plain else cost.kept_bytes_per_token
        copied = cost.copied_weights
        if recomputes:
            layers = max(1, self.shape.num_layers - lowest)
            kept = kept // layers + layers * self.shape.hidden_size * self.element_bytes
            copied //= layers
        logits = LOGITS_KEPT * FLOAT32_BYTES * self.shape.vocabulary_size if self.plain else 0
        tokens = self.most_at_once * (self.longest + cost.tokens_per_example)
        values = tokens * (kept + logits) + copied * self.element_bytes
        passing = cost.plain_passing_bytes if self._is_plain else cost.passing_bytes
        return self.num_sharers * (values + passing)

    @property
    def _is_plain(self) -> bool:
        """Whether layers run as transformers and PEFT run them."""
        return self.plain or self.shape.model_type not in FAMILIES

    def _unfused(self) -> float:
        """Return how many times as much the layers of an adapted model keep where they run one by one."""
        adapts = self.method.saved_kind == "adapter"
        return UNFUSED if adapts and self.plain else 1.0

    @property
    def held_bytes(self) -> int:
        """All but the activations."""
        base = CUDA_BASE_BYTES if self.on_cuda else CPU_BASE_BYTES
        return self.num_sharers * base + self.fixed_bytes + self.packed_bytes

    def will_recompute(self, available_bytes: int) -> bool:
        """Tell whether activations are recomputed where so much is there: asked for, or they do not fit."""
        if self.recomputes is not None:
            return self.recomputes
        return self.held_bytes + self.activation_bytes(False) > SPARE * available_bytes

    def needed_bytes(self, available_bytes: int) -> int:
        """All together where so much is there."""
        return self.held_bytes + self.activation_bytes(self.will_recompute(available_bytes))

    def tell_recomputing(self, available_bytes: int) -> str:
        """Return why activations are recomputed where so much is there, a phrase; "" where they are not."""
        if not self.will_recompute(available_bytes):
            return ""
        if self.recomputes:
            return "asked for with --gradient-checkpointing"
        activations, held = self.activation_bytes(False) / 1e9, self.held_bytes / 1e9
        return (
            f"{activations:.1f} GB of activations beside {held:.1f} GB of all else do not fit "
            f"{available_bytes / 1e9:.1f} GB"
        )

    def fits(self, available_bytes: int) -> bool:
        """Tell whether it fits where so much is there, with something to spare."""
        return self.needed_bytes(available_bytes) <= SPARE * available_bytes

    def cut_to_fit(self, available_bytes: int) -> MemoryEstimate:
        """Return the job in micro-batches that fit: as few as there can be, and of about one size.

        Single examples may take what is else kept spare. Unchanged where it fits as it is, and where not even
        they would.
        """
        # What does not fit recomputes, unless that was ruled out: its parts do as well.
        whole = replace(self, recomputes=self.will_recompute(available_bytes))
        if whole.most_at_once == 1 or whole.fits(available_bytes):
            return self
        smaller = range(1, whole.most_at_once)
        largest = bisect_right(
            smaller, False, key=lambda size: not replace(whole, micro_batch=size).fits(available_bytes)
        )
        if not largest and replace(whole, micro_batch=1).needed_bytes(available_bytes) > available_bytes:
            return self
        num_parts = -(-self.share_of_step // max(1, largest))
        return replace(whole, micro_batch=-(-self.share_of_step // num_parts))

    def tell_cutting(self, available_bytes: int) -> str:
        """Return why a step goes through in smaller micro-batches, a phrase; "" where it does not."""
        whole = replace(self, micro_batch=0)
        if whole.most_at_once == self.most_at_once:
            return ""
        needed = whole.needed_bytes(available_bytes) / 1e9
        return (
            f"by estimate {whole.most_at_once} at once need {needed:.1f} GB, "
            f"more than {SPARE:.0%} of the {available_bytes / 1e9:.1f} GB there"
        )


def find_room(frozen_bytes: int, num_logits: int, asked: bool) -> float:
    """Return the bytes that the copies may take; `asked` for by name they may take more."""
    most = SHARE * frozen_bytes
    return most if asked else min(most, LOGIT_BYTES * num_logits)


def choose_largest(sizes: Sequence[int], room_bytes: float) -> list[int]:
    """Return the places of the largest `sizes` that fit `room_bytes` together."""
    chosen = []
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if sizes[place] <= room_bytes:
            room_bytes -= sizes[place]
            chosen.append(place)
    return chosen


def will_pack(shape: Shape, method: Method, training: TrainingSpec, element_bytes: int) -> bool:
    """Foresee whether frozen weights of a native format get copies on a CPU, from shapes and options."""
    settings = msgspec.structs.asdict(training)
    compiles = is_wanted("compiled_projections", settings) and PACKING not in training.speedups
    if compiles and has_products(element_bytes):
        return False  # weights are read as they are
    wanted = (PACKING, *PACKING_NEEDS, "fused_blocks")
    dropout = getattr(method.options, "lora_dropout", 0.0)
    can = method.packs and shape.model_type in FAMILIES and not dropout
    return can and all(is_wanted(name, settings) for name in wanted)


def foresee_packed_bytes(
    shape: Shape, method: Method, element_bytes: int, num_tokens: int, asked: bool
) -> int:
    """Foresee the bytes of all copies, for batches of up to `num_tokens` tokens."""
    sizes = {n: one * other * element_bytes for n, (one, other) in shape.linears.items() if n != shape.head}
    lowest = method.lowest_layer(shape)
    used = [size for name, size in sizes.items() if layer_of(name) >= lowest]
    room = find_room(sum(sizes.values()), num_tokens * shape.vocabulary_size, asked)
    return sum(used[place] for place in choose_largest(used, room))


def find_moment_bytes(training: TrainingSpec, shape: Shape, method: Method) -> float:
    """Return the bytes that the optimizer keeps for a trained number, in the mean."""
    return moment_bytes(training.optimizer, shape, adapts=method.saved_kind == "adapter")
