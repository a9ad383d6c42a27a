"""The base model and its tokenizer, loaded; their folder has been checked by model_source."""

from __future__ import annotations

import errno
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel, modeling_utils

from laptime.errors import UserError
from laptime.models.source import ModelSource
from laptime.models.tokenizer_files import PUT_BACK, tell_unloadable
from laptime.models.weight_files import WeightFile
from laptime.spec import ModelSpec

RANDOM_WEIGHTS_SEED = 0  # the same base in every run
OUT_OF_FILES = "too many open files to read it; raise the limit: ulimit -n 1024"
DRAWING = ("normal_", "uniform_", "kaiming_uniform_", "trunc_normal_")  # of torch.nn.init


def load_tokenizer(spec: ModelSpec, source: ModelSource) -> Any:
    """Load the tokenizer of the model; raises UserError when there is none that can be read."""
    from transformers import AutoTokenizer  # 0.1 s that a run without questions does not need

    try:
        return AutoTokenizer.from_pretrained(source.folder, trust_remote_code=spec.trust_remote_code)
    except StrictDataclassError as error:  # it reads config.json first
        raise UserError(f"{Path(source.folder) / 'config.json'}: {one_line(error)}") from None
    except Exception as error:  # tokenizer files fail in as many ways as there are tokenizers
        raise UserError(tell_unloadable(Path(source.folder), spec.model, one_line(error))) from None


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
        if is_out_of_files(error):
            raise UserError(f"--model {spec.model}: {OUT_OF_FILES}") from None
        known = isinstance(error, (OSError, ValueError, RuntimeError, SafetensorError))
        if not known and not spec.allow_pickled_weights:
            raise
        raise UserError(f"--model {spec.model}: cannot be loaded ({one_line(error)})") from None


def is_out_of_files(error: BaseException) -> bool:
    """Tell whether the system refuses to open one more file; the libraries that read weights quote it."""
    return getattr(error, "errno", None) == errno.EMFILE or os.strerror(errno.EMFILE) in str(error)


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


def read_config(spec: ModelSpec, folder: Path) -> Any:
    """Read the model's configuration; raises UserError when transformers has no such causal model."""
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=spec.trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"--model {spec.model}: {one_line(error)}") from None
    except Exception as error:  # of its classes' own checks
        raise UserError(f"{folder / 'config.json'}: {one_line(error)}") from None


def check_generation(folder: Path) -> None:
    """Refuse settings of generation that transformers fails at once the weights are loaded."""
    file = folder / "generation_config.json"
    try:
        if file.is_file():
            GenerationConfig.from_pretrained(folder)
    except Exception as error:  # each setting is checked, or used, in its own way
        raise UserError(f"{file}: {one_line(error)}; {PUT_BACK}") from None


def build_empty_model(spec: ModelSpec, folder: Path) -> PreTrainedModel:
    """Build the model without memory for its weights; raises UserError when it is no causal one."""
    config = read_config(spec, folder)
    check_generation(folder)
    try:
        with torch.device("meta"), lean_loading():
            return AutoModelForCausalLM.from_config(config, trust_remote_code=spec.trust_remote_code)
    except Exception as error:  # sizes that do not go together fail in as many ways as there are models
        raise UserError(
            f"{folder / 'config.json'}: no causal language model can be built from it ({one_line(error)})"
        ) from None


def one_line(error: BaseException) -> str:
    """Return the first line of an error, short; with the next where it only announces that."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return (first or type(error).__name__)[:200]


def quiet_libraries() -> None:
    """Keep transformers from printing: what matters goes into the record."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    from transformers.utils import logging as told_by_transformers

    told_by_transformers.set_verbosity_error()
    told_by_transformers.disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # faster kernels that are not here
    warnings.filterwarnings("ignore", category=FutureWarning)  # PEFT's use of older transformers names
    warnings.filterwarnings("ignore", message="Position ids are not supported")  # with tokens before a text
