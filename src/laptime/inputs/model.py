"""The base model and its tokenizer, loaded; their folder has been checked by model_source."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, modeling_utils

from laptime.errors import UserError
from laptime.inputs.model_source import ModelSource
from laptime.inputs.weight_files import WeightFile
from laptime.spec import ModelSpec

RANDOM_WEIGHTS_SEED = 0  # the same base in every run
DRAWING = ("normal_", "uniform_", "kaiming_uniform_", "trunc_normal_")  # of torch.nn.init


def load_tokenizer(spec: ModelSpec, source: ModelSource) -> Any:
    """Load the tokenizer of the model; raises UserError when there is none that can be read."""
    from transformers import AutoTokenizer  # 0.1 s that a run without questions does not need

    try:
        return AutoTokenizer.from_pretrained(source.folder, trust_remote_code=spec.trust_remote_code)
    except Exception as error:  # tokenizer files fail in as many ways as there are tokenizers
        raise UserError(
            f"--model {spec.model}: its tokenizer cannot be loaded ({_one_line(error)})"
        ) from None


def load_model(spec: ModelSpec, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """Load the base on the CPU in `dtype`, or draw its weights at random."""
    if spec.random_weights:
        config = read_config(spec, folder)
        torch.manual_seed(RANDOM_WEIGHTS_SEED)
        return AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=spec.trust_remote_code)
    with told_in_one_line(spec), lean_loading():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **loading_options(spec, folder))


@contextmanager
def told_in_one_line(spec: ModelSpec) -> Iterator[None]:
    """Turn the errors of loading into UserError; a pickle, where it is allowed, fails in any way it likes."""
    try:
        yield
    except Exception as error:
        known = isinstance(error, (OSError, ValueError, RuntimeError, SafetensorError))
        if not known and not spec.allow_pickled_weights:
            raise
        raise UserError(f"--model {spec.model}: cannot be loaded ({_one_line(error)})") from None


def loading_options(spec: ModelSpec, folder: Path) -> dict[str, Any]:
    """Return how transformers is to load weights: from safetensors, or from pickles if the user says so.

    Even then no pickle runs code: torch reads such a file with weights_only.
    """
    pickled = spec.allow_pickled_weights and not any(folder.glob("*.safetensors"))
    return {
        "trust_remote_code": spec.trust_remote_code,
        "use_safetensors": not pickled,
        "weights_only": True,
        "local_files_only": True,
    }


@contextmanager
def lean_loading() -> Iterator[None]:
    """Let transformers load the same model with less memory and work.

    It keeps whole weight files mapped, and it draws the weights of an empty model at random, for which
    torch imports sympy.
    """
    with ExitStack() as stack:
        if hasattr(modeling_utils, "safe_open"):
            stack.enter_context(replaced(modeling_utils, "safe_open", WeightFile))
        for name in DRAWING:
            stack.enter_context(replaced(torch.nn.init, name, unless_empty(getattr(torch.nn.init, name))))
        yield


@contextmanager
def replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    """Put `value` in the place of a function of `module` for as long as the block lasts."""
    original = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, original)


def unless_empty(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Return the initialisation, left out for tensors that have no memory."""

    def draw_unless_empty(tensor: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        return tensor if tensor.is_meta else draw(tensor, *args, **options)

    return draw_unless_empty


def check_weights(spec: ModelSpec, folder: Path, model: PreTrainedModel) -> None:
    """Refuse weight files that are broken or lack a part of the model; transformers would draw it at random.

    The names in the files' headers answer in no time; only where they differ from those of `model`, which
    may be empty, is the model really loaded.
    """
    stored: dict[str, list[int]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as weights:
                names = list(weights.keys())
                stored |= {name: list(weights.get_slice(name).get_shape()) for name in names}
        except (OSError, SafetensorError) as error:
            raise UserError(f"{file}: not a whole safetensors file ({_one_line(error)})") from None
    if all(stored.get(name) == list(weight.shape) for name, weight in model.named_parameters()):
        return
    with told_in_one_line(spec):
        _, report = AutoModelForCausalLM.from_pretrained(
            folder, output_loading_info=True, **loading_options(spec, folder)
        )
    if absent := sorted(report["missing_keys"]):
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise UserError(
            f"--model {spec.model}: its weight files lack {absent[0]}{more}; is config.json theirs?"
        )


def read_config(spec: ModelSpec, folder: Path) -> Any:
    """Read the model's configuration; raises UserError when transformers has no such causal model."""
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=spec.trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"--model {spec.model}: {_one_line(error)}") from None


def build_empty_model(spec: ModelSpec, folder: Path) -> PreTrainedModel:
    """Build the model without memory for its weights; raises UserError when it is no causal one."""
    config = read_config(spec, folder)
    try:
        with torch.device("meta"), lean_loading():
            return AutoModelForCausalLM.from_config(config, trust_remote_code=spec.trust_remote_code)
    except (ValueError, KeyError) as error:
        raise UserError(f"--model {spec.model}: no causal language model ({_one_line(error)})") from None


def model_max_length(config: dict[str, Any]) -> int | None:
    """Return the longest sequence that the model's configuration allows, in tokens."""
    return config.get("max_position_embeddings") or config.get("n_positions")


def _one_line(error: BaseException) -> str:
    """Return the first line of an error, short."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]


def quiet_libraries() -> None:
    """Keep transformers from printing: what matters goes into the record."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)  # PEFT's use of older transformers names
