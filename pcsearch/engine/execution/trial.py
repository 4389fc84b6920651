"""Tune's trial, extended: keeps its newest and best checkpoints, and decides on retries."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from ray.exceptions import RayTaskError
from ray.tune import Checkpoint
from ray.tune.experiment import Trial
from ray.tune.result import TRAINING_ITERATION  # type: ignore[attr-defined]
from ray.tune.trainable import Trainable

from pcsearch.engine.cluster.connection import Connection
from pcsearch.engine.cluster.node_watcher import NodeWatcher, without_nodes
from pcsearch.engine.execution.candidate import Candidate
from pcsearch.engine.execution.kept_checkpoints import best_of, delete, kept_of
from pcsearch.engine.execution.trial_errors import described, judge
from pcsearch.engine.ray_internals import (
    checkpoint_results,
    make_checkpoint_result,
    set_checkpoint_results,
    set_folder_name,
)
from pcsearch.engine.records.journal.history import folder_name
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import flatten, measured
from pcsearch.engine.storage.files import StorageError, await_answer, is_remote
from pcsearch.engine.storage.store import error_line, is_lasting
from pcsearch.engine.workloads.checkpoint_storage import CheckpointStorageError
from pcsearch.engine.workloads.reported_values import STOPPED_BY_USER
from pcsearch.pc.checkpoint import UnreadableStateError
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.replicates import run_name

NOT_SAVED = ("_context", "_trainable", "outcome")
"""The attributes of a trial that hold objects of this process: Tune does not save them."""


@dataclass(frozen=True)
class TrialContext:
    """What all trials of a search have in common.

    Args:
        directory: of the experiment, on this machine.
        outcomes: of the search's trials.
        metric: by which checkpoints are compared, None where the sweep has none.
        watcher: of the cluster's nodes, None where none can join.
        connection: to Ray.
        offer: is called with each checkpoint that has a value of the metric.
    """

    directory: Path
    outcomes: Outcomes
    metric: Metric | None
    watcher: NodeWatcher | None = None
    connection: Connection = field(default_factory=Connection)
    offer: Callable[[Candidate], None] | None = None


class SearchTrial(Trial):
    """A trial that keeps its newest and best checkpoints, and is retried where that can help.

    It adds each report to its outcome before anyone else gets the report.

    Args:
        number: from 1, in the order of suggestion.
        trial_id: the trial's id.
        config: the trial's values.
        spec: what Tune's experiment says about all its trials.
        trainable: Tune's class of the experiment's trials.
        context: what all trials of the search have in common.
    """

    def __init__(
        self,
        number: int,
        trial_id: str,
        config: dict[str, Any],
        spec: Mapping[str, Any],
        trainable: type[Trainable],
        context: TrialContext,
    ) -> None:
        self._trainable = trainable
        self._context = context
        self.storage: Any
        self.placement_group_factory: Any
        super().__init__(
            spec["run"],
            config=config,
            trial_id=trial_id,
            storage=spec["storage"],
            evaluated_params=flatten(config),
            experiment_tag=str(number),
            placement_group_factory=spec.get("resources_per_trial"),
            stopping_criterion=spec.get("stop") or {},
            checkpoint_config=spec.get("checkpoint_config"),
            max_failures=int(spec.get("max_failures") or 0),
        )
        set_folder_name(self, folder_name(number, trial_id))
        self.number = number
        self.outcome = context.outcomes.begin(trial_id, number, config)
        if self.outcome.replicate is not None:
            # Tune tells it to the process of the trial, and each trial has a name of its own.
            self.custom_trial_name = run_name(self.outcome.replicate.configuration, trial_id)
        self.folder = context.directory / folder_name(number, trial_id)
        """The trial's folder on this machine; Tune may store its checkpoints elsewhere."""
        self.hung = ""
        """Why the watchdog killed the trial's process, empty where it did not."""
        self.error = ""
        """The last error: what it means where that is known, and the exception's lines."""
        self.storage_error = ""
        """That error in one line where the experiment's storage has failed, else empty."""
        self.unreadable: set[str] = set()
        """The paths of its checkpoints that could not be loaded."""
        self._is_final = False
        self._storage_retried_at = -1
        self._excluded_nodes: frozenset[str] = frozenset()

    def get_trainable_cls(self) -> type[Trainable]:
        """The class of the trial's actor; Tune would ask the cluster for it every time."""
        return self._trainable

    def create_placement_group_factory(self) -> None:
        """Set the trial's resources, on nodes where it can run."""
        super().create_placement_group_factory()  # type: ignore[no-untyped-call]
        if self._context.watcher is not None:
            self._exclude(self._context.watcher.unfit)

    def should_stop(self, result: dict[str, Any]) -> bool:
        """Add a report to the outcome, before the scheduler, the searcher and callbacks get it.

        Tune asks this first, with the report flattened; everyone else reads it in the outcome.

        Returns:
            Whether the trial ends with it: by itself, or because the user has stopped it.
        """
        if result.pop(STOPPED_BY_USER, False):
            self.outcome.stop_by_user()
        self.outcome.add(result)
        ends: bool = super().should_stop(result)  # type: ignore[no-untyped-call]
        return ends or self.outcome.stop_requested

    def handle_error(self, exc: Any = None) -> None:
        """Record an error, and decide whether a retry can help.

        Raises:
            Exception: the error itself, where the connection to the cluster has caused it.
        """
        if self._context.connection.is_lost(exc):
            raise exc
        cause = exc.cause if isinstance(exc, RayTaskError) else exc
        if (
            self._ran_on_unfit_node()
            or self._was_storage_away(cause)
            or self._was_unreadable(cause)
        ):
            failures = self.run_metadata.num_failures
            super().handle_error(exc)
            self.run_metadata.num_failures = failures
            return
        verdict = judge(
            exc,
            cause,
            hung=self.hung,
            storage_error=self.storage_error,
            has_reported=bool(self.run_metadata.last_result.get(TRAINING_ITERATION)),
        )
        self.hung = ""
        self._is_final, self.storage_error = verdict.is_final, verdict.storage_error
        self.error = "\n".join(described(exc, cause, verdict.meaning))
        super().handle_error(exc)
        self._copy_error_file(verdict.meaning)

    def should_recover(self) -> bool:
        """Whether the trial is retried after an error."""
        return not self._is_final and bool(super().should_recover())  # type: ignore[no-untyped-call]

    def on_checkpoint(self, checkpoint_result: Any) -> None:
        """Add a checkpoint; keep the two newest and the best one, and delete the others.

        The report that came with it is flattened.
        """
        report = flatten(checkpoint_result.metrics)
        super().on_checkpoint(make_checkpoint_result(checkpoint_result.checkpoint, report))
        results = checkpoint_results(self)
        kept = kept_of(results, self._context.metric)
        set_checkpoint_results(self, kept)
        self._offer(checkpoint_result.checkpoint, report)
        for result in results:
            if result not in kept:
                delete(result.checkpoint, self.folder)

    def add_checkpoint(self, name: str, report: Mapping[str, Any]) -> None:
        """Add a checkpoint of an earlier session.

        Args:
            name: the name of its folder.
            report: the report that came with it.
        """
        path = f"{self.storage.trial_fs_path}/{name}"
        checkpoint = Checkpoint(path, self.storage.storage_filesystem)
        self.on_checkpoint(make_checkpoint_result(checkpoint, report))

    def delete_checkpoint(self, name: str) -> None:
        """Delete a checkpoint that the trial cannot be restored from.

        Args:
            name: the name of its folder.
        """
        path = f"{self.storage.trial_fs_path}/{name}"
        delete(Checkpoint(path, self.storage.storage_filesystem), self.folder)

    @property
    def best_checkpoint(self) -> Path | None:
        """The local folder of the best checkpoint, or of the newest if none has a value."""
        results = checkpoint_results(self)
        best = best_of(results, self._context.metric) or (results[-1] if results else None)
        return None if best is None else self.folder / PurePath(best.checkpoint.path).name

    def __getstate__(self) -> dict[str, Any]:
        """What Tune saves of the trial."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        return {key: value for key, value in state.items() if key not in NOT_SAVED}

    def _offer(self, checkpoint: Checkpoint, report: Mapping[str, Any]) -> None:
        """Offer a checkpoint as the best model of the search, where it has a value."""
        metric, offer = self._context.metric, self._context.offer
        value = None if metric is None else measured(report, metric.name)
        if value is not None and offer is not None:
            replicate = self.outcome.replicate
            offer(
                Candidate(
                    *(self.number, self.trial_id, self.config, value, report, checkpoint),
                    replicate=replicate,
                )
            )

    def _was_storage_away(self, cause: Any) -> bool:
        """Whether the trial failed because a storage at an address did not answer for a time.

        Such a failure does not count. If the storage still does not answer, the search ends. If it
        answers, but refuses the same checkpoint twice, the trial has failed.
        """
        is_of_storage = isinstance(cause, CheckpointStorageError) and not is_lasting(cause)
        if not is_of_storage or not is_remote(self.folder):
            return False
        epoch = int(self.run_metadata.last_result.get(TRAINING_ITERATION) or 0)
        if epoch == self._storage_retried_at:
            return False
        self._storage_retried_at = epoch
        try:
            await_answer(self.folder)
        except StorageError as error:
            # The search names the storage when it ends.
            self.storage_error = error_line(error.__cause__ or error)
            return False
        return True

    def _was_unreadable(self, cause: Any) -> bool:
        """Whether the newest checkpoint could not be loaded: the one before is tried.

        Such a failure does not count, and each checkpoint can cause one only.
        """
        if not isinstance(cause, UnreadableStateError):
            return False
        newest = {each.checkpoint.path for each in checkpoint_results(self)[-1:]}
        is_new = not newest <= self.unreadable
        self.unreadable |= newest
        return is_new

    def _ran_on_unfit_node(self) -> bool:
        """Whether the trial may have failed because of a node on which no trial can run.

        It will run on another node, and the failure does not count.
        """
        if self._context.watcher is None or self.status != Trial.RUNNING:
            return False
        unfit = self._context.watcher.check()
        is_new = not unfit <= self._excluded_nodes
        self._exclude(unfit)
        return is_new

    def _exclude(self, nodes: frozenset[str]) -> None:
        if not nodes <= self._excluded_nodes:
            self._excluded_nodes = nodes
            self.placement_group_factory = without_nodes(self.placement_group_factory, nodes)

    def _copy_error_file(self, meaning: str) -> None:
        """Copy Tune's file of errors into the trial's folder now; Tune would do it later."""
        if self.error_file is None:
            return
        file, folder = Path(self.error_file), self.folder
        # The storage itself may have failed; then the search ends with that error.
        with contextlib.suppress(OSError):
            if meaning:
                with file.open("a", encoding="utf-8") as stream:
                    stream.write(f"{meaning}\n")
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / file.name)
