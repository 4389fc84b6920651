"""W&B's credentials stay in the driver: Ray's workers inherit the environment it is started in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pcsearch.tracking.server.api import Mode, set_up
from pcsearch.tracking.server.environment import AGENTS, without

SECRETS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
CONNECTION = "WANDB_SERVICE"
"""Where the client's own process listens: it has the key too."""


@contextmanager
def withheld(mode: Mode) -> Iterator[None]:
    """Keep the credentials, and which run this process is, out of the environment in the block.

    Where runs go online, W&B's client takes them before, for this process.
    """
    if mode == "online":
        _hand_over()
    with without((*SECRETS, CONNECTION, *AGENTS)):
        yield


def _hand_over() -> None:
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    # Else it prints where it found them.
    set_up()
    server = wandb_setup.singleton().settings.base_url
    wbauth.authenticate_session(host=server, source="pcsearch", prompt=False)
