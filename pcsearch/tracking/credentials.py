"""W&B's credentials stay in the driver: Ray's workers inherit the environment it is started in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pcsearch.tracking.wandb_mode import Mode

SECRETS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")


@contextmanager
def withheld(mode: Mode) -> Iterator[None]:
    """Keep the credentials out of the environment during the block.

    Where runs go online, W&B's client takes them before, for this process.
    """
    if mode == "online":
        _hand_over()
    kept = {name: os.environ.pop(name) for name in SECRETS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _hand_over() -> None:
    import wandb
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    # Else it prints where it found them.
    wandb.setup(wandb.Settings(silent=True))
    server = wandb_setup.singleton().settings.base_url
    wbauth.authenticate_session(host=server, source="pcsearch", prompt=False)
