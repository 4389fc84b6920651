"""Earlier sessions of a search that a cluster has not ended yet.

A driver that is killed is gone at once, but a cluster that it used through Ray Client waits for it
to come back, half a minute by default. Until then its trials live, and the report that each was at
would go into the folders of trials that go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import ray
from ray._private import worker

from pcsearch.engine.cluster import ray_client
from pcsearch.errors import PcsearchError

WAIT_S = 60
POLL_S = 1.0


def namespace(place: str) -> str:
    """The namespace of Ray's in which the sessions of a search are, by its place."""
    return f"pcsearch:{place}"


def await_end(place: str, address: str | None, tell: Callable[[str], None]) -> None:
    """Wait until no other session of a search is left on the cluster.

    Args:
        place: of the search's directory.
        address: of the cluster that this process is connected to.
        tell: is given a line where there is something to wait for.

    Raises:
        PcsearchError: one runs on.
    """
    ask = partial(ray_client.on_head, _others) if ray_client.is_client(address) else _others
    deadline = time.monotonic() + WAIT_S
    told = False
    while jobs := ask(namespace(place)):
        if time.monotonic() > deadline:
            raise PcsearchError(
                f"{place}: an earlier session of the search still runs on the cluster (its job "
                f"{', '.join(jobs)}); wait for its end, or end its driver"
            )
        if not told:
            tell("Waiting for the cluster to end the trials of the session that was killed")
            told = True
        time.sleep(POLL_S)


def _others(name: str) -> list[str]:
    """The living jobs of a namespace besides this one."""
    own = ray.get_runtime_context().get_job_id()
    client: Any = worker.global_worker.gcs_client  # type: ignore[attr-defined]
    jobs = client.get_all_job_info(
        skip_submission_job_info_field=True, skip_is_running_tasks_field=True
    )
    return [
        job_id.hex()
        for job_id, job in jobs.items()
        if not job.is_dead and job.config.ray_namespace == name and job_id.hex() != own
    ]
