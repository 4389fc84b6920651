"""W&B's runs of a search, kept in a thread of their own: the search never waits for them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pcsearch.tracking import media, rows, segments
from pcsearch.tracking.artifacts import BEST, best_artifact, trial_artifact
from pcsearch.tracking.lifetimes import Beginning, Ending
from pcsearch.tracking.vode_trends import VodeTrends
from pcsearch.tracking.wandb_mode import Mode, sync_command
from pcsearch.tracking.wandb_runs import Home, WandbRun
from pcsearch.tracking.writer import Writer

WRITING_SECONDS = 3.0
"""How long after its end W&B's process may still write a run's file."""


@dataclass
class Kept:
    """A run that is kept, for the writer's thread only; no run where W&B failed to start it."""

    beginning: Beginning
    run: WandbRun | None = None
    trends: VodeTrends = field(default_factory=VodeTrends)
    config: dict[str, Any] = field(default_factory=dict)


class RunKeeper:
    """Does with W&B's runs what it is told, later and in order.

    Whatever fails in W&B becomes a problem, and the search goes on.

    Args:
        home: where the runs belong.
        mode: where they go; after a failure of the server, offline.
        own_summary: as in `WandbRun`.
        step: the step of a report, for those of an earlier session.
    """

    def __init__(
        self,
        home: Home,
        mode: Mode,
        own_summary: tuple[str, ...],
        step: Callable[[Mapping[str, Any]], int],
    ) -> None:
        self.home = home
        self.mode: Mode = mode
        self.problems: list[str] = []
        """What went wrong with W&B, one line each, without repeats."""
        self.ended: set[str] = set()
        """The runs that have come to their ends, of earlier sessions too."""
        self._own_summary = own_summary
        self._step = step
        self._writer = Writer()
        self._unchecked: deque[tuple[float, str]] = deque()
        self._incomplete: list[str] = []
        self._emptied: set[str] = set()
        # Of a server that has gone away: it is asked once more at the search's end.
        self._waiting: list[tuple[WandbRun, int]] = []

    def open(self, beginning: Beginning) -> Kept:
        """Start a run, or go on with it; it gets the reports that an earlier session lost."""
        kept = Kept(beginning)
        self._writer.submit(lambda: self._open(kept))
        return kept

    def send(
        self, kept: Kept, step: int, report: Mapping[str, Any], summary: Mapping[str, Any]
    ) -> None:
        """Add a report to a run's history, and set values of its summary."""
        row, files, node = rows.row(report), rows.media(report), rows.node(report)
        config = {} if node is None else {"node": node}
        self._writer.submit(lambda: self._send(kept, step, row, files, config, summary))

    def close(self, kept: Kept, ending: Ending) -> None:
        """End a run."""
        self._writer.submit(lambda: self._close(kept, ending))

    def tidy(self) -> None:
        """Remove what earlier sessions have left that is of no use; before any run is open."""

        def action() -> None:
            with self.noting("empty files were not removed"):
                self._emptied = segments.discard_empty(self.home.directory)

        self._writer.submit(action)

    def mend(self, beginning: Beginning, ending: Ending) -> None:
        """Complete the run of a trial that has ended, where an earlier session could not."""

        def action() -> None:
            with self.noting("a run was not looked at"):
                directory, run_id = self.home.directory, beginning.run_id
                ended = run_id in self.ended or segments.has_ended(directory, run_id)
                # A server can be told now what it was not told before; else `wandb sync` does it.
                sent = self.mode != "online" or segments.is_uploaded(directory, run_id)
                if ended and sent:
                    self.ended.add(run_id)
                    return
            kept = Kept(beginning)
            self._open(kept)
            self._close(kept, ending)

        if self.mode == "online" or beginning.run_id not in self.ended:
            self._writer.submit(action)

    def settle(self) -> None:
        """Wait until everything is done, as long as something is; tell what is not."""
        self._writer.submit(self._finish_waiting)
        self._writer.submit(lambda: self._check(wait=True))
        if not self._writer.drain():
            self._note(f"W&B: it does not answer; the rest: {sync_command(self.home.directory)}")
        if self._incomplete:
            count = len(self._incomplete)
            self._note(
                f"W&B: {count} {'runs were' if count > 1 else 'run was'} not written to the end "
                f"({', '.join(self._incomplete[:3])}{', ...' if count > 3 else ''}): is the disk "
                "full? The trials' own files have everything; make room, and --resume with the "
                "experiment's directory writes what is missing"
            )
            self._incomplete.clear()

    @contextmanager
    def noting(self, loss: str, server: bool = False) -> Iterator[None]:
        """Turn an error into a problem; after one that a server made, later runs stay offline.

        Args:
            loss: what W&B lacks because of it.
            server: whether the step waits for the server: another trial would wait as long.
        """
        try:
            yield
        except Exception as error:
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            problem = f"W&B: {loss}: {first_line}"
            if server and self.mode == "online":
                self.mode = "offline"
                problem += f"; later runs are offline: {sync_command(self.home.directory)}"
            self._note(problem)

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _open(self, kept: Kept) -> None:
        beginning = kept.beginning
        with self.noting("a run was not started", server=True):
            kept.run = WandbRun(
                self.home,
                self.mode,
                beginning.run_id,
                beginning.name,
                beginning.config,
                beginning.stop,
                0 if beginning.run_id in self._emptied else beginning.next_step,
                self._own_summary,
            )
        if beginning.folders:
            for report in rows.kept_reports(beginning.folders[0]):
                with self.noting("a report was lost"):
                    step, node = self._step(report), rows.node(report)
                    config = {} if node is None else {"node": node}
                    self._send(kept, step, rows.row(report), rows.media(report), config, {})

    def _send(
        self,
        kept: Kept,
        step: int,
        row: rows.Row,
        files: Mapping[str, str],
        config: Mapping[str, Any],
        summary: Mapping[str, Any],
    ) -> None:
        kept.trends.add(step, row)
        run = kept.run
        if run is None:
            return
        if step >= run.next_step:
            values: dict[str, Any] = dict(row)
            for name, file in files.items():
                with self.noting("a picture was lost"):
                    found = media.find(file, kept.beginning.folders)
                    if found is not None:
                        values[name] = media.value(found)
            with self.noting("a report was lost"):
                run.log(step, values)
        with self.noting("a part of a configuration was lost"):
            if not config.items() <= kept.config.items():
                run.configure(config)
                kept.config.update(config)
        if summary:
            with self.noting("a summary was lost"):
                run.summarise(summary)

    def _close(self, kept: Kept, ending: Ending) -> None:
        run = kept.run
        if run is None:
            return
        if ending.charts and not run.has_charts:
            with self.noting("the charts of the vodes were lost"):
                run.log_charts(kept.trends.charts())
        with self.noting("a summary was lost"):
            run.summarise(ending.summary)
        if ending.checkpoint is not None:
            with self.noting("an artifact was lost"):
                self._keep(run, ending.checkpoint, ending)
        if ending.alert is not None:
            with self.noting("an alert was lost"):
                run.alert(ending.alert)
        if run.mode == "online" and self.mode == "offline":
            self._waiting.append((run, ending.exit_code))
            return
        with self.noting("a run was not uploaded to its end", server=True):
            run.finish(ending.exit_code)
            self._finished(run)

    def _keep(self, run: WandbRun, checkpoint: Path, ending: Ending) -> None:
        group = self.home.group
        run.keep(trial_artifact(group, run.id, checkpoint, ending.summary))
        if ending.best:
            run.keep(best_artifact(group, checkpoint, ending.summary), [BEST])

    def _finished(self, run: WandbRun) -> None:
        self.ended.add(run.id)
        if run.mode == "offline":
            self._unchecked.append((time.monotonic(), run.id))
            self._check(wait=False)

    def _finish_waiting(self) -> None:
        """Finish the runs whose server has gone away, all at once: each may wait its full time."""

        def finish(run: WandbRun, exit_code: int) -> None:
            with self.noting("a run was not uploaded to its end"):
                run.finish(exit_code)

        threads = [threading.Thread(target=finish, args=each) for each in self._waiting]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._waiting.clear()

    def _check(self, wait: bool) -> None:
        """See that the files of offline runs have their ends: a full disk is told to nobody."""
        while self._unchecked:
            since, run_id = self._unchecked[0]
            left = since + WRITING_SECONDS - time.monotonic()
            with self.noting("a run's file was not read"):
                if segments.has_ended(self.home.directory, run_id):
                    self._unchecked.popleft()
                    continue
            if left <= 0:
                self._unchecked.popleft()
                self._incomplete.append(run_id)
                self.ended.discard(run_id)
            elif not wait:
                return
            else:
                time.sleep(min(left, 0.02))
