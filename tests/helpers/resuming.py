"""Searches of the function of `COUNTED`, for the tests of interrupted and resumed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import events
from searching import reports, trial_folders

from pcsearch.command_line.cli import main

START = ("s.yaml", "--trainable", "counted:counted", "--name", "here", "--storage-path", ".")
QUIET = ("--wandb", "disabled")


def write(folder: Path, values: list[float], **constants: Any) -> None:
    """Write the sweep file of a grid of `counted`; the constants are its other settings."""
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {
            "x": {"values": values},
            "folder": {"value": str(folder)},
            **{name: {"value": value} for name, value in constants.items()},
        },
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep))


class Command:
    """The command in this process, on its Ray."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The exit status, standard output and standard error."""
        self._capfd.readouterr()
        status = main(arguments)
        shown = self._capfd.readouterr()
        return status, shown.out, shown.err


def check_histories(directory: Path, epochs: int | None = None) -> None:
    """Every trial is there once, and its history has each epoch once, without a gap."""
    suggested = events(directory, "suggested")
    folders = trial_folders(directory)
    assert len({event["trial"] for event in suggested}) == len(suggested)
    assert [event["number"] for event in suggested] == list(range(1, len(suggested) + 1))
    assert [each.name[5:] for each in folders] == [event["trial"] for event in suggested]
    for each in folders:
        numbers = [report["training_iteration"] for report in reports(each)]
        assert numbers == list(range(1, len(numbers) + 1)), each.name
        assert epochs is None or len(numbers) == epochs
