"""How inference went in the model of the best trial: its vodes, over the inference steps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcsearch.engine.records.journal.history import read_reports
from pcsearch.engine.records.report import epoch_of, finite
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.storage.files import local_path
from pcsearch.page.figures.columns import LINEAR, is_wide, log_axis, rounded
from pcsearch.page.figures.figure import Figure
from pcsearch.page.tables import plain_table
from pcsearch.pc.metrics import (
    RECONSTRUCTION_VIDEO,
    RECONSTRUCTIONS,
    STEP_ENERGY,
    STEP_GRADIENT_NORM,
    STEP_VALUES,
)

KINDS = {
    STEP_ENERGY: (
        "The energy of each vode, mean per image, before the first step and after each",
        0,
    ),
    STEP_GRADIENT_NORM: ("The norm of the gradient of each vode by which each step went", 1),
}
"""By the names in the files: what they are, and the number of the first step that has one."""
LARGEST_FILE = 1_000_000
SHOWN_DECADES = 6
"""What is smaller than the largest value by more is rounding: states that are predicted have no
energy."""
MOST_LINES = 100
"""What a file has more than that is none of a run."""

Values = Mapping[str, Mapping[str, list[float | None]]]
"""By kind and vode, over the steps."""


def over_steps(findings: Findings) -> list[Figure]:
    """Energy and gradient norm of the vodes of the best trial, where it has made pictures."""
    best = findings.best
    newest = None if best is None else _newest(best, findings.time_attr)
    if best is None or newest is None:
        return []
    epoch, values = newest
    return [
        _figure(kind, values[kind], f"trial {best.result.number}, epoch {epoch}")
        for kind in KINDS
        if values[kind]
    ]


def _newest(trial: Finding, time_attr: str) -> tuple[int, Values] | None:
    """The newest epoch of a trial whose values are here, and these."""
    for report in reversed(list(read_reports(trial.folder))):
        picture = report.get(RECONSTRUCTIONS) or report.get(RECONSTRUCTION_VIDEO)
        values = _read(trial.folder, str(picture)) if picture else None
        if values is not None:
            return epoch_of(report, time_attr), values
    return None


def _read(folder: Path, picture: str) -> Values | None:
    """The values beside a picture in a trial's folder; None where they are not there, or damaged.

    Args:
        folder: of the trial.
        picture: the path of the picture in it.
    """
    try:
        file = (folder / picture).with_suffix(STEP_VALUES)
        # A name in a report is no reason to read a file elsewhere.
        if not file.resolve().is_relative_to(folder.resolve()):
            return None
        if local_path(file).stat().st_size > LARGEST_FILE:
            return None
        content = json.loads(file.read_text(encoding="utf-8"))
        return {kind: _lines(content.get(kind, {})) for kind in KINDS}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return None


def _lines(found: Mapping[str, Any]) -> dict[str, list[float | None]]:
    lines = {vode: [finite(value) for value in values] for vode, values in found.items()}
    return {vode: values for vode, values in [*lines.items()][:MOST_LINES] if values}


def _figure(kind: str, lines: Mapping[str, list[float | None]], where: str) -> Figure:
    about, first = KINDS[kind]
    known = [value for values in lines.values() for value in values if value is not None]
    rows = [(vode, *(values[place] for place in (0, -1))) for vode, values in lines.items()]
    return Figure(
        f"steps-{kind.partition(' ')[0]}",
        f"{kind.capitalize()} over the inference steps",
        f"{about}: {where}, in the inference on the images of its pictures.",
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": vode,
                "x": list(range(first, first + len(values))),
                "y": [None if value is None else rounded(value) for value in values],
            }
            for vode, values in lines.items()
        ],
        {
            "xaxis": {"title": {"text": "inference step"}},
            "yaxis": {"title": {"text": kind}, "automargin": True, **_scale(known)},
        },
        height=400,
        table=plain_table(("vode", f"first {kind}", f"last {kind}"), rows),
    )


def _scale(values: list[float]) -> dict[str, Any]:
    """The scale of an axis with these values, for plotly."""
    if not is_wide(values):
        return LINEAR
    top = math.log10(max(values))
    bottom = max(math.log10(min(values)), top - SHOWN_DECADES)
    margin = 0.05 * (top - bottom)
    return log_axis([10**bottom, 10**top]) | {"range": [bottom - margin, top + margin]}
