"""Manages the W&B runs of a search in threads: starts them, sends their reports, ends them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from pcsearch.engine.records.history import read_reports
from pcsearch.tracking.content import rows
from pcsearch.tracking.runs import offline_files, outage
from pcsearch.tracking.runs.context import RunGroup, RunHistory
from pcsearch.tracking.runs.lifecycle import RunEnd, RunStart
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.runs.queue import Backlog, RunQueue
from pcsearch.tracking.runs.run import WandbRun
from pcsearch.tracking.runs.tracked_run import TrackedRun
from pcsearch.tracking.server.api import Mode
from pcsearch.tracking.wandb_internals import skip_wait_at_exit

WRITING_SECONDS = 3.0
"""How long after the end of a run W&B's process may still write the run's file."""


class RunManager:
    """The W&B runs of a search: its methods return at once, and threads do the work.

    An error of W&B does not end the search: it is added to ``problems``. Two methods may wait:
    `settle` for all data, and `open` when very many ended runs are not yet written or uploaded.

    Args:
        group: what the runs have in common.
        mode: where they go. After an outage of the server, further runs are offline.
        best_metrics: the metrics whose best value, not the last, is in a run's summary.
        epoch: the epoch of a flat report.
        history: which runs earlier sessions have started and completed.
    """

    def __init__(
        self,
        group: RunGroup,
        mode: Mode,
        best_metrics: tuple[str, ...],
        epoch: Callable[[Mapping[str, Any]], int],
        history: RunHistory,
    ) -> None:
        self.problems = Problems()
        self.unfinished: set[str] = set()
        """The ids of runs that lack data which a later session can add."""
        self._group = group
        self._best_metrics = best_metrics
        self._epoch = epoch
        self._history = history
        self._outage = outage.OutageWatch(mode, group.directory, self.problems)
        self._empty_runs: set[str] = set()
        self._cut_off: list[str] = []
        self._backlog = Backlog()
        self._queue = RunQueue(lambda error: self.problems.add(f"W&B: something was lost: {error}"))

    def open(self, start: RunStart) -> TrackedRun:
        """Start a run, or resume it and add the reports that earlier sessions could not send."""
        self._backlog.await_room()
        tracked = TrackedRun(start, self._group.name, self.problems)
        self._queue.submit(start.run_id, lambda: self._open(tracked))
        return tracked

    def send(self, tracked: TrackedRun, report: Mapping[str, Any], summary: dict[str, Any]) -> None:
        """Add a flat report to a run's history, and set values of its summary."""
        row = rows.make_row(self._epoch(report), report)
        self._queue.submit(tracked.start.run_id, lambda: tracked.add(row, summary))

    def close(self, tracked: TrackedRun, end: RunEnd) -> None:
        """End a run, after the data that was sent before."""

        def finish(run: WandbRun) -> None:
            try:
                self._finish(run, end.exit_code)
            finally:
                self._backlog.remove()

        def action() -> None:
            run = tracked.run
            if run is None:
                self._backlog.remove()
                return
            tracked.complete(end)
            self._queue.run_alone(lambda: finish(run))

        self._backlog.add()
        self._queue.submit(tracked.start.run_id, action)

    def remove_empty_files(self) -> None:
        """Remove the empty files of killed sessions; call it before any run is open."""
        with self.problems.noting("empty files were not removed"):
            self._empty_runs = offline_files.remove_empty(self._group.directory)

    def complete(self, start: RunStart, end: RunEnd) -> None:
        """Complete the run of a trial that ended in an earlier session.

        A run that lacks nothing, by its files and the history, stays as it is.
        """

        def action() -> None:
            with self.problems.noting("a run was not checked"):
                if self._is_complete(start.run_id):
                    return
            tracked = TrackedRun(start, self._group.name, self.problems)
            self._open(tracked)
            if tracked.run is not None:
                tracked.complete(end)
                # In this thread: there may be very many of them.
                self._finish(tracked.run, end.exit_code)

        self._queue.submit(start.run_id, action)

    def _is_complete(self, run_id: str) -> bool:
        directory = self._group.directory
        if run_id not in self._history.complete and not offline_files.has_ended(directory, run_id):
            return False
        # Offline, `wandb sync` uploads what the server lacks.
        return self._outage.mode != "online" or offline_files.is_uploaded(directory, run_id)

    def settle(self, tell: Callable[[int], None]) -> None:
        """Wait until W&B has all data, as long as its server answers; what it lacks is a problem.

        Args:
            tell: called now and then with the number of runs that W&B has not finished.
        """
        if not self._queue.drain(tell, outage.STALL_SECONDS, self._outage.is_hopeless):
            self.abandon("the server does not answer")
        if self._cut_off:
            names = f"{', '.join(self._cut_off[:3])}{', ...' if self._cut_off[3:] else ''}"
            self.problems.add(
                f"W&B: {_count(len(self._cut_off))} not written to the end ({names}): is the disk "
                "full? The trials' own files have everything; make room, and --resume with the "
                "experiment's directory writes what is missing"
            )
            self._cut_off.clear()

    def abandon(self, reason: str) -> None:
        """Give up what W&B does not have yet, without a wait.

        Args:
            reason: why, for the message to the user.
        """
        if count := self._queue.waiting:
            self.problems.add(f"W&B: {_count(count)} not uploaded to the end: {reason}")
            self.problems.close()
            skip_wait_at_exit()

    def _open(self, tracked: TrackedRun) -> None:
        start = tracked.start
        self.unfinished.add(start.run_id)
        tracked.run = self._outage.start(
            lambda mode: WandbRun(
                self._group,
                mode,
                start.run_id,
                start.name,
                start.config,
                start.stop,
                0 if start.run_id in self._empty_runs else start.next_step,
                self._best_metrics,
                resumed=start.run_id in self._history.trials,
            )
        )
        if tracked.run is not None:
            with self.problems.noting("the list of the installed packages was lost"):
                tracked.run.save_requirements()
        if start.folders:
            with self.problems.noting("reports of earlier sessions were lost"):
                for report in read_reports(start.folders[0]):
                    with self.problems.noting("a report was lost"):
                        tracked.add(rows.make_row(self._epoch(report), report), {})

    def _finish(self, run: WandbRun, exit_code: int) -> None:
        """End a run, and record that it is complete if nothing of it is missing."""
        place = "written" if run.mode == "offline" else "uploaded"
        loss = f"a run was not {place} to its end"
        with self._outage.ending(run), self.problems.noting(loss):
            run.finish(exit_code)
            if run.mode == "offline" and not _has_end(run):
                self._cut_off.append(run.id)
                return
            refusals = run.refused_artifacts()
            for refusal in refusals:
                self.problems.add(f"W&B: an artifact was lost: {refusal}")
            if not refusals:
                run.mark_uploaded()
                self._history.record_complete(run.id, run.last_step)
                self.unfinished.discard(run.id)


def _has_end(run: WandbRun) -> bool:
    """Whether the file of an offline run is complete: W&B does not report a full disk."""
    end = time.monotonic() + WRITING_SECONDS
    while not offline_files.has_end(run.file):
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


def _count(runs: int) -> str:
    return f"{runs} runs were" if runs > 1 else "1 run was"
