"""PiSSA (Meng et al. 2024, arXiv:2404.02948): adapters begin with the largest part of each weight."""

from __future__ import annotations

from typing import ClassVar

from laptime.methods.initialised import InitialisedLora


class Pissa(InitialisedLora):
    """The largest singular values train, the rest stays frozen; found by 16 rounds of subspace iteration."""

    name: ClassVar[str] = "pissa"
    summary: ClassVar[str] = "LoRA that begins with the largest singular values of each weight"
    paper: ClassVar[str] = "arXiv:2404.02948"
    initialisation: ClassVar[str] = "pissa_niter_16"
