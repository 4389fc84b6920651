"""Whether runs go to the W&B server, to local files, or nowhere."""

from __future__ import annotations

import os
import shlex
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pcsearch.errors import PcsearchError
from pcsearch.tracking.server.api import KEY_REFUSED, Mode, NoAnswer, connect, set_up

Requested = Literal["auto", "online", "offline", "disabled"]

PROBE_SECONDS = 5.0
DOWN = (500, 502, 503, 504)
"""The HTTP statuses of a server that is not up, or not behind its proxy."""

_ENVIRONMENT: dict[str, Mode] = {
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}


@dataclass(frozen=True)
class WandbMode:
    """The mode to use, and one line for the user that says why."""

    mode: Mode
    reason: str


class _Obstacle(NamedTuple):
    """Why runs cannot go online: told in passing, and as the refusal of a request for it."""

    reason: str
    refusal: str


_NO_KEY = _Obstacle("no API key is configured; wandb login turns it on", "needs an API key")
_BAD_KEY = _Obstacle(
    "the API key that is configured is not valid; wandb login replaces it", "needs a valid API key"
)
_REFUSED_KEY = _Obstacle(
    "the server does not accept the API key that is configured; wandb login replaces it",
    "needs an API key that the server accepts",
)
_BAD_SETTINGS = _Obstacle(
    "its settings are not valid: check the variables WANDB_...",
    "needs valid settings: check the variables WANDB_...",
)


KEYS = (_NO_KEY, _BAD_KEY, _REFUSED_KEY)


def resolve(requested: Requested) -> WandbMode:
    """Decide where runs go; asks the server, and briefly, where that matters.

    Args:
        requested: ``auto`` goes online when an API key is configured that the server accepts,
            else offline; there the variable WANDB_MODE can say offline or disabled.

    Raises:
        PcsearchError: ``online`` is requested and cannot be had.
    """
    if requested in ("offline", "disabled"):
        return WandbMode(requested, f"W&B: {requested} (as requested)")
    wish = os.environ.get("WANDB_MODE", "").strip().lower()
    if requested == "auto" and wish in _ENVIRONMENT:
        return WandbMode(_ENVIRONMENT[wish], f"W&B: {_ENVIRONMENT[wish]} (WANDB_MODE is {wish})")
    server, obstacle = _ask()
    if obstacle is None:
        return WandbMode("online", f"W&B: online ({_host(server)})")
    if requested == "online":
        remedy = "run wandb login or use" if obstacle in KEYS else "use"
        raise PcsearchError(f"--wandb online {obstacle.refusal}; {remedy} --wandb offline")
    return WandbMode("offline", f"W&B: offline ({obstacle.reason})")


def require(option: str) -> None:
    """See that W&B's server can be used, whatever WANDB_MODE says.

    Args:
        option: what needs it.

    Raises:
        PcsearchError: it cannot.
    """
    _, obstacle = _ask()
    if obstacle is not None:
        remedy = "; run wandb login" if obstacle in KEYS else ""
        raise PcsearchError(f"{option} {obstacle.refusal}{remedy}")


def answers() -> bool:
    """Whether there is a server at the address that W&B is set up for."""
    from wandb.sdk import wandb_setup

    set_up()
    return _unreachable(wandb_setup.singleton().settings.base_url) is None


def sync_command(directory: Path) -> str:
    """The shell command that uploads what W&B's server lacks of an experiment.

    W&B leaves out what is marked as uploaded, and joins the parts of a resumed run.

    Args:
        directory: of the experiment.
    """
    return shlex.join(["wandb", "sync", "--include-online", str(directory / "wandb")])


def _ask() -> tuple[str, _Obstacle | None]:
    """The server that W&B is set up for, and why runs cannot go there."""
    server, obstacle = _account()
    return server, obstacle or _unreachable(server) or _refused(server)


def _account() -> tuple[str, _Obstacle | None]:
    """The server that W&B is set up for, and what is wrong with the credentials for it."""
    from wandb.errors import AuthenticationError, UsageError
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    try:
        set_up()
        server = wandb_setup.singleton().settings.base_url
        credentials = wbauth.authenticate_session(
            host=server, source="pcsearch", prompt=False, update_session=False
        )
    except AuthenticationError:
        return server, _BAD_KEY
    except (UsageError, ValueError):
        # What such an error says can quote the key.
        return "", _BAD_SETTINGS
    return server, None if credentials else _NO_KEY


def _unreachable(server: str) -> _Obstacle | None:
    """Whether the server does not answer, and how; the time for its name is bounded too."""
    outcome: list[str | None] = []
    # urllib's timeout leaves out the look-up of the name, which can take half a minute.
    probe = threading.Thread(target=lambda: outcome.append(_failure(server)), daemon=True)
    probe.start()
    probe.join(PROBE_SECONDS)
    failure = outcome[0] if outcome else f"no answer in {PROBE_SECONDS:g} s"
    if failure is None:
        return None
    told = f"cannot reach {_host(server)}: {failure}"
    return _Obstacle(told, told)


def _refused(server: str) -> _Obstacle | None:
    """Whether the server, which is up, does not take the key or does not answer after all."""
    try:
        connect()
    except NoAnswer as problem:
        if problem.status in KEY_REFUSED:
            return _REFUSED_KEY
        told = f"cannot use {_host(server)}: {problem}"
        return _Obstacle(told, told)
    return None


def _failure(server: str) -> str | None:
    try:
        # urllib would take credentials in the address for a part of the server's name.
        bare = urlsplit(server)._replace(netloc=_host(server)).geturl()
        urllib.request.urlopen(bare, timeout=PROBE_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        # Any other status comes from a server that is up, which may have nothing at this address.
        return f"HTTP status {error.code}" if error.code in DOWN else None
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _host(server: str) -> str:
    """The server's name and port: an address may carry credentials, which stay out of sight."""
    return urlsplit(server).netloc.rpartition("@")[2]
