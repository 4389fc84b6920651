"""What a trial needs of a node, and how many trials the nodes of the cluster can run at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray

from pcsearch.engine.cluster.address import is_local
from pcsearch.engine.cluster.autoscaler import startable_nodes
from pcsearch.engine.cluster.node_checks import Node
from pcsearch.engine.cluster.ray_client import is_client, on_head
from pcsearch.engine.records.options import Options
from pcsearch.errors import PcsearchError, Problem

ASK_EVERY_S = 5.0
RESOURCE_UNITS = 10_000
"""Ray counts resources in parts of one ten-thousandth."""


class Resources:
    """The resources of a trial, and of the nodes of the cluster that this process is connected to.

    Args:
        options: what the user has asked of the search.

    Raises:
        PcsearchError: the head of the cluster cannot be asked.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._startable = _startable_nodes(options.address)
        self.gpus_per_trial = self._gpus_per_trial()
        """How many GPUs a trial gets: those of the options, else one where any node has one."""
        self.trial: Mapping[str, float] = {
            "CPU": options.cpus_per_trial,
            "GPU": self.gpus_per_trial,
        }
        """What a trial needs, by Ray's names."""

    def check(self) -> None:
        """Check that one node can take a trial: Tune would wait without end.

        Raises:
            PcsearchError: no node can.
        """
        nodes = self._all_nodes()
        if any(self._fits(node) for node in nodes):
            return
        largest = {key: max(node.get(key, 0) for node in nodes) for key in self.trial}
        raise PcsearchError(
            Problem(
                f"a trial needs {self.trial['CPU']:g} CPUs and {self.trial['GPU']:g} GPUs, and no "
                f"node has them (the largest: {largest['CPU']:g} CPUs, {largest['GPU']:g} GPUs)",
                "--cpus-per-trial, --gpus-per-trial",
            )
        )

    def suitable_nodes(self) -> list[Node]:
        """The nodes of a running cluster that can take a trial; none for a local Ray."""
        nodes = _living_nodes()
        if len(nodes) == 1 and is_local(self._options.address):
            return []
        return [node for node in nodes if self._fits(node["Resources"])]

    def slots(self, excluded: frozenset[str] = frozenset()) -> int:
        """How many trials can run at once: at least 1.

        Where an autoscaler can start nodes, it is one more: a trial that waits makes it start one.

        Args:
            excluded: the ids of nodes on which no trial may run.
        """
        nodes = [node for node in _living_nodes() if node.get("NodeID") not in excluded]
        count = sum(self._slots_of(node["Resources"]) for node in nodes)
        return max(1, count + bool(self._startable))

    def _gpus_per_trial(self) -> float:
        if self._options.gpus_per_trial is not None:
            return self._options.gpus_per_trial
        return 1.0 if any(node.get("GPU", 0) >= 1 for node in self._all_nodes()) else 0.0

    def _all_nodes(self) -> list[Mapping[str, float]]:
        """The resources of the nodes, and of those that the cluster can start."""
        return [*(node["Resources"] for node in _living_nodes()), *self._startable]

    def _fits(self, node: Mapping[str, float]) -> bool:
        return all(node.get(key, 0) >= amount for key, amount in self.trial.items())

    def _slots_of(self, node: Mapping[str, Any]) -> int:
        counts = [node.get(key, 0) / amount for key, amount in self.trial.items() if amount]
        return int(min(counts, default=0) + 1 / RESOURCE_UNITS)


class TrialSlots:
    """How many trials run at once; counted anew every few seconds, for nodes come and go.

    Args:
        resources: of a trial and of the nodes.
        most: how many trials may run at once, None for no limit.
        excluded: gives the ids of nodes on which no trial may run.
    """

    def __init__(
        self, resources: Resources, most: int | None, excluded: Callable[[], frozenset[str]]
    ) -> None:
        self._resources = resources
        self.most = most
        """How many trials may run at once; a second terminal may change it."""
        self._excluded = excluded
        self._counted_at, self._count = -math.inf, 0

    def __call__(self) -> int:
        """The number of trials."""
        now = time.monotonic()
        if now - self._counted_at > ASK_EVERY_S:
            self._counted_at, self._count = now, self._resources.slots(self._excluded())
        return self._count if self.most is None else min(self.most, self._count)


def _living_nodes() -> list[Node]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _startable_nodes(address: str | None) -> Sequence[Mapping[str, float]]:
    """The resources of the nodes that the cluster's autoscaler can start."""
    if is_local(address):
        return []
    return on_head(startable_nodes) if is_client(address) else startable_nodes()
