"""Says which of a trial's reports stay when its program starts again from a state that it saved.

The program may have reported epochs after it last saved its state. It computes and reports them
again. Where reports say which epoch or step they are of, the new ones replace the old ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pcsearch.engine.workloads.reported_values import own_name

Report = Mapping[str, Any]
ITERATION = "training_iteration"
"""How many reports the trial has made, as Tune counts them."""
POSITIONS = ("epoch", "global_step", "step")
"""The last parts of names that say how far a program is, the best first."""


def read_reports(file: Path) -> list[dict[str, Any]]:
    """The reports of a trial that are whole, oldest first; none where there is no file of them."""
    found = []
    with suppress(OSError, ValueError), file.open(encoding="utf-8") as lines:
        for line in lines:
            report = json.loads(line)
            if isinstance(report, dict) and isinstance(report.get(ITERATION), int):
                found.append(report)
    return found


def position(reports: Sequence[Report], epoch_key: str | None) -> tuple[str, float] | None:
    """The name by which a trial's reports say how far it is, and what the newest says.

    Args:
        reports: of the trial, oldest first.
        epoch_key: that name where the user has given it.

    Returns:
        None where they do not say it.
    """
    newest = reports[-1] if reports else {}
    for name in [own_name(epoch_key)] if epoch_key else _candidates(newest):
        value = _number(newest.get(name))
        if value is not None:
            return name, value
    return None


def reports_before(reports: Sequence[Report], first: Report, epoch_key: str | None) -> int:
    """How many of the earlier reports come before what a program has reported first.

    Args:
        reports: those of earlier tries, oldest first.
        first: the first of this try.
        epoch_key: as in `position`.

    Returns:
        Their number; all of them where the reports do not say how far the program was.
    """
    found = position(reports, epoch_key)
    now = None if found is None else _number(first.get(found[0]))
    kept = 0
    for report in reports:
        if found is not None and now is not None:
            then = _number(report.get(found[0]))
            if then is not None and then >= now:
                break
        kept = report[ITERATION]
    return kept


def _candidates(report: Report) -> Iterator[str]:
    for position_name in POSITIONS:
        yield from (each for each in report if re.split(r"[/.]", each)[-1] == position_name)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
