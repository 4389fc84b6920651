"""Lists, makes and deletes the runs of a sweep at W&B's server, and reads and sets its state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pcsearch.tracking.server.api import NoAnswer, ask
from pcsearch.tracking.server.server_runs import DELETE
from pcsearch.tracking.server.sweep import GET, UPSERT

if TYPE_CHECKING:
    import wandb

PER_PAGE = 200
WAS_DELETED = 409
"""The HTTP status by which the server refuses the id of a run that was deleted."""

# Requests of W&B's own client, with the variables and fields that are used here.
RUNS = """
query Runs(
    $project: String!,
    $entity: String!,
    $cursor: String,
    $perPage: Int = 50,
    $order: String,
    $filters: JSONString
) {
    project(name: $project, entityName: $entity) {
        runs(filters: $filters, after: $cursor, first: $perPage, order: $order) {
            edges {
                node {
                    id
                    name
                    displayName
                    state
                    heartbeatAt%s
                }
            }
            pageInfo {
                endCursor
                hasNextPage
            }
        }
    }
}
"""
RESULTS = """
                    config
                    summaryMetrics"""
MAKE = """
mutation UpsertBucket(
    $name: String!,
    $project: String,
    $entity: String,
    $displayName: String,
    $sweep: String
) {
    upsertBucket(input: {
        name: $name,
        modelName: $project,
        entityName: $entity,
        displayName: $displayName,
        sweep: $sweep
    }) {
        bucket {
            id
            name
        }
        inserted
    }
}
"""


@dataclass(frozen=True)
class SweepRun:
    """A run of a sweep, as the server tells of it.

    Args:
        id: the run's.
        name: as W&B shows it.
        state: ``running``, ``finished``, ``failed``, ``crashed`` or another word of W&B's.
        heartbeat: when its process gave the last sign of life, in the server's own words.
        config: its settings, where they were asked for.
        summary: the values of its summary, where they were asked for.
    """

    id: str
    name: str
    state: str
    heartbeat: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


class SweepRuns:
    """The runs of one sweep. Each method is a request, or several, and may raise `NoAnswer`.

    Args:
        api: W&B's, with the key.
        sweep_id: the sweep's.
        project: of the sweep.
        entity: of the sweep.
    """

    def __init__(self, api: wandb.Api, sweep_id: str, project: str, entity: str) -> None:
        self.sweep_id = sweep_id
        self._api = api
        self._place = {"project": project, "entity": entity}
        self._node = ""
        # What the server calls the runs that it was asked for.
        self._nodes: dict[str, str] = {}

    def __str__(self) -> str:
        return "/".join((self._place["entity"], self._place["project"], self.sweep_id))

    def state(self) -> str:
        """The state of the sweep in capital letters, empty where the server has no such sweep."""
        answer = ask(self._api, GET, {"name": self.sweep_id, **self._place})
        sweep: dict[str, Any] = (answer.get("project") or {}).get("sweep") or {}
        self._node = sweep.get("id") or self._node
        return str(sweep.get("state") or "").upper()

    def set_state(self, state: str) -> None:
        """Set the state of the sweep, after `state` has found it."""
        if self._node:
            place = {"projectName": self._place["project"], "entityName": self._place["entity"]}
            ask(self._api, UPSERT, {"id": self._node, "state": state, **place})

    def newest(self, is_known: Callable[[str], bool] = lambda _: False) -> list[SweepRun]:
        """The runs of the sweep, the newest first, up to a page with nothing new.

        Args:
            is_known: tells whether the run of an id need not be listed.
        """
        found: list[SweepRun] = []
        cursor: str | None = None
        while True:
            runs, cursor = self._page({"sweep": self.sweep_id}, cursor)
            found += runs
            if cursor is None or any(is_known(run.id) for run in runs):
                return found

    def of_ids(self, ids: Iterable[str], with_results: bool = False) -> list[SweepRun]:
        """The runs of the sweep that have one of these ids."""
        wanted, found = list(ids), []
        for first in range(0, len(wanted), PER_PAGE):
            names = {"name": {"$in": wanted[first : first + PER_PAGE]}}
            runs, _ = self._page({"$and": [{"sweep": self.sweep_id}, names]}, None, with_results)
            found += runs
        return found

    def make(self, run_id: str, name: str | None = None) -> bool | None:
        """Make a run of the sweep with nothing in it, or give one that is there a sign of life.

        Args:
            run_id: the run's.
            name: as W&B shows it; None leaves that of a run that is there.

        Returns:
            Whether this request has made it: of several that ask at once, one gets True. None where
            a run of the id was deleted, which nobody can make again.
        """
        variables = {"name": run_id, "sweep": self.sweep_id, **self._place}
        if name is not None:
            variables["displayName"] = name
        try:
            answer = ask(self._api, MAKE, variables)
        except NoAnswer as problem:
            if problem.status == WAS_DELETED:
                return None
            raise
        made: dict[str, Any] = answer.get("upsertBucket") or {}
        if made.get("inserted"):
            self._nodes[run_id] = str((made.get("bucket") or {}).get("id"))
        return bool(made.get("inserted"))

    def delete(self, run_id: str) -> None:
        """Delete a run that was made or listed here."""
        node = self._nodes.pop(run_id, None)
        if node is not None:
            ask(self._api, DELETE, {"id": node})

    def _page(
        self, filters: Mapping[str, Any], cursor: str | None, with_results: bool = False
    ) -> tuple[list[SweepRun], str | None]:
        """A page of runs, and the cursor of the next, None where there is none."""
        variables = {
            **self._place,
            "cursor": cursor,
            "perPage": PER_PAGE,
            "order": "-created_at",
            "filters": json.dumps(filters),
        }
        answer = ask(self._api, RUNS % (RESULTS if with_results else ""), variables)
        runs: dict[str, Any] = (answer.get("project") or {}).get("runs") or {}
        page = runs.get("pageInfo") or {}
        following = page.get("endCursor") if page.get("hasNextPage") else None
        nodes = [edge["node"] for edge in runs.get("edges") or ()]
        self._nodes |= {node["name"]: str(node.get("id")) for node in nodes}
        return [_run(node) for node in nodes], following


def _run(node: Mapping[str, Any]) -> SweepRun:
    config = {
        name: value["value"] if isinstance(value, dict) and "value" in value else value
        for name, value in _mapping(node.get("config")).items()
        if name != "_wandb"
    }
    return SweepRun(
        node["name"],
        node.get("displayName") or "",
        (node.get("state") or "").lower(),
        str(node.get("heartbeatAt") or ""),
        config,
        _mapping(node.get("summaryMetrics")),
    )


def _mapping(text: Any) -> dict[str, Any]:
    """The mapping of a JSON text; empty where there is none."""
    value = json.loads(text) if isinstance(text, str) and text else text
    return value if isinstance(value, dict) else {}
