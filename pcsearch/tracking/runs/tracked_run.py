"""A trial's run, with what is put into it while the trial runs and at its end."""

from __future__ import annotations

import math
from typing import Any

from pcsearch.tracking.content.files import (
    BEST,
    best_artifact,
    find_file,
    media_value,
    trial_artifact,
)
from pcsearch.tracking.content.rows import Row, Values
from pcsearch.tracking.content.vode_charts import VodeTrends
from pcsearch.tracking.runs.lifecycle import RunEnd, RunStart
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.runs.run import WandbRun


class TrackedRun:
    """A trial's run, used by one thread at a time. Errors of W&B become problems.

    Args:
        start: what the run starts with.
        group: the experiment's name.
        problems: gets the errors.
    """

    def __init__(self, start: RunStart, group: str, problems: Problems) -> None:
        self.start = start
        self.run: WandbRun | None = None
        """None before the run is started, and where W&B failed to start it."""
        self._group = group
        self._problems = problems
        self._trends = VodeTrends()
        self._last_known: Values = {}
        self._node: str | None = None

    def add(self, row: Row, summary: dict[str, Any]) -> None:
        """Add a row to the history, unless the run has its step, and set values of the summary."""
        self._trends.add(row.step, row.values)
        run = self.run
        if run is None:
            return
        if row.step < run.next_step:
            self._last_known = row.values
        else:
            self._last_known = {}
            values = row.values | self._media(row)
            with self._problems.noting("a report was lost"):
                run.log(row.step, values)
        with self._problems.noting("a part of a configuration was lost"):
            if row.node is not None and row.node != self._node:
                run.update_config({"node": row.node})
                self._node = row.node
        if summary:
            with self._problems.noting("a summary was lost"):
                run.update_summary(summary)

    def _media(self, row: Row) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, file_name in row.files.items():
            with self._problems.noting("a picture was lost"):
                file = find_file(file_name, self.start.folders)
                if file is not None:
                    values[name] = media_value(file)
        return values

    def complete(self, end: RunEnd) -> None:
        """Add what a run has at its end: charts, summary, artifacts, an offline run's alert."""
        run = self.run
        if run is None:
            return
        if end.charts and not run.has_charts:
            with self._problems.noting("the charts of the vodes were lost"):
                run.log_charts(self._trends.charts())
        with self._problems.noting("a summary was lost"):
            # The server may have got the last row without the summary.
            known = {name: value for name, value in self._last_known.items() if not _is_nan(value)}
            run.update_summary({**known, **end.summary})
        if end.kept is not None:
            with self._problems.noting("an artifact was lost"):
                kept, metadata = end.kept, end.summary
                run.log_artifact(trial_artifact(self._group, run.id, kept, metadata))
        if end.best is not None:
            with self._problems.noting("an artifact was lost"):
                kept, metadata = end.best.kept, end.best.metadata
                run.log_artifact(best_artifact(self._group, kept, metadata), [BEST])
        if end.alert is not None and run.mode == "offline":
            with self._problems.noting("an alert was lost"):
                run.alert(end.alert)


def _is_nan(value: Any) -> bool:
    """Whether W&B would make a null of a value of the summary."""
    return isinstance(value, float) and math.isnan(value)
