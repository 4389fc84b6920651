"""Checks whether trials can run on the nodes of a cluster, before any trial starts.

A task on each node tells its versions, the packages and the paths that it lacks, and whether it
sees the storage.
"""

from __future__ import annotations

import contextlib
import platform
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pcsearch.engine.cluster.ray_client import last_line
from pcsearch.engine.records.hardware import Hardware, own_hardware
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError, Problem

ANSWER_TIMEOUT_S = 90
PACKAGES = ("ray", "torch")
PROBE_FILE = "driver"
KIND = "accelerator_type:"
"""How a resource's name begins by which Ray tells the kind of a node's GPUs."""
Node = Mapping[str, Any]
"""A node as Ray lists it."""


@dataclass(frozen=True)
class Needs:
    """What trials need on each node, besides ray and torch.

    Args:
        storage: where the experiments lie, which every node must see.
        packages: the packages that trials import, and what to do without each.
        paths: files and folders of the user that trials read, and what to do without each.
    """

    storage: Path | Store
    packages: Mapping[str, str]
    paths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeState:
    """What a trial would find on a node.

    Args:
        versions: of Python, ray and torch, None for what is not installed.
        missing: the packages that it lacks.
        absent: the paths that it lacks.
        storage: why it does not see the storage, empty where it does.
        machine: the name of the machine, as reports have it.
        hardware: what the machine has.
    """

    versions: Mapping[str, str | None]
    missing: Sequence[str] = ()
    absent: Sequence[str] = ()
    storage: str = ""
    machine: str = ""
    hardware: Hardware | None = None


def check_nodes(nodes: Sequence[Node], needs: Needs, machines: dict[str, Hardware]) -> None:
    """Check whether trials can run on nodes.

    Args:
        nodes: as Ray lists them.
        needs: what trials need there.
        machines: gets what the machines of the nodes have, by their names.

    Raises:
        PcsearchError: every node on which trials would fail, and why.
    """
    states = _states(nodes, needs, machines)
    if not any(states.values()):
        raise PcsearchError(Problem("no node that could take a trial is left", "--address"))
    problems = _problems(states, needs)
    if problems:
        raise PcsearchError(problems)


def node_problems(node: Node, needs: Needs, machines: dict[str, Hardware]) -> list[Problem]:
    """Why trials would fail on one node; empty where they would not, or the node is gone.

    Args:
        node: as Ray lists it.
        needs: what trials need there.
        machines: gets what the machine of the node has, by its name.

    Raises:
        PcsearchError: the storage cannot be written from this machine.
    """
    return _problems(_states([node], needs, machines), needs)


def _states(
    nodes: Sequence[Node], needs: Needs, machines: dict[str, Hardware]
) -> dict[str, NodeState | str | None]:
    """By the nodes' names: their states, why a node has not answered, or None for a lost node."""
    with _probe_folder(needs.storage) as (place, word):
        references = {
            _name(node): _node_state.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(place, word, list(needs.packages), list(needs.paths))
            for node in nodes
        }
        ray.wait(list(references.values()), num_returns=len(nodes), timeout=ANSWER_TIMEOUT_S)
        states = {name: _received(reference) for name, reference in references.items()}
    for node in nodes:
        state = states[_name(node)]
        if isinstance(state, NodeState) and state.hardware is not None:
            machines[state.machine] = with_gpus(state.hardware, node.get("Resources", {}))
    return states


def with_gpus(hardware: Hardware, resources: Mapping[str, float]) -> Hardware:
    """Add to the hardware of a node its GPUs, which are among its resources at Ray."""
    kinds = [name.removeprefix(KIND) for name in resources if name.startswith(KIND)]
    return replace(hardware, gpus=int(resources.get("GPU", 0)), gpu=", ".join(sorted(kinds)))


def _problems(states: Mapping[str, NodeState | str | None], needs: Needs) -> list[Problem]:
    silent = [
        Problem(f"cannot run trials: {state}", f"node {name}")
        for name, state in states.items()
        if isinstance(state, str)
    ]
    answers = {name: state for name, state in states.items() if isinstance(state, NodeState)}
    return [
        *silent,
        *version_problems({name: state.versions for name, state in answers.items()}, versions()),
        *_package_problems(answers, needs.packages),
        *_path_problems(answers, needs.paths),
        *_storage_problems(answers, needs.storage),
    ]


def versions() -> dict[str, str | None]:
    """The versions of Python, ray and torch in this process."""
    installed: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        installed[name] = None
        with contextlib.suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def version_problems(
    nodes: Mapping[str, Mapping[str, str | None]], driver: Mapping[str, str | None]
) -> list[Problem]:
    """The nodes whose minor versions of packages differ from the driver's.

    Args:
        nodes: for each node, the versions of packages.
        driver: the driver's versions.
    """
    problems = []
    for node, installed in nodes.items():
        different = [
            f"{name} {installed[name] or 'missing'} (here {own})"
            for name, own in driver.items()
            if _minor(installed[name]) != _minor(own)
        ]
        if different:
            message = (
                f"has {', '.join(different)}; nodes need the same minor versions as the driver"
            )
            problems.append(Problem(message, f"node {node}"))
    return problems


def _minor(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(text.partition("+")[0].split(".")[:2])


def _package_problems(
    states: Mapping[str, NodeState], packages: Mapping[str, str]
) -> Iterator[Problem]:
    for node, state in states.items():
        for name in state.missing:
            yield Problem(f"has no {name}: install it there, or {packages[name]}", f"node {node}")


def _path_problems(states: Mapping[str, NodeState], paths: Mapping[str, str]) -> Iterator[Problem]:
    for node, state in states.items():
        for path in state.absent:
            yield Problem(f"has no {path}: {paths[path]}", f"node {node}")


def _storage_problems(states: Mapping[str, NodeState], storage: Path | Store) -> Iterator[Problem]:
    blind = [f"{node} ({state.storage})" for node, state in states.items() if state.storage]
    if blind and isinstance(storage, Store):
        yield Problem(
            f"{storage.address} cannot be used on every node: not on {', '.join(blind)}; give them "
            "the credentials, and the packages, that this machine has",
            "--storage-path",
        )
    elif blind:
        yield Problem(
            f"{storage} is not the same folder here and on every node: not on {', '.join(blind)}; "
            "give a folder that all of them mount",
            "--storage-path",
        )


def _name(node: Node) -> str:
    address, host = node["NodeManagerAddress"], node.get("NodeManagerHostname")
    # Two nodes on one machine differ in nothing but their ids.
    return f"{address} ({host}, {node['NodeID'][:8]})"


@contextmanager
def _probe_folder(storage: Path | Store) -> Iterator[tuple[Path | Store, str]]:
    """Make a folder in the storage, with a random word in a file, until the block ends."""
    word = uuid4().hex
    name = f".probe_{word}"
    if isinstance(storage, Store):
        place = storage.below(name)
        place.put(PROBE_FILE, word.encode())
        try:
            yield place, word
        finally:
            for file in place.files():
                place.delete(file)
        return
    folder = storage / name
    try:
        folder.mkdir(parents=True)
        (folder / PROBE_FILE).write_text(word, encoding="utf-8")
    except OSError as error:
        raise PcsearchError(
            Problem(f"{storage}: cannot be written ({error.strerror})", "--storage-path")
        ) from error
    try:
        yield folder, word
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@ray.remote(num_cpus=0, max_retries=1)
def _node_state(
    place: Path | Store, word: str, packages: list[str], paths: list[str]
) -> dict[str, Any]:
    """The fields of a `NodeState`, for the node where the task runs."""
    return {
        "versions": versions(),
        "missing": [name for name in packages if find_spec(name) is None],
        "absent": [path for path in paths if not Path(path).exists()],
        "storage": storage_problem(place, word),
        "machine": platform.node(),
        "hardware": own_hardware(),
    }


def storage_problem(place: Path | Store, word: str) -> str:
    """Why this process does not see a probe folder, or cannot write it; empty where it can.

    Args:
        place: the folder.
        word: what the driver has written there.
    """
    own = f"{socket.gethostname()}_{uuid4().hex}"
    try:
        if isinstance(place, Store):
            if place.get(PROBE_FILE) != word.encode():
                return "it is another folder there"
            place.put(own, b"")
            return ""
        if (place / PROBE_FILE).read_text(encoding="utf-8") != word:
            return "it is another folder there"
        (place / own).touch()
    except StorageError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _received(reference: Any) -> NodeState | str | None:
    """The state that a task has returned, why it has not, or None where its node is gone."""
    try:
        return NodeState(**ray.get(reference, timeout=0))
    except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
        return None
    except ray.exceptions.GetTimeoutError:
        return f"it has not answered for {ANSWER_TIMEOUT_S} s"
    except ray.exceptions.RayError as error:
        return last_line(error)
