"""One model spread over several processes: each holds a part of every weight, its gradient and its moments.

PyTorch's FSDP2 gathers the weights of a layer where the layer is called and lets go of them behind it; it
hears of that by hooks around modules' calls. So a step goes through one root module, and a layer through its
own, whatever code runs in them. The parts and the summed gradients are float32; layers compute in the run's
format.

What the optimizer gets is this process's part of each parameter, as an ordinary tensor over the same memory:
it knows of no other, but that the norm of all gradients is a sum over the processes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from laptime.training.team import Team

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from laptime.speedups.forward import Forward
    from laptime.training.spread_vocabulary import SpreadVocabulary


class Root(nn.Module):
    """The module through which a whole step is called: what is gathered around it is what no layer holds."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.run: Callable[..., torch.Tensor] | None = None

    def forward(self, *args: Any) -> torch.Tensor:
        """Return the summed loss of a batch."""
        assert self.run is not None
        return self.run(*args)


class Sharding:
    """A model that is spread over the processes of `team`, and this one's part of it."""

    def __init__(
        self,
        model: PreTrainedModel,
        team: Team,
        compute: torch.dtype,
        device: torch.device,
        vocabulary: SpreadVocabulary | None = None,
    ) -> None:
        """Spread `model`, of which `vocabulary` has taken its part already, over `device` and its like."""
        self.model = model
        self.team = team
        self.compute = compute
        self.vocabulary = vocabulary
        self.root = Root(model)
        kept = set(vocabulary.parameters) if vocabulary else set()
        modules = [*find_layers(model), self.root]
        spread(modules, compute, device.type, team.size, kept)
        for module in modules:
            count_exchanges(module, team, device)
        parameters = [p for p in model.parameters() if p.requires_grad]
        self.parts = {p: p if p in kept else nn.Parameter(part_of(p)) for p in parameters}

    def use(self, forward: Forward) -> None:
        """Let the steps of `forward` go through the root, and its decoder's layers through their modules."""
        self.root.run = forward.sum_loss_here
        forward.root = self.root
        if forward.decoder is not None:
            forward.decoder.dtype = self.compute
            forward.decoder.call_through_modules()
        if self.vocabulary:
            forward.embed, forward.head_loss = self.vocabulary.embed, self.vocabulary.sum_loss

    def groups(self, groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the parameter groups with the parts in the place of the parameters."""
        return [group | {"params": [self.parts[p] for p in group["params"]]} for group in groups]

    def names(self) -> dict[nn.Parameter, str]:
        """Return every part with the name of its parameter."""
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        return {part: names[parameter] for parameter, part in self.parts.items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every whole parameter that trains, by name."""
        return {name: self.shape_of(p) for name, p in self.model.named_parameters() if p in self.parts}

    def shape_of(self, parameter: nn.Parameter) -> tuple[int, ...]:
        """Return the shape of a parameter as a whole."""
        words = (self.vocabulary.num_words,) if self.vocabulary and self.is_rows(parameter) else ()
        return words + tuple(parameter.shape[len(words) :])

    def is_rows(self, parameter: nn.Parameter) -> bool:
        """Tell whether a parameter is this process's part of the vocabulary."""
        return self.vocabulary is not None and any(parameter is one for one in self.vocabulary.parameters)

    def take_gradients(self, losses: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Give the parts their gradients, which are summed already; returns the losses by rank."""
        for parameter, part in self.parts.items():
            if part is parameter:
                continue
            grad: Any = parameter.grad
            part.grad = None if grad is None else grad.to_local()
            parameter.grad = None
        return self.team.sum_losses(losses, next(iter(self.parts)).device)

    @torch.no_grad()
    def gather(self, make: Callable[[], PreTrainedModel]) -> PreTrainedModel | None:
        """Return the whole model where the team is led, in what `make` returns; None elsewhere.

        All processes must call it: every parameter is gathered in its turn.
        """
        whole = make() if self.team.leads else None
        targets = dict(whole.named_parameters()) if whole is not None else {}
        for name, parameter in self.model.named_parameters():
            self.team.count()
            gathered = self.gather_rows(parameter) if self.is_rows(parameter) else as_whole(parameter)
            if whole is not None:
                targets[name].copy_(gathered)
        return whole

    def gather_rows(self, parameter: nn.Parameter) -> torch.Tensor:
        """Return a matrix of the vocabulary gathered from all processes."""
        assert self.vocabulary is not None
        most = -(-self.vocabulary.num_words // self.team.size)
        return self.vocabulary.gather(parameter.detach(), most)[: self.vocabulary.num_words]


def spread(
    modules: Sequence[nn.Module],
    compute: torch.dtype,
    device_type: str,
    num_ranks: int,
    kept: Collection[nn.Parameter] = (),
) -> None:
    """Spread the parameters of each module, in order, that none before it holds, and that are not `kept`.

    What lies on the CPU moves to the device of this process, a module at a time.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    policy = MixedPrecisionPolicy(
        param_dtype=None if compute == torch.float32 else compute,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
    )
    mesh = init_device_mesh(device_type, (num_ranks,))
    for module in modules:
        module.float()  # a layer at a time, so that never more than one is there twice
        fully_shard(module, mesh=mesh, mp_policy=policy, ignored_params=set(kept))
        assert isinstance(module, FSDPModule)
        # The loss is divided by the tokens of all: what is wanted is the sum, and an average by gloo was none
        # (pytorch issue 162338).
        module.set_force_sum_reduction_for_comms(True)
        module.set_gradient_divide_factor(1.0)


class Counted:
    """An exchange of FSDP2 that is counted when it begins, and timed on a processor.

    There it is over when the call is; on a GPU it goes on beside the computing, and is no time of its own.
    """

    def __init__(self, exchange: Any, team: Team, device: torch.device) -> None:
        self.exchange = exchange
        self.allocate = exchange.allocate
        self.team = team
        self.is_timed = device.type == "cpu"

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Count and exchange."""
        if not self.is_timed:
            self.team.count()
            return self.exchange(*args, **options)
        with self.team.exchange():
            return self.exchange(*args, **options)


def count_exchanges(module: Any, team: Team, device: torch.device) -> None:
    """Let whoever watches see how far a process has come within a pass through a spread model.

    A torch that has these at another place goes without: then a step is all that is seen.
    """
    try:
        from torch.distributed.fsdp._fully_shard._fsdp_collectives import (
            DefaultAllGather,
            DefaultReduceScatter,
        )
    except ImportError:
        return
    module.set_custom_all_gather(Counted(DefaultAllGather(), team, device))
    module.set_custom_reduce_scatter(Counted(DefaultReduceScatter(), team, device))


def take_rows(whole: torch.Tensor, rank: int, num_ranks: int) -> torch.Tensor:
    """Return the rows of a whole tensor that a rank holds: as many as the others, the last ones fewer."""
    rows = whole.tensor_split(boundaries(len(whole), num_ranks)) if whole.dim() else (whole,) * num_ranks
    return rows[rank]


def boundaries(num_rows: int, num_ranks: int) -> list[int]:
    """Return the rows at which the parts of the second and later ranks begin, as FSDP2 cuts (torch.chunk)."""
    size = -(-num_rows // num_ranks)
    return [min(rank * size, num_rows) for rank in range(1, num_ranks)]


def find_layers(model: Any) -> list[nn.Module]:
    """Return the layers of a model's body; none where they are not found: all is gathered at once then."""
    body = model.get_decoder() if hasattr(model, "get_decoder") else model
    lists: list[Any] = (
        [one for one in body.modules() if isinstance(one, nn.ModuleList)] if body is not None else []
    )
    return [*max(lists, key=len)] if lists else []


def part_of(parameter: Any) -> torch.Tensor:
    """Return this process's part of a parameter, over the same memory."""
    part: torch.Tensor = parameter.to_local().detach()
    return part


def as_whole(parameter: Any) -> torch.Tensor:
    """Return a parameter gathered from all processes."""
    whole: torch.Tensor = parameter.full_tensor()
    return whole
