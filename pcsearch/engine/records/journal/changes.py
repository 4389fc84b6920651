"""The journal's events by which the user changes a search that has begun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Edited:
    """The search has another sweep file from here on; the trials before it keep their values.

    Args:
        text: of the file.
        source: the file as the user gave it.
        num_samples: the largest number of trials from here on.
    """

    name: ClassVar[str] = "edited"
    text: str
    source: str
    num_samples: int


@dataclass(frozen=True)
class Enqueued:
    """Configurations to try before those of the searcher, in this order.

    Args:
        configs: their values; what one lacks, the searcher chooses.
    """

    name: ClassVar[str] = "enqueued"
    configs: list[dict[str, Any]]


@dataclass(frozen=True)
class LeftOut:
    """An enqueued configuration is not tried: nothing is left of it that no trial has had.

    Args:
        enqueued: which of all enqueued configurations it is, from 0.
        config: its values.
    """

    name: ClassVar[str] = "left out"
    enqueued: int
    config: dict[str, Any]
