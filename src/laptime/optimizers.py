"""What each optimizer keeps, needs and goes with: for checks, estimates, rates and the update itself."""

from __future__ import annotations

from msgspec import Struct

from laptime.models.shape import Shape, layer_of

FLOAT32_BYTES = 4
MUON_ROUNDS = 5
RANK_BYTES = 0.25  # of Adafactor, for a number of an adapter of rank 16: its rows are that short


class OptimizerKind(Struct, frozen=True, kw_only=True):
    """An optimizer by its name.

    `moment_bytes` are what it keeps for a trained number, `rate_factor` is to a method's own learning rate,
    which is one for AdamW. `library` must be there, and is brought by the `extra`. `state` are the parts that
    it keeps for every parameter; `has_betas` tells whether --adam-beta1, -beta2 and -epsilon are its own.
    """

    name: str
    title: str
    moment_bytes: float
    state: tuple[str, ...]
    rate_factor: float = 1.0
    library: str = ""
    extra: str = ""
    has_betas: bool = False

    @property
    def counts_in_python(self) -> bool:
        """Tell whether it counts its steps as plain numbers, not as tensors."""
        return self.library == "bitsandbytes"


_ALL = (
    OptimizerKind(
        name="adamw",
        title="AdamW",
        moment_bytes=8,
        state=("step", "exp_avg", "exp_avg_sq"),
        has_betas=True,
    ),
    OptimizerKind(
        name="adamw8bit",
        title="AdamW with moments of 8 bits",
        moment_bytes=2,
        state=("step", "state1", "state2"),
        library="bitsandbytes",
        extra="8bit",
        has_betas=True,
    ),
    OptimizerKind(name="adafactor", title="Adafactor", moment_bytes=0, state=("step",), rate_factor=30.0),
    OptimizerKind(
        name="sgd",
        title="SGD with momentum",
        moment_bytes=4,
        state=("momentum_buffer",),
        rate_factor=30.0,
    ),
    OptimizerKind(
        name="lion",
        title="Lion",
        moment_bytes=4,
        state=("step", "state1"),
        rate_factor=0.2,
        library="bitsandbytes",
        extra="lion",
    ),
    OptimizerKind(name="muon", title="Muon", moment_bytes=4, state=("momentum_buffer",), has_betas=True),
)
KINDS = {kind.name: kind for kind in _ALL}
# Of some only: Adafactor keeps rows and columns of a matrix or the squares of a vector, 8 bits their blocks.
OTHER_STATE = ("row_var", "col_var", "variance", "qmap1", "qmap2", "absmax1", "absmax2")


def moment_bytes(name: str, shape: Shape | None = None, adapts: bool = False) -> float:
    """Return what an optimizer keeps for a trained number of a model of this shape, in bytes.

    `adapts`: it trains an adapter's matrices instead of the model's.
    """
    kind = KINDS[name]
    if name == "adafactor":
        return RANK_BYTES if adapts else _adafactor_bytes(shape)
    if name == "muon" and shape and not adapts:  # embeddings and head are AdamW's
        rows = shape.hidden_size * shape.vocabulary_size
        tied = shape.head is None or sum_linears(shape) + rows > shape.num_parameters
        of_adamw = min(1.0, rows * (1 if tied else 2) / shape.num_parameters)
        return kind.moment_bytes + of_adamw * (KINDS["adamw"].moment_bytes - kind.moment_bytes)
    return kind.moment_bytes


def update_flops(name: str, shape: Shape, lowest: int = 0) -> float:
    """Return the operations of an update beside its passes over memory, of the layers from `lowest` up.

    Muon makes each matrix orthogonal in five rounds of three products.
    """
    if name != "muon":
        return 0.0
    trained = [sides for one, sides in shape.linears.items() if one != shape.head and layer_of(one) >= lowest]
    return sum(MUON_ROUNDS * (4.0 * min(s) ** 2 * max(s) + 2.0 * min(s) ** 3) for s in trained)


def sum_linears(shape: Shape) -> int:
    """Count the weights of all linear layers, the head among them."""
    return sum(inputs * outputs for inputs, outputs in shape.linears.values())


def _adafactor_bytes(shape: Shape | None) -> float:
    """Return what rows and columns of the matrices take for each of their numbers."""
    if not shape or not shape.linears:
        return 0.0
    sides = sum(inputs + outputs for inputs, outputs in shape.linears.values())
    return FLOAT32_BYTES * sides / sum_linears(shape)
