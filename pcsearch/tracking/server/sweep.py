"""The search as a W&B sweep: registered at the server, or taken from there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.sweep import Sweep
from pcsearch.tracking.server.api import NoAnswer, ask, connect

if TYPE_CHECKING:
    import wandb

# As W&B's own client says it; of its variables those that say something here.
UPSERT = """
mutation UpsertSweep(
    $config: String,
    $description: String,
    $entityName: String,
    $projectName: String
) {
    upsertSweep(input: {
        config: $config,
        description: $description,
        entityName: $entityName,
        projectName: $projectName
    }) {
        sweep {
            name
            project {
                id
                name
                entity {
                    id
                    name
                }
            }
        }
        configValidationWarnings
    }
}
"""
GET = """
query GetSweep($name: String!, $project: String, $entity: String) {
    project(name: $project, entityName: $entity) {
        sweep(sweepName: $name) {
            id
            name
            config
        }
    }
}
"""
VIEWER = "query Viewer { viewer { entity } }"


@dataclass(frozen=True)
class SweepAddress:
    """Where a sweep is in W&B.

    Args:
        id: its own, eight letters and digits.
        project: None where it is not said.
        entity: None where it is not said.
    """

    id: str
    project: str | None = None
    entity: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.entity, self.project, self.id) if part)


@dataclass(frozen=True)
class WandbSweep:
    """A sweep that is in W&B, and where its page is."""

    id: str
    url: str


def parse_address(text: str) -> SweepAddress:
    """Read ``ID``, ``PROJECT/ID`` or ``ENTITY/PROJECT/ID``.

    Raises:
        PcsearchError: it is none of these.
    """
    parts = text.split("/")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"[^\s:;,#?'\"]+", part) for part in parts):
        message = f"{text!r} is not the id of a sweep; write ID or ENTITY/PROJECT/ID"
        raise PcsearchError(Problem(message, "--sweep-id"))
    return SweepAddress(*parts[::-1])


def register(sweep: Sweep, project: str, entity: str | None) -> WandbSweep:
    """Make a sweep in W&B whose configuration is the sweep's file, as it is written.

    W&B holds files to a schema and only warns: of a missing ``program``, say, which nothing here
    needs. Nothing is printed and no environment variable is set, unlike by ``wandb.sweep``.

    Args:
        sweep: what to register.
        project: of W&B.
        entity: the user or team, None for W&B's default.

    Raises:
        NoAnswer: the server does not answer in a few seconds, or refuses.
    """
    api = connect()
    entity = entity or api.settings["entity"]
    variables = {
        "config": sweep.text,
        "description": sweep.description,
        "entityName": entity,
        "projectName": project,
    }
    answer = ask(api, UPSERT, variables)
    made = (answer.get("upsertSweep") or {}).get("sweep") or {}
    if not made.get("name"):
        raise NoAnswer("the server has made no sweep")
    place = made.get("project") or {}
    entity = (place.get("entity") or {}).get("name") or entity or _default_entity(api)
    return WandbSweep(made["name"], _url(api, entity, place.get("name") or project, made["name"]))


def configuration(address: SweepAddress) -> tuple[str, WandbSweep]:
    """The configuration of a sweep that W&B has, in YAML, and the sweep.

    Args:
        address: with its project.

    Raises:
        NoAnswer: the server does not answer in a few seconds, or refuses.
        PcsearchError: it has no such sweep.
    """
    api = connect()
    entity = address.entity or api.settings["entity"] or _default_entity(api)
    variables = {"name": address.id, "project": address.project, "entity": entity}
    answer = ask(api, GET, variables)
    found: dict[str, Any] = (answer.get("project") or {}).get("sweep") or {}
    text = found.get("config")
    if not isinstance(text, str) or not text.strip():
        where = f"{entity}/{address.project}" if entity else str(address.project)
        message = f"W&B has no sweep {address.id} in {where}; write ENTITY/PROJECT/ID"
        raise PcsearchError(Problem(message, "--sweep-id"))
    return text, WandbSweep(address.id, _url(api, entity, address.project, address.id))


def _default_entity(api: wandb.Api) -> str | None:
    """The entity of the key's owner; the client's own property asks for more than servers tell."""
    viewer: dict[str, Any] = ask(api, VIEWER, {}).get("viewer") or {}
    return viewer.get("entity")


def _url(api: wandb.Api, entity: str | None, project: str | None, sweep_id: str) -> str:
    parts = (entity or "", project or "", "sweeps", sweep_id)
    return api._service_api.app_url + "/".join(quote(part, safe="") for part in parts if part)
