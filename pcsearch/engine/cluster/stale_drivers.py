"""Waits for the killed drivers of a search that the cluster has not ended yet.

A driver that is killed is gone at once. But a cluster that it used through Ray Client waits for it
to come back, half a minute by default. Until then its trials live, and would write the report that
each of them is at into the folders of the resumed trials.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import ray

from pcsearch.engine.cluster import ray_client
from pcsearch.engine.ray_internals import living_jobs
from pcsearch.errors import PcsearchError

WAIT_S = 60
POLL_S = 1.0


def namespace(place: str) -> str:
    """The namespace of Ray that all drivers of a search use.

    Args:
        place: the path or the address of the search's directory.
    """
    return f"pcsearch:{place}"


def await_end(place: str, address: str | None, tell: Callable[[str], None]) -> None:
    """Wait until this process is the only driver of a search on the cluster.

    Args:
        place: the path or the address of the search's directory.
        address: of the cluster that this process is connected to.
        tell: is called with a line where there is something to wait for.

    Raises:
        PcsearchError: another driver does not end.
    """
    ask = _other_drivers
    if ray_client.is_client(address):
        ask = partial(ray_client.on_head, _other_drivers)
    deadline = time.monotonic() + WAIT_S
    is_told = False
    while jobs := ask(namespace(place)):
        if time.monotonic() > deadline:
            raise PcsearchError(
                f"{place}: an earlier session of the search still runs on the cluster (its job "
                f"{', '.join(jobs)}); wait for its end, or end its driver"
            )
        if not is_told:
            tell("Waiting for the cluster to end the trials of the session that was killed")
            is_told = True
        time.sleep(POLL_S)


def _other_drivers(name: str) -> list[str]:
    """The ids of the living jobs of a namespace besides this one."""
    own = ray.get_runtime_context().get_job_id()
    return [job for job in living_jobs(name) if job != own]
