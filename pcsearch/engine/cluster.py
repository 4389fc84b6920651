"""The Ray that trials run on: one of this process's own, or a running cluster."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from pcsearch.engine.options import Options
from pcsearch.errors import PcsearchError, Problem

CONNECT_TIMEOUT_S = 5
# Trials hand over no objects; Ray's own choice is a third of the memory.
OBJECT_STORE_BYTES = 100 * 1024**2


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be connected to Ray; a local one starts and ends with the block.

    Args:
        address: ``HOST:PORT`` or ``auto`` for a running cluster; None or ``local`` starts one on
            this machine. Where the process is connected already, that is what is used.

    Raises:
        PcsearchError: there is no cluster at the address.
    """
    if ray.is_initialized():
        # It is the caller's, and stays when the search has ended.
        yield
        return
    if address == "local":
        address = None
    if address is not None:
        _check_address(address)
    try:
        _init(address)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address is None:
            raise
        reason = str(error).strip().splitlines()[0]
        raise PcsearchError(
            Problem(f"no Ray cluster answers at {address} ({reason})", "--address")
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def gpus_per_trial(options: Options) -> float:
    """How many GPUs a trial occupies: as asked, else one where the cluster has any."""
    if options.gpus_per_trial is not None:
        return options.gpus_per_trial
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return 1.0 if resources.get("GPU", 0) >= 1 else 0.0


def check_room(options: Options) -> None:
    """Hold a trial's resources to the largest node, for Tune would wait for ever.

    Raises:
        PcsearchError: no node can take a trial.
    """
    every = ray.nodes()  # type: ignore[no-untyped-call]
    nodes = [node["Resources"] for node in every if node["Alive"]]
    wanted = {"CPU": options.cpus_per_trial, "GPU": gpus_per_trial(options)}
    if any(all(node.get(key, 0) >= amount for key, amount in wanted.items()) for node in nodes):
        return
    largest = {key: max(node.get(key, 0) for node in nodes) for key in wanted}
    raise PcsearchError(
        Problem(
            f"a trial wants {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs, and no node has "
            f"them (the largest: {largest['CPU']:g} CPUs, {largest['GPU']:g} GPUs)",
            "--cpus-per-trial, --gpus-per-trial",
        )
    )


def _init(address: str | None) -> None:
    own: dict[str, Any] = {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    ray.init(
        address=address or "local",
        log_to_driver=False,
        logging_level=logging.ERROR,
        **({} if address else own),
    )


def _check_address(address: str) -> None:
    """Ask the port whether anybody listens: Ray itself would try for half a minute."""
    if address == "auto":
        return
    host, separator, port = address.rpartition(":")
    is_port = port.isascii() and port.isdigit() and int(port) < 1 << 16
    if not separator or not is_port or not host or "/" in host:
        raise PcsearchError(
            Problem(
                f"{address!r} is not HOST:PORT (the port is 6379 unless told) or auto", "--address"
            )
        )
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
    # A UnicodeError is of a host name that cannot be one.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PcsearchError(
            Problem(
                f"nothing answers at {address} ({reason}); start the cluster "
                "with 'ray start --head' there, or leave the option out to run on this machine",
                "--address",
            )
        ) from error
    _use_token()


def _use_token() -> None:
    """Clusters of Ray 2.60 want their token; Ray reads it only when told to."""
    token = os.path.expanduser("~/.ray/auth_token")  # noqa: PTH111 - as Ray finds it
    if os.path.exists(token):  # noqa: PTH110
        os.environ.setdefault("RAY_AUTH_MODE", "token")
