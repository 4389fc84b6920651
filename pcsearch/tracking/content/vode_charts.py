"""A line a vode over the epochs of a run, kept until the run ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pcsearch.pc.metrics import VODE_ENERGY, VODE_GRAD_NORM

CHARTS = {
    "Summary/VodeEnergy_Trends": VODE_ENERGY,
    "Summary/VodeGradNorm_Trends": VODE_GRAD_NORM,
}
"""The charts, and how the metrics that each of them shows begin."""


class Line(NamedTuple):
    """The values of one vode where it has any."""

    name: str
    epochs: list[int]
    values: list[float]


class VodeTrends:
    """The values of a run's vodes.

    Args:
        values: of an earlier session of the run: a metric's values by epoch.
    """

    def __init__(self, values: Mapping[str, Mapping[int, float]] | None = None) -> None:
        self.values = {name: dict(of_epochs) for name, of_epochs in (values or {}).items()}

    def add(self, epoch: int, report: Mapping[str, Any]) -> None:
        """Keep what an epoch's report says of the vodes; an epoch done again counts once."""
        for name, value in report.items():
            if name.startswith(tuple(CHARTS.values())) and value is not None:
                self.values.setdefault(name, {})[epoch] = float(value)

    def charts(self) -> dict[str, list[Line]]:
        """The lines of every chart that has any, in the order of the vodes."""
        lines = {chart: self._lines(prefix) for chart, prefix in CHARTS.items()}
        return {chart: of_chart for chart, of_chart in lines.items() if of_chart}

    def _lines(self, prefix: str) -> list[Line]:
        names = [name for name in self.values if name.startswith(prefix)]
        names.sort(key=lambda name: int(name.removeprefix(prefix)))
        ordered = ((name, sorted(self.values[name].items())) for name in names)
        return [
            Line(name.rpartition("/")[2], [e for e, _ in points], [v for _, v in points])
            for name, points in ordered
        ]
