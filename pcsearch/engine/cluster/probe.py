"""A program that asks a Ray cluster what it is; `address` runs it with a time limit.

It prints one line of JSON: ``unauthenticated``, ``error`` with its reason, or ``mismatch`` (the
cluster's versions of Ray and Python where they differ from this process's, else null) and
``is_node`` (whether this machine is a node of the cluster).
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import AuthenticationError

from pcsearch.engine.ray_internals import cluster_nodes_and_versions, local_node_ids

REQUEST_TIMEOUT_S = 5


def answer(address: str) -> dict[str, Any]:
    """What the cluster at ``HOST:PORT`` says."""
    try:
        nodes, metadata = cluster_nodes_and_versions(address, REQUEST_TIMEOUT_S)
    except AuthenticationError:
        return {"unauthenticated": True}
    except Exception as error:
        return {"error": " ".join(str(error).split()[:40])}
    return {"mismatch": version_mismatch(metadata), "is_node": bool(nodes & local_node_ids())}


def version_mismatch(metadata: Mapping[str, Any]) -> str | None:
    """The cluster's versions of Ray and Python that differ from this process's, None for none.

    Args:
        metadata: of the cluster, with ``ray_version`` and ``python_version``.
    """
    own = {"ray": ray.__version__, "python": platform.python_version()}
    cluster = {name: metadata.get(f"{name}_version", version) for name, version in own.items()}
    different = [name for name in own if cluster[name] != own[name]]
    return ", ".join(f"{name} {cluster[name]} (here {own[name]})" for name in different) or None


if __name__ == "__main__":
    print(json.dumps(answer(sys.argv[1])), flush=True)
