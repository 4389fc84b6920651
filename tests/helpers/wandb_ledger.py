"""How the stand-in for W&B's server lists and deletes runs, and keeps the states of sweeps."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wandb_server import Run, Sweep, WandbServer

SILENT_S = 300.0
"""A run that says nothing for so long counts as crashed."""


class ConflictError(Exception):
    """The server answers with status 409."""


def now() -> str:
    """The time as W&B writes it, in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class SweepRuns:
    """The part of the server that knows what the runs of a sweep are doing.

    Args:
        server: whose runs and sweeps it lists.
    """

    def __init__(self, server: WandbServer) -> None:
        self._server = server
        self.deleted: list[str] = []
        """The names of deleted runs, which the server does not give again."""

    def answers(self) -> dict[str, Any]:
        """The answers to GraphQL requests, by the operations' names."""
        return {
            "Runs": self._runs,
            "SweepWithRuns": self._sweep_with_runs,
            "GetSweepState": self._state,
            "DeleteRun": self._delete,
        }

    def state_of(self, run: Run) -> str:
        """A run's state, as W&B works it out from its end and from its last sign of life."""
        if run.exit_code is not None:
            return "failed" if run.exit_code else "finished"
        return "crashed" if time.monotonic() - run.heard_at > SILENT_S else "running"

    def crash(self, run: Run) -> None:
        """Let the time pass after which a run that says nothing counts as crashed."""
        run.heard_at -= SILENT_S

    def change(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Change the state or the file of a sweep that is there; what is not given stays."""
        sweep = next(each for each in self._server.sweeps.values() if each.id == variables["id"])
        sweep.state = variables.get("state") or sweep.state
        sweep.config = variables.get("config") or sweep.config
        return {"upsertSweep": {"sweep": {"name": sweep.name, "state": sweep.state}}}

    def _find(self, variables: dict[str, Any], key: str) -> Sweep | None:
        sweep = self._server.sweeps.get(variables[key])
        place = (variables.get("entity") or self._server.user, variables.get("project"))
        return sweep if sweep is not None and place == (sweep.entity, sweep.project) else None

    def _state(self, variables: dict[str, Any]) -> dict[str, Any]:
        sweep = self._find(variables, "sweep")
        return {"project": {"sweep": None if sweep is None else {"state": sweep.state}}}

    def _sweep_with_runs(self, variables: dict[str, Any]) -> dict[str, Any]:
        sweep = self._find(variables, "sweep")
        if sweep is None:
            return {"project": {"sweep": None}}
        runs = [run for run in self._server.runs.values() if run.sweep == sweep.name]
        edges = [{"node": self._node(run)} for run in runs]
        about = {"id": sweep.id, "name": sweep.name, "state": sweep.state, "config": sweep.config}
        return {"project": {"sweep": about | {"method": "grid", "runs": {"edges": edges}}}}

    def _runs(self, variables: dict[str, Any]) -> dict[str, Any]:
        place = (variables["entity"], variables["project"])
        wanted = json.loads(variables.get("filters") or "{}")
        found = [
            run
            for run in self._server.runs.values()
            if (run.entity, run.project) == place and self._fits(run, wanted)
        ]
        if (variables.get("order") or "").startswith("-"):
            found.reverse()
        first = int(variables.get("cursor") or 0)
        last = first + (variables.get("perPage") or 50)
        edges = [{"node": self._node(run), "cursor": ""} for run in found[first:last]]
        page = {"endCursor": str(last), "hasNextPage": last < len(found)}
        return {"project": {"runCount": len(found), "runs": {"edges": edges, "pageInfo": page}}}

    def _fits(self, run: Run, wanted: dict[str, Any]) -> bool:
        values = {"sweep": run.sweep, "name": run.name, "state": self.state_of(run)}
        for key, value in wanted.items():
            if key == "$and":
                if not all(self._fits(run, each) for each in value):
                    return False
            elif isinstance(value, dict):
                assert set(value) == {"$in"}, f"no such filter here: {value}"
                if values[key] not in value["$in"]:
                    return False
            elif values[key] != value:
                return False
        return True

    def _node(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.name,
            "name": run.name,
            "displayName": run.display_name,
            "sweepName": run.sweep,
            "state": self.state_of(run),
            "group": run.group,
            "jobType": run.job_type,
            "createdAt": run.created_at,
            "heartbeatAt": run.heartbeat_at,
            "historyLineCount": len(run.lines),
            "tags": run.tags,
            "config": json.dumps(run.config),
            "summaryMetrics": json.dumps(run.summary),
        }

    def _delete(self, variables: dict[str, Any]) -> dict[str, Any]:
        del self._server.runs[variables["id"]]
        self.deleted.append(variables["id"])
        return {"deleteRun": {"clientMutationId": None}}
