"""What a cluster is asked: its versions, and whether this machine is a node of it."""

from __future__ import annotations

import platform
from typing import Any

import pytest
import ray
from ray.exceptions import AuthenticationError

from pcsearch.engine.cluster import probe
from pcsearch.engine.cluster.probe import version_mismatch

OURS = {"ray_version": ray.__version__, "python_version": platform.python_version()}


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        (OURS, None),
        # A cluster that does not say so may be of the same.
        ({}, None),
        (OURS | {"ray_version": "2.9.0"}, f"ray 2.9.0 (here {ray.__version__})"),
        (
            {"ray_version": "2.9.0", "python_version": "3.9.1"},
            f"ray 2.9.0 (here {ray.__version__}), python 3.9.1 (here {platform.python_version()})",
        ),
    ],
)
def test_the_versions_of_a_cluster_are_compared_with_ours(
    theirs: dict[str, str], told: str | None
) -> None:
    assert version_mismatch(theirs) == told


def answered(monkeypatch: pytest.MonkeyPatch, reply: Any) -> dict[str, Any]:
    """What is said of a cluster that answers Ray's client like this; nothing answers in 40 s."""

    def ask(_address: str, _timeout: float) -> Any:
        if isinstance(reply, Exception):
            raise reply
        return reply

    monkeypatch.setattr(probe, "cluster_nodes_and_versions", ask)
    return probe.answer("127.0.0.1:6379")


def test_a_cluster_without_a_node_here_is_another_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    told = answered(monkeypatch, ({"a" * 56}, OURS))
    assert told == {"mismatch": None, "is_node": False}
    monkeypatch.setattr(probe, "local_node_ids", lambda: {"a" * 56, "b" * 56})
    assert answered(monkeypatch, ({"a" * 56}, OURS))["is_node"]


def test_a_refusal_is_told_from_other_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered(monkeypatch, AuthenticationError("no token")) == {"unauthenticated": True}
    told = answered(monkeypatch, RuntimeError("gone\n  away " + "word " * 100))
    assert told.keys() == {"error"}
    assert told["error"].startswith("gone away word word")
    assert len(told["error"].split()) == 40
