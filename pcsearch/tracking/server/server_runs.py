"""What W&B's server has of a run, and the alerts that it sends to the user."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pcsearch.tracking.server.api import NoAnswer, ask, connect, default_entity

if TYPE_CHECKING:
    import wandb

# What W&B's own client asks for when it resumes a run, with the state and the files.
UPLOADED = """
query RunUploaded($project: String, $entity: String, $name: String!, $files: [String]) {
    model(name: $project, entityName: $entity) {
        bucket(name: $name, missingOk: true) {
            id
            state
            historyTail
            files(names: $files, first: 50) {
                edges {
                    node {
                        name
                    }
                }
            }
        }
    }
}
"""
FILES_AT_ONCE = 50
"""How many files the server is asked for in one request."""
# These are requests of W&B's own client.
DELETE = """
mutation DeleteRun($id: ID!) {
    deleteRun(input: {id: $id}) {
        clientMutationId
    }
}
"""
ALERT = """
mutation NotifyScriptableRunAlert(
    $entityName: String!,
    $projectName: String!,
    $runName: String!,
    $title: String!,
    $text: String!,
    $severity: AlertSeverity = INFO,
    $waitDuration: Duration
) {
    notifyScriptableRunAlert(input: {
        entityName: $entityName,
        projectName: $projectName,
        runName: $runName,
        title: $title,
        text: $text,
        severity: $severity,
        waitDuration: $waitDuration
    }) {
        success
    }
}
"""
RUNNING = ("running", "pending")
"""The states of a run that has not ended for the server."""


@dataclass(frozen=True)
class ServerRun:
    """What the server has of a run.

    Args:
        ended: whether it has the run's end.
        last_step: of the last row of the history, 0 without rows.
        files: those that were asked for.
    """

    ended: bool
    last_step: int
    files: frozenset[str]


class ServerRuns:
    """Asks W&B's server for runs of a project. Any thread may call it.

    Args:
        project: of W&B.
        entity: the user or team, None for the one of the key's owner.
    """

    def __init__(self, project: str, entity: str | None) -> None:
        self._project, self._entity = project, entity
        self._api: wandb.Api | None = None
        self._lock = threading.Lock()

    def read(self, run_id: str, files: Collection[str] = ()) -> ServerRun | None:
        """What the server has of a run; None where it does not have the run.

        Args:
            run_id: the run's.
            files: names of files of the run.

        Raises:
            NoAnswer: the server does not answer, or refuses.
        """
        names, found = sorted(files), set[str]()
        run: dict[str, Any] = {}
        for start in range(0, len(names) or 1, FILES_AT_ONCE):
            answer = self._ask(run_id, names[start : start + FILES_AT_ONCE])
            if answer is None:
                return None
            run = answer
            edges = (run.get("files") or {}).get("edges") or []
            found |= {edge["node"]["name"] for edge in edges}
        ended = run.get("state") not in RUNNING
        return ServerRun(ended, _last_step(run.get("historyTail")), frozenset(found))

    def _ask(self, run_id: str, files: list[str]) -> dict[str, Any] | None:
        api, entity = self._connected()
        variables = {"project": self._project, "entity": entity, "name": run_id, "files": files}
        answer = ask(api, UPLOADED, variables)
        run: dict[str, Any] | None = (answer.get("model") or {}).get("bucket")
        return run

    def delete(self, run_id: str) -> bool:
        """Delete a run; whether the server had it.

        Raises:
            NoAnswer: the server does not answer, or refuses.
        """
        found = self._ask(run_id, [])
        if found is None:
            return False
        ask(self._connected()[0], DELETE, {"id": found["id"]})
        return True

    def send_alert(self, run_id: str, title: str, text: str, level: str) -> None:
        """Have the server send an alert to the user.

        Args:
            run_id: of a run that the server has.
            title: at most 63 characters.
            text: of the alert.
            level: ``INFO``, ``WARN`` or ``ERROR``.

        Raises:
            NoAnswer: the server does not answer, or refuses.
        """
        api, entity = self._connected()
        variables = {
            "entityName": entity,
            "projectName": self._project,
            "runName": run_id,
            "title": title,
            "text": text,
            "severity": level,
            "waitDuration": 0,
        }
        answer = ask(api, ALERT, variables).get("notifyScriptableRunAlert") or {}
        if not answer.get("success"):
            raise NoAnswer("the server has not sent it")

    def _connected(self) -> tuple[wandb.Api, str | None]:
        with self._lock:
            if self._api is None:
                api = connect()
                self._entity = self._entity or api.settings["entity"] or default_entity(api)
                self._api = api
            return self._api, self._entity


def _last_step(tail: str | None) -> int:
    """The step of the last row, by the server's text of the last rows: JSON in JSON."""
    rows = json.loads(tail or "[]") or []
    return int(json.loads(rows[-1]).get("_step") or 0) if rows else 0
