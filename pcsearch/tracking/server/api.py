"""Requests to W&B's server through its client; each is answered within seconds, or given up."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pcsearch.tracking.server.settings import read_settings, unusable_variables
from pcsearch.tracking.wandb_internals import (
    BRIEF_REQUESTS,
    client_settings,
    execute_graphql,
    failure_of,
    has_settings,
    load_client,
)

if TYPE_CHECKING:
    import wandb

Mode = Literal["online", "offline", "disabled"]

ASK_SECONDS = 8
"""How long one request may take."""
KEY_REFUSED = (401, 403)
"""The HTTP statuses by which a server refuses a key."""
VIEWER = "query Viewer { viewer { entity } }"
_SETTING_UP = threading.RLock()
"""Threads use the client while its settings, or the environment, are changed."""


class NoAnswer(Exception):  # noqa: N818 - the server may well be in order
    """The server did not answer, or it answered with an error. The text is one line.

    Args:
        reason: the line.
        status: the HTTP status of an answer that refuses.
        gone: whether there was no useful answer at all.
    """

    def __init__(self, reason: str, status: int | None = None, gone: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.gone = gone


@contextmanager
def environment(
    *, without: Iterable[str] = (), having: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Change environment variables during the block.

    Args:
        without: the names of variables to take away.
        having: variables to set.
    """
    having = having or {}
    before = {name: os.environ.pop(name, None) for name in {*without, *having}}
    os.environ.update(having)
    try:
        yield
    finally:
        for name in having:
            os.environ.pop(name, None)
        os.environ.update({name: value for name, value in before.items() if value is not None})


def has_credentials() -> bool:
    """Whether the user has a key for W&B's server, which the client then keeps.

    Nothing is asked or printed, and the client's own process is not started.

    Raises:
        wandb.Error: the key is not valid.
        Exception: the client does not start.
    """
    with _key_sought():
        import wandb

        return wandb.login(prompt=False, verify=False)


def api_key() -> str | None:
    """The user's key for W&B's server, None where there is none."""
    with _key_sought() as settings:
        return settings.api_key


def set_up() -> wandb.Settings:
    """Start W&B's client in this process, where it is not started, and return its settings."""
    with _client() as settings:
        import wandb

        wandb.setup()
        return settings


def request_settings() -> dict[str, Any]:
    """How the user's runs send requests: other than `connect`, which other threads may call."""
    with _client() as settings:
        return {name: getattr(settings, name) for name in BRIEF_REQUESTS}


def connect() -> wandb.Api:
    """The client's interface to the server, after the server has accepted the key.

    There must be a key: otherwise the client asks the user for one.

    Raises:
        NoAnswer: the server does not answer, or it refuses the key.
    """
    with _answered(), _key_sought() as settings, _changed(settings, BRIEF_REQUESTS):
        import wandb

        return wandb.Api(timeout=ASK_SECONDS)


def ask(api: wandb.Api, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The server's answer to a GraphQL request.

    Raises:
        NoAnswer: the server does not answer, or answers with an error.
    """
    with _answered():
        answer = execute_graphql(api, query, variables, ASK_SECONDS)
    return answer if isinstance(answer, dict) else {}


def default_entity(api: wandb.Api) -> str | None:
    """The entity of the key's owner.

    The client's ``default_entity`` asks for fields that some servers lack.

    Raises:
        NoAnswer: the server does not answer, or answers with an error.
    """
    viewer: dict[str, Any] = ask(api, VIEWER, {}).get("viewer") or {}
    return viewer.get("entity")


def _do_not_report_usage() -> None:
    """Keep the client from reporting to the server how it is used.

    It would do so where every run is offline too, and print errors where the server refuses.
    """
    os.environ["WANDB_ERROR_REPORTING"] = "false"


@contextmanager
def _client() -> Iterator[wandb.Settings]:
    """Use the client in the block, in one thread at a time.

    Yields:
        Its settings, of which it copies those of runs and of interfaces.
    """
    _do_not_report_usage()
    load_client()
    with _SETTING_UP:
        yield _settings()


@contextmanager
def _key_sought() -> Iterator[wandb.Settings]:
    """Have the client look for the key in the block, and print nothing, whatever the user has set.

    It would look for none where it is offline. Afterwards it has the user's settings again: a
    program may have runs of its own.
    """
    with _client() as settings, _changed(settings, {"mode": "online", "silent": True}):
        yield settings


def _settings() -> wandb.Settings:
    """The settings of the client, which reads them once in a process.

    Variables that would keep it from starting, or make every run that of an agent, are taken away
    meanwhile, and at no other time: threads that start runs fail where one goes while they list
    them.
    """
    if not has_settings():
        users = {"silent": read_settings().text("silent") or False}
        with environment(without=unusable_variables(), having={"WANDB_SILENT": "true"}):
            settings = client_settings()
        _change(settings, users)
    return client_settings()


@contextmanager
def _changed(settings: wandb.Settings, values: Mapping[str, Any]) -> Iterator[None]:
    """Change settings during the block."""
    before = {name: getattr(settings, name) for name in values}
    # `wandb.setup` cannot set a value back to None.
    try:
        _change(settings, values)
        yield
    finally:
        _change(settings, before)


def _change(settings: wandb.Settings, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(settings, name, value)


@contextmanager
def _answered() -> Iterator[None]:
    """Turn an error of the client into `NoAnswer`."""
    start = time.monotonic()
    try:
        yield
    # The client raises its own errors, those of its process, and bare ones.
    except Exception as error:
        seconds = time.monotonic() - start
        raise _no_answer(error, seconds) from error


def _no_answer(error: Exception, seconds: float) -> NoAnswer:
    failure = failure_of(error)
    patience: float = BRIEF_REQUESTS["x_graphql_timeout_seconds"]
    if seconds >= ASK_SECONDS or (failure.gave_up and seconds >= patience):
        return NoAnswer(f"no answer in {seconds:.0f} s", gone=True)
    if failure.status is not None and failure.status >= 500:
        return NoAnswer(f"HTTP status {failure.status}", gone=True)
    if failure.gave_up:
        return NoAnswer(failure.text or "it answers with errors", gone=True)
    if failure.status is not None and not failure.text:
        reason = f"HTTP status {failure.status}; is WANDB_BASE_URL right?"
        return NoAnswer(reason, failure.status)
    return NoAnswer(failure.text or type(error).__name__, failure.status)
