"""Checks the nodes that join a cluster during a search.

A node on which trials would fail is named in a line and gets no trials: as it is free when the
others are busy, one trial after the other would fail there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from ray import tune
from ray.exceptions import RayError

from pcsearch.engine.cluster.node_checks import Node
from pcsearch.errors import PcsearchError, Problem
from pcsearch.system.repeated import repeated

INTERVAL_S = 5
NODE_LABEL = "ray.io/node-id"


class NodeWatcher:
    """Checks each node that joins, once.

    Args:
        nodes: gives the nodes with room for a trial, as Ray lists them.
        problems: gives the reasons why trials would fail on a node.
        checked: the ids of the nodes that are checked already.
        tell: is called with a line about each node on which trials would fail.
    """

    def __init__(
        self,
        nodes: Callable[[], Sequence[Node]],
        problems: Callable[[Node], Sequence[Problem]],
        checked: Iterable[str],
        tell: Callable[[str], None],
    ) -> None:
        self.unfit: frozenset[str] = frozenset()
        """The ids of the nodes on which trials would fail."""
        self._nodes = nodes
        self._problems = problems
        self._checked = set(checked)
        self._tell = tell
        self._lock = Lock()

    def check(self) -> frozenset[str]:
        """Check the nodes that have joined, wait for their answers, and return `unfit`."""
        with self._lock:
            for node in self._nodes():
                # A node that cannot be checked now is checked the next time.
                with contextlib.suppress(PcsearchError, RayError):
                    self._check(node)
            return self.unfit

    @contextmanager
    def running(self) -> Iterator[None]:
        """Check every few seconds, in a thread, until the block ends."""
        # A lost connection ends the search, which tells it. After the block Ray may be shut down,
        # and a call would start it again.
        with repeated(self.check, INTERVAL_S, "node watcher"):
            yield

    def _check(self, node: Node) -> None:
        node_id = node["NodeID"]
        if node_id in self._checked:
            return
        problems = self._problems(node)
        self._checked.add(node_id)
        if problems:
            self.unfit |= {node_id}
            reasons = "; ".join(map(str, problems))
            self._tell(f"A node has joined that gets no trials: {reasons}")


def without_nodes(
    resources: tune.PlacementGroupFactory, nodes: frozenset[str]
) -> tune.PlacementGroupFactory:
    """A trial's resources, on any nodes except some.

    Args:
        resources: of the trial.
        nodes: the ids of the nodes on which it may not run.
    """
    bundles = resources.bundles
    selector = {NODE_LABEL: f"!in({','.join(sorted(nodes))})"}
    return tune.PlacementGroupFactory(
        bundles, resources.strategy, bundle_label_selector=[selector] * len(bundles)
    )
