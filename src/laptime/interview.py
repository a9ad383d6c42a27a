"""One question to the base and to every result: same prompt, greedy, a stop that is checked."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import torch

from laptime.comparison.answers import gather_answers
from laptime.comparison.belonging import refuse_other_result
from laptime.comparison.collection import read_measured
from laptime.comparison.result import ComparisonResult, MethodResult, QuestionAnswers
from laptime.data.chat_templates import put_template
from laptime.data.encoded import read_inputs
from laptime.data.encoding import Question, encode_question, has_chat_template
from laptime.data.input_manifest import find_base, read_manifest
from laptime.data.known_questions import find_question
from laptime.data.templates import Template, make_template
from laptime.hardware.machine import choose_device
from laptime.methods.held_base import load_held
from laptime.methods.method import Method, make_method
from laptime.models.folder import check_saved
from laptime.models.loading import load_tokenizer, quiet_libraries
from laptime.runs.events import Answer, Answering
from laptime.runs.folder import find_inputs
from laptime.spec import AnswerSpec, ModelSpec
from laptime.training.generate import answer_questions, cut_at_stop

if TYPE_CHECKING:
    from transformers import PreTrainedModel


PACE_SECONDS = 0.2  # between two looks at an answer that grows
Hear = Callable[[str, str, str, bool], None]


def use_threads(number: int) -> None:
    """Let torch work with so many threads."""
    torch.set_num_threads(number)


class Interviewer:
    """Asks one base and the results trained from it, loading each once."""

    def __init__(
        self, folder: Path, result: ComparisonResult, max_new_tokens: int | None, trusts_code: bool = False
    ) -> None:
        quiet_libraries()
        self.folder = folder
        self.result = result
        # Whoever wrote the folder may have trusted the model's code; who asks now says so for himself.
        spec = msgspec.convert(result.spec["model"], ModelSpec)
        self.model_spec = msgspec.structs.replace(spec, trust_remote_code=trusts_code)
        answers = msgspec.convert(result.spec["answers"], AnswerSpec)
        self.max_new_tokens = max_new_tokens or answers.max_new_tokens
        inputs = find_inputs(folder)
        self.source = find_base(read_manifest(inputs), self.model_spec, inputs.parent)
        _, self.encoded = read_inputs(inputs)
        tokenizer = load_tokenizer(self.model_spec, self.source)
        self.tokenizer = put_template(tokenizer, self.encoded.chat_template)
        self.device = choose_device(result.training.get("device", "auto"))

    def ask(self, questions: Sequence[str], hear: Hear | None = None) -> dict[str, list[Answer]]:
        """Return the answers of the base and of each method, in the order of `questions`.

        `hear` gets question, name, the answer so far and whether that is all of it.
        """
        template = make_template(self.encoded.template, has_chat_template(self.tokenizer))
        known = {question.question.strip(): question for question in self.encoded.questions}
        asked = [known.get(text.strip()) or self.make_question(text, template) for text in questions]
        answers = {"base": self.answer(self.load_base(), asked, "base", hear)}
        for method in self.result.methods:
            if method.saved_paths:
                answers[method.name] = self.answer(self.load_result(method), asked, method.name, hear)
        return answers

    def make_question(self, text: str, template: Template) -> Question:
        """Return a question that no run was asked: with its answer, where an example of the data has one."""
        spellings = dict.fromkeys((text, text.strip()))
        prompts = [encode_question(spelling, self.tokenizer, template) for spelling in spellings]
        for prompt_ids in prompts:
            if found := find_question(text, prompt_ids, self.encoded, self.tokenizer):
                return found
        return Question(text, prompts[0], None, "asked")

    def load_base(self, dtype: str | None = None, method: Method | None = None) -> PreTrainedModel:
        """Load the base in the precision of the comparison, as a method holds it."""
        known = dtype or next((m.compute_dtype for m in self.result.methods if m.compute_dtype), "float32")
        folder = Path(self.source.folder)
        return load_held(method, self.model_spec, folder, self.device, getattr(torch, known))

    def load_result(self, method: MethodResult) -> PreTrainedModel:
        """Load what the first finished round of `method` saved."""
        saved = self.folder / method.saved_paths[0]
        for record in read_measured(self.folder, self.result):
            if record.saved and record.folder / record.saved.path == saved:
                refuse_other_result(record)
        options = make_method(method.method, method.method_options)
        check_saved(saved, options.saved_kind)
        dtype = getattr(torch, method.compute_dtype or "float32")
        return options.load(self.load_base(method.compute_dtype, options), saved, dtype)

    def answer(
        self, model: PreTrainedModel, asked: Sequence[Question], name: str = "", hear: Hear | None = None
    ) -> list[Answer]:
        """Ask one model and let it go."""
        answers: list[Answer] = []
        looked, stop_ids = time.monotonic(), self.encoded.stop_ids

        def keep(event: Answer | Answering) -> None:
            if isinstance(event, Answer):
                answers.append(event)
                if hear:
                    hear(event.question, name, event.text, True)

        def listen(first: int, rows: list[list[int]]) -> None:
            nonlocal looked
            if hear is None or time.monotonic() - looked < PACE_SECONDS:
                return
            looked = time.monotonic()
            for question, ids in zip(asked[first:], rows, strict=False):
                text = self.tokenizer.decode(cut_at_stop(ids, stop_ids), skip_special_tokens=True)
                hear(question.question, name, text.strip().rstrip("\ufffd"), False)  # half a letter waits

        hears = listen if hear else None
        answer_questions(model, self.tokenizer, asked, stop_ids, self.max_new_tokens, keep, hears)
        del model
        gc.collect()
        return answers


def ask_results(
    folder: Path,
    result: ComparisonResult,
    questions: Sequence[str],
    max_new_tokens: int | None,
    trusts_code: bool = False,
    hear: Hear | None = None,
) -> Iterator[QuestionAnswers]:
    """Ask the base and every saved result of `folder`; raises UserError when one is gone.

    `hear` gets every answer as it grows: question, name, text so far, whether that is all of it.
    """
    answers = Interviewer(folder, result, max_new_tokens, trusts_code).ask(questions, hear)
    for number, question in enumerate(questions):
        yield gather_answers(question, {name: texts[number] for name, texts in answers.items()})
