"""One W&B run of this process: start it, log to it, finish it; knows nothing of Tune."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.tracking.content.alerts import Alert
from pcsearch.tracking.content.vode_charts import CHARTS, Line
from pcsearch.tracking.runs.offline_files import NOTHING_WRITTEN, mark_uploaded, written
from pcsearch.tracking.server.api import Mode, first_line, set_up

if TYPE_CHECKING:
    import wandb

INIT_SECONDS = 20.0
FINISH_SECONDS = 3600.0
"""How long a server that is there may take for what a run has left at its end."""
ANSWER_SECONDS = 10.0
RETRY_SECONDS = 2.0
FLUSH_SECONDS = 1.0
TRANSMIT_SECONDS = 5.0


def load() -> None:
    """Import W&B's client in this thread, with all that a first run makes it import.

    Several threads start runs, and the search may import torch meanwhile. Where two threads have
    source code parsed, as these imports do, Python 3.11.7 may end one with a SystemError.
    """
    import wandb.apis.public  # noqa: F401
    from wandb import util

    read = getattr(util, "working_set", None)
    if read is not None and not hasattr(read, "cache_info"):
        # Each run keeps the list of the installed packages: reading the metadata of all of them
        # takes longer than the rest of a short run.
        util.working_set = cache(lambda: tuple(read()))


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
        place: the experiment's directory, or its address, as the user knows it.
    """

    project: str
    entity: str | None
    group: str
    directory: Path
    tags: tuple[str, ...] = ()
    notes: str | None = None
    sweep_id: str | None = None
    place: str = ""


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
        resumed: whether earlier sessions may have written files of the run.
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
        *,
        resumed: bool = False,
    ) -> None:
        import wandb

        _check_writable(home.directory / "wandb")
        earlier = written(home.directory, run_id) if resumed else NOTHING_WRITTEN
        set_up()
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
        _check_identity(self._run, run_id, home.project)
        self._artifacts: list[wandb.Artifact] = []
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

    @property
    def last_step(self) -> int:
        """Of the run's last row, 0 without any."""
        return self.next_step - 1 if self.next_step else 0

    @property
    def file(self) -> Path:
        """The run's own file, of this session."""
        return Path(self._run.settings.sync_file)

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
        self._artifacts.append(self._run.log_artifact(artifact, aliases=["latest", *aliases]))

    def alert(self, alert: Alert) -> None:
        """Have W&B tell the user something, by mail or chat as the user's settings say."""
        self._run.alert(title=alert.title, text=alert.text, level=alert.level)

    def finish(self, exit_code: int) -> None:
        """End the run.

        Raises:
            TimeoutError: the server did not take everything in time; the local files have it.
        """
        self._run.finish(exit_code=exit_code)

    def refusals(self) -> list[str]:
        """Why the server did not take artifacts of the run, which has been finished."""
        found = []
        for artifact in self._artifacts:
            # Its own `wait` asks the server for the artifact besides. Offline there is none.
            handle = artifact._save_handle
            if handle is not None:
                answer = handle.wait_or(timeout=ANSWER_SECONDS).response.log_artifact_response
                if answer.error_message:
                    found.append(f"{artifact.name}: {first_line(answer.error_message)}")
        return found

    def mark(self) -> None:
        """Note that the server has everything, where the run was online and is finished."""
        if self.mode == "online":
            mark_uploaded(self._directory, self.id)


def _check_identity(run: wandb.Run, run_id: str, project: str) -> None:
    """See that it is the run that was asked for: settings of the process can make it another.

    Raises:
        RuntimeError: it is not.
    """
    made = run.settings
    if (made.run_id, made.project) != (run_id, project):
        run.finish(exit_code=1)
        raise RuntimeError(
            f"W&B has made the run {made.project}/{made.run_id} in place of {project}/{run_id}: "
            "check the variables WANDB_..."
        )


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
        sweep_id=sweep_id,
        # Without it the button interrupts the main thread, and with it the whole search.
        stop_fn=stop,
    )
