"""Ends what W&B's client has in the process of the tests."""

from __future__ import annotations

import os
from contextlib import suppress

import wandb


def end_client() -> None:
    """End W&B's own process and forget it: the next use of the client starts another."""
    # It raises where that process has been killed, and then leaves the variable by which the
    # client would go on looking for it.
    with suppress(Exception, SystemExit):
        wandb.teardown()
    os.environ.pop("WANDB_SERVICE", None)
