"""A stand-in for W&B's server on the loopback address, for the real client.

It has the parts of the GraphQL interface, the file stream and the uploads that runs and sweeps
need. It can be away in three ways, and keeps what it receives for the tests.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any, Literal

from ports import LOOPBACK, keeper
from wandb_agents import Agents
from wandb_artifacts import Artifacts
from wandb_http import Handler, SharedPortServer
from wandb_ledger import ConflictError, SweepRuns, now

KEY = "0123456789" * 4
"""The only API key that the server takes."""

Outage = Literal["refused", "silent", "error"]
HISTORY, SUMMARY = "wandb-history.jsonl", "wandb-summary.json"


@dataclass
class Run:
    """A run as the server has it; ``lines`` holds the history by its line numbers."""

    entity: str
    project: str
    name: str
    display_name: str | None = None
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    sweep: str | None = None
    started: bool = True
    """Whether a client has started it; else a sweep has only chosen its values for an agent."""
    exit_code: int | None = None
    uploads: dict[str, bytes] = field(default_factory=dict)
    created_at: str = field(default_factory=now)
    heartbeat_at: str = field(default_factory=now)
    heard_at: float = field(default_factory=time.monotonic)

    def hear(self) -> None:
        """Note a sign of life of its process."""
        self.heartbeat_at, self.heard_at = now(), time.monotonic()

    @property
    def id(self) -> str:
        return self.name

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The history without W&B's own keys, in its order."""
        rows = (self.lines[number] for number in sorted(self.lines))
        return [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]

    @property
    def values(self) -> dict[str, Any]:
        """The configuration without W&B's own part."""
        return {k: v["value"] for k, v in self.config.items() if k != "_wandb"}


@dataclass
class Sweep:
    """A sweep as the server has it."""

    entity: str
    project: str
    name: str
    config: str
    state: str = "PENDING"

    @property
    def id(self) -> str:
        return f"node-{self.name}"


class WandbServer:
    """The server; `running` starts one.

    Args:
        user: whose key it takes.
    """

    def __init__(self, user: str = "team") -> None:
        self.user = user
        self.runs: dict[str, Run] = {}
        self.sweeps: dict[str, Sweep] = {}
        self.operations: list[tuple[str, dict[str, Any]]] = []
        """The name and the variables of every GraphQL request that was answered."""
        self.requests: list[str] = []
        """The method and the path of every request."""
        self.alerts: list[dict[str, Any]] = []
        self.refusals: dict[str, str] = {}
        """Errors to answer with, by the operation's name."""
        self.sweep_runs = SweepRuns(self)
        self.artifacts = Artifacts(lambda name: f"{self.url}/upload//{name}")
        self.uploads: dict[str, bytes] = {}
        """The files of artifacts."""
        self.agents = Agents(self)
        self.terse = False
        """Whether it tells no more of the key's owner and of a new sweep than it must."""
        self.key_status = 401
        """The status that a wrong key gets."""
        self.key_revoked = False
        self.stream_status = 200
        """The status that the file stream answers with."""
        self.stop_pressed = False
        self.latency = 0.0
        """How long an answer to a request takes, in seconds."""
        self.takes_artifacts = threading.Event()
        """Until it is set the upload of an artifact's file does not end."""
        self.takes_artifacts.set()
        self.outage: Outage | None = None
        self._one_at_a_time = threading.RLock()
        self._over = threading.Event()
        self._listener: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        # Also where nobody listens no other process gets the port.
        self._keeper = keeper()
        self.port = int(self._keeper.getsockname()[1])
        self._listen()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def count(self, operation: str) -> int:
        """How many requests of an operation were answered."""
        return sum(name == operation for name, _ in self.operations)

    def accepts(self, authorization: str | None) -> bool:
        """Whether a request has the key, which is not revoked."""
        expected = base64.b64encode(f"api:{KEY}".encode()).decode()
        return not self.key_revoked and authorization == f"Basic {expected}"

    def go_away(self, how: Outage) -> None:
        """Refuse connections, take them and say nothing, or answer with status 500."""
        self._over.clear()
        self.outage = how
        if how == "refused":
            self._hang_up()

    def come_back(self) -> None:
        """End the outage, at the same address."""
        self.outage = None
        self._over.set()
        if self._listener is None:
            self._listen()

    def close(self) -> None:
        self._over.set()
        self._hang_up()
        self._keeper.close()

    def _listen(self) -> None:
        server = self

        class Listening(Handler):
            state = server

        self._listener = SharedPortServer((LOOPBACK, self.port), Listening)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def _hang_up(self) -> None:
        if self._listener is None or self._thread is None:
            return
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        self._listener = None

    def wait_until_back(self, seconds: float = 600) -> bool:
        """Whether the outage, or the server's life, ends within so many seconds."""
        return self._over.wait(seconds)

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """What GraphQL answers: data, or errors."""
        match = re.search(r"\b(?:query|mutation)\s+(\w+)", query)
        operation = match[1] if match else ""
        self.operations.append((operation, variables))
        if operation in self.refusals:
            return {"data": None, "errors": [{"message": self.refusals[operation]}]}
        answers = {
            "UpsertBucket": self._upsert_run,
            "RunResumeStatus": self._resume_status,
            "RunUploaded": self._uploaded,
            "DeleteRun": self._delete,
            "UpsertSweep": self._upsert_sweep,
            "GetSweep": self._sweep,
            "GetSweepLegacy": self._sweep,
            "CreateRunFiles": self._new_files,
            "NotifyScriptableRunAlert": self._alert,
            **self.artifacts.answers(),
            **self.agents.answers(),
            **self.sweep_runs.answers(),
        }
        if operation in answers:
            # Of two requests that make the same run, one makes it.
            with self._one_at_a_time:
                return {"data": answers[operation](variables)}
        if self.terse:
            return {"data": {"viewer": {"entity": self.user}}}
        viewer = {"id": "v", "entity": self.user, "username": self.user, "flags": "{}"}
        teams = {"edges": [{"node": {"name": self.user}}]}
        return {"data": {"viewer": {**viewer, "teams": teams}, "serverInfo": {"features": []}}}

    def _project(self, entity: str, name: str) -> dict[str, Any]:
        return {"id": "p", "name": name, "entity": {"id": "e", "name": entity}}

    def add_run(self, entity: str, project: str, name: str) -> Run:
        """A new run."""
        self.runs[name] = Run(entity, project, name)
        return self.runs[name]

    def _upsert_run(self, variables: dict[str, Any]) -> dict[str, Any]:
        name = variables.get("name") or variables["id"]
        if name in self.sweep_runs.deleted:
            raise ConflictError(
                f"run {name} was previously created and deleted; try a new run name"
            )
        inserted = name not in self.runs
        if inserted:
            entity = variables.get("entity") or self.user
            self.add_run(entity, variables.get("project") or "uncategorized", name)
        run = self.runs[name]
        run.started |= "_wandb" in json.loads(variables.get("config") or "{}")
        run.exit_code = None
        run.hear()
        for key, of_run in (
            ("displayName", "display_name"),
            ("groupName", "group"),
            ("jobType", "job_type"),
            ("notes", "notes"),
            ("tags", "tags"),
            ("sweep", "sweep"),
        ):
            if variables.get(key):
                setattr(run, of_run, variables[key])
        run.config |= json.loads(variables.get("config") or "{}")
        run.summary |= json.loads(variables.get("summaryMetrics") or "{}")
        bucket = {
            "id": name,
            "name": name,
            "displayName": run.display_name,
            "config": json.dumps(run.config),
            "sweepName": run.sweep,
            "historyLineCount": len(run.lines),
            "project": self._project(run.entity, run.project),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}

    def _resume_status(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(variables["name"])
        entity, project = (
            variables.get("entity") or self.user,
            variables.get("project") or "uncategorized",
        )
        model = self._project(entity, project)
        if run is None:
            return {"model": {**model, "bucket": None}}
        tail = [json.dumps(run.lines[max(run.lines)])] if run.lines else []
        bucket = {
            "id": run.name,
            "name": run.name,
            "displayName": run.display_name,
            "summaryMetrics": json.dumps(run.summary),
            "historyTail": json.dumps(tail),
            "historyLineCount": len(run.lines),
            "eventsTail": "[]",
            "eventsLineCount": 0,
            "logLineCount": 0,
            "config": json.dumps(run.config),
            # The client has not started a run that was only made.
            "wandbConfig": json.dumps({"t": 1} if run.started else {}),
            "tags": run.tags,
        }
        return {"model": {**model, "bucket": bucket}}

    def _uploaded(self, variables: dict[str, Any]) -> dict[str, Any]:
        answer = self._resume_status(variables)
        run, bucket = self.runs.get(variables["name"]), answer["model"]["bucket"]
        if run is not None:
            names = [name for name in variables["files"] if name in run.uploads]
            bucket["files"] = {"edges": [{"node": {"name": name}} for name in names]}
            ended = {None: "running", 0: "finished"}
            bucket["state"] = ended.get(run.exit_code, "failed")
        return answer

    def _delete(self, variables: dict[str, Any]) -> dict[str, Any]:
        del self.runs[variables["id"]]
        return {"deleteRun": {"clientMutationId": None}}

    def _upsert_sweep(self, variables: dict[str, Any]) -> dict[str, Any]:
        if variables.get("id"):
            return self.sweep_runs.change(variables)
        name = f"sw33p{len(self.sweeps)}"
        entity = variables.get("entityName") or self.user
        project = variables.get("projectName") or "uncategorized"
        self.sweeps[name] = Sweep(entity, project, name, variables["config"])
        sweep = {"id": f"node-{name}", "name": name, "project": self._project(entity, project)}
        if self.terse:
            return {"upsertSweep": {"sweep": {"name": name}}}
        # W&B says this of files without a program, and takes them.
        warnings = ["'program' is a required property"]
        return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": warnings}}

    def _sweep(self, variables: dict[str, Any]) -> dict[str, Any]:
        sweep = self.sweeps.get(variables["name"])
        place = (variables.get("entity") or self.user, variables.get("project"))
        if sweep is None or place != (sweep.entity, sweep.project):
            return {"project": {"sweep": None}}
        answer = {
            "__typename": "Sweep",
            "id": sweep.id,
            "name": sweep.name,
            "displayName": None,
            "method": "grid",
            "state": sweep.state,
            "description": None,
            "bestLoss": None,
            "config": sweep.config,
            "createdAt": "2025-01-01T00:00:00",
            "updatedAt": None,
            "runCount": sum(run.sweep == sweep.name for run in self.runs.values()),
            "runCountExpected": None,
        }
        return {"project": {"sweep": answer}}

    def _new_files(self, variables: dict[str, Any]) -> dict[str, Any]:
        files = [
            {"name": name, "uploadUrl": f"{self.url}/upload/{variables['run']}/{name}"}
            for name in variables["files"]
        ]
        return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}

    def _alert(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.alerts.append(variables)
        return {"notifyScriptableRunAlert": {"success": True}}

    def stream(self, name: str, sent: dict[str, Any]) -> dict[str, Any]:
        """Take a piece of a run's file stream."""
        run = self.runs[name]
        run.hear()
        for file, part in (sent.get("files") or {}).items():
            if file not in (HISTORY, SUMMARY):
                # What the program has printed is no JSON.
                continue
            lines = [json.loads(line) for line in part["content"]]
            if file == HISTORY:
                run.lines |= dict(enumerate(lines, part["offset"]))
            else:
                run.summary = lines[-1]
        run.exit_code = sent["exitcode"] if sent.get("complete") else None
        return {"stopped": self.stop_pressed}


@contextmanager
def running() -> Iterator[WandbServer]:
    """A server for a while."""
    server = WandbServer()
    try:
        yield server
    finally:
        server.close()
