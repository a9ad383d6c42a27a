"""llama.cpp itself, where llama-cpp-python is installed: what it makes of a GGUF."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from laptime.errors import UserError
from laptime.export.proof import MOST_NEW_TOKENS, Task


def has_llama_cpp() -> bool:
    """Tell whether llama.cpp can be asked here."""
    return find_spec("llama_cpp") is not None


@contextmanager
def opened(path: Path, task: Task) -> Iterator[LlamaCpp]:
    """Load a GGUF with room for the task."""
    from llama_cpp import Llama

    longest = max(map(len, [*task.examples, *task.prompts])) + MOST_NEW_TOKENS
    try:
        model = Llama(
            str(path), n_ctx=longest, n_batch=longest, n_ubatch=longest, logits_all=True, verbose=False,
            n_gpu_layers=0,
        )  # fmt: skip
    except ValueError:  # why, it prints when it is asked to be verbose
        raise UserError("--to gguf: llama.cpp cannot load what was written; nothing is kept") from None
    try:
        yield LlamaCpp(model, task)
    finally:
        model.close()


class LlamaCpp:
    """A model in llama.cpp, asked as the others are."""

    def __init__(self, model: Any, task: Task) -> None:
        self.model, self.task = model, task

    def logits(self, token_ids: list[int]) -> torch.Tensor:
        """Return the logits TV of tokens."""
        self.model.reset()
        self.model.eval(token_ids)
        return torch.from_numpy(self.model.scores[: len(token_ids)].copy())

    def answer_all(self) -> list[list[int]]:
        """Return the greedy answers to all prompts."""
        return [self._answer(prompt) for prompt in self.task.prompts]

    def _answer(self, prompt: list[int]) -> list[int]:
        """Return a greedy answer, the token that ends it included."""
        self.model.reset()
        self.model.eval(prompt)
        answer: list[int] = []
        while len(answer) < self.task.room(prompt):
            token = int(self.model.scores[self.model.n_tokens - 1].argmax())
            answer.append(token)
            if token in self.task.stop_ids:
                break
            self.model.eval([token])
        return answer

    def tokenize(self, text: str, begins: bool) -> list[int]:
        """Return the tokens of a text in which special tokens are such."""
        return list(self.model.tokenize(text.encode(), add_bos=begins, special=True))
