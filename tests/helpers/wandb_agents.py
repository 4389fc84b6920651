"""W&B's agents of sweeps, on the side of the stand-in for W&B's server.

W&B's own implementation of sweeps chooses the runs. An agent has one run at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from wandb_server import WandbServer

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Agents:
    """What the server knows of agents.

    Args:
        server: with its sweeps and runs.
    """

    def __init__(self, server: WandbServer) -> None:
        self._server = server
        self._sweeps: dict[str, str] = {}
        self._given: dict[str, list[dict[str, Any]]] = {}
        self.stops: set[str] = set()
        """The runs that agents are to stop, as early termination at the server tells them."""

    def answers(self) -> dict[str, Answer]:
        """By the name of the operation."""
        return {
            "SweepWithRuns": self._sweep_with_runs,
            "CreateAgent": self._create,
            "Heartbeat": self._heartbeat,
        }

    def _sweep_with_runs(self, variables: dict[str, Any]) -> dict[str, Any]:
        sweep = self._server.sweeps.get(variables["sweep"])
        place = (variables.get("entity") or self._server.user, variables.get("project"))
        if sweep is None or place != (sweep.entity, sweep.project):
            return {"project": {"sweep": None}}
        found = {"id": "node", "name": sweep.name, "config": sweep.config, "state": sweep.state}
        return {"project": {"sweep": {**found, "runs": {"edges": []}}}}

    def _create(self, variables: dict[str, Any]) -> dict[str, Any]:
        agent = f"agent{len(self._sweeps)}"
        self._sweeps[agent] = variables["sweep"]
        return {"createAgent": {"agent": {"id": agent}}}

    def _heartbeat(self, variables: dict[str, Any]) -> dict[str, Any]:
        agent, running = variables["id"], json.loads(variables["runState"])
        stopped = [run for run in running if run in self.stops]
        commands = [{"type": "stop", "run_id": run} for run in stopped]
        if not running:
            commands = [self._next(self._sweeps[agent])]
        answer = {"agent": {"id": agent}, "commands": json.dumps(commands)}
        return {"agentHeartbeat": answer}

    def _next(self, sweep_id: str) -> dict[str, Any]:
        """The command for the next run, which the server has from now on, or for the end."""
        sweep = self._server.sweeps[sweep_id]
        config = yaml.safe_load(sweep.config)
        given = self._given.setdefault(sweep_id, [])
        values = suggest(config, given)
        if values is None or len(given) >= config.get("run_cap", len(given) + 1):
            sweep.state = "FINISHED"
            return {"type": "exit"}
        given.append(values)
        run = self._server.add_run(sweep.entity, sweep.project, f"{sweep_id}run{len(given)}")
        run.sweep, run.config, run.started = sweep_id, dict(values), False
        run.display_name = f"swift-sweep-{len(given)}"
        command = {"type": "run", "run_id": run.name, "args": values}
        return {**command, "program": config.get("program")}


def suggest(config: dict[str, Any], given: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The values of the next run, None after the last."""
    from oracle import DELIMITER, sweeps

    # The schema of this version lacks keys that W&B's has today.
    known = {key: value for key, value in config.items() if key != "run_cap"}
    runs = [sweeps.SweepRun(config=_flat(values, DELIMITER)) for values in given]
    suggested = sweeps.next_run(known, runs)
    return None if suggested is None else json.loads(json.dumps(suggested.config))


def _flat(values: dict[str, Any], delimiter: str) -> dict[str, Any]:
    """The values of a run with the nested ones under one name each, as W&B compares them."""
    flat = {}
    for name, entry in values.items():
        value = entry["value"]
        if isinstance(value, dict):
            inner = _flat({key: {"value": each} for key, each in value.items()}, delimiter)
            flat |= {f"{name}{delimiter}{key}": each for key, each in inner.items()}
        else:
            flat[name] = entry
    return flat
