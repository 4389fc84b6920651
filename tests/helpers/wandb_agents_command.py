"""The command of W&B, as tests run it."""

from __future__ import annotations

AGENT = """
from wandb import wandb_agent
from wandb.cli.cli import cli

wandb_agent.Agent.POLL_INTERVAL = 0.5
cli()
"""
"""The command `wandb`, whose agent asks the server more often than every five seconds."""
