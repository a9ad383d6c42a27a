"""The text of the training's prompts taken apart: what stands around system text and turns.

A chat template is a program; no other language has it exactly. What it writes for conversations that end with
a question is asked of it, taken apart into fixed pieces, and held against it again over more conversations.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from laptime.data.chat import ChatTemplate
from laptime.data.examples import Message
from laptime.data.templates import Template
from laptime.data.tokens import Tokens
from laptime.errors import UserError

SYSTEM, FIRST, REPLY, SECOND = "Zsystem0Z", "Zfirst1Z", "Zreply2Z", "Zsecond3Z"
TRIED = ("a", "What is 2+2?", "첫째 줄\n둘째 줄", "x" * 40, "{{ .Prompt }} {% if %}", "end.")
MOST_TURNS = 3  # that are tried


class TurnFormat(Struct, kw_only=True):
    """The pieces of a prompt: `head` before the first question, or `before_system`, system, `after_system`.

    `answer` stands between a question and the answer to it, `turn` between an answer and the next question,
    `cue` behind the last question. Without `has_turns` every question stands alone; without `takes_system`
    there is no place for a system text. `begins` is whether the beginning of sequence stands before all.
    """

    head: str
    cue: str
    before_system: str = ""
    after_system: str = ""
    answer: str = ""
    turn: str = ""
    takes_system: bool = True
    has_turns: bool = True
    begins: bool = False

    def render(self, system: str, turns: Sequence[str]) -> str:
        """Return the prompt for turns that begin and end with a question, without BOS."""
        begin = f"{self.before_system}{system}{self.after_system}" if system else self.head
        if not self.has_turns:
            return f"{begin}{turns[-1]}{self.cue}"
        between = [self.answer, self.turn]
        parts = [f"{text}{between[number % 2]}" for number, text in enumerate(turns[:-1])]
        return f"{begin}{''.join(parts)}{turns[-1]}{self.cue}"


def find_format(tokenizer: Any, template: Template) -> TurnFormat:
    """Return the pieces of the training's template; raises UserError where they cannot be told exactly."""
    if template.kind != "chat":
        found = take_pattern_apart(template)
        found.begins = bool(Tokens(tokenizer).leading_ids)
        return found
    return take_chat_apart(tokenizer)


def take_pattern_apart(template: Template) -> TurnFormat:
    """Return the pieces of a template of one question and one answer."""
    head, cue = template.fill(FIRST).split(FIRST)
    found = TurnFormat(head=head, cue=cue, has_turns=False, before_system=head, after_system="\n\n")
    if template.holds_system:
        with_system = template.fill(FIRST, system=SYSTEM)
        before, _, rest = with_system.partition(SYSTEM)
        after, _, behind = rest.partition(FIRST)
        found.takes_system = FIRST not in before and behind == cue
        found.before_system, found.after_system = before, after
    return found


def take_chat_apart(tokenizer: Any) -> TurnFormat:
    """Return the pieces of a chat template; raises UserError where pieces do not write what it writes."""
    chat = ChatTemplate(Tokens(tokenizer))
    begin = tokenizer.bos_token or ""

    def render(system: str, turns: Sequence[str]) -> str:
        roles = ("user", "assistant")
        before = [Message("system", system)] if system else []
        messages = [*before, *(Message(roles[i % 2], text) for i, text in enumerate(turns))]
        return chat.cue(messages, "a conversation")

    whole = render("", [FIRST])
    begins = bool(begin) and whole.startswith(begin)

    def cut(text: str) -> str:
        return text[len(begin) :] if begins else text

    head, cue = split(cut(whole), FIRST)
    answer, turn, _ = split(split(cut(render("", [FIRST, REPLY, SECOND])), FIRST)[1], REPLY, SECOND)
    found = TurnFormat(head=head, cue=cue, answer=answer, turn=turn, begins=begins, takes_system=False)
    with suppress(UserError):  # it refuses a system text, or has no place for it
        before, after, behind = split(cut(render(SYSTEM, [FIRST])), SYSTEM, FIRST)
        found.before_system, found.after_system = before, after
        found.takes_system = behind == cue
    for system in ("", *(TRIED[:3] if found.takes_system else ())):
        for number in range(MOST_TURNS):
            turns = [TRIED[(number + i) % len(TRIED)] for i in range(2 * number + 1)]
            if found.render(system, turns) != cut(render(system, turns)):
                raise inexact()
    return found


def split(text: str, *marks: str) -> list[str]:
    """Return what stands around each of the marks; raises UserError where one does not stand there once."""
    parts = []
    for mark in marks:
        if text.count(mark) != 1:
            raise inexact()
        before, _, text = text.partition(mark)
        parts.append(before)
    return [*parts, text]


def inexact() -> UserError:
    """Make the refusal of a template that is more than pieces around turns."""
    return UserError(
        "the chat template of this training writes turns in a way that no template of Ollama could repeat "
        "exactly; use --to merged, which keeps it as it is"
    )


def write_jinja(found: TurnFormat, begin: str, end: str) -> str:
    """Return a chat template for a format of one question and one answer; `begin` and `end` of sequence."""
    system = (
        f"{quote(found.before_system)} + system + {quote(found.after_system)} if system else "
        if found.takes_system
        else ""
    )
    return (
        "{%- set system = messages[0]['content'] if messages[0]['role'] == 'system' else '' -%}"
        "{%- set turns = messages[1:] if messages[0]['role'] == 'system' else messages -%}"
        "{%- if turns | length not in (1, 2) or turns[0]['role'] != 'user' -%}"
        "{{- raise_exception('trained on one question and one answer, without turns') -}}{%- endif -%}"
        f"{{{{- {quote(begin if found.begins else '')} + ({system}{quote(found.head)})"
        f" + turns[0]['content'] + {quote(found.cue)} -}}}}"
        f"{{%- if turns | length == 2 -%}}{{{{- turns[1]['content'] + {quote(end)} -}}}}{{%- endif -%}}"
    )


def quote(text: str) -> str:
    """Return a text as Jinja writes it in quotes."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"
