"""Keeps W&B's credentials in the driver: Ray's workers inherit the environment of its start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pcsearch.tracking.server.api import Mode, environment, has_credentials
from pcsearch.tracking.server.settings import AGENT_VARIABLES

SECRETS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
SERVICE = "WANDB_SERVICE"
"""The address of the client's own process, which has the key too."""


@contextmanager
def withhold_credentials(mode: Mode) -> Iterator[None]:
    """Take the credentials, and the variables of an agent, out of the environment in the block.

    Where runs go online, W&B's client reads the credentials before, for this process.
    """
    if mode == "online":
        has_credentials()
    with environment(without=(*SECRETS, SERVICE, *AGENT_VARIABLES)):
        yield
