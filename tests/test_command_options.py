"""The options of the command, as they are read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import pytest

from pcsearch import commands
from pcsearch.cli import main
from pcsearch.command_options import _Duration
from pcsearch.sessions import launching

pytestmark = pytest.mark.oldest


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("90s", 90),
        ("30m", 1800),
        ("8h", 28800),
        ("1h30m", 5400),
        ("2d", 172800),
    ],
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert _Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "h", "8x", "-5", "8h3", "1 h", "nan", "inf", "0", "1e3"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="time"):
        _Duration().convert(text, None, None)


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
