"""W&B's runs of a search, kept in threads of their own: the search goes on meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pcsearch.tracking.content import media, rows
from pcsearch.tracking.content.files import BEST, best_artifact, trial_artifact
from pcsearch.tracking.runs import offline_files
from pcsearch.tracking.runs import run as wandb_run
from pcsearch.tracking.runs.backlog import Backlog
from pcsearch.tracking.runs.context import Earlier
from pcsearch.tracking.runs.lifecycle import Beginning, Ending, Kept
from pcsearch.tracking.runs.queue import Writer
from pcsearch.tracking.runs.run import Home, WandbRun
from pcsearch.tracking.server.api import Mode, abandon
from pcsearch.tracking.server.mode import answers, sync_command

WRITING_SECONDS = 3.0
"""How long after its end W&B's process may still write a run's file."""
STALL_SECONDS = 30.0
"""How long W&B may take in nothing before its server is asked whether it is there."""


class RunKeeper:
    """Does with W&B's runs what it is told, later and in order.

    Whatever fails in W&B becomes a problem, and the search goes on. It waits only where very many
    runs have ended and W&B does not keep up.

    Args:
        home: where the runs belong.
        mode: where they go; after a failure of the server, offline.
        own_summary: as in `WandbRun`.
        step: the step of a report, for those of an earlier session.
        earlier: what earlier sessions have left.
    """

    def __init__(
        self,
        home: Home,
        mode: Mode,
        own_summary: tuple[str, ...],
        step: Callable[[Mapping[str, Any]], int],
        earlier: Earlier,
    ) -> None:
        self.home = home
        self.mode: Mode = mode
        self.problems: list[str] = []
        """What went wrong with W&B, one line each, without repeats."""
        self._earlier = earlier
        self._own_summary = own_summary
        self._step = step
        self.unfinished: set[str] = set()
        """The ids of runs that lack something which may still be brought to them."""
        self._incomplete: list[str] = []
        self._emptied: set[str] = set()
        self._asked = mode
        self._abandoned = False
        self._backlog = Backlog()
        self._writer = Writer(lambda error: self._note(f"W&B: something was lost: {error}"))

    def open(self, beginning: Beginning) -> Kept:
        """Start a run, or go on with it; it gets the reports that an earlier session lost."""
        self._backlog.await_room()
        kept = Kept(beginning)
        self._writer.submit(beginning.run_id, lambda: self._open(kept))
        return kept

    def send(
        self, kept: Kept, step: int, report: Mapping[str, Any], summary: Mapping[str, Any]
    ) -> None:
        """Add a report to a run's history, and set values of its summary."""
        row, files, node = rows.row(report), rows.media(report), rows.node(report)
        config = {} if node is None else {"node": node}
        self._writer.submit(
            kept.beginning.run_id,
            lambda: self._send(kept, step, row, files, config, summary),
        )

    def close(self, kept: Kept, ending: Ending) -> None:
        """End a run."""

        def finish(run: WandbRun) -> None:
            try:
                self._finish(run, ending.exit_code)
            finally:
                self._backlog.remove()

        def action() -> None:
            run = kept.run
            if run is None:
                self._backlog.remove()
                return
            self._complete(kept, run, ending)
            self._writer.alone(lambda: finish(run))

        self._backlog.add()
        self._writer.submit(kept.beginning.run_id, action)

    def tidy(self) -> None:
        """Remove what earlier sessions have left that is of no use; before any run is open."""
        with self.noting("empty files were not removed"):
            self._emptied = offline_files.discard_empty(self.home.directory)

    def mend(self, beginning: Beginning, ending: Ending) -> None:
        """Complete the run of a trial that has ended, where an earlier session could not."""

        def action() -> None:
            with self.noting("a run was not looked at"):
                directory, run_id = self.home.directory, beginning.run_id
                tracked = run_id in self._earlier.tracked
                ended = tracked or offline_files.has_ended(directory, run_id)
                # A server can be told now what it was not told before; else `wandb sync` does it.
                sent = self.mode != "online" or offline_files.is_uploaded(directory, run_id)
                if ended and sent:
                    return
            kept = Kept(beginning)
            self._open(kept)
            if kept.run is not None:
                self._complete(kept, kept.run, ending)
                # Here and not alone: there may be very many.
                self._finish(kept.run, ending.exit_code)

        self._writer.submit(beginning.run_id, action)

    def settle(self, tell: Callable[[int], None]) -> None:
        """Wait until everything is done, as long as the server is there; note what is not.

        Args:
            tell: is told now and then for how many runs.
        """

        def stalled() -> bool:
            return self._asked != "online" or not answers()

        if not self._writer.drain(tell, STALL_SECONDS, stalled):
            self.abandon("the server does not answer")
        if self._incomplete:
            self._note(
                f"W&B: {_counted(len(self._incomplete))} not written to the end "
                f"({', '.join(self._incomplete[:3])}{', ...' if self._incomplete[3:] else ''}): is "
                "the disk full? The trials' own files have everything; make room, and --resume "
                "with the experiment's directory writes what is missing"
            )
            self._incomplete.clear()

    def abandon(self, reason: str) -> None:
        """Leave undone what is not done yet.

        Args:
            reason: why, for the user.
        """
        if count := self._writer.waiting:
            self._note(f"W&B: {_counted(count)} not uploaded to the end: {reason}")
            self._abandoned = True
            abandon()

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
                problem += self._go_offline()
            self._note(problem)

    def _go_offline(self) -> str:
        self.mode = "offline"
        return f"; from now on runs are offline: {sync_command(self.home.directory)}"

    def _note(self, problem: str) -> None:
        if problem not in self.problems and not self._abandoned:
            self.problems.append(problem)

    def _open(self, kept: Kept) -> None:
        beginning = kept.beginning
        self.unfinished.add(beginning.run_id)
        # A start that fails leaves nothing that could be uploaded later.
        self._look(wandb_run.INIT_SECONDS)
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
                resumed=beginning.run_id in self._earlier.trials,
            )
        if beginning.folders:
            with self.noting("reports of earlier sessions were lost"):
                for report in rows.kept_reports(beginning.folders[0]):
                    self._catch_up(kept, report)

    def _catch_up(self, kept: Kept, report: Mapping[str, Any]) -> None:
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

    def _complete(self, kept: Kept, run: WandbRun, ending: Ending) -> None:
        """Give a run what it has at its end."""
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

    def _keep(self, run: WandbRun, checkpoint: Path, ending: Ending) -> None:
        group = self.home.group
        run.keep(trial_artifact(group, run.id, checkpoint, ending.summary))
        if ending.best:
            run.keep(best_artifact(group, checkpoint, ending.summary), [BEST])

    def _finish(self, run: WandbRun, exit_code: int) -> None:
        """End a run, and remember it where nothing of it is missing."""
        end = "written" if run.mode == "offline" else "uploaded"
        with self._watched(run), self.noting(f"a run was not {end} to its end"):
            run.finish(exit_code)
            if run.mode == "offline" and not self._has_end(run):
                self._incomplete.append(run.id)
                return
            refusals = run.refusals()
            for refusal in refusals:
                self._note(f"W&B: an artifact was lost: {refusal}")
            if not refusals:
                run.mark()
                self._earlier.note(run.id, run.last_step)
                self.unfinished.discard(run.id)

    @contextmanager
    def _watched(self, run: WandbRun) -> Iterator[None]:
        """See to it that later runs do not wait for a server that has gone away."""
        timer = threading.Timer(STALL_SECONDS, self._look, [0.0])
        timer.daemon = True
        if run.mode == "online":
            timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _look(self, seconds: float) -> None:
        """Have runs be offline from now on where the server is away for so long."""
        end = time.monotonic() + seconds
        while self.mode == "online" and not answers():
            if time.monotonic() >= end:
                self._note(f"W&B: the server does not answer{self._go_offline()}")
            time.sleep(min(seconds, 0.2))

    def _has_end(self, run: WandbRun) -> bool:
        """Whether the file of an offline run has its end: a full disk is told to nobody."""
        end = time.monotonic() + WRITING_SECONDS
        while not offline_files.has_end(run.file):
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)
        return True


def _counted(runs: int) -> str:
    return f"{runs} runs were" if runs > 1 else "1 run was"
