"""Nodes that join a cluster in the middle of a search: asked what the others were asked before it.

One on which trials would fail is named in a line, and gets no more of them: it is free when the
others are busy, and would fail one after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread

from ray import tune
from ray.exceptions import RayError

from pcsearch.engine.cluster.node_checks import Node
from pcsearch.errors import PcsearchError, Problem

INTERVAL_S = 5
NODE_LABEL = "ray.io/node-id"


class Newcomers:
    """Watches for nodes that join.

    Args:
        there: the nodes with room for a trial, as Ray lists them.
        problems: why trials would fail on one.
        asked: the ids of those that need not be asked any more.
        tell: is given a line of each that cannot be used.
    """

    def __init__(
        self,
        there: Callable[[], Sequence[Node]],
        problems: Callable[[Node], Sequence[Problem]],
        asked: Iterable[str],
        tell: Callable[[str], None],
    ) -> None:
        self.unfit: frozenset[str] = frozenset()
        """The ids of nodes that trials are kept off."""
        self._there = there
        self._problems = problems
        self._asked = set(asked)
        self._tell = tell
        self._lock = Lock()

    def look(self) -> frozenset[str]:
        """Ask the nodes that have joined, and wait for their answers; `unfit`."""
        with self._lock:
            for node in self._there():
                # What cannot be asked now is asked the next time.
                with contextlib.suppress(PcsearchError, RayError):
                    self._ask(node)
            return self.unfit

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look every few seconds as long as the block lasts."""
        over = Event()

        def watch() -> None:
            while not over.wait(INTERVAL_S):
                # A connection that is lost ends the search, which says so.
                with contextlib.suppress(Exception):
                    self.look()

        thread = Thread(target=watch, name="newcomers", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            # Ray may end after the block, and should not be asked then.
            thread.join(INTERVAL_S)

    def _ask(self, node: Node) -> None:
        node_id = node["NodeID"]
        if node_id in self._asked:
            return
        problems = self._problems(node)
        self._asked.add(node_id)
        if problems:
            self.unfit |= {node_id}
            why = "; ".join(map(str, problems))
            self._tell(f"A node has joined that trials are kept off: {why}")


def elsewhere(
    resources: tune.PlacementGroupFactory, nodes: frozenset[str]
) -> tune.PlacementGroupFactory:
    """A trial's resources, on any nodes but some.

    Args:
        resources: without a word of nodes.
        nodes: the ids of those to keep off.
    """
    bundles = resources.bundles
    selector = {NODE_LABEL: f"!in({','.join(sorted(nodes))})"}
    return tune.PlacementGroupFactory(
        bundles, resources.strategy, bundle_label_selector=[selector] * len(bundles)
    )
