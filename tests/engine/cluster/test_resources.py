"""The resources of trials and nodes: how many trials run at once, and which fit no node."""

from __future__ import annotations

from typing import Any

import pytest
import ray

from pcsearch.engine.cluster import resources
from pcsearch.engine.cluster.resources import Resources, TrialSlots
from pcsearch.engine.records.options import Options
from pcsearch.errors import PcsearchError


def node(alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"memory": 1e9, **resources}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The nodes of a cluster of stand-ins, to be filled."""
    nodes: list[dict[str, Any]] = []

    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(resources, "startable_nodes", list)
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
    Resources(Options(cpus_per_trial=cpus, gpus_per_trial=gpus)).check()


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
    options = Options(**given)
    assert TrialSlots(Resources(options), options.max_concurrent, frozenset)() == expected


def test_a_node_that_comes_makes_room_and_one_trial_waits_where_nodes_can_be_started(
    cluster: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "ASK_EVERY_S", 0.0)
    cluster.append(node(CPU=2))
    slots = TrialSlots(Resources(Options(address="auto")), None, frozenset)
    assert slots() == 2
    cluster.append(node(CPU=4))
    assert slots() == 6
    slots.most = 3
    assert slots() == 3
    slots.most = 9
    assert slots() == 6
    monkeypatch.setattr(resources, "startable_nodes", lambda: [{"CPU": 64}])
    assert Resources(Options(address="auto")).slots() == 7


def test_no_trial_starts_on_a_node_that_is_excluded(cluster: list[dict[str, Any]]) -> None:
    cluster += [node(CPU=2) | {"NodeID": "a"}, node(CPU=4) | {"NodeID": "b"}]
    assert Resources(Options(address="auto")).slots(frozenset("b")) == 2


def test_through_ray_client_the_head_is_asked_once_for_the_nodes_that_can_be_started(
    cluster: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    def on_head(function: Any) -> Any:
        calls.append(function)
        return [{"CPU": 16, "GPU": 1}]

    monkeypatch.setattr(resources, "on_head", on_head)
    cluster.append(node(CPU=2))
    of_client = Resources(Options(address="ray://h:1", cpus_per_trial=8))
    of_client.check()
    assert (of_client.gpus_per_trial, of_client.slots()) == (1, 1)
    assert calls == [resources.startable_nodes]


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
        Resources(Options(cpus_per_trial=cpus, gpus_per_trial=gpus)).check()
    assert str(caught.value) == (
        f"--cpus-per-trial, --gpus-per-trial: a trial needs {wanted}, and no node has them "
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
    assert Resources(Options(gpus_per_trial=given)).gpus_per_trial == expected


@pytest.mark.parametrize("startable", [[{"CPU": 16, "GPU": 4}], []])
def test_nodes_that_an_autoscaler_can_start_have_room(
    startable: list[dict[str, float]],
    cluster: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources, "startable_nodes", lambda: startable)
    cluster += [node(CPU=2)]
    options = Options(address="auto", cpus_per_trial=8, gpus_per_trial=2)
    for each in (options, Options(cpus_per_trial=8, gpus_per_trial=2)):
        if startable and each is options:
            Resources(each).check()
        else:
            with pytest.raises(PcsearchError, match="no node has them"):
                Resources(each).check()
    assert Resources(Options(address="auto")).gpus_per_trial == (1 if startable else 0)
