"""One W&B run of this process: start it, log to it, finish it; knows nothing of Tune."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.tracking.alerts import Alert
from pcsearch.tracking.segments import mark_uploaded, written
from pcsearch.tracking.vode_trends import CHARTS, Line
from pcsearch.tracking.wandb_mode import Mode

if TYPE_CHECKING:
    import wandb

INIT_SECONDS = 20.0
FINISH_SECONDS = 30.0
RETRY_SECONDS = 2.0
FLUSH_SECONDS = 1.0
TRANSMIT_SECONDS = 5.0


@dataclass(frozen=True)
class Home:
    """What all runs of an experiment have in common.

    Args:
        project: of W&B.
        entity: the user or team, None for W&B's default.
        group: the experiment's name.
        directory: the experiment's; W&B's files go to its folder ``wandb``.
        tags: of every run.
        notes: of every run.
        sweep_id: of the W&B sweep that the runs belong to.
    """

    project: str
    entity: str | None
    group: str
    directory: Path
    tags: tuple[str, ...] = ()
    notes: str | None = None
    sweep_id: str | None = None


class WandbRun:
    """A run that has been started; raises what wandb raises.

    Args:
        home: where it belongs.
        mode: ``online`` or ``offline``.
        run_id: the run with this id goes on where there is one.
        name: as W&B shows it.
        config: the settings of the run.
        stop: called, in another thread, when a user presses W&B's Stop button.
        next_step: the first step that the run does not have, as far as the caller knows. The
            server knows better, and so do the run's own files where they are.
        own_summary: metrics whose summary values are set with `summarise` only, which W&B would
            else make those of the last row.
    """

    def __init__(
        self,
        home: Home,
        mode: Mode,
        run_id: str,
        name: str,
        config: Mapping[str, Any],
        stop: Callable[[], None],
        next_step: int = 0,
        own_summary: Iterable[str] = (),
    ) -> None:
        import wandb

        _check_writable(home.directory / "wandb")
        earlier = written(home.directory, run_id)
        # The process's own settings decide what the log-in prints, before those of the run count.
        wandb.setup(wandb.Settings(silent=True))
        self._run = wandb.init(
            reinit="create_new",
            resume="allow",
            id=run_id,
            name=name,
            project=home.project,
            entity=home.entity,
            group=home.group,
            job_type="trial",
            tags=home.tags,
            notes=home.notes,
            config=dict(config),
            dir=str(home.directory),
            mode=mode,
            settings=_settings(stop, home.sweep_id),
        )
        self._directory = home.directory
        self.mode = mode
        self.id = run_id
        self.next_step = self._run.starting_step
        """The first step that the run does not have yet."""
        if mode == "offline" and not self.next_step:
            # No server tells it.
            self.next_step = earlier.last_step + 1 if earlier.sessions else next_step
        logged = any(name in CHARTS for name in earlier.names)
        # They are in the last row, which a server that went away does not have.
        self.has_charts = logged and self.next_step > earlier.last_step
        """Whether an earlier session has logged the charts that end a run."""
        for name in own_summary:
            self._run.define_metric(name, summary="none")

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Send a row, unless the run has this step: of an earlier session, or done again.

        Args:
            step: of the row.
            values: numbers, strings, and W&B's own values.
        """
        if step < self.next_step:
            return
        self._run.log(dict(values), step=step, commit=True)
        self.next_step = step + 1

    def log_charts(self, charts: Mapping[str, Iterable[Line]]) -> None:
        """Add charts of lines over the epochs, in a row of their own after the last."""
        from wandb import plot

        rows = {}
        for name, lines in charts.items():
            labels, epochs, values = zip(*lines, strict=True)
            title = name.rpartition("/")[2].replace("_", " ")
            rows[name] = plot.line_series(epochs, values, labels, title=title, xname="epoch")
        if rows:
            self.log(self.next_step, rows)

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Set values of the run's summary."""
        self._run.summary.update(dict(values))

    def configure(self, values: Mapping[str, Any]) -> None:
        """Add to the run's configuration, or change it."""
        self._run.config.update(  # type: ignore[no-untyped-call]
            dict(values), allow_val_change=True
        )

    def keep(self, artifact: wandb.Artifact, aliases: Iterable[str] = ()) -> None:
        """Attach an artifact, whose files are uploaded later."""
        self._run.log_artifact(artifact, aliases=["latest", *aliases])

    def alert(self, alert: Alert) -> None:
        """Have W&B tell the user something, by mail or chat as the user's settings say."""
        self._run.alert(title=alert.title, text=alert.text, level=alert.level)

    def finish(self, exit_code: int) -> None:
        """End the run.

        Raises:
            TimeoutError: the server did not take everything in time; the local files have it.
        """
        self._run.finish(exit_code=exit_code)
        if self.mode == "online":
            mark_uploaded(self._directory, self.id)


def _check_writable(folder: Path) -> None:
    """See that W&B can write there: it would put its files elsewhere without a word.

    Raises:
        OSError: it cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} is not writable")


def _settings(stop: Callable[[], None], sweep_id: str | None) -> wandb.Settings:
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        disable_code=True,
        disable_git=True,
        save_code=False,
        x_disable_stats=True,
        init_timeout=INIT_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
        x_graphql_retry_wait_max_seconds=RETRY_SECONDS,
        x_file_stream_retry_wait_max_seconds=RETRY_SECONDS,
        x_file_transfer_retry_wait_max_seconds=RETRY_SECONDS,
        # What a driver that is killed loses of the local files, and of what the server has.
        x_transaction_log_flush_interval=FLUSH_SECONDS,
        x_file_stream_transmit_interval=TRANSMIT_SECONDS,
        # The variable WANDB_SWEEP_ID would make the client ignore project, entity and id.
        sweep_id=sweep_id,
        # Without it the button interrupts the main thread, and with it the whole search.
        stop_fn=stop,
    )
