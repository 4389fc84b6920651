"""Questions to W&B's server through its client: each has its answer within seconds, or none."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pcsearch.tracking.server.environment import AGENTS, without

if TYPE_CHECKING:
    import wandb

Mode = Literal["online", "offline", "disabled"]

ASK_SECONDS = 8
"""How long one question may take."""
ATTEMPT = {
    "x_graphql_timeout_seconds": 3,
    "x_graphql_retry_max": 1,
    "x_graphql_retry_wait_min_seconds": 1,
    "x_graphql_retry_wait_max_seconds": 1,
}
"""How the client's own process asks: twice, and done before we give up.

By itself it goes on for minutes. A question that it still has when this process ends can keep it
from ending, and this process waits for it.
"""

GIVEN_UP = "giving up after"
SLOW = ("Client.Timeout", "context deadline exceeded")
"""What the client's process says when the server cannot be reached, and when it is silent."""
NO_MESSAGE = "<no message>"
"""What it says of an answer without a text."""
KEY_REFUSED = (401, 403)
"""The HTTP statuses by which a server refuses a key."""


class NoAnswer(Exception):  # noqa: N818 - the server may well be in order
    """The server did not answer, or with an error; the text is one line that says why.

    Args:
        reason: the line.
        status: the HTTP status of an answer that refuses.
        gone: whether there was no answer of use at all.
    """

    def __init__(self, reason: str, status: int | None = None, gone: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.gone = gone


def connect() -> wandb.Api:
    """The client's interface to the server, whose key the server has accepted.

    There must be a key: the client would ask for one.

    Raises:
        NoAnswer: the server does not answer, or does not accept the key.
    """
    import wandb

    with _answered(), _briefly():
        return wandb.Api(timeout=ASK_SECONDS)


def set_up() -> None:
    """Have the client read its settings, which it does once in a process.

    By itself it prints where it found the key, takes every run for the one of an agent, and
    reports to the server how it is used: also where every run is offline, and with words on the
    terminal where the server does not take that.
    """
    import wandb
    from wandb.analytics.opentelemetry import opentelemetry_proxy
    from wandb.sdk import wandb_setup

    opentelemetry_proxy.disable()
    with without(AGENTS):
        wandb_setup._setup(wandb.Settings(silent=True), start_service=False)


def abandon() -> None:
    """Have this process end without waiting for the client's own, which ends after it."""
    from wandb.sdk import wandb_setup

    connection = wandb_setup.singleton()._connection
    if connection is not None and connection._cleanup is not None:
        connection._cleanup()


def ask(api: wandb.Api, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the server answers to a GraphQL request.

    Raises:
        NoAnswer: there is none, or an error.
    """
    with _answered():
        answer: Any = api._service_api.execute_graphql(
            query, variables=variables, timeout=ASK_SECONDS
        )
    return answer if isinstance(answer, dict) else {}


@contextmanager
def _briefly() -> Iterator[None]:
    """Have an interface that is made in the block ask as `ATTEMPT` says; runs ask otherwise."""
    from wandb.sdk import wandb_setup

    set_up()
    settings = wandb_setup.singleton().settings
    kept = {name: getattr(settings, name) for name in ATTEMPT}
    try:
        for name, value in ATTEMPT.items():
            setattr(settings, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(settings, name, value)


@contextmanager
def _answered() -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    # The client raises its own errors, those of its service process, and bare ones.
    except Exception as error:
        response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
        status = getattr(response, "http_status", 0) or None
        text = getattr(response, "message", "") or str(error)
        seconds = time.monotonic() - began
        if seconds >= ASK_SECONDS or any(sign in text for sign in SLOW):
            raise NoAnswer(f"no answer in {seconds:.0f} s", gone=True) from error
        if status is not None and status >= 500:
            raise NoAnswer(f"HTTP status {status}", gone=True) from error
        if GIVEN_UP in text:
            # The line quotes the address, which may carry credentials.
            last = text[text.index(GIVEN_UP) :].splitlines()[0].rpartition(": ")[2]
            reason = "it answers with errors" if GIVEN_UP in last else last
            raise NoAnswer(reason, gone=True) from error
        line = first_line(text)
        if status is not None and line in ("", NO_MESSAGE):
            raise NoAnswer(f"HTTP status {status}; is WANDB_BASE_URL right?", status) from error
        raise NoAnswer(line or type(error).__name__, status) from error


def first_line(text: str) -> str:
    """The first line that says something, without what the client puts before it."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line), "")
    return first.removeprefix("Failed to execute API request: ").removeprefix("input: ")
