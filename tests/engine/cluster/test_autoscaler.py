"""The nodes that an autoscaler can start, by the cluster or by the launcher's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from ray._private.state import state
from ray.core.generated import autoscaler_pb2

from pcsearch.engine.cluster.autoscaler import LAUNCHER_FILE, startable_nodes

LAUNCHER = """
max_workers: 3
available_node_types:
  head: {resources: {CPU: 2}, max_workers: 0}
  gpu: {resources: {CPU: 16, GPU: 4}, min_workers: 0, max_workers: MOST}
"""


@pytest.mark.parametrize("most", [3, 0])
@pytest.mark.parametrize("source", ["launcher", "cluster"])
def test_the_types_of_nodes_that_can_be_started_are_known(
    source: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config = None
    if source == "launcher":
        (tmp_path / LAUNCHER_FILE).write_text(LAUNCHER.replace("MOST", str(most)))
    else:
        group = autoscaler_pb2.NodeGroupConfig(resources={"CPU": 16, "GPU": 4}, max_count=most)
        config = autoscaler_pb2.ClusterConfig(node_group_configs=[group])
    monkeypatch.setattr(state, "get_cluster_config", lambda: config)
    assert startable_nodes() == [{"CPU": 16, "GPU": 4}] * bool(most)
