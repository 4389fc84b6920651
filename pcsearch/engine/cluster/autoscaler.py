"""The nodes that a cluster's autoscaler can start: a trial may wait for one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from pcsearch.engine.ray_internals import autoscaler_node_types

LAUNCHER_FILE = "ray_bootstrap_config.yaml"
"""The file that Ray's cluster launcher leaves in the home folder of the head."""


def startable_nodes() -> list[Mapping[str, float]]:
    """The resources of each type of node that the cluster can start."""
    # On Kubernetes and hosted clusters, the autoscaler tells Ray.
    nodes = autoscaler_node_types()
    # A user may have no home folder.
    with suppress(RuntimeError):
        nodes += _from_launcher(Path.home() / LAUNCHER_FILE)
    return nodes


def _from_launcher(file: Path) -> Iterator[Mapping[str, float]]:
    """The node types in the cluster launcher's file, where this machine is its head."""
    if not file.is_file():
        return
    config = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    types: Mapping[str, Any] = config.get("available_node_types") or {}
    for node_type in types.values():
        if node_type.get("max_workers", config.get("max_workers", 0)):
            yield node_type.get("resources") or {}
