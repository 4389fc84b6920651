"""Which cluster is used, what is asked of it, and trials too large for any node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ray
from ray.core.generated import autoscaler_pb2

from pcsearch.engine.cluster import autoscaler, connection
from pcsearch.engine.cluster.connection import connected
from pcsearch.engine.cluster.resources import Room, check_room, gpus_per_trial
from pcsearch.engine.records.options import Options
from pcsearch.errors import PcsearchError

FOUND = "10.0.0.1:6379"


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What would start or reach a real Ray fails the test."""

    def refuse(*_args: Any, **_options: Any) -> None:
        raise AssertionError("Ray was asked")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(connection, "reach", lambda _: FOUND)
    monkeypatch.setenv("HOME", str(tmp_path))
    # Set and removed, so that what the code sets is undone too.
    for name in ("RAY_AUTH_MODE", "RAY_OVERRIDE_JOB_RUNTIME_ENV"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def refusal(address: str) -> str:
    with pytest.raises(PcsearchError) as caught, connected(address):
        pass
    return str(caught.value)


@pytest.mark.parametrize("error", [ConnectionError, RuntimeError, ValueError])
def test_a_cluster_that_goes_away_while_ray_connects_is_told_on_one_line(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_options: Any) -> None:
        raise error("\n it is not Ray\nand much more\n")

    monkeypatch.setattr(ray, "init", init)
    assert refusal("head:6379") == (
        "--address: no Ray cluster answers at head:6379 (it is not Ray and much more)"
    )


def test_an_error_of_a_ray_of_ones_own_is_not_a_mistake_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(**_options: Any) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(RuntimeError, match="no memory"), connected(None):
        pass


@pytest.mark.parametrize(
    ("given", "used"), [(None, "local"), ("local", "local"), ("auto", FOUND), ("head:6379", FOUND)]
)
def test_ray_is_left_when_the_block_ends_in_an_error_which_names_its_logs(
    given: str | None, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    monkeypatch.setattr(ray, "init", lambda **options: events.append(options["address"]))
    monkeypatch.setattr(ray, "shutdown", lambda: events.append("shutdown"))
    monkeypatch.setattr(connection, "logs_folder", lambda: "/logs")
    with pytest.raises(KeyError) as caught, connected(given):
        raise KeyError
    assert caught.value.__notes__ == ["Ray's logs: /logs"]
    assert events == [used, "shutdown"]


def test_a_running_cluster_is_sent_the_code_and_not_told_how_large_its_store_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[dict[str, Any]] = []
    sent: list[list[str]] = []

    def init(**options: Any) -> None:
        given.append(options)
        folder = options.get("runtime_env", {}).get("working_dir")
        sent.append([each.name for each in Path(folder).iterdir()] if folder else [])

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    for address in (None, "head:6379"):
        with connected(address):
            pass
    assert "object_store_memory" in given[0]
    assert "object_store_memory" not in given[1]
    assert sent == [[], ["pcsearch"]]
    assert not Path(given[1]["runtime_env"]["working_dir"]).exists()


# Room for a trial


def node(alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"memory": 1e9, **resources}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The nodes of a cluster of stand-ins, to be filled."""
    nodes: list[dict[str, Any]] = []

    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(autoscaler.state, "get_cluster_config", lambda: None)
    return nodes


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus"),
    [
        ([node(CPU=2)], 1, None),
        ([node(CPU=2)], 2, 0),
        ([node(CPU=1), node(CPU=8)], 4, None),
        ([node(CPU=2, GPU=1)], 0.5, None),
        ([node(CPU=2, GPU=1)], 1, 0.25),
        ([node(CPU=8), node(CPU=2, GPU=2)], 2, 2),
    ],
)
def test_a_trial_that_fits_on_one_node_has_room(
    cluster: list[dict[str, Any]], nodes: list[dict[str, Any]], cpus: float, gpus: float | None
) -> None:
    cluster += nodes
    check_room(Options(cpus_per_trial=cpus, gpus_per_trial=gpus))


@pytest.mark.parametrize(
    ("nodes", "given", "expected"),
    [
        ([node(CPU=2)], {}, 2),
        ([node(CPU=3), node(CPU=2), node(alive=False, CPU=64)], {"cpus_per_trial": 2}, 2),
        ([node(CPU=2)], {"cpus_per_trial": 0.1}, 20),
        ([node(CPU=8, GPU=1), node(CPU=8)], {"gpus_per_trial": 0.25}, 4),
        ([node(CPU=8, GPU=2), node(CPU=1, GPU=4)], {}, 3),
        ([node(CPU=8)], {"max_concurrent": 3}, 3),
        ([], {"address": "auto"}, 1),
    ],
)
def test_as_many_trials_run_at_once_as_have_room(
    cluster: list[dict[str, Any]],
    nodes: list[dict[str, Any]],
    given: dict[str, Any],
    expected: int,
) -> None:
    cluster += nodes
    assert Room(Options(**given))() == expected


def test_a_node_that_comes_makes_room_and_one_trial_waits_where_nodes_can_be_started(
    cluster: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ASK_ROOM_EVERY_S", 0.0)
    cluster.append(node(CPU=2))
    room = Room(Options(address="auto"))
    cluster.append(node(CPU=4))
    assert room() == 6
    config = autoscaler_pb2.ClusterConfig()
    config.node_group_configs.add(resources={"CPU": 64}, max_count=2)
    monkeypatch.setattr(autoscaler.state, "get_cluster_config", lambda: config)
    assert Room(Options(address="auto"))() == 7


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "wanted", "most"),
    [
        ([node(CPU=2)], 3, None, "3 CPUs and 0 GPUs", "2 CPUs, 0 GPUs"),
        ([node(CPU=2)], 1, 0.5, "1 CPUs and 0.5 GPUs", "2 CPUs, 0 GPUs"),
        ([node(CPU=2), node(CPU=2)], 4, None, "4 CPUs and 0 GPUs", "2 CPUs, 0 GPUs"),
        ([node(CPU=8), node(CPU=1, GPU=1)], 2, None, "2 CPUs and 1 GPUs", "8 CPUs, 1 GPUs"),
        ([node(CPU=1), node(alive=False, CPU=64)], 2, None, "2 CPUs and 0 GPUs", "1 CPUs, 0 GPUs"),
    ],
)
def test_a_trial_that_no_node_can_take_is_refused(
    cluster: list[dict[str, Any]],
    nodes: list[dict[str, Any]],
    cpus: float,
    gpus: float | None,
    wanted: str,
    most: str,
) -> None:
    cluster += nodes
    with pytest.raises(PcsearchError) as caught:
        check_room(Options(cpus_per_trial=cpus, gpus_per_trial=gpus))
    assert str(caught.value) == (
        f"--cpus-per-trial, --gpus-per-trial: a trial wants {wanted}, and no node has them "
        f"(the largest: {most})"
    )


@pytest.mark.parametrize(
    ("nodes", "given", "expected"),
    [
        ([node(CPU=2)], None, 0.0),
        ([node(CPU=2), node(CPU=2, GPU=4)], None, 1.0),
        ([node(CPU=2, GPU=4)], 0, 0),
        ([node(CPU=2, GPU=4)], 0.25, 0.25),
    ],
)
def test_a_trial_takes_one_gpu_where_there_are_any_unless_told(
    cluster: list[dict[str, Any]], nodes: list[dict[str, Any]], given: float | None, expected: float
) -> None:
    cluster += nodes
    assert gpus_per_trial(Options(gpus_per_trial=given)) == expected


BIG_NODES = """
max_workers: 3
available_node_types:
  head: {resources: {CPU: 2}, max_workers: 0}
  gpu: {resources: {CPU: 16, GPU: 4}, min_workers: 0, max_workers: MOST}
"""


@pytest.mark.parametrize("most", [3, 0])
@pytest.mark.parametrize("source", ["launcher", "cluster"])
def test_nodes_that_an_autoscaler_can_start_have_room(
    source: str,
    most: int,
    cluster: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster += [node(CPU=2)]
    if source == "launcher":
        text = BIG_NODES.replace("MOST", str(most))
        (tmp_path / autoscaler.LAUNCHER_FILE).write_text(text)
    else:
        group = autoscaler_pb2.NodeGroupConfig(resources={"CPU": 16, "GPU": 4}, max_count=most)
        config = autoscaler_pb2.ClusterConfig(node_group_configs=[group])
        monkeypatch.setattr(autoscaler.state, "get_cluster_config", lambda: config)
    options = Options(address="auto", cpus_per_trial=8, gpus_per_trial=2)
    for each in (options, Options(cpus_per_trial=8, gpus_per_trial=2)):
        if most and each is options:
            check_room(each)
        else:
            with pytest.raises(PcsearchError, match="no node has them"):
                check_room(each)
    assert gpus_per_trial(Options(address="auto")) == (1 if most else 0)
