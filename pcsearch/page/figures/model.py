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
from pcsearch.page.figures.columns import drawn, rounded, scale_of
from pcsearch.page.figures.figure import Figure
from pcsearch.page.html import Html, joined, tag
from pcsearch.page.tables import plain_table
from pcsearch.pc.metrics import RECONSTRUCTIONS
from pcsearch.tracking.content.vode_charts import CHARTS, Line, VodeTrends

MOST_PICTURES = 3
"""The pictures of so many trials, the best."""
MOST_SEARCHED = 20
"""So many of the best trials are asked for pictures: to read the reports of all takes long."""
ROOM = 600_000
"""The most bytes of all pictures together: more would make the page slow to send."""
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
    left_out: list[int] = []
    room = ROOM
    for trial in drawn(findings)[:MOST_SEARCHED] if findings.metrics else []:
        if len(shown) + len(left_out) == MOST_PICTURES:
            break
        newest = _newest_picture(trial, findings.time_attr)
        if newest is None:
            continue
        epoch, content = newest
        if len(content) > room:
            left_out.append(trial.result.number)
            continue
        room -= len(content)
        shown.append(_picture(trial, epoch, content))
    told = (
        f"Without the pictures of {_trials(left_out)}: all pictures together have at "
        f"most {ROOM / 1e6:.1f} MB of the page; they are in the folders of the trials."
    )
    return joined(
        (
            tag("div", *shown, class_="figures") if shown else Html(""),
            tag("p", told, class_="note") if left_out else Html(""),
        )
    )


def _trials(numbers: list[int]) -> str:
    """Trials by their numbers, in words."""
    return f"trial{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


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
                **scale_of(values),
            },
        },
        height=400,
        table=plain_table(("vode", f"first {title}", f"last {title}"), rows),
    )


def _newest_picture(trial: Finding, time_attr: str) -> tuple[int, bytes] | None:
    """The epoch and the content of a trial's newest picture that is here, cut off after `ROOM`."""
    reports: list[Mapping[str, Any]] = [
        report for report in read_reports(trial.folder) if report.get(RECONSTRUCTIONS)
    ]
    for report in reversed(reports):
        content = _read(trial.folder, str(report[RECONSTRUCTIONS]))
        if content is not None:
            return epoch_of(report, time_attr), content
    return None


def _read(folder: Path, name: str) -> bytes | None:
    """A picture in a trial's folder, cut off after `ROOM`; None where it is elsewhere, or none."""
    try:
        # A name in a report is no reason to read a file elsewhere.
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            return None
        with local_path(folder / name).open("rb") as file:
            content = file.read(ROOM + 1)
    except (OSError, ValueError):
        return None
    return content if content.startswith(PNG) else None


def _picture(trial: Finding, epoch: int, content: bytes) -> Html:
    number = trial.result.number
    about = f"Trial {number}, epoch {epoch}: original, input, and reconstructions"
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    image = Html(f'<img src="{source}" alt="{about}" loading="lazy">')
    return tag("figure", joined((image, tag("figcaption", about))))
