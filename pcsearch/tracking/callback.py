"""Tune's trials as W&B runs, one each, from the driver's process."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.logger import LoggerCallback
from ray.tune.utils import flatten_dict

from pcsearch.engine.records.report import better
from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.pc.metrics import EARLY_STOP_REASON, SUMMARY
from pcsearch.tracking.content import alerts
from pcsearch.tracking.runs.context import Earlier, Outcomes, Search
from pcsearch.tracking.runs.lifecycle import STATUS, STATUSES, Beginning, Ending, Kept, trial_name
from pcsearch.tracking.runs.manager import RunKeeper
from pcsearch.tracking.runs.run import Home, load
from pcsearch.tracking.server.api import Mode


def _nothing(*_: Any) -> None:
    """The Stop button of a trial that is over, and what is told to nobody."""


@dataclass
class _Track:
    """What is held of a trial that is under way."""

    kept: Kept
    step: int
    values: tuple[float | None, ...] = ()


class WandbCallback(LoggerCallback):
    """Keeps one W&B run a trial; whatever fails in W&B is noted, and the search goes on.

    A run has the trial's id, so that a search that is restored goes on with its runs; epochs
    that a run has already are not sent again, and those that it lost when the search was killed
    are read from the trial's own file. Its steps are the epochs. Threads do what has to be done,
    and the search goes on meanwhile.

    Args:
        home: where the runs belong; W&B's files go to its directory's folder ``wandb``.
        mode: where runs go; ``disabled`` keeps none and does not import wandb.
        outcomes: of the trials. It is asked after it has been told of a report or an end.
        search: what the runs show of it.
        earlier: what earlier sessions have left.
    """

    def __init__(
        self,
        home: Home,
        mode: Mode,
        outcomes: Outcomes,
        search: Search,
        earlier: Earlier | None = None,
    ) -> None:
        self.home, self.mode = home, mode
        if mode != "disabled":
            load()
        self._outcomes, self._search = outcomes, search
        self._earlier = earlier or Earlier()
        self._keeper = self._new_keeper()
        self._tracks: dict[str, _Track] = {}
        self._best: TrialResult | None = None
        self._alerted = self._earlier.over
        self._mended = False

    @property
    def problems(self) -> list[str]:
        """What went wrong with W&B, one line each, without repeats."""
        return self._keeper.problems

    @property
    def unfinished(self) -> bool:
        """Whether there are runs that lack something which may still be brought to them."""
        return bool(self._keeper.unfinished)

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Complete what an earlier session has left incomplete, once its trials are there."""
        if trials:
            self._mend(trials)

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Start the trial's run, after a look at those of earlier sessions."""
        self._mend(trials)
        super().on_trial_start(iteration, trials, trial, **info)

    def on_trial_restore(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Go on with the trial's run, after those of earlier sessions were looked at."""
        self._mend(trials)
        super().on_trial_restore(iteration, trials, trial, **info)

    def log_trial_start(self, trial: Trial) -> None:
        """Start the trial's run."""
        self._track(trial)

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Send a report, at its epoch."""
        track = self._track(trial)
        if track is None:
            return
        with self._keeper.noting("a report was lost"):
            track.step = max(track.step, self._outcomes.epoch(result))
            values = self._outcomes.best_values(trial)
            summary = {} if values == track.values else self._own_summary(values)
            track.values = values
            self._keeper.send(track.kept, self._outcomes.epoch(result), result, summary)

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """End the trial's run; one that failed before it could start has a run too."""
        track = self._track(trial) if failed else self._tracks.get(trial.trial_id)
        if track is not None:
            self._close(trial, track, self._ending(trial))

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """End the runs of trials that the search has not seen the end of."""
        self._mend(trials)
        for trial in trials:
            track = self._tracks.get(trial.trial_id)
            if track is not None:
                summary = self._summary(trial, "interrupted")
                self._close(trial, track, Ending(summary, exit_code=1))
        self.close()

    def close(self, error: BaseException | None = None) -> None:
        """End the runs that are open at the end of the search.

        Args:
            error: what has ended the search before its time, to tell in an alert.
        """
        untold = error is not None and not self._alerted
        alert = alerts.broken_off(self.home.group, error) if error and untold else None
        for trial_id in list(self._tracks):
            kept = self._tracks.pop(trial_id).kept
            self._keeper.close(kept, Ending({STATUS: "interrupted"}, exit_code=1, alert=alert))
            alert = None

    def settle(self, tell: Callable[[int], None] = _nothing) -> None:
        """Wait until W&B has everything so far, as long as it is there.

        Args:
            tell: is told now and then for how many runs.
        """
        self._keeper.settle(tell)

    def abandon(self, reason: str) -> None:
        """Leave W&B without what it does not have so far.

        Args:
            reason: why, for the user.
        """
        self._keeper.abandon(reason)

    def __getstate__(self) -> dict[str, Any]:
        # Tune copies its callbacks; the copies keep no runs.
        return {name: value for name, value in self.__dict__.items() if name != "_keeper"} | {
            "_tracks": {}
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._keeper = self._new_keeper()

    def _new_keeper(self) -> RunKeeper:
        names = tuple(metric.name for metric in self._search.metrics)
        return RunKeeper(self.home, self.mode, names, self._outcomes.epoch, self._earlier)

    def _track(self, trial: Trial) -> _Track | None:
        """What is held of a trial, from now on if nothing is; None where runs are disabled."""
        if self.mode == "disabled":
            return None
        track = self._tracks.get(trial.trial_id)
        if track is None:

            def stop() -> None:
                trial.outcome.ended_by_user = True

            step = self._known_step(trial)
            track = _Track(self._keeper.open(self._beginning(trial, step, stop)), step)
            self._tracks[trial.trial_id] = track
        return track

    def _known_step(self, trial: Trial) -> int:
        """The last step of the trial's run where an earlier session has seen to its end."""
        return self._earlier.tracked.get(trial.trial_id, 0)

    def _beginning(self, trial: Trial, step: int, stop: Callable[[], None]) -> Beginning:
        config = dict(trial.config)
        with self._keeper.noting("a run shows only the values that were searched"):
            config = self._search.effective_config(config)
        own = {
            "searched": list(self._search.searched),
            "experiment_dir": self.home.place or str(self.home.directory),
        }
        name = "-".join(part for part in (self._search.name, trial_name(trial)) if part)
        folders = tuple(Path(folder) for folder in (_folder_of(trial), trial.local_path) if folder)
        return Beginning(trial.trial_id, name, own | config, folders, stop, step + 1)

    def _close(self, trial: Trial, track: _Track, ending: Ending) -> None:
        del self._tracks[trial.trial_id]
        self._keeper.close(track.kept, ending)

    def _ending(self, trial: Trial) -> Ending:
        """The end of a trial that has come to it, its own or another."""
        result = self._outcomes.result(trial)
        self._compare(result)
        status: str = result.status
        if status == "stopped":
            ended = "ended" if self._outcomes.ended_by_target(trial) else "stopped"
            status = STATUSES["user" if self._outcomes.ended_by_hand(trial) else ended]
        return Ending(
            self._summary(trial, status),
            exit_code=1 if status == "failed" else 0,
            charts=status != "failed",
            checkpoint=self._checkpoint(trial),
            best=self._best is not None and self._best.trial_id == trial.trial_id,
            alert=self._alert(trial),
        )

    def _summary(self, trial: Trial, status: str) -> dict[str, Any]:
        last = flatten_dict(trial.last_result or {})
        # W&B turns a NaN set here into null; the history has put it into the summary as it is.
        summary = self._own_summary(self._outcomes.best_values(trial)) | {
            name: value
            for name in SUMMARY
            if name in last and not (isinstance(value := last[name], float) and math.isnan(value))
        }
        if EARLY_STOP_REASON in summary:
            summary[EARLY_STOP_REASON] = str(summary[EARLY_STOP_REASON])
        more = {
            STATUS: status,
            "stopped_at_rung": self._outcomes.rung(trial),
            "reached_target": self._outcomes.winner == trial.trial_id or None,
            "error": self._outcomes.error(trial) or None,
        }
        told = {name: value for name, value in more.items() if value is not None}
        # A metric of the user's that is called so stays what it is.
        return summary | {f"pcsearch/{n}" if n in last else n: value for n, value in told.items()}

    def _own_summary(self, values: Sequence[float | None]) -> dict[str, Any]:
        names = (metric.name for metric in self._search.metrics)
        return {n: v for n, v in zip(names, values, strict=False) if v is not None}

    def _compare(self, result: TrialResult) -> None:
        """Keep the result where it is the best; of several metrics the first counts."""
        before = None if self._best is None else self._best.value
        value = result.value if result.valued else None
        if value is not None and better(value, before, self._search.metrics[0]):
            self._best = result

    def _checkpoint(self, trial: Trial) -> Path | None:
        if self._search.artifacts == "none" or trial.checkpoint is None:
            return None
        best: Path | None = getattr(trial, "best_checkpoint", None)
        return best or Path(trial.checkpoint.path)

    def _alert(self, trial: Trial) -> alerts.Alert | None:
        """What to tell at the end of the trial that is the search's last, once in a search."""
        ended, reached = self._outcomes.ended, self._outcomes.winner == trial.trial_id
        if self._alerted or not (reached or ended == self._search.trials):
            return None
        self._alerted = True
        return alerts.ended(
            self.home.group,
            ended,
            self._outcomes.failures,
            self._best,
            self._search.metrics,
            reached,
        )

    def _mend(self, trials: Sequence[Trial]) -> None:
        """Complete the runs of trials that ended in an earlier session, once."""
        if self._mended or self.mode == "disabled":
            return
        self._mended = True
        self._keeper.tidy()
        over = [
            trial
            for trial in trials
            if trial.status in (Trial.TERMINATED, Trial.ERROR)
            and trial.trial_id not in self._tracks
        ]
        for trial in over:
            self._compare(self._outcomes.result(trial))
        for trial in over:
            if self.mode == "online" or trial.trial_id not in self._earlier.tracked:
                beginning = self._beginning(trial, 0, _nothing)
                self._keeper.mend(beginning, self._ending(trial))


def _folder_of(trial: Trial) -> str | Path | None:
    """The trial's folder here; another's than the engine's is in Tune's own storage."""
    return getattr(trial, "folder", trial.path)
