"""What the PC transformers of the best trials did: their vodes, and their reconstructions."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcsearch.engine.records.journal.history import read_reports
from pcsearch.engine.records.report import epoch_of, finite
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.storage.files import local_path
from pcsearch.page.figures.columns import drawn, is_wide, rounded
from pcsearch.page.figures.figure import Figure
from pcsearch.page.html import Html, joined, tag
from pcsearch.page.tables import plain_table
from pcsearch.pc.metrics import RECONSTRUCTIONS
from pcsearch.tracking.content.vode_charts import CHARTS, Line, VodeTrends

MOST_PICTURES = 3
"""The pictures of so many trials, the best."""
MOST_SEARCHED = 20
"""So many of the best trials are asked for pictures: to read the reports of all takes long."""
LARGEST_PICTURE = 400_000
"""The most bytes of a picture: larger ones would make the page slow to send."""
PNG = b"\x89PNG\r\n\x1a\n"
TITLES = {
    "VodeEnergy_Trends": ("energy", "The energy of each vode, mean per image"),
    "VodeGradNorm_Trends": (
        "gradient norm",
        "The norm of each vode's gradient at the last inference step",
    ),
}


def vodes(findings: Findings) -> list[Figure]:
    """Energy and gradient norm of each vode of the best trial, over its epochs."""
    best = findings.best
    if best is None:
        return []
    trends = VodeTrends()
    prefixes = tuple(CHARTS.values())
    for report in read_reports(best.folder):
        # A function of the user may report other values by such names.
        numbers = {
            name: finite(value) for name, value in report.items() if _is_vode(name, prefixes)
        }
        trends.add(epoch_of(report, findings.time_attr), numbers)
    charts = trends.charts()
    return [
        _chart(best, charts[chart], place)
        for place, chart in enumerate(CHARTS, start=1)
        if chart in charts
    ]


def pictures(findings: Findings) -> Html:
    """The newest reconstructions of the best trials that have some; empty where none has."""
    shown: list[Html] = []
    for trial in drawn(findings)[:MOST_SEARCHED] if findings.metrics else []:
        if len(shown) == MOST_PICTURES:
            break
        newest = _newest_picture(trial, findings.time_attr)
        if newest is not None:
            shown.append(_picture(trial, *newest))
    return tag("div", *shown, class_="figures") if shown else Html("")


def _is_vode(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(
        name.startswith(prefix) and name.removeprefix(prefix).isdecimal() for prefix in prefixes
    )


def _chart(trial: Finding, lines: list[Line], place: int) -> Figure:
    chart = list(CHARTS)[place - 1].rpartition("/")[2]
    title, about = TITLES[chart]
    values = [value for line in lines for value in line.values]
    rows = [(line.name, line.values[0], line.values[-1]) for line in lines]
    return Figure(
        f"vodes-{place}",
        f"{title.capitalize()} of the vodes",
        f"{about}, over the epochs of the best trial, {trial.result.number}.",
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": line.name,
                "x": line.epochs,
                "y": [rounded(value) for value in line.values],
            }
            for line in lines
        ],
        {
            "xaxis": {"title": {"text": "epoch"}},
            "yaxis": {
                "title": {"text": title},
                "automargin": True,
                "type": "log" if is_wide(values) else "linear",
                "exponentformat": "e",
            },
        },
        height=400,
        table=plain_table(("vode", f"first {title}", f"last {title}"), rows),
    )


def _newest_picture(trial: Finding, time_attr: str) -> tuple[int, bytes] | None:
    """The epoch and the content of a trial's newest picture that is here."""
    reports: list[Mapping[str, Any]] = [
        report for report in read_reports(trial.folder) if report.get(RECONSTRUCTIONS)
    ]
    for report in reversed(reports):
        content = _read(trial.folder, str(report[RECONSTRUCTIONS]))
        if content is not None:
            return epoch_of(report, time_attr), content
    return None


def _read(folder: Path, name: str) -> bytes | None:
    """A picture in a trial's folder; None where it is elsewhere, too large, or no picture."""
    try:
        # A name in a report is no reason to read a file elsewhere.
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            return None
        file = local_path(folder / name)
        if file.stat().st_size > LARGEST_PICTURE:
            return None
        content = file.read_bytes()
    except (OSError, ValueError):
        return None
    return content if content.startswith(PNG) else None


def _picture(trial: Finding, epoch: int, content: bytes) -> Html:
    number = trial.result.number
    about = f"Trial {number}, epoch {epoch}: original, input, and reconstructions"
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    image = Html(f'<img src="{source}" alt="{about}" loading="lazy">')
    return tag("figure", joined((image, tag("figcaption", about))))
