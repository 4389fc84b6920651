"""Tune's trials as W&B runs, one each, from the driver's process."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any

from ray.air.constants import TRAINING_ITERATION
from ray.tune.experiment import Trial
from ray.tune.logger import LoggerCallback
from ray.tune.result import (
    AUTO_RESULT_KEYS,
    DEBUG_METRICS,
    DONE,
    EPISODES_THIS_ITER,
    EXPERIMENT_TAG,
    RESULT_DUPLICATE,
    SHOULD_CHECKPOINT,
    TIMESTEPS_THIS_ITER,
)

from pcsearch.engine.results import Status
from pcsearch.pc.metrics import EARLY_STOP_REASON, EPOCH, SUMMARY
from pcsearch.tracking.vode_trends import VodeTrends
from pcsearch.tracking.wandb_mode import Mode, sync_command
from pcsearch.tracking.wandb_runs import Home, WandbRun

IMAGES = "reconstructions_images"
"""The key of a report that names a PNG file, relative to the trial's directory."""

STATUS = "trial_status"
STOPPED_BY_SCHEDULER = "stopped early by the scheduler"
STOPPED_BY_USER = "stopped from W&B"
FAILED = "failed"
INTERRUPTED = "interrupted"

BOOKKEEPING = frozenset(
    {
        *AUTO_RESULT_KEYS,
        *DEBUG_METRICS,
        DONE,
        EPISODES_THIS_ITER,
        EXPERIMENT_TAG,
        RESULT_DUPLICATE,
        SHOULD_CHECKPOINT,
        TIMESTEPS_THIS_ITER,
    }
)
"""What Tune adds to a report."""


@dataclass
class _Track:
    """What the driver holds of a trial that is under way; no run where W&B failed to start it."""

    trends: VodeTrends
    run: WandbRun | None = None
    stopped: bool = False


class WandbCallback(LoggerCallback):
    """Keeps one W&B run a trial; whatever fails in W&B is noted, and the search goes on.

    A run has the trial's id, so that a search that is restored goes on with its runs; epochs
    that a run has already are not sent again. Its steps are the epochs.

    Args:
        project: of W&B.
        group: the experiment's name.
        directory: the experiment's; W&B's files go to its folder ``wandb``.
        mode: where runs go; ``disabled`` keeps none and does not import wandb.
        status: how a trial has ended.
        effective_config: turns a trial's values into the settings to show, plain as in JSON.
        entity: the user or team, None for W&B's default.
        name: what the names of the runs begin with.
        tags: of every run.
        notes: of every run.
    """

    def __init__(
        self,
        *,
        project: str,
        group: str,
        directory: Path,
        mode: Mode,
        status: Callable[[Trial], Status],
        effective_config: Callable[[Mapping[str, Any]], dict[str, Any]],
        entity: str | None = None,
        name: str | None = None,
        tags: Iterable[str] = (),
        notes: str | None = None,
    ) -> None:
        self.home = Home(project, entity, group, Path(directory).absolute(), tuple(tags), notes)
        self.mode: Mode = mode
        self.name = name
        self.status = status
        self.effective_config = effective_config
        self.problems: list[str] = []
        """What went wrong with W&B, one line each, without repeats."""
        self._tracks: dict[str, _Track] = {}
        self._earlier_trends: dict[str, dict[str, dict[int, float]]] = {}

    def log_trial_start(self, trial: Trial) -> None:
        """Start the trial's run."""
        self._track(trial)

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Send a report, at its epoch."""
        track = self._track(trial)
        if track is None:
            return
        with self._noting("a report was lost"):
            epoch = int(result.get(EPOCH) or result[TRAINING_ITERATION])
            track.trends.add(epoch, result)
            if track.run is not None:
                track.run.log(epoch, self._row(track.run, trial, result))

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """Finish the trial's run; one that failed before it could start has a run too."""
        track = self._track(trial) if failed else self._tracks.get(trial.trial_id)
        if track is None:
            return
        if failed:
            self._close(trial, track, FAILED, exit_code=1)
            return
        if track.run is not None:
            with self._noting("the charts of the vodes were lost"):
                track.run.log_charts(track.trends.charts())
        self._close(trial, track, self._status(trial, track), exit_code=0)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Finish the runs of trials that the search has not seen the end of."""
        for trial in trials:
            track = self._tracks.get(trial.trial_id)
            if track is not None:
                self._close(trial, track, INTERRUPTED, exit_code=1)

    def get_state(self) -> dict[str, Any] | None:
        """What a restored search cannot measure again: the vodes' values of unfinished runs."""
        trends = {name: track.trends.values for name, track in self._tracks.items()}
        return {"trends": self._earlier_trends | trends}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from an earlier session's state."""
        self._earlier_trends = state["trends"]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tracks": {}}

    def _row(self, run: WandbRun, trial: Trial, result: Mapping[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {
            name: value
            for name, value in result.items()
            if isinstance(value, Number) and name not in BOOKKEEPING
        }
        with self._noting("a picture was lost"):
            picture = _picture(trial, result)
            if picture is not None:
                row[IMAGES] = run.picture(picture)
        return row

    def _track(self, trial: Trial) -> _Track | None:
        """What is held of a trial, from now on if nothing is; None where runs are disabled."""
        if self.mode == "disabled":
            return None
        track = self._tracks.get(trial.trial_id)
        if track is None:
            config = self._config(trial)
            trends = VodeTrends(self._earlier_trends.pop(trial.trial_id, None))
            track = _Track(trends)
            self._tracks[trial.trial_id] = track
            self._start(trial, track, config)
        return track

    def _start(self, trial: Trial, track: _Track, config: dict[str, Any]) -> None:
        def stop() -> None:
            track.stopped = True
            # Tune compares every report with this, in its own thread.
            trial.stopping_criterion = {**trial.stopping_criterion, TRAINING_ITERATION: 0}

        name = "-".join(part for part in (self.name, _trial_name(trial)) if part)
        with self._noting("a run was not started", server=True):
            track.run = WandbRun(self.home, self.mode, trial.trial_id, name, config, stop)

    def _status(self, trial: Trial, track: _Track) -> str:
        """How a trial that did not fail has ended."""
        status = self.status(trial)
        if track.stopped and status in ("stopped", "finished"):
            return STOPPED_BY_USER
        return STOPPED_BY_SCHEDULER if status == "stopped" else status

    def _config(self, trial: Trial) -> dict[str, Any]:
        with self._noting("a run shows only the values that were searched"):
            return self.effective_config(dict(trial.config))
        return dict(trial.config)

    def _close(self, trial: Trial, track: _Track, status: str, exit_code: int) -> None:
        del self._tracks[trial.trial_id]
        if status in (FAILED, INTERRUPTED):
            # A restored search may go on with such a trial.
            self._earlier_trends[trial.trial_id] = track.trends.values
        if track.run is None:
            return
        last = trial.last_result or {}
        # W&B turns a NaN set here into null; the history has put it into the summary as it is.
        summary = {
            name: value
            for name in SUMMARY
            if name in last and not (isinstance(value := last[name], float) and math.isnan(value))
        }
        if EARLY_STOP_REASON in summary:
            summary[EARLY_STOP_REASON] = str(summary[EARLY_STOP_REASON])
        summary[STATUS] = status
        with self._noting("a summary was lost"):
            track.run.summarise(summary)
        with self._noting("a run was not uploaded to its end", server=True):
            track.run.finish(exit_code)

    @contextmanager
    def _noting(self, loss: str, server: bool = False) -> Iterator[None]:
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
            if problem not in self.problems:
                self.problems.append(problem)


def _picture(trial: Trial, result: Mapping[str, Any]) -> Path | None:
    """The report's picture where this machine has it: a trial may run on another."""
    picture = result.get(IMAGES)
    if not picture:
        return None
    folders = (folder for folder in (trial.path, trial.local_path) if folder)
    files = (Path(folder, picture) for folder in folders)
    return next((file for file in files if file.is_file()), None)


def _trial_name(trial: Trial) -> str:
    """The trial's directory where the search names it, else its number."""
    if trial.custom_dirname:
        return str(trial.custom_dirname)
    number = re.match(r"\d+", trial.experiment_tag or "")
    return f"trial-{int(number[0]):04d}" if number else str(trial.trial_id)
