"""The Ray that trials run on: one of this process's own, or a running cluster."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import ray
from ray._private import services, worker

from pcsearch.engine import ray_client
from pcsearch.engine.addresses import OPTION, reach
from pcsearch.engine.node_types import may_come
from pcsearch.engine.nodes import Node, check_nodes
from pcsearch.engine.options import Options
from pcsearch.engine.ray_client import LOGS, adapted, is_client, on_head, refusal
from pcsearch.engine.remote import Store
from pcsearch.engine.shipping import packed
from pcsearch.errors import PcsearchError, Problem

ASK_ROOM_EVERY_S = 5.0
# Trials hand over no objects; Ray's own choice is a third of the memory.
OBJECT_STORE_BYTES = 100 * 1024**2


@contextmanager
def connected(
    address: str | None, code: Path | None = None, namespace: str | None = None
) -> Iterator[None]:
    """Be connected to Ray; a local one starts and ends with the block.

    Args:
        address: ``HOST:PORT``, ``ray://HOST:PORT`` or ``auto`` for a running cluster; None or
            ``local`` starts one on this machine. Where the process is connected already, that is
            what is used.
        code: the folder of the user's modules that the nodes of a running cluster are sent.
        namespace: of Ray's, by which a running cluster knows the sessions of a search.

    Raises:
        PcsearchError: there is no cluster at the address, or it cannot be used from here.
    """
    if ray.is_initialized():
        # It is the caller's, and stays when the search has ended.
        yield
        return
    with _quiet(), adapted() if is_client(address) else nullcontext():
        if address is None or _is_local(address):
            _init("local", object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False)
        else:
            _join(address, code, namespace)
        try:
            yield
        except PcsearchError:
            raise
        except Exception as error:
            error.add_note(f"Ray's logs: {logs_folder()}")
            raise
        finally:
            ray.shutdown()


def logs_folder() -> str:
    """Where the Ray that this process is connected to keeps its logs."""
    node = worker.global_worker.node
    return LOGS if node is None else str(node.get_logs_dir_path())


def gpus_per_trial(options: Options) -> float:
    """How many GPUs a trial occupies: as asked, else one where the cluster has any."""
    if options.gpus_per_trial is not None:
        return options.gpus_per_trial
    return 1.0 if any(place.get("GPU", 0) >= 1 for place in _places(options)) else 0.0


def check_room(options: Options) -> None:
    """Hold a trial's resources to the largest node, for Tune would wait for ever.

    Raises:
        PcsearchError: no node can take a trial.
    """
    wanted, places = wanted_by_trial(options), _places(options)
    if any(_fits(wanted, place) for place in places):
        return
    largest = {key: max(place.get(key, 0) for place in places) for key in wanted}
    raise PcsearchError(
        Problem(
            f"a trial wants {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs, and no node has "
            f"them (the largest: {largest['CPU']:g} CPUs, {largest['GPU']:g} GPUs)",
            "--cpus-per-trial, --gpus-per-trial",
        )
    )


class Room:
    """How many trials find room at once, asked anew every few seconds: nodes come and go.

    Args:
        options: what a trial wants, and how many of them at most.
        unfit: the ids of nodes that no trial runs on.
    """

    def __init__(self, options: Options, unfit: Callable[[], frozenset[str]] = frozenset) -> None:
        self._wanted = wanted_by_trial(options)
        self._unfit = unfit
        self._most = sys.maxsize if options.max_concurrent is None else options.max_concurrent
        self._grows = bool(_may_come(options))
        self._asked, self._found = -math.inf, 0

    def __call__(self) -> int:
        """The number; one more where an autoscaler starts nodes for trials that wait."""
        now = time.monotonic()
        if now - self._asked > ASK_ROOM_EVERY_S:
            fit = [node for node in _alive() if node.get("NodeID") not in self._unfit()]
            self._asked, self._found = now, sum(map(self._on, fit))
        return min(self._most, max(1, self._found + self._grows))

    def _on(self, node: Mapping[str, Any]) -> int:
        there = node["Resources"]
        counts = [there.get(key, 0) / amount for key, amount in self._wanted.items() if amount]
        # Ray counts in parts of 10,000.
        return int(min(counts, default=0) + 1e-4)


def check_cluster(
    options: Options, storage: Path | Store, packages: Mapping[str, str]
) -> frozenset[str]:
    """Hold the nodes of a running cluster to what trials need there.

    Args:
        options: what was asked of the search.
        storage: where the experiments lie.
        packages: what trials import besides torch, and what to do without it.

    Returns:
        The ids of the nodes that were asked.

    Raises:
        PcsearchError: nodes with other versions, without a package, or without the storage.
    """
    # There is none where an autoscaler is to start the first.
    nodes = nodes_with_room(options, wanted_by_trial(options))
    if nodes:
        check_nodes(nodes, storage, packages)
    return frozenset(node["NodeID"] for node in nodes)


def nodes_with_room(options: Options, wanted: Mapping[str, float]) -> list[Node]:
    """The nodes of a running cluster that have what a trial wants; a local Ray needs no asking."""
    nodes = _alive()
    if len(nodes) == 1 and _is_local(options.address):
        return []
    return [node for node in nodes if _fits(wanted, node["Resources"])]


def wanted_by_trial(options: Options) -> dict[str, float]:
    """The resources of a trial, by Ray's names."""
    return {"CPU": options.cpus_per_trial, "GPU": gpus_per_trial(options)}


def _alive() -> list[Node]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _places(options: Options) -> list[Mapping[str, float]]:
    """The resources of the nodes, and of those that the cluster can start."""
    return [*(node["Resources"] for node in _alive()), *_may_come(options)]


def _may_come(options: Options) -> Sequence[Mapping[str, float]]:
    """The resources of nodes that the cluster can start."""
    if is_client(options.address):
        return _may_come_there(ray.get_runtime_context().get_job_id())
    return [] if _is_local(options.address) else may_come()


@lru_cache(maxsize=1)
def _may_come_there(_job: str) -> list[Mapping[str, float]]:
    """`may_come` for a connection through Ray Client, asked once."""
    return on_head(may_come)


def _is_local(address: str | None) -> bool:
    return address in (None, "local")


def _fits(wanted: Mapping[str, float], place: Mapping[str, float]) -> bool:
    return all(place.get(key, 0) >= amount for key, amount in wanted.items())


def _join(address: str, code: Path | None, namespace: str | None) -> None:
    found = ray_client.reach(address) if is_client(address) else reach(address)
    with ExitStack() as stack:
        environment = stack.enter_context(packed(code))
        try:
            _init(found, runtime_env=environment, namespace=namespace)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            reason = " ".join(str(error).split())
            message = f"no Ray cluster answers at {address} ({reason})"
            if is_client(address):
                message = refusal(address, error)
            raise PcsearchError(Problem(message, OPTION)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Ray tells of its nodes out of standard output: none of its options does."""
    before = worker.print_to_stdstream
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def _init(address: str, **options: Any) -> None:
    with _apart():
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)


@contextmanager
def _apart() -> Iterator[None]:
    """Start Ray's processes in groups of their own.

    A signal to this process's group, as batch systems send it, would end them first, and this
    process would wait for them for a minute.
    """
    place: Any = services
    before = services.ConsolePopen

    class Apart(before):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{"process_group": 0, **options})

    place.ConsolePopen = Apart
    try:
        yield
    finally:
        place.ConsolePopen = before
