"""Creates a sweep at W&B's server, and reads one from there."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.sweep import Sweep
from pcsearch.tracking.server.api import NoAnswer, ask, connect, default_entity, set_up

if TYPE_CHECKING:
    import wandb

# Requests of W&B's own client, with the variables that are used here.
UPSERT = """
mutation UpsertSweep(
    $id: ID,
    $config: String,
    $description: String,
    $entityName: String,
    $projectName: String,
    $state: String
) {
    upsertSweep(input: {
        id: $id,
        config: $config,
        description: $description,
        entityName: $entityName,
        projectName: $projectName,
        state: $state
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
            state
            config
        }
    }
}
"""
PAGE = r"/([^/]+)/([^/]+)/sweeps/(\w[^/\s]*)"
"""The path of a sweep's page; a tab of the page may follow."""


@dataclass(frozen=True)
class SweepAddress:
    """Where a sweep is at W&B.

    Args:
        id: the sweep's, eight letters and digits.
        project: None where the address does not name one.
        entity: None where the address does not name one.
    """

    id: str
    project: str | None = None
    entity: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.entity, self.project, self.id) if part)


@dataclass(frozen=True)
class WandbSweep:
    """A sweep at W&B.

    Args:
        id: the sweep's.
        url: of its page.
        state: in capital letters, empty where it was not asked for.
    """

    id: str
    url: str
    state: str = ""


def parse_address(text: str) -> SweepAddress:
    """Read ``ID``, ``PROJECT/ID``, ``ENTITY/PROJECT/ID`` or the address of the sweep's page.

    The address may lack ``https://``, and any of them may end with a slash.

    Raises:
        PcsearchError: the text has none of these forms.
    """
    page = re.search(PAGE, _path(text))
    if page is not None:
        entity, project, sweep_id = map(unquote, page.groups())
        return SweepAddress(sweep_id, project, entity)
    parts = text.removesuffix("/").split("/")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"[^\s:;,#?'\"]+", part) for part in parts):
        message = (
            f"{text!r} is not the id of a sweep; write ID, ENTITY/PROJECT/ID or the address of "
            "the sweep's page"
        )
        raise PcsearchError(Problem(message, "--sweep-id"))
    return SweepAddress(*parts[::-1])


def create_sweep(sweep: Sweep, project: str, entity: str | None) -> WandbSweep:
    """Create a sweep at W&B whose configuration is the text of the sweep file.

    W&B checks the text against a schema and only warns, of a missing ``program`` for example,
    which pcsearch does not need. Unlike ``wandb.sweep``, this prints nothing and sets no
    environment variable.

    Args:
        sweep: the sweep file.
        project: W&B's project.
        entity: the user or team, None for W&B's default.

    Raises:
        NoAnswer: the server does not answer within seconds, or refuses.
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
    created = (answer.get("upsertSweep") or {}).get("sweep") or {}
    sweep_id = created.get("name")
    if not sweep_id:
        raise NoAnswer("the server has created no sweep")
    place = created.get("project") or {}
    entity = (place.get("entity") or {}).get("name") or entity or default_entity(api)
    return WandbSweep(sweep_id, _url(entity, place.get("name") or project, sweep_id))


def update_sweep(sweep: Sweep, address: SweepAddress) -> None:
    """Let a sweep at W&B have the text of another sweep file, as ``wandb sweep --update`` does.

    Its runs, its state and its page stay. Where it has the text already, nothing is sent.

    Args:
        sweep: the sweep file.
        address: of the sweep, with a project.

    Raises:
        NoAnswer: the server does not answer within seconds, or refuses.
        PcsearchError: the server has no such sweep.
    """
    found = _get(address)
    if found.get("config") == sweep.text:
        return
    api = connect()
    variables = {
        "id": found["id"],
        "config": sweep.text,
        "description": sweep.description,
        "entityName": own_entity(api, address.entity),
        "projectName": address.project,
    }
    answer = ask(api, UPSERT, variables)
    if not ((answer.get("upsertSweep") or {}).get("sweep") or {}).get("name"):
        raise NoAnswer("the server has updated no sweep")


def fetch_sweep(address: SweepAddress) -> tuple[str, WandbSweep]:
    """Read a sweep from W&B's server: the text of its sweep file, and its page and state.

    Args:
        address: with a project.

    Raises:
        NoAnswer: the server does not answer within seconds, or refuses.
        PcsearchError: the server has no such sweep.
    """
    sweep = _get(address)
    url = _url(own_entity(connect(), address.entity), address.project, address.id)
    state = str(sweep.get("state") or "").upper()
    return sweep["config"], WandbSweep(address.id, url, state)


def _get(address: SweepAddress) -> dict[str, Any]:
    """What the server has of a sweep, with the text of its file.

    Raises:
        NoAnswer: the server does not answer within seconds, or refuses.
        PcsearchError: the server has no such sweep.
    """
    api = connect()
    entity = own_entity(api, address.entity)
    variables = {"name": address.id, "project": address.project, "entity": entity}
    answer = ask(api, GET, variables)
    sweep: dict[str, Any] = (answer.get("project") or {}).get("sweep") or {}
    text = sweep.get("config")
    if not isinstance(text, str) or not text.strip():
        where = f"{entity}/{address.project}" if entity else str(address.project)
        message = (
            f"W&B has no sweep {address.id} in {where} ({set_up().app_url}); write "
            "ENTITY/PROJECT/ID, or the address of the sweep's page"
        )
        raise PcsearchError(Problem(message, "--sweep-id"))
    return sweep


def seed_of(sweep_id: str) -> int:
    """The seed of a sweep's random draws, which all its drivers know."""
    return int.from_bytes(hashlib.sha256(sweep_id.encode()).digest()[:4]) % 2**31


def own_entity(api: wandb.Api, entity: str | None) -> str | None:
    """The entity of a name; without a name W&B's default, as the runs of a search have it."""
    return entity or api.settings["entity"] or default_entity(api)


def _path(address: str) -> str:
    """The path of a page's address, empty where it is none."""
    try:
        return urlsplit(address if "://" in address else f"//{address}").path
    except ValueError:
        return ""


def _url(entity: str | None, project: str | None, sweep_id: str) -> str:
    parts = [part for part in (entity, project, "sweeps", sweep_id) if part]
    return "/".join([set_up().app_url.rstrip("/"), *(quote(part, safe="") for part in parts)])
