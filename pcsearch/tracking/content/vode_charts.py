"""Charts of the vodes of a run: one line for each vode, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pcsearch.pc.metrics import VODE_ENERGY, VODE_GRAD_NORM

CHARTS = {
    "Summary/VodeEnergy_Trends": VODE_ENERGY,
    "Summary/VodeGradNorm_Trends": VODE_GRAD_NORM,
}
"""The charts, each with the prefix of the metrics that it shows."""


class Line(NamedTuple):
    """The values of one vode, at the epochs that have a value."""

    name: str
    epochs: list[int]
    values: list[float]


class VodeTrends:
    """Collects the metrics of a run's vodes until the run ends."""

    def __init__(self) -> None:
        self._values: dict[str, dict[int, float]] = {}

    def add(self, epoch: int, report: Mapping[str, Any]) -> None:
        """Add the metrics of the vodes in a report; an epoch that is trained twice counts once."""
        for name, value in report.items():
            if name.startswith(tuple(CHARTS.values())) and value is not None:
                self._values.setdefault(name, {})[epoch] = float(value)

    def charts(self) -> dict[str, list[Line]]:
        """The charts that have lines, each with its lines in the order of the vodes."""
        charts = {chart: self._lines(prefix) for chart, prefix in CHARTS.items()}
        return {chart: lines for chart, lines in charts.items() if lines}

    def _lines(self, prefix: str) -> list[Line]:
        names = [name for name in self._values if name.startswith(prefix)]
        names.sort(key=lambda name: int(name.removeprefix(prefix)))
        ordered = ((name, sorted(self._values[name].items())) for name in names)
        return [
            Line(name.rpartition("/")[2], [e for e, _ in points], [v for _, v in points])
            for name, points in ordered
        ]
