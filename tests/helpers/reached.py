"""Which of the command's functions a command line calls, none of which runs."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.command_line import commands

NAMES = ("plan", "plan_resumed", "start", "create", "start_in_sweep", "resume", "join")


def reached_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions that are called from now on, in their order."""
    reached: list[str] = []
    for name in NAMES:

        def reach(*_: Any, name: str = name) -> int:
            reached.append(name)
            return 0

        monkeypatch.setattr(commands, name, reach)
    return reached
