"""What a trial wants of a node, and how many trials have room on the nodes that are there."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import ray

from pcsearch.engine.cluster.autoscaler import may_come
from pcsearch.engine.cluster.node_checks import Node
from pcsearch.engine.cluster.ray_client import is_client, on_head
from pcsearch.engine.records.options import Options
from pcsearch.errors import PcsearchError, Problem

ASK_ROOM_EVERY_S = 5.0


def is_local(address: str | None) -> bool:
    """Whether an address means a Ray of this process's own."""
    return address in (None, "local")


def gpus_per_trial(options: Options) -> float:
    """How many GPUs a trial occupies: as asked, else one where the cluster has any."""
    if options.gpus_per_trial is not None:
        return options.gpus_per_trial
    return 1.0 if any(place.get("GPU", 0) >= 1 for place in _places(options)) else 0.0


def check_room(options: Options) -> None:
    """Hold a trial's resources to the largest node, for Tune would wait for ever.

    Raises:
        PcsearchError: no node can take a trial.
    """
    wanted, places = wanted_by_trial(options), _places(options)
    if any(_fits(wanted, place) for place in places):
        return
    largest = {key: max(place.get(key, 0) for place in places) for key in wanted}
    raise PcsearchError(
        Problem(
            f"a trial wants {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs, and no node has "
            f"them (the largest: {largest['CPU']:g} CPUs, {largest['GPU']:g} GPUs)",
            "--cpus-per-trial, --gpus-per-trial",
        )
    )


class Room:
    """How many trials find room at once, asked anew every few seconds: nodes come and go.

    Args:
        options: what a trial wants, and how many of them at most.
        unfit: the ids of nodes that no trial runs on.
    """

    def __init__(self, options: Options, unfit: Callable[[], frozenset[str]] = frozenset) -> None:
        self._wanted = wanted_by_trial(options)
        self._unfit = unfit
        self._most = sys.maxsize if options.max_concurrent is None else options.max_concurrent
        self._grows = bool(_may_come(options))
        self._asked, self._found = -math.inf, 0

    def __call__(self) -> int:
        """The number; one more where an autoscaler starts nodes for trials that wait."""
        now = time.monotonic()
        if now - self._asked > ASK_ROOM_EVERY_S:
            fit = [node for node in _alive() if node.get("NodeID") not in self._unfit()]
            self._asked, self._found = now, sum(map(self._on, fit))
        return min(self._most, max(1, self._found + self._grows))

    def _on(self, node: Mapping[str, Any]) -> int:
        there = node["Resources"]
        counts = [there.get(key, 0) / amount for key, amount in self._wanted.items() if amount]
        # Ray counts in parts of 10,000.
        return int(min(counts, default=0) + 1e-4)


def nodes_with_room(options: Options, wanted: Mapping[str, float]) -> list[Node]:
    """The nodes of a running cluster that have what a trial wants; a local Ray needs no asking."""
    nodes = _alive()
    if len(nodes) == 1 and is_local(options.address):
        return []
    return [node for node in nodes if _fits(wanted, node["Resources"])]


def wanted_by_trial(options: Options) -> dict[str, float]:
    """The resources of a trial, by Ray's names."""
    return {"CPU": options.cpus_per_trial, "GPU": gpus_per_trial(options)}


def _alive() -> list[Node]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _places(options: Options) -> list[Mapping[str, float]]:
    """The resources of the nodes, and of those that the cluster can start."""
    return [*(node["Resources"] for node in _alive()), *_may_come(options)]


def _may_come(options: Options) -> Sequence[Mapping[str, float]]:
    """The resources of nodes that the cluster can start."""
    if is_client(options.address):
        return _may_come_there(ray.get_runtime_context().get_job_id())
    return [] if is_local(options.address) else may_come()


@lru_cache(maxsize=1)
def _may_come_there(_job: str) -> list[Mapping[str, float]]:
    """`may_come` for a connection through Ray Client, asked once."""
    return on_head(may_come)


def _fits(wanted: Mapping[str, float], place: Mapping[str, float]) -> bool:
    return all(place.get(key, 0) >= amount for key, amount in wanted.items())
