"""Whether runs go to the W&B server, to local files, or nowhere."""

from __future__ import annotations

import shlex
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pcsearch.errors import PcsearchError
from pcsearch.tracking.server.api import (
    KEY_REFUSED,
    Mode,
    NoAnswer,
    connect,
    has_credentials,
    set_up,
)
from pcsearch.tracking.server.settings import UserSettings, read_settings
from pcsearch.tracking.wandb_internals import first_line, load_client

Requested = Literal["auto", "online", "offline", "disabled"]

PROBE_SECONDS = 5.0
DOWN = (500, 502, 503, 504)
"""The HTTP statuses of a server that is not up, or of a proxy without a server behind it."""


@dataclass(frozen=True)
class WandbMode:
    """Where runs go, and one line for the user that says why."""

    mode: Mode
    reason: str


class _Obstacle(NamedTuple):
    """Why runs cannot go online.

    Args:
        reason: in brackets after "W&B: offline".
        refusal: after the option that requires the server.
    """

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
_KEY_OBSTACLES = (_NO_KEY, _BAD_KEY, _REFUSED_KEY)


def resolve(requested: Requested) -> WandbMode:
    """Decide where the runs go. The server is asked, for seconds at most, where that matters.

    Args:
        requested: ``auto`` is online when an API key is configured that the server accepts, else
            offline. With ``auto`` the user's settings for W&B can choose offline or disabled.

    Raises:
        PcsearchError: ``online`` is requested and is not possible.
    """
    if requested in ("offline", "disabled"):
        return WandbMode(requested, f"W&B: {requested} (as requested)")
    settings = read_settings()
    switched_off = settings.switched_off
    if requested == "auto" and switched_off is not None:
        return WandbMode(switched_off.mode, f"W&B: {switched_off.mode} ({switched_off.reason})")
    server, obstacle = _check_server(settings)
    if obstacle is None:
        return WandbMode("online", f"W&B: online ({_host(server)})")
    if requested == "online":
        remedy = "run wandb login or use" if obstacle in _KEY_OBSTACLES else "use"
        raise PcsearchError(f"--wandb online {obstacle.refusal}; {remedy} --wandb offline")
    return WandbMode("offline", f"W&B: offline ({obstacle.reason})")


def require_server(option: str) -> None:
    """Check that W&B's server can be used, whether or not the user has turned it off.

    Args:
        option: the option that needs the server.

    Raises:
        PcsearchError: the server cannot be used.
    """
    _, obstacle = _check_server(read_settings())
    if obstacle is not None:
        remedy = "; run wandb login" if obstacle in _KEY_OBSTACLES else ""
        raise PcsearchError(f"{option} {obstacle.refusal}{remedy}")


def is_reachable() -> bool:
    """Whether a server answers at the address that W&B is configured for."""
    return _unreachable(set_up().base_url) is None


def sync_command(directory: Path) -> str:
    """The shell command that uploads the runs of an experiment to W&B's server.

    It leaves out files that are marked as uploaded, and joins the sessions of a resumed run.

    Args:
        directory: the experiment's.
    """
    return shlex.join(["wandb", "sync", "--include-online", str(directory / "wandb")])


def _check_server(settings: UserSettings) -> tuple[str, _Obstacle | None]:
    """The address of W&B's server, and why runs cannot go there.

    The address is empty where the credentials for it are missing or wrong.
    """
    load_client()
    from wandb.errors import AuthenticationError, UsageError

    if settings.broken:
        message = f"its settings are not valid: correct or remove {', '.join(settings.broken)}"
        return "", _Obstacle(message, f"cannot be used: {message}")
    try:
        if not has_credentials():
            return "", _NO_KEY
        server = set_up().base_url
    except AuthenticationError:
        return "", _BAD_KEY
    # The client's own process does not start: it raises errors of many types.
    except Exception as error:
        # The text of an error about settings can quote the key.
        secret = isinstance(error, UsageError | ValueError)
        why = "" if secret else first_line(str(error))
        message = f"its client does not start: {why or type(error).__name__}"
        return "", _Obstacle(message, f"cannot be used: {message}")
    return server, _unreachable(server) or _refused(server)


def _unreachable(server: str) -> _Obstacle | None:
    """What is wrong where the server does not answer in `PROBE_SECONDS`."""
    outcome: list[str | None] = []
    # The timeout of urllib does not cover the look-up of the name, which can take half a minute.
    probe = threading.Thread(target=lambda: outcome.append(_failure(server)), daemon=True)
    probe.start()
    probe.join(PROBE_SECONDS)
    failure = outcome[0] if outcome else f"no answer in {PROBE_SECONDS:g} s"
    if failure is None:
        return None
    message = f"cannot reach {_host(server)}: {failure}"
    return _Obstacle(message, message)


def _refused(server: str) -> _Obstacle | None:
    """What is wrong where the server, which is up, refuses the key or does not answer."""
    try:
        connect()
    except NoAnswer as problem:
        if problem.status in KEY_REFUSED:
            return _REFUSED_KEY
        message = f"cannot use {_host(server)}: {problem}"
        return _Obstacle(message, message)
    return None


def _failure(server: str) -> str | None:
    """Why a request to the server fails, None where it answers."""
    try:
        # To urllib, credentials in the address are a part of the server's name.
        bare = urlsplit(server)._replace(netloc=_host(server)).geturl()
        urllib.request.urlopen(bare, timeout=PROBE_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        # With any other status the server is up; it may have no page at this address.
        return f"HTTP status {error.code}" if error.code in DOWN else None
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error)
    except HTTPException:
        return "it does not speak HTTP; is WANDB_BASE_URL right?"
    return None


def _host(server: str) -> str:
    """The server's name and port, without the credentials that an address may carry."""
    return urlsplit(server).netloc.rpartition("@")[2]
