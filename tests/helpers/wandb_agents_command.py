"""The command of W&B, as tests run it."""

from __future__ import annotations

AGENT = """
from wandb import wandb_agent
from wandb.cli.cli import cli

wandb_agent.Agent.POLL_INTERVAL = 0.5
wandb_agent.Agent.KILL_DELAY = 240
cli()
"""
"""The command `wandb`, whose agent asks the server more often than every five seconds.

It gives a run that it stops more than 30 seconds to end: the machine of the tests may be busy.
"""
