"""The nodes that a cluster with an autoscaler can start: they count before they are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from ray._private.state import state

LAUNCHER_FILE = "ray_bootstrap_config.yaml"
"""What Ray's cluster launcher leaves in the home folder of the head."""


def may_come() -> list[Mapping[str, float]]:
    """The resources of each type of node that the cluster can start."""
    found = list(_from_the_cluster())
    # A user may have no home folder.
    with suppress(RuntimeError):
        found += _from_the_launcher(Path.home() / LAUNCHER_FILE)
    return found


def _from_the_cluster() -> Iterator[Mapping[str, float]]:
    """As the autoscalers of Kubernetes and of hosted clusters tell Ray."""
    config = state.get_cluster_config()
    for group in config.node_group_configs if config is not None else ():
        if group.max_count != 0:
            yield dict(group.resources)


def _from_the_launcher(file: Path) -> Iterator[Mapping[str, float]]:
    """As the cluster launcher's own file says, where this is its head."""
    if not file.is_file():
        return
    config = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    types: Mapping[str, Any] = config.get("available_node_types") or {}
    for node_type in types.values():
        if node_type.get("max_workers", config.get("max_workers", 0)):
            yield node_type.get("resources") or {}
