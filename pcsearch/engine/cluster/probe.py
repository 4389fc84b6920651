"""A program that asks a Ray cluster whether it is one; `addresses` runs it with a time limit.

It prints one line of JSON: ``unauthenticated``, ``error`` with its reason, or ``mismatch`` (the
cluster's versions where they are not this Python's, else null) and ``is_node`` (whether this
machine is one of the cluster's).
"""

from __future__ import annotations

import json
import platform
import sys
from typing import Any

import ray
from ray._common.usage.usage_lib import get_cluster_metadata
from ray._private import services
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError

REQUEST_TIMEOUT_S = 5


def answer(address: str) -> dict[str, Any]:
    """What the cluster at ``HOST:PORT`` says."""
    try:
        client = GcsClient(address=address)
        nodes = client.get_all_node_info(timeout=REQUEST_TIMEOUT_S)
        metadata = get_cluster_metadata(client) or {}
    except AuthenticationError:
        return {"unauthenticated": True}
    except Exception as error:
        return {"error": " ".join(str(error).split()[:40])}
    return {"mismatch": mismatch(metadata), "is_node": is_node(nodes)}


def mismatch(metadata: dict[str, Any]) -> str | None:
    """The cluster's versions, where Ray or Python is another than here."""
    ours = {"ray": ray.__version__, "python": platform.python_version()}
    theirs = {name: metadata.get(f"{name}_version", version) for name, version in ours.items()}
    unlike = [name for name in ours if theirs[name] != ours[name]]
    return ", ".join(f"{name} {theirs[name]} (here {ours[name]})" for name in unlike) or None


def is_node(nodes: dict[Any, Any]) -> bool:
    """Whether a raylet of this machine is among the cluster's."""
    known = {node.node_id.hex() for node in nodes.values()}
    return bool(known & set(services.find_node_ids()))  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    print(json.dumps(answer(sys.argv[1])), flush=True)
