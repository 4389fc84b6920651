"""What of the cluster's CPUs and GPUs is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import ray

from pcsearch.system.repeated import repeated

ASK_EVERY_S = 5.0
KINDS = ("CPU", "GPU")
"""Ray's names of what is counted."""

Amounts = Mapping[str, float]
"""How much there is of what, by Ray's names."""


@dataclass(frozen=True)
class InUse:
    """How much of something is in use, by all searches and programs on the cluster.

    Args:
        kind: what, by Ray's name.
        used: how much.
        there: how much the cluster has.
    """

    kind: str
    used: float
    there: float


class Usage:
    """What is in use of the cluster that this process is connected to; asked for in a thread.

    Args:
        total: gives what the cluster has.
        free: gives what is free of it.
    """

    def __init__(
        self,
        total: Callable[[], Amounts] = ray.cluster_resources,
        free: Callable[[], Amounts] = ray.available_resources,
    ) -> None:
        self._total, self._free = total, free
        self.newest: tuple[InUse, ...] = ()
        """As Ray has said last; empty before its first answer."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask every few seconds until the block ends; nothing else waits for an answer."""
        with repeated(self.ask, ASK_EVERY_S, "cluster usage", at_once=True):
            yield

    def ask(self) -> None:
        """Ask now. Of a kind of which the cluster has nothing, nothing is said."""
        total, free = self._total(), self._free()
        self.newest = tuple(
            InUse(kind, max(0.0, total[kind] - free.get(kind, 0.0)), total[kind])
            for kind in KINDS
            if total.get(kind)
        )
