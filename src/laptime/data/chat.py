"""The tokenizer's own chat template: what it writes for a conversation, and which of it is the answer.

Which text is an answer is found by asking the template, never by guessing its format: what it writes
for the turns before an answer, with the cue for one, must be the beginning of what it writes for all.
A template that marks its answers ({% generation %}) is believed instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from laptime.data.chat_templates import GivenTemplate, fit_template, put_template
from laptime.data.examples import ExampleError, Message
from laptime.data.template_file import GIVEN, tell_template
from laptime.data.tokens import Tokens
from laptime.errors import UserError

# Some templates write today's date; a run and its repetition tomorrow must be the same work.
_PINNED = {"date_string": "26 Jul 2024"}
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
Part = tuple[str, bool]  # a text, and whether it is an answer


class ChatTemplate:
    """The chat template of a tokenizer."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.marks_answers = bool(_GENERATION.search(_template_text(tokens.tokenizer)))
        self.turn_end_ids: dict[int, None] = {}  # the special tokens that ended the answers so far

    def cue(self, messages: Sequence[Message], source: str, tools: str = "") -> str:
        """Return the text of `messages` up to where the answer begins."""
        return self._render(messages, source, cue=True, tools=tools)

    def split(
        self, messages: Sequence[Message], num_prompt_messages: int, source: str, tools: str = ""
    ) -> list[Part]:
        """Cut the text of a conversation into parts that are answers and parts that are not.

        `tools` is the JSON of those that the model may call. An answer holds the special token with which the
        template ends it; the last one gets the end of sequence where the template ends it with none. Raises
        UserError where the answers can't be told.
        """
        if self.marks_answers:
            full, spans = self._marked_spans(messages, num_prompt_messages, source, tools)
        else:
            full = self._render(messages, source, tools=tools)
            spans = self._prefix_spans(full, messages, num_prompt_messages, source, tools)
        for message in messages:
            if message.role == "system" and not _holds(full, message.content):
                raise _without_system(source)
        if tools and full == self._render(messages, source):
            raise _without_tools(source)
        parts: list[Part] = []
        position = 0
        for start, end in spans:
            parts += [(full[position:start], False), (full[start:end], True)]
            position = end
        parts.append((full[position:], False))
        return [part for part in self._end_last_answer(parts, source) if part[0]]

    def _render(self, messages: Sequence[Message], source: str, cue: bool = False, tools: str = "") -> str:
        """Let the template write `messages` and `tools`; special-token text in them is marked."""
        turns = [_as_turn(message) for message in messages]
        try:
            return self.tokens.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=cue, tools=_read_tools(tools), **_PINNED
            )
        except Exception as error:  # a template is a program: it fails in any way it likes
            raise self._failed(source, error) from None

    def _failed(self, source: str, error: BaseException) -> UserError:
        """Make the error for a template that fails: ExampleError where it refuses the example itself."""
        told = tell_template(self.tokens.tokenizer, source, error)
        if told.startswith(f"{source}: "):
            return ExampleError(source, told.removeprefix(f"{source}: "))
        return UserError(told)

    def _prefix_spans(
        self, full: str, messages: Sequence[Message], num_prompt_messages: int, source: str, tools: str
    ) -> list[tuple[int, int]]:
        """Find each answer between what the template writes before it and what it writes after it."""
        spans = []
        for index in _answers(messages, num_prompt_messages):
            before = self.cue(messages[:index], source, tools)
            if not full.startswith(before):
                raise _hidden(source)
            last = index + 1 == len(messages)
            through = full if last else self._render(messages[: index + 1], source, tools=tools)
            if full.startswith(through) and len(through) > len(before):
                end = len(before) + self._answer_length(full[len(before) : len(through)])
            else:  # the template writes a last turn in another way than an earlier one
                end = self._find_end(full, len(before), messages[index].content, source)
            spans.append((len(before), end))
            _check_written(full[len(before) : end], messages[index], source)
        return spans

    def _answer_length(self, turn: str) -> int:
        """Return how much of a turn is the answer: up to its last special token, no white space."""
        ends = [found.end() for found in self.tokens.special.finditer(turn)] if self.tokens.special else []
        if ends and not turn[ends[-1] :].strip():
            return ends[-1]
        return len(turn.rstrip()) or len(turn)

    def _find_end(self, full: str, start: int, content: str, source: str) -> int:
        """Return where the answer from `start` that holds `content` ends, its special token included."""
        found = full.find(content.strip(), start)
        special = self.tokens.special.search(full, start) if self.tokens.special else None
        if found < 0 or special is None or special.start() < found:
            raise _hidden(source)
        after = found + len(content.strip())
        if full[after : special.start()].strip():
            raise _hidden(source)
        return special.end()

    def _marked_spans(
        self, messages: Sequence[Message], num_prompt_messages: int, source: str, tools: str
    ) -> tuple[str, list[tuple[int, int]]]:
        """Take the answers from the template's own marks, each with the special token right behind it."""
        from transformers.utils.chat_template_utils import render_jinja_template

        tokenizer = self.tokens.tokenizer
        turns = [_as_turn(message) for message in messages]
        try:
            rendered, marks = render_jinja_template(
                conversations=[turns],
                tools=_read_tools(tools),
                chat_template=_template_text(tokenizer),
                return_assistant_tokens_mask=True,
                **tokenizer.special_tokens_map,
                **_PINNED,
            )
        except Exception as error:  # a template is a program: it fails in any way it likes
            raise self._failed(source, error) from None
        answers = _answers(messages, num_prompt_messages)
        all_answers = [index for index, message in enumerate(messages) if message.role == "assistant"]
        if len(marks[0]) != len(all_answers):
            raise _hidden(source)
        full = rendered[0]
        spans = [span for index, span in zip(all_answers, marks[0], strict=True) if index in answers]
        for index, (start, end) in zip(answers, spans, strict=True):
            _check_written(full[start:end], messages[index], source)
        return full, [(start, self._through_special(full, end)) for start, end in spans]

    def _through_special(self, full: str, end: int) -> int:
        """Return the end of the special token that begins at `end`, or `end`."""
        found = self.tokens.special.match(full, end) if self.tokens.special else None
        return found.end() if found else end

    def _end_last_answer(self, parts: list[Part], source: str) -> list[Part]:
        """Make sure that the last answer ends with a token at which generation can stop."""
        last = max(index for index, part in enumerate(parts) if part[1])
        text = parts[last][0]
        ends = list(self.tokens.special.finditer(text)) if self.tokens.special else []
        if ends and ends[-1].end() == len(text):
            self.turn_end_ids[self.tokens.special_ids[ends[-1][0]]] = None
            return parts
        if self.tokens.eos_id is None:
            raise no_end_of_sequence(source)
        return [*parts[:last], (text + self.tokens.tokenizer.eos_token, True)]


def give_template(tokenizer: Any, given: str | None) -> GivenTemplate:
    """Give a tokenizer the chat template that the user gives; raises UserError where it does not fit."""
    if given is None:
        return GivenTemplate()
    tokens = Tokens(tokenizer)
    fitted = fit_template(given, set(tokens.special_ids), begins=bool(tokens.leading_ids))
    put_template(tokenizer, fitted.text)
    setattr(tokenizer, GIVEN, given)
    return fitted


def no_end_of_sequence(source: str) -> UserError:
    """Make the error for a tokenizer with no token that ends an answer."""
    return UserError(
        f"{source}: the tokenizer has no end-of-sequence token, so no answer would ever end; "
        f"set eos_token in the model's tokenizer_config.json"
    )


def refuse_contradiction(messages: Sequence[Message], train_on: str, source: str) -> None:
    """Refuse a turn that is to be context alone where everything is trained."""
    if train_on == "all" and not all(message.trained for message in messages):
        raise UserError(
            f"{source}: a turn of it is to be context alone, which --train-on all would train; "
            f"leave the option out, or the mark"
        )


def _as_turn(message: Message) -> dict[str, Any]:
    """Return a turn as a template takes it."""
    beside = json.loads(message.beside) if message.beside else {}
    return {"role": message.role, "content": message.content, **beside}


def _check_written(written: str, message: Message, source: str) -> None:
    """Refuse a template that writes something else for an answer; white space is its own affair."""
    if not _holds(written, message.content):
        raise ExampleError(
            source,
            "the chat template does not write the answer as it stands in the data; "
            "use --template (qa-en, or a string)",
        )
    for call in json.loads(message.beside).get("tool_calls", []) if message.beside else []:
        function = call.get("function", call)
        for text in (function["name"], *_texts_in(function["arguments"])):
            if not _holds(written, text) and not _holds(written, json.dumps(text, ensure_ascii=False)[1:-1]):
                raise ExampleError(
                    source,
                    "the chat template does not write the calls of tools as they stand in the data; "
                    "write them out as text, or give a --chat-template that does",
                )


def _texts_in(value: Any) -> Iterator[str]:
    """Yield the texts that stand in a value from JSON, the names of its members apart."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts_in(inner)


def _holds(written: str, content: str) -> bool:
    """Tell whether a text was written as it is, but for its white space."""
    return content in written or "".join(content.split()) in "".join(written.split())


def _answers(messages: Sequence[Message], num_prompt_messages: int) -> list[int]:
    """Return the indices of the turns that are trained."""
    later = enumerate(messages[num_prompt_messages:], start=num_prompt_messages)
    return [index for index, message in later if message.role == "assistant" and message.trained]


def _template_text(tokenizer: Any) -> str:
    """Return the source of the template (some tokenizers hold several by name)."""
    return str(tokenizer.get_chat_template())


def _read_tools(tools: str) -> list[Any] | None:
    """Return tools as a template takes them."""
    return json.loads(tools) if tools else None


def _hidden(source: str) -> ExampleError:
    return ExampleError(
        source, "the chat template hides which tokens are the answer; use --template (qa-en, or a string)"
    )


def _without_system(source: str) -> ExampleError:
    return ExampleError(
        source,
        "the chat template leaves out the system text; take that out, or give a --template with "
        "{system}, {prompt} and {completion}",
    )


def _without_tools(source: str) -> ExampleError:
    return ExampleError(
        source,
        "the chat template leaves out the tools; take them out, or give a --chat-template that writes them",
    )
