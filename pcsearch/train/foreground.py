"""Trains one model in this process: shows its progress, keeps its files and its W&B run."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.metrics import (
    DIVERGED,
    EARLY_STOP_REASON,
    EPOCH,
    PROBE_ACCURACY,
    TRAIN_ENERGY,
    TRAIN_MSE,
    VAL_MSE,
)
from pcsearch.reports.notes import Notes, say
from pcsearch.sessions.endings import settle
from pcsearch.system.exits import DONE, SOME_FAILED
from pcsearch.system.signals import handled
from pcsearch.system.temporary import remove_leftovers

if TYPE_CHECKING:
    from pcsearch.pc.model.transformer import Weights
    from pcsearch.pc.training import TrainingRun
    from pcsearch.tracking.content.files import ModelFiles
    from pcsearch.tracking.single import RunOptions, RunPlan, SingleRun

METRICS_FILE = "metrics.jsonl"
STATE_FOLDER = "checkpoint"
SHOWN = (TRAIN_ENERGY, TRAIN_MSE, VAL_MSE, PROBE_ACCURACY)


def train(
    config: ModelConfig,
    threads: int,
    compiled: bool,
    output: Path,
    options: RunOptions,
    weights: Weights | None = None,
    quiet: bool = False,
) -> int:
    """Train a model, and print the metrics of every epoch.

    Args:
        config: what to train; relative paths in it start in the current folder.
        threads: of torch.
        compiled: whether compiled code may compute the blocks.
        output: the folder in which the run gets a folder of its own.
        options: for the W&B run.
        weights: those that training starts from, None for fresh ones.
        quiet: whether only warnings and the last metrics are printed.

    Returns:
        The exit status. In an agent of W&B a run that diverged or was stopped has not failed.

    Raises:
        PcsearchError: the data, the folder or W&B cannot be used.
    """
    from pcsearch.tracking.single import in_agent, plan_run

    remove_leftovers()
    try:
        plan = plan_run(options, output, time.strftime("%Y%m%d_%H%M%S"))
        metrics = _train(plan, config, threads, compiled, weights, Notes(quiet))
    except KeyboardInterrupt:
        # By SIGTERM an agent stops a run, because the sweep or the user says so.
        if not in_agent():
            raise
        return DONE
    diverged = metrics.get(EARLY_STOP_REASON) == DIVERGED
    return SOME_FAILED if diverged and not in_agent() else DONE


def _train(
    plan: RunPlan,
    config: ModelConfig,
    threads: int,
    compiled: bool,
    weights: Weights | None,
    notes: Notes,
) -> Mapping[str, Any]:
    """Train a model in the folder of its run; returns the metrics of its last epoch."""
    # torch takes seconds to import; a message about a misspelt field should not wait for it.
    from pcsearch.pc.data.datasets import load_splits
    from pcsearch.pc.training import TrainingRun

    with _writing(plan.folder):
        plan.folder.mkdir(parents=True, exist_ok=True)
        (plan.folder / METRICS_FILE).write_text("", encoding="utf-8")
    with _wandb_run(plan, config, notes) as wandb:
        located = config.with_paths_from(Path.cwd())
        has_progress = notes.console.is_terminal and not notes.quiet
        splits = load_splits(located, progress=has_progress)
        notes.warn(*splits.notes)
        run = TrainingRun(config, splits, threads=threads, compiled=compiled, weights=weights)
        metrics, interrupted = _epochs(plan, run, notes, wandb)
        with _writing(plan.folder):
            kept = _keep_model(plan, run, metrics)
        # Before the output, which may be a file on a full disk.
        if wandb is not None and not interrupted:
            wandb.end(kept)
        for name, value in metrics.items():
            click.echo(f"{name}: {value}")
        click.echo(f"Everything lies in {plan.folder.absolute()}")
        if interrupted:
            raise KeyboardInterrupt
        return metrics


@contextmanager
def _wandb_run(plan: RunPlan, config: ModelConfig, notes: Notes) -> Iterator[SingleRun | None]:
    """The W&B run of the block, None where there is none; W&B has everything after the block."""
    from pcsearch.tracking.runs.offline_files import has_unmarked
    from pcsearch.tracking.server.mode import sync_command
    from pcsearch.tracking.single import SingleRun, in_agent

    if plan.options.wandb != "disabled":
        notes.say(plan.mode.reason, *plan.notes)
    if plan.mode.mode == "disabled":
        yield None
        return
    wandb = SingleRun(plan, config, notes.warn)
    try:
        yield wandb
    except BaseException as error:
        if in_agent() and isinstance(error, KeyboardInterrupt):
            wandb.stop()
            wandb.end()
        else:
            wandb.fail(error)
        raise
    finally:
        settle(wandb.manager, notes.say)
        if has_unmarked(plan.folder):
            say(notes.console, f"Upload it to W&B: {sync_command(plan.folder.absolute())}")


def _epochs(
    plan: RunPlan, run: TrainingRun, notes: Notes, wandb: SingleRun | None
) -> tuple[Mapping[str, Any], bool]:
    """Train until the end, or until the user or W&B stops the run.

    The first Ctrl-C ends it after the epoch, so that its model can be kept.

    Returns:
        The metrics of the last epoch, and whether Ctrl-C has ended it.

    Raises:
        KeyboardInterrupt: there was a second Ctrl-C, or another signal: whoever sends that may kill
            the process before the epoch ends.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from pcsearch.pc.evaluation.pictures import save
    from pcsearch.tracking.single import in_agent

    metrics: Mapping[str, Any] = {}
    asked = Event()

    def interrupt(_: int, __: FrameType | None) -> None:
        if asked.is_set() or in_agent():
            raise KeyboardInterrupt
        asked.set()
        # It may have come in the middle of another line.
        with suppress(RuntimeError):
            notes.warn("Ends after this epoch, and keeps its model; Ctrl-C again ends at once")

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=notes.console, disable=notes.quiet) as progress,
        handled([signal.SIGINT], interrupt),
    ):
        task = progress.add_task("epochs", total=run.config.epochs)
        while not run.finished and not asked.is_set():
            if wandb is not None and wandb.stop_requested:
                break
            metrics, pictures = run.run_epoch()
            files = {}
            with _writing(plan.folder):
                with (plan.folder / METRICS_FILE).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(metrics) + "\n")
                if pictures is not None:
                    files = save(plan.folder, run.epoch, pictures, run.config).names(plan.folder)
            notes.say(_epoch_line(metrics))
            if wandb is not None:
                wandb.add(metrics, files)
            progress.advance(task)
    return metrics, asked.is_set() and not run.finished


def _keep_model(plan: RunPlan, run: TrainingRun, metrics: Mapping[str, Any]) -> ModelFiles | None:
    """Write the last and the saved model; returns what W&B is to keep."""
    from pcsearch.pc.checkpoint import MODEL_FILE, save_model, save_state
    from pcsearch.pc.model_file import write_model
    from pcsearch.tracking.content.files import ModelFiles

    if run.epoch and not run.diverged:
        write_model(plan.folder, run.trained_model(dict(metrics)))
    kept = ModelFiles(plan.folder, (MODEL_FILE,))
    if run.saved_model is not None:
        save_model(plan.folder, run.config, run.saved_model)
    elif plan.options.artifacts == "best":
        kept = ModelFiles(plan.folder / STATE_FOLDER)
        save_state(kept.folder, run.config, run.state())
    return None if plan.options.artifacts == "none" else kept


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Tell the user where the block, which writes into the run's folder, cannot do so."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"{folder}: cannot be written ({reason})"
        raise PcsearchError(Problem(message, "--output")) from error


def _epoch_line(metrics: Mapping[str, Any]) -> str:
    """The main metrics of an epoch on one line; the file has all of them."""
    shown = {"epoch": metrics[EPOCH]} | {
        name.rpartition("/")[2]: f"{metrics[name]:.4g}" for name in SHOWN if name in metrics
    }
    return "  ".join(f"{name} {value}" for name, value in shown.items())
