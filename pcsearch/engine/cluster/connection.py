"""The Ray that trials run on: one of this process's own, or a running cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import ray
from ray._private import services, worker

from pcsearch.engine.cluster import ray_client
from pcsearch.engine.cluster.address import OPTION, reach
from pcsearch.engine.cluster.node_checks import check_nodes
from pcsearch.engine.cluster.ray_client import LOGS, adapted, is_client, refusal
from pcsearch.engine.cluster.resources import is_local, nodes_with_room, wanted_by_trial
from pcsearch.engine.cluster.shipping import packed
from pcsearch.engine.records.options import Options
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError, Problem

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
        if address is None or is_local(address):
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
