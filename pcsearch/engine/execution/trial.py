"""A trial as the engine has it: Tune's, with a say in which errors are worth another try."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path, PurePath
from typing import Any

from ray.air.constants import TRAINING_ITERATION
from ray.exceptions import RayActorError, RayTaskError
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import _delete_fs_path
from ray.tune.experiment import Trial
from ray.tune.trainable import Trainable

from pcsearch.engine.cluster.node_watcher import Newcomers, elsewhere
from pcsearch.engine.cluster.ray_client import is_lost
from pcsearch.engine.records.history import folder_name
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.report import best_report, flatten
from pcsearch.engine.storage.files import NO_STORAGE, StorageError, await_answer, is_remote
from pcsearch.engine.storage.store import is_lasting, reason
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.metrics import Metric

ERROR_LINES = 10
NEWEST_KEPT = 2
# Where Ray stores a trial's checkpoint: an error from there is of the storage.
STORAGE_CODE = "ray/train/_internal/storage.py"
OF_THE_SESSION = ("_newcomers", "_trainable")
OUT_OF_MEMORY = ("OutOfMemoryError", "CUDA out of memory")
MEMORY_ADVICE = (
    "the GPU's memory is too small for the trial: try a smaller batch_size or hidden_size, or "
    "fewer trials on a GPU (--gpus-per-trial)"
)


class SearchTrial(Trial):
    """A trial that keeps its last checkpoints and its best, and is retried where that helps.

    Args:
        number: from 1, in the order of suggestion.
        spec: what Tune's experiment says of all its trials.
        config: the trial's values.
        trial_id: its id.
        directory: the experiment's on this machine.
        outcome: what became of it; it is told of every report before anything else is.
        metric: what its checkpoints are compared by, None where nobody says.
        newcomers: of the cluster, None where none can come.
        trainable: Tune's class of the experiment's trials.
    """

    def __init__(
        self,
        number: int,
        spec: dict[str, Any],
        config: dict[str, Any],
        trial_id: str,
        directory: Path,
        outcome: TrialOutcome,
        metric: Metric | None,
        newcomers: Newcomers | None,
        trainable: type[Trainable],
    ) -> None:
        self._trainable = trainable
        self.storage: Any
        self.relative_logdir: Any
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
        # Tune would make it another where it finds one on this machine, of an earlier session.
        self.relative_logdir = self.custom_dirname = folder_name(number, trial_id)
        self.storage.trial_dir_name = self.relative_logdir
        self.number = number
        self.outcome = outcome
        self.folder = directory / folder_name(number, trial_id)
        """The trial's on this machine; its storage may be another."""
        self.metric = metric
        self.hung = ""
        """Why its process was ended, where that has been done to it."""
        self.error = ""
        """What it failed with last: what it means where that is known, and the exception."""
        self.storage_error = ""
        """The first line of that, where it is the experiment's storage that failed."""
        self._lost_cause = False
        self._forgiven_at = -1
        self._newcomers = newcomers
        self._kept_off: frozenset[str] = frozenset()

    def get_trainable_cls(self) -> type[Trainable]:
        """The class of the trial's actor; Tune would ask the cluster for it every time."""
        return self._trainable

    def create_placement_group_factory(self) -> None:
        """Have the trial's resources, on nodes where it can run."""
        super().create_placement_group_factory()  # type: ignore[no-untyped-call]
        if self._newcomers is not None:
            self._keep_off(self._newcomers.unfit)

    def should_stop(self, result: dict[str, Any]) -> bool:
        """Take in a report, before the scheduler, the searcher and the callbacks get it.

        Tune asks this first, with the report flattened; everyone else reads it in the outcome.

        Returns:
            Whether the trial ends with it: it is over, or the user has stopped the trial.
        """
        self.outcome.add(result)
        ends: bool = super().should_stop(result)  # type: ignore[no-untyped-call]
        return ends or self.outcome.ended_by_user

    def handle_error(self, exc: Any = None) -> None:
        """Keep an error, and see whether another try could end otherwise.

        Raises:
            Exception: the error, where it is of the connection to the cluster and no trial's.
        """
        if is_lost(exc):
            raise exc
        if self._was_misplaced() or self._storage_was_away(exc):
            failures = self.run_metadata.num_failures
            super().handle_error(exc)
            self.run_metadata.num_failures = failures
            return
        cause = exc.cause if isinstance(exc, RayTaskError) else exc
        lines = error_lines(str(exc))
        meaning = self.hung
        if any(sign in f"{type(cause).__name__} {cause}" for sign in OUT_OF_MEMORY):
            # Later the memory may have been short because of another trial.
            self._lost_cause = not self.run_metadata.last_result.get(TRAINING_ITERATION)
            meaning = MEMORY_ADVICE
        elif isinstance(exc, RayActorError) and not self.hung:
            meaning = "the trial's process died: it was killed, or the memory was short"
        elif self.storage_error:
            self._lost_cause = True
        elif isinstance(cause, OSError) and cause.errno in NO_STORAGE:
            self.storage_error, self._lost_cause = (lines or [str(cause)])[0], True
        elif isinstance(cause, PcsearchError):
            self._lost_cause = True
        self.hung = ""
        self.error = "\n".join([meaning, *lines][:ERROR_LINES] if meaning else lines[:ERROR_LINES])
        super().handle_error(exc)
        self._keep_error(meaning)

    def _storage_was_away(self, error: Any) -> bool:
        """Whether the trial failed because a storage at an address was away, which is back.

        Where it stays away, that is the search's trouble and not the trial's. Where it is there,
        and does not take the same checkpoint again, the trial has failed as others do.
        """
        if not is_remote(self.folder) or STORAGE_CODE not in str(error) or is_lasting(error):
            return False
        reached = int(self.run_metadata.last_result.get(TRAINING_ITERATION) or 0)
        if reached == self._forgiven_at:
            return False
        self._forgiven_at = reached
        try:
            await_answer(self.folder)
        except StorageError as problem:
            # The search says which storage it is.
            self.storage_error = reason(problem.__cause__ or problem)
            return False
        return True

    def _was_misplaced(self) -> bool:
        """Whether the trial may have failed because of a node that no trial can run on.

        It will run on another, and its failure does not count.
        """
        if self._newcomers is None or self.status != Trial.RUNNING:
            return False
        unfit = self._newcomers.look()
        misplaced = not unfit <= self._kept_off
        self._keep_off(unfit)
        return misplaced

    def _keep_off(self, nodes: frozenset[str]) -> None:
        if not nodes <= self._kept_off:
            self._kept_off = nodes
            self.placement_group_factory = elsewhere(self.placement_group_factory, nodes)

    def __getstate__(self) -> dict[str, Any]:
        """What Tune keeps of the trial."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        return {key: value for key, value in state.items() if key not in OF_THE_SESSION}

    def should_recover(self) -> bool:
        """Whether the trial is to be tried again after an error."""
        return not self._lost_cause and bool(super().should_recover())  # type: ignore[no-untyped-call]

    def on_checkpoint(self, checkpoint_result: _TrainingResult) -> None:
        """Keep a checkpoint, and of the older ones the newest and the best."""
        super().on_checkpoint(checkpoint_result)
        manager: Any = self.run_metadata.checkpoint_manager
        results: list[_TrainingResult] = manager._checkpoint_results
        kept = results[-NEWEST_KEPT:]
        best = self._best(results)
        if best is not None and best not in kept:
            kept.insert(0, best)
        manager._checkpoint_results = kept
        for result in results:
            if result not in kept:
                self._delete(result.checkpoint)

    def _delete(self, checkpoint: Any) -> None:
        with contextlib.suppress(FileNotFoundError):
            try:
                _delete_fs_path(fs=checkpoint.filesystem, fs_path=checkpoint.path)
            except OSError:
                if not is_remote(self.folder):
                    raise
                # A moment without the storage is no reason to end the search.
                await_answer(self.folder)
                _delete_fs_path(fs=checkpoint.filesystem, fs_path=checkpoint.path)

    @property
    def best_checkpoint(self) -> Path | None:
        """The folder here of the best report's checkpoint, the newest's where none is better."""
        manager: Any = self.run_metadata.checkpoint_manager
        results: list[_TrainingResult] = manager._checkpoint_results
        best: Any = self._best(results) or (results[-1] if results else None)
        return None if best is None else self.folder / PurePath(best.checkpoint.path).name

    def _best(self, results: list[_TrainingResult]) -> _TrainingResult | None:
        """The first of the best: a best so far is reported again and again."""
        if self.metric is None:
            return None
        index = best_report((flatten(result.metrics) for result in results), self.metric)
        return None if index is None else results[index]

    def _keep_error(self, meaning: str) -> None:
        """Put the errors where the trial's folder is, at once: Tune copies them there later."""
        if self.error_file is None:
            return
        file, folder = Path(self.error_file), self.folder
        try:
            if meaning:
                with file.open("a", encoding="utf-8") as opened:
                    opened.write(f"{meaning}\n")
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / file.name)
        # The storage may be what has failed; the search sees to that.
        except OSError:
            return


def error_lines(text: str) -> list[str]:
    """The exception in a traceback, without the places in the code and empty lines."""
    # After the last place in the code comes the exception, whose message may have many lines.
    lines = text[text.rfind("\n  File ") + 1 :].split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() and line[0] != " "), len(lines))
    return [line.rstrip() for line in lines[start:] if line.strip()]
