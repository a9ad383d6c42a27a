"""A sentence of the conclusion with the label under which it stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """`topic` is the part of its label's key after "label."; a warning is shown as one."""

    topic: str
    text: str
    warning: bool = False
