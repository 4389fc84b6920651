"""The options of the command, as they are read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pcsearch.command_line import commands
from pcsearch.command_line.cli import main
from pcsearch.sessions import launching

pytestmark = pytest.mark.oldest


def test_a_time_budget_counts_from_the_start_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The imports, Ray's start and W&B's belong to it."""
    seen = []

    def start(_: Path, given: dict[str, Any]) -> int:
        seen.append(launching.options_of(given).deadline)
        return 0

    monkeypatch.setattr(commands, "start", start)
    before = time.monotonic()
    assert main(["s.yaml", "--time-budget", "8h"]) == 0
    after = time.monotonic()
    assert main(["s.yaml"]) == 0
    assert before + 28800 <= seen[0] <= after + 28800
    assert seen[1] is None
