"""OLoRA (Büyükakyüz 2024, arXiv:2406.01775): adapters begin with an orthonormal part of each weight."""

from __future__ import annotations

from typing import ClassVar

from laptime.methods.initialised import InitialisedLora


class Olora(InitialisedLora):
    """The beginning comes from the QR decomposition of each weight."""

    name: ClassVar[str] = "olora"
    summary: ClassVar[str] = "LoRA that begins with an orthonormal part of each weight"
    paper: ClassVar[str] = "arXiv:2406.01775"
    initialisation: ClassVar[str] = "olora"
