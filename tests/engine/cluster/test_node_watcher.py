"""Nodes that join: checked once, without trials where these would fail; see also tests/searches."""

from __future__ import annotations

from typing import Any

import pytest
from ray import tune
from ray.exceptions import RaySystemError

from pcsearch.engine.cluster.node_watcher import NodeWatcher, without_nodes
from pcsearch.errors import PcsearchError, Problem


def node(name: str) -> dict[str, Any]:
    return {"NodeID": name}


class Cluster:
    """Stands in for a cluster's nodes, and notes which were asked."""

    def __init__(self) -> None:
        self.there = [node("old")]
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}
        self.told: list[str] = []
        self.watcher = NodeWatcher(lambda: self.there, self._problems, ["old"], self.told.append)

    def _problems(self, asked: Any) -> list[Problem]:
        self.asked.append(asked["NodeID"])
        answer = self.answers.get(asked["NodeID"], [])
        if isinstance(answer, Exception):
            raise answer
        return list(answer)


def test_a_node_that_joins_is_asked_once_and_told_where_trials_would_fail_on_it() -> None:
    cluster = Cluster()
    assert cluster.watcher.check() == frozenset()
    cluster.there += [node("good"), node("odd")]
    cluster.answers["odd"] = [Problem("has no kornia", "node 1"), Problem("is slow", "node 1")]
    for _ in range(2):
        assert cluster.watcher.check() == {"odd"}
    assert cluster.asked == ["good", "odd"]
    assert cluster.told == [
        "A node has joined that gets no trials: node 1: has no kornia; node 1: is slow"
    ]
    assert cluster.watcher.unfit == {"odd"}


@pytest.mark.parametrize("trouble", [PcsearchError("the disk is full"), RaySystemError("busy")])
def test_a_node_that_cannot_be_asked_is_asked_again(trouble: Exception) -> None:
    cluster = Cluster()
    cluster.there = [node("new")]
    cluster.answers["new"] = trouble
    assert cluster.watcher.check() == frozenset()
    cluster.answers["new"] = [Problem("is odd")]
    assert cluster.watcher.check() == {"new"}
    assert cluster.asked == ["new", "new"]


def test_a_trial_that_keeps_off_nodes_wants_what_it_wanted_elsewhere() -> None:
    wanted = tune.PlacementGroupFactory([{"CPU": 2, "GPU": 0.25}])
    kept_off = without_nodes(without_nodes(wanted, frozenset("a")), frozenset("ab"))
    assert kept_off == tune.PlacementGroupFactory(
        [{"CPU": 2, "GPU": 0.25}], bundle_label_selector=[{"ray.io/node-id": "!in(a,b)"}]
    )
    assert kept_off != wanted
