"""Three checks of a trained result, made when all else of a run is over.

Did the trained parameters change and no others? Did the loss on the training examples fall? Does the saved
result, loaded again, give the same logits? The model as it stood before training is built a second time,
from the base and the seed, so that nothing is read, copied or touched before or during the training that
these checks would make slower or faster. That needs room for a second copy of the model; where there is
none, the saved tensors are compared one by one and the rest is said to be unchecked.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from msgspec import Struct

from laptime.credentials import hide, print_traceback
from laptime.data.batches import find_first, make_batch, plan_steps
from laptime.data.encoded import EncodedExample, lengths_of
from laptime.hardware.device_memory import give_back_memory
from laptime.hardware.system_memory import free_bytes
from laptime.methods.method import Method
from laptime.runs.events import Check, CheckName
from laptime.spec import TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.loop import evaluate

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_EXAMPLES = 10  # whose loss is looked at before and after
SHARE_OF_TOKENS = 0.05  # and no more than this part of the tokens trained on, but one example at least,
FEW_TOKENS = 2048  # and of short examples as many as these hold: they take no time worth saving
MOST_TOKENS = 128  # of the example whose logits are compared
SPARE_BYTES = 500_000_000  # beside the second copy: activations, the allocator's gaps
# Kernels may add up in another order, depending on where a tensor happens to lie in memory.
ROUNDING = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
MOVED = 3  # times as much where a part of each weight has been moved into an adapter and back
INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
NAMES: tuple[CheckName, ...] = ("parameters", "loss", "reload")


class Subject(Struct, kw_only=True):
    """What is checked, and how to build it again; `seed` is that of the run."""

    trained: PreTrainedModel
    method: Method
    load_base: Callable[[], PreTrainedModel]
    seed: int
    saved: Path
    examples: Sequence[EncodedExample]
    training: TrainingSpec


def check_result(subject: Subject) -> Iterator[Check]:
    """Yield what the three checks found; a check that cannot be made says why, and none raises."""
    made: set[CheckName] = set()
    try:
        for check in _check_all(subject):
            made.add(check.name)
            yield check
    except Exception as error:
        print_traceback(type(error), error, error.__traceback__)
        lines = str(error).strip().splitlines() or [""]
        reason = hide(f"{type(error).__name__}: {lines[0][:200]}")
        yield from (_unchecked(name, reason) for name in NAMES if name not in made)


def _check_all(subject: Subject) -> Iterator[Check]:
    """Yield the checks, with one second copy of the model at a time."""
    trained = subject.trained.eval()
    if not has_room(trained):
        size = sum(p.nbytes for p in trained.parameters())
        reason = f"no room for a second copy of the model ({size / 1e9:.1f} GB)"
        yield from (_unchecked(name, reason) for name in NAMES[:2])
        yield _unchecked(NAMES[2], reason) if subject.method.changes_base else compare_stored(subject)
        return
    chosen = choose_examples(subject.examples, subject.training, subject.seed)
    initial = build_initial(subject)
    yield compare_parameters(initial, trained)
    yield compare_losses(initial, trained, chosen)
    del initial
    gc.collect()
    dtype = trained.dtype
    base = trained if subject.method.saved_kind == "model" else subject.load_base()
    reloaded = subject.method.load(base, subject.saved, dtype).eval()
    token_ids = chosen[0].token_ids[:MOST_TOKENS]
    if subject.method.saves_others:
        yield compare_logits(reloaded, trained, token_ids)
    else:
        yield compare_reloaded(reloaded, trained, token_ids)


def has_room(model: PreTrainedModel) -> bool:
    """Say whether a second copy of `model` fits beside it; True where nobody knows."""
    give_back_memory()
    free = torch.cuda.mem_get_info(model.device)[0] if model.device.type == "cuda" else free_bytes()
    num_bytes = sum(parameter.nbytes for parameter in model.parameters())
    return free is None or num_bytes + num_bytes // 5 + SPARE_BYTES <= free


def build_initial(subject: Subject) -> PreTrainedModel:
    """Return the model as it stood before the first step."""
    base = subject.load_base()
    torch.manual_seed(subject.seed)
    base.requires_grad_(False)
    return subject.method.attach(base).eval()


def choose_examples(
    examples: Sequence[EncodedExample], training: TrainingSpec, seed: int
) -> list[EncodedExample]:
    """Return some of the examples that were trained on, evenly spread, and few beside the training."""
    plans = plan_steps(len(examples), training, seed, first=find_first(examples, training))
    whole_epochs, rest = plans.count_looks()
    lengths = lengths_of(examples)
    seen = range(len(examples)) if whole_epochs else sorted(rest)
    trained_on = int(whole_epochs * lengths.sum() + lengths[rest].sum())
    budget = max(FEW_TOKENS, SHARE_OF_TOKENS * trained_on)
    mean = int(lengths[seen].sum()) / len(seen)
    number = max(1, min(MOST_EXAMPLES, len(seen), int(budget / mean)))
    return [examples[seen[place * len(seen) // number]] for place in range(number)]


def compare_parameters(initial: PreTrainedModel, trained: PreTrainedModel) -> Check:
    """Say which tensors changed, to the bit: some of the trained ones must have, no other may have.

    A trained tensor may keep its bits for good reasons: no gradient reached it (half of LoRA's at its first
    step), or its updates are smaller than the rounding of half precision. So those are counted and said.
    """
    before = dict(initial.named_parameters()) | dict(initial.named_buffers())
    after = dict(trained.named_parameters()) | dict(trained.named_buffers())
    trains = {name for name, parameter in trained.named_parameters() if parameter.requires_grad}
    changed = {n for n, tensor in after.items() if n not in before or not same_bits(before[n], tensor)}
    others = sorted((changed - trains) | (before.keys() - after.keys()))
    kept = sorted(trains - changed)
    values: dict[str, float] = {
        "trained": len(trains),
        "changed": len(trains & changed),
        "others": len(others),
    }
    note = f"{len(trains & changed)} of {len(trains)} trained tensors changed, {len(others)} of the others"
    if others:
        note += f" ({others[0]})"
    if kept and trains & changed:
        note += f"; unchanged: {kept[0]}" + (f" and {len(kept) - 1} more" if len(kept) > 1 else "")
    return Check(name="parameters", passed=bool(trains & changed) and not others, note=note, values=values)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Tell whether two tensors hold the same bits, NaN and the sign of zero included."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    bits = INTEGERS[one.element_size()]
    return torch.equal(one.detach().contiguous().view(bits), other.detach().contiguous().view(bits))


def compare_losses(
    initial: PreTrainedModel, trained: PreTrainedModel, examples: Sequence[EncodedExample]
) -> Check:
    """Say whether the mean loss over the trained tokens of `examples` fell, both without dropout."""
    batches = [make_batch([example]) for example in examples]
    before, _ = evaluate(Forward(initial), batches)
    after, _ = evaluate(Forward(trained), batches)
    shown = "1 training example" if len(examples) == 1 else f"{len(examples)} training examples"
    note = f"mean loss of {shown}: {before:.4g} before, {after:.4g} after"
    values = {"before": before, "after": after, "records": len(examples)}
    return Check(name="loss", passed=after < before, note=note, values=_finite(values))


@torch.no_grad()
def find_logits(
    reloaded: PreTrainedModel, trained: PreTrainedModel, token_ids: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Return the logits (BTV) of the model from disk and of the trained one, and their largest difference."""
    ids_BT = torch.tensor([list(token_ids)], device=trained.device)
    theirs, ours = (model(input_ids=ids_BT, use_cache=False).logits for model in (reloaded, trained))
    return theirs, ours, float((theirs.float() - ours.float()).abs().max())


def allow_rounding(logits: torch.Tensor) -> float:
    """Return the difference that another order of addition may make of such logits."""
    return ROUNDING.get(logits.dtype, 0.0) * float(logits.float().abs().max())


def compare_reloaded(reloaded: PreTrainedModel, trained: PreTrainedModel, token_ids: Sequence[int]) -> Check:
    """Say whether what was loaded from disk has the parameters and the logits of the trained model."""
    stored, held = dict(reloaded.named_parameters()), dict(trained.named_parameters())
    names = sorted(stored.keys() | held.keys())
    differ = [n for n in names if n not in stored or n not in held or not same_bits(stored[n], held[n])]
    theirs, ours, difference = find_logits(reloaded, trained, token_ids)
    values = {"tensors": len(names), "differing": len(differ), "largest_difference": difference}
    if differ:
        note = f"{len(differ)} of {len(names)} tensors differ from those in memory ({differ[0]})"
        return Check(name="reload", passed=False, note=note, values=_finite(values))
    if same_bits(theirs, ours):
        note = f"{len(names)} tensors and the logits of {len(token_ids)} tokens are equal to the bit"
        return Check(name="reload", passed=True, note=note, values=_finite(values))
    note = f"{len(names)} tensors are equal to the bit, the logits differ by {difference:.2g} at most"
    return Check(name="reload", passed=difference <= allow_rounding(ours), note=note, values=_finite(values))


def compare_logits(reloaded: PreTrainedModel, trained: PreTrainedModel, token_ids: Sequence[int]) -> Check:
    """Say whether what was loaded from disk computes what the trained model does, from other tensors."""
    _, ours, difference = find_logits(reloaded, trained, token_ids)
    note = f"the logits of {len(token_ids)} tokens differ by {difference:.2g} at most, from other tensors"
    values = _finite({"largest_difference": difference})
    return Check(name="reload", passed=difference <= MOVED * allow_rounding(ours), note=note, values=values)


def compare_stored(subject: Subject) -> Check:
    """Compare the saved tensors with those in memory one by one, where a second model has no room."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    is_adapter = subject.method.saved_kind == "adapter"
    held = get_peft_model_state_dict(subject.trained) if is_adapter else subject.trained.state_dict()
    differ, number = [], 0
    for file in sorted(subject.saved.glob("*.safetensors")):
        with safe_open(file, framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - no mapping
                number += 1
                tensor = held.get(name)
                if tensor is None or not same_bits(stored.get_tensor(name), tensor.cpu()):
                    differ.append(name)
    note = f"no room to load it beside the trained model; {number - len(differ)} of {number} saved tensors"
    note += " are equal to the bit to those in memory, the logits were not compared"
    values: dict[str, float] = {"tensors": number, "differing": len(differ)}
    return Check(name="reload", passed=not differ and number > 0, note=note, values=values)


def _finite(values: dict[str, float]) -> dict[str, float]:
    """Leave out what JSON has no word for."""
    return {name: value for name, value in values.items() if abs(value) < float("inf")}


def _unchecked(name: CheckName, reason: str) -> Check:
    """Return a check that was not made."""
    return Check(name=name, passed=None, note=reason)
