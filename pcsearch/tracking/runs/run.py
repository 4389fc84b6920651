"""One W&B run of this process: it starts, is logged to, and ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.tracking.content.alerts import Alert
from pcsearch.tracking.content.vode_charts import CHARTS, Line
from pcsearch.tracking.runs.context import RunGroup
from pcsearch.tracking.runs.lifecycle import RunStart
from pcsearch.tracking.runs.offline_files import (
    mark_uploaded,
    nothing_left_on_error,
    read_rows,
    run_files,
    unsent_media,
)
from pcsearch.tracking.server.api import Mode, request_settings, set_up
from pcsearch.tracking.wandb_internals import (
    Uploading,
    artifact_error,
    give_up_run,
    run_settings,
    upload_refusal,
    uploading,
)

if TYPE_CHECKING:
    import wandb

INIT_SECONDS = 20.0
"""How long a run may take to start."""
FINISH_SECONDS = 3600.0
"""How long a server that answers may take for what a run has left at its end."""
ASK_SECONDS = 5.0
"""How long the client's own process may take to say what it uploads."""
ARTIFACT_SECONDS = 10.0
"""How long the answer about an artifact may take after the run has ended."""
REQUIREMENTS = "requirements.txt"
CHART_SUFFIX = "_table"
"""What the client adds to the name of a chart in a row."""


def _ignore(reason: str) -> None:
    """Says nothing: whoever ends the run asks the server what it has."""


class WandbRun:
    """A run that has started. Its methods raise what wandb raises.

    Args:
        group: what the runs of the search have in common.
        mode: ``online`` or ``offline``.
        start: what the run starts with; a run that has its id is resumed. W&B's server knows the
            first step that the run does not have better, and so do the run's own files where they
            are there.
        own_summary: metrics whose summary values are set with `update_summary` only. W&B would
            otherwise set them to those of the last row.
        resumed: whether earlier sessions may have written files of the run.
        refused: called in another thread with the reason, when the server refuses data of the run.
    """

    def __init__(
        self,
        group: RunGroup,
        mode: Mode,
        start: RunStart,
        own_summary: Iterable[str] = (),
        *,
        resumed: bool = False,
        refused: Callable[[str], None] = _ignore,
    ) -> None:
        _check_writable(group.directory / "wandb")
        self.mode, self.id = mode, start.run_id
        self._directory = group.directory
        self._artifacts: list[wandb.Artifact] = []
        self._log: Path | None = None
        files = run_files(group.directory, self.id) if resumed else []
        written = read_rows(files)
        set_up()

        # The client copies its settings: it could not copy a method with all that it knows.
        def stopped() -> None:
            # Refused pictures stop no run: then the user has asked.
            reason = self.refusal(of_rows=True)
            if reason:
                refused(reason)
            else:
                start.stop()

        with nothing_left_on_error(group.directory, self.id, lambda: give_up_run(self.id)):
            self._run = _init(group, mode, start, stopped)
        _check_identity(self._run, self.id, group.project)
        self._log = Path(self._run.settings.log_internal)
        self.next_step = self._run.starting_step
        """The first step that the run does not have yet."""
        if mode == "offline" and not self.next_step:
            # No server tells the step.
            self.next_step = written.last_step + 1 if written.sessions else start.next_step
        has_logged_charts = any(f"{name}{CHART_SUFFIX}" in written.names for name in CHARTS)
        # They are in the last row. A server that was away when it was sent does not have it.
        self.has_charts = has_logged_charts and self.next_step > written.last_step
        """Whether the run has the charts that end it."""
        for name in own_summary:
            self._run.define_metric(name, summary="none")

    @property
    def last_step(self) -> int:
        """The step of the run's last row, 0 without rows."""
        return self.next_step - 1 if self.next_step else 0

    @property
    def file(self) -> Path:
        """The run's own file, of this session."""
        return Path(self._run.settings.sync_file)

    @property
    def media(self) -> list[str]:
        """The names of the pictures and tables that this session has added to the run."""
        folder = Path(self._run.dir)
        files = (folder / "media").rglob("*")
        return [file.relative_to(folder).as_posix() for file in files if file.is_file()]

    def refusal(self, *, of_rows: bool = False) -> str:
        """Why the server has refused data of the run, or its rows; empty if it has not."""
        return "" if self._log is None else upload_refusal(self._log, of_rows=of_rows)

    def uploading(self) -> Uploading:
        """What W&B's client does with the run while it ends in another thread."""
        try:
            return uploading(self._run, ASK_SECONDS)
        # The client raises errors of many types when the run has just ended.
        except Exception:
            return Uploading()

    def save_unsent_media(self) -> None:
        """Save the pictures and tables of rows that the server may have got without them.

        It is for an online run that has no rows of this session yet.
        """
        for folder, file in unsent_media(self._directory, self.id, self.next_step):
            self._run.save(str(file), base_path=str(folder), policy="now", glob=False)

    def save_requirements(self) -> None:
        """Save the list of the installed packages with the run, as the client does by default."""
        file = Path(self._run.dir, REQUIREMENTS)
        file.write_text(_installed_packages(), encoding="utf-8")
        self._run.save(str(file), base_path=self._run.dir, policy="now", glob=False)

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Add a row to the history, unless the run has a row of this step already.

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

        values = {}
        for name, lines in charts.items():
            labels, epochs, points = zip(*lines, strict=True)
            title = name.rpartition("/")[2].replace("_", " ")
            values[name] = plot.line_series(epochs, points, labels, title=title, xname="epoch")
        if values:
            self.log(self.next_step, values)
        self.has_charts = True

    def update_summary(self, values: Mapping[str, Any]) -> None:
        """Set values of the run's summary."""
        self._run.summary.update(dict(values))

    def update_config(self, values: Mapping[str, Any]) -> None:
        """Set values of the run's configuration."""
        self._run.config.update(  # type: ignore[no-untyped-call]
            dict(values), allow_val_change=True
        )

    def log_artifact(self, artifact: wandb.Artifact, aliases: Iterable[str] = ()) -> None:
        """Add an artifact to the run; its files are uploaded later."""
        self._artifacts.append(self._run.log_artifact(artifact, aliases=["latest", *aliases]))

    def alert(self, alert: Alert) -> None:
        """Send an alert to the user, by mail or chat as the user's settings say."""
        self._run.alert(title=alert.title, text=alert.text, level=alert.level)

    def finish(self, exit_code: int) -> None:
        """End the run.

        Raises:
            TimeoutError: the server did not take everything in time. The local files have it.
        """
        self._run.finish(exit_code=exit_code)

    def refused_artifacts(self) -> list[str]:
        """Why the server refused artifacts of the run, which has ended; one line each."""
        errors = {each.name: artifact_error(each, ARTIFACT_SECONDS) for each in self._artifacts}
        return [f"{name}: {error}" for name, error in errors.items() if error]

    def mark_uploaded(self) -> None:
        """Mark the files of an online run that has ended: the server has everything in them."""
        if self.mode == "online":
            mark_uploaded(self._directory, self.id)


def _init(group: RunGroup, mode: Mode, start: RunStart, stopped: Callable[[], None]) -> wandb.Run:
    """Start a run in W&B's client, or resume it."""
    import wandb

    init = partial(
        wandb.init,
        reinit="create_new",
        resume="allow",
        id=start.run_id,
        name=start.name,
        project=group.project,
        entity=group.entity,
        group=group.name or None,
        job_type=group.job_type,
        tags=group.tags,
        notes=group.notes,
        config=dict(start.config),
        dir=str(group.directory),
        mode=mode,
        settings=_settings(stopped, group.sweep_id),
    )
    try:
        return init()
    except KeyError:
        # Before it begins, it lists the environment, of which another thread has taken a variable.
        return init()


@cache
def _installed_packages() -> str:
    """A line for each installed package; reading them takes longer than the rest of a short run."""
    versions = {package.name: package.version for package in metadata.distributions()}
    lines = [f"{name}=={versions[name]}\n" for name in sorted(filter(None, versions))]
    return "".join(lines)


def _check_identity(run: wandb.Run, run_id: str, project: str) -> None:
    """Check that W&B has started the right run: settings of the process can change the id.

    Raises:
        RuntimeError: it is another run.
    """
    settings = run.settings
    if (settings.run_id, settings.project) != (run_id, project):
        run.finish(exit_code=1)
        raise RuntimeError(
            f"W&B has started the run {settings.project}/{settings.run_id} in place of "
            f"{project}/{run_id}: check the variables WANDB_..."
        )


def _check_writable(folder: Path) -> None:
    """Check that W&B can write to a folder: without a message, it would write elsewhere.

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
        init_timeout=INIT_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
        sweep_id=sweep_id,
        # Without it the button interrupts the main thread, and with it the whole search.
        stop_fn=stop,
        # Then it is called, too. The client tells nothing else of such an error.
        stop_on_fatal_error=True,
        **request_settings() | run_settings(),
    )
