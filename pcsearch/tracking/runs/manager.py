"""Manages the W&B runs of a search in threads: starts them, sends their reports, ends them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcsearch.engine.records.journal.history import read_reports
from pcsearch.engine.storage.files import resume_command
from pcsearch.tracking.content import rows
from pcsearch.tracking.runs import offline_files, outage
from pcsearch.tracking.runs.context import RunGroup, RunHistory, RunsState
from pcsearch.tracking.runs.end_alerts import EndAlerts
from pcsearch.tracking.runs.ending import EndingRuns
from pcsearch.tracking.runs.lifecycle import RunEnd, RunStart
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.runs.queue import Backlog, RunQueue
from pcsearch.tracking.runs.run import WandbRun
from pcsearch.tracking.runs.tracked_run import TrackedRun
from pcsearch.tracking.runs.verification import missing
from pcsearch.tracking.server.api import Mode
from pcsearch.tracking.server.server_runs import ServerRuns
from pcsearch.tracking.wandb_internals import skip_wait_at_exit

PATIENCE_SECONDS = 60.0
"""How long the end of a search waits for a server that answers and takes in nothing."""
WRITING_SECONDS = 3.0
"""How long after the end of a run W&B's process may still write the run's file."""


class RunManager:
    """The W&B runs of a search: its methods return at once, and threads do the work.

    An error of W&B does not end the search: it is told as a problem. Two methods may wait:
    `settle` for all data, and `open` when very many ended runs are not yet written or uploaded.

    Args:
        group: what the runs have in common.
        mode: where they go. After an outage of the server, further runs are offline.
        best_metrics: the metrics whose best value, not the last, is in a run's summary.
        epoch: the epoch of a flat report.
        history: which runs earlier sessions have started and completed.
        problems: tells the user what goes wrong.
    """

    def __init__(
        self,
        group: RunGroup,
        mode: Mode,
        best_metrics: tuple[str, ...],
        epoch: Callable[[Mapping[str, Any]], int],
        history: RunHistory,
        problems: Problems,
    ) -> None:
        self.problems = problems
        self._unfinished: set[str] = set()
        """The ids of runs that lack data which a later session can add."""
        self._group = group
        self._best_metrics = best_metrics
        self._epoch = epoch
        self._history = history
        self._outage = outage.OutageWatch(mode, self.problems)
        self._server = ServerRuns(group.project, group.entity)
        self._alerts = EndAlerts(self._server, history, self.problems)
        self._ending = EndingRuns()
        self._empty_runs: set[str] = set()
        # Of earlier sessions, by the ids of the runs.
        self._written: dict[str, list[Path]] = {}
        self._cut_off: list[str] = []
        self._backlog = Backlog()
        self._queue = RunQueue(lambda error: self.problems.add(f"W&B: something was lost: {error}"))

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing of the runs and their alerts that a later session can add."""
        return not self._unfinished and not self._alerts.lacking

    @property
    def state(self) -> RunsState:
        """How it is with the runs now; no request is made."""
        return RunsState(self._outage.mode, self._queue.waiting, self._outage.is_cut_off)

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
                self._finish(run, end)
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
        self._alerts.expect(end)
        self._queue.submit(tracked.start.run_id, action)

    def prepare_history(self) -> None:
        """Find the files of earlier sessions, without the empty ones of those that were killed.

        Call it before any run is open.
        """
        with self.problems.noting("empty files were not removed"):
            self._empty_runs = offline_files.remove_empty(self._group.directory)
        with self.problems.noting("earlier runs were not found"):
            self._written = offline_files.files_of_runs(self._group.directory)

    def complete(self, run_id: str, start: Callable[[], RunStart], end: RunEnd) -> None:
        """Complete the run of a trial that ended in an earlier session.

        A run that lacks nothing, by its files and the history, stays as it is.

        Args:
            run_id: the trial's id.
            start: makes what the run starts with; called in any thread, where it has to start.
            end: of the run.
        """

        def action() -> None:
            online = self._outage.mode == "online"
            with self.problems.noting("a run was not checked"):
                if self._is_complete(run_id) and (end.alert is None or online):
                    self._alerts.send(run_id, end, online)
                    return
            tracked = TrackedRun(start(), self._group.name, self.problems)
            self._open(tracked)
            if tracked.run is not None:
                tracked.complete(end)
                # In this thread: there may be very many of them.
                self._finish(tracked.run, end)

        self._alerts.expect(end)
        self._queue.submit(run_id, action)

    def _is_complete(self, run_id: str) -> bool:
        files, last_step = self._written.get(run_id, []), self._history.complete.get(run_id)
        if last_step is None and not offline_files.has_ended(files):
            return False
        if offline_files.is_uploaded(files):
            return True
        # Offline, `wandb sync` uploads what the server lacks, from files that may be damaged.
        written = offline_files.read_rows(files).last_step
        return self._outage.mode != "online" and written >= (last_step or 0)

    def settle(self, tell: Callable[[int], None] = lambda _: None) -> None:
        """Wait until W&B has all data, as long as its server answers; what it lacks is a problem.

        Args:
            tell: called now and then with the number of runs that W&B has not finished.
        """
        reason = ""

        def give_up(seconds: float) -> bool:
            nonlocal reason
            reason = self._outage.why_hopeless()
            if not reason and seconds >= PATIENCE_SECONDS:
                reason = self._ending.why_stuck(seconds, self._outage.mode)
            return bool(reason)

        stall = min(outage.STALL_SECONDS, PATIENCE_SECONDS)
        if not self._queue.drain(tell, stall, give_up, self._ending.progress):
            self.abandon(reason)
        if self._cut_off:
            names = f"{', '.join(self._cut_off[:3])}{', ...' if self._cut_off[3:] else ''}"
            self.problems.add(
                f"W&B: {_count(len(self._cut_off))} not written to the end ({names}): is the disk "
                f"full? {self._where_else()}"
            )
            self._cut_off.clear()

    def _where_else(self) -> str:
        """Where the rows are that W&B's files lack."""
        if not self._group.address:
            return "The run's metrics.jsonl has every epoch"
        return (
            "The trials' own files have everything; make room, and "
            f"{resume_command(self._group.address)} writes what is missing"
        )

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
        if start.run_id in self._empty_runs:
            start = replace(start, next_step=0)
        self._unfinished.add(start.run_id)
        tracked.run = self._outage.start(
            lambda mode: WandbRun(
                self._group.of(start.configuration),
                mode,
                start,
                self._best_metrics,
                resumed=start.run_id in self._history.trials,
                refused=self._tell_refusal,
            )
        )
        if tracked.run is not None:
            with self.problems.noting("the list of the installed packages was lost"):
                tracked.run.save_requirements()
            with self.problems.noting("pictures of earlier sessions were lost"):
                if tracked.run.mode == "online":
                    tracked.run.save_unsent_media()
        if start.folders:
            with self.problems.noting("reports of earlier sessions were lost"):
                for report in read_reports(start.folders[0]):
                    with self.problems.noting("a report was lost"):
                        tracked.add(rows.make_row(self._epoch(report), report), {})

    def _finish(self, run: WandbRun, end: RunEnd) -> None:
        """End a run, and record that it is complete if nothing of it is missing."""
        place = "written" if run.mode == "offline" else "uploaded"
        loss = f"a run was not {place} to its end"
        with self._ending.of(run), self._outage.ending(run), self.problems.noting(loss):
            run.finish(end.exit_code)
            if run.mode == "offline" and not _has_end(run):
                self._cut_off.append(run.id)
                return
            self._alerts.send(run.id, end, run.mode == "online")
            if self._has_everything(run, end):
                run.mark_uploaded()
                self._history.record_complete(run.id, run.last_step)
                self._unfinished.discard(run.id)

    def _has_everything(self, run: WandbRun, end: RunEnd) -> bool:
        """Whether nothing is missing of a run that has ended; the user is told what is."""
        refusals = run.refused_artifacts()
        for refusal in refusals:
            self.problems.add(f"W&B: an artifact was lost: {refusal}")
        if run.mode == "offline":
            return not refusals
        reason = missing(run, self._server)
        if reason:
            self._tell_refusal(reason)
        # The client asks the server before it makes a chart; that they are lost is told already.
        has_charts = run.has_charts or not end.charts
        return not refusals and not reason and has_charts

    def _tell_refusal(self, reason: str) -> None:
        """Tell that the server does not have everything of a run, once for each reason."""
        self.problems.add(
            f"W&B: the server has not taken all of a run ({reason}); the training continues, and "
            "the end says how to upload the rest"
        )


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
