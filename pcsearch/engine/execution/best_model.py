"""Keeps ``DIR/best``: a copy of the best model of a search, up to date while the search runs.

It is that of the checkpoint with the best value of the sweep's (first) metric; where seeds are
replicates, of the runs of the best configuration. A thread copies it, so that the search never
waits; of several that are better, one after the other, only the newest is copied. A copy that fails
is told, and the search goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ray.tune import Checkpoint

from pcsearch.engine.execution.best_texts import is_ours, texts_of
from pcsearch.engine.execution.candidate import BestCandidate, Candidate
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.kept_model import METRICS_FILE, KeptModel, kept_model
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.results.configurations import LiveConfigurations
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.store import error_line
from pcsearch.engine.storage.swap import draft_of, put, put_back
from pcsearch.pc.checkpoint import BEST_FOLDER
from pcsearch.system.whole_files import replacing

FINISH_S, IMPATIENT_S = 60.0, 2.0
"""How long the end of a session waits for the last copy, and one that an error ends, in seconds."""


class BestModel:
    """Keeps the best model of a search in its directory.

    Args:
        experiment: the search.
        outcomes: of its trials.
        tell: prints a line for the user. Called in any thread.
    """

    def __init__(
        self, experiment: Experiment, outcomes: Outcomes, tell: Callable[[str], None]
    ) -> None:
        self._experiment, self._tell = experiment, tell
        self._place = experiment.directory.path / BEST_FOLDER
        self._metric = next(iter(experiment.metrics), None)
        self._configurations = LiveConfigurations(experiment, outcomes)
        self._choice: BestCandidate | None = None
        if self._metric is not None and experiment.replicates is not None:
            self._choice = BestCandidate(self._metric, self._configurations)
        self._best: float | None = None
        self._best_trial: str | None = None
        self._wanted: Candidate | None = None
        self._failed: Candidate | None = None
        self._told: set[str] = set()
        self._is_ending = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the best model of the checkpoints that are offered in the block."""
        # An earlier session may have been killed.
        with suppress(OSError):
            put_back(self._place)
        self._lower_bar()
        try:
            yield
        except BaseException:
            # The storage has failed, or the user does not want to wait; a resume makes up for it.
            self._finish(IMPATIENT_S)
            raise
        self._finish(FINISH_S)
        self._renew()

    def offer(self, candidate: Candidate) -> None:
        """Copy the model of a checkpoint if it is better than all before; returns at once."""
        if self._choice is not None:
            self._choice.add(candidate)
            self.reconsider()
        elif self._metric is not None and self._metric.better(candidate.value, self._best):
            self._want(candidate)

    def reconsider(self) -> None:
        """Choose the best model again: the end of a run may make another configuration the best."""
        if self._choice is None:
            return
        candidate = self._choice.better_than(self._best_trial, self._best)
        if candidate is not None:
            self._want(candidate)

    def _want(self, candidate: Candidate) -> None:
        with self._changed:
            self._best, self._best_trial = candidate.value, candidate.trial_id
            self._wanted, self._failed = candidate, None
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="best model", daemon=True)
            self._thread.start()

    def _finish(self, patience: float) -> None:
        """Wait some seconds for the last copy, and try one that has failed once more."""
        if self._thread is None:
            return
        with self._changed:
            self._wanted = self._wanted or self._failed
            self._is_ending = True
            self._changed.notify()
        self._thread.join(patience)
        if self._thread.is_alive():
            self._warn(f"it was not complete {patience:.0f} s after the search")

    def _renew(self) -> None:
        """Update README.md and metrics.json of the best model, also where no model was copied."""
        if self._thread is not None and self._thread.is_alive():
            return
        try:
            self._renew_texts()
        # As where the model is copied.
        except Exception as error:
            self._warn(error_line(error))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted is not None or self._is_ending)
                candidate, self._wanted = self._wanted, None
            if candidate is None:
                return
            try:
                self._copy(candidate)
            # A better one has come, the directory was removed, or it never had a model.
            except FileNotFoundError:
                self._unless_newer(self._lower_bar)
            # The file systems of fsspec raise errors of any type, and no error may end the search.
            except Exception as error:
                self._unless_newer(self._retry_later, candidate)
                self._warn(error_line(error))

    def _unless_newer(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function, unless a better checkpoint was offered meanwhile."""
        with self._changed:
            if self._wanted is None:
                function(*arguments)

    def _lower_bar(self) -> None:
        """Compare the next checkpoints with the model that is there."""
        kept = self._kept()
        self._best = None if kept is None else kept.value
        self._best_trial = None if kept is None else kept.trial_id

    def _retry_later(self, candidate: Candidate) -> None:
        self._failed = candidate

    def _warn(self, why: str) -> None:
        line = (
            f"{self._experiment.directory.place_of(BEST_FOLDER)}: the best model cannot be copied "
            f"({why}); its trial's checkpoint has it, and a resume copies it"
        )
        if line not in self._told:
            self._told.add(line)
            self._tell(line)

    def _copy(self, candidate: Candidate) -> None:
        """Put the model of a checkpoint into the search's directory, and to its address."""
        draft = draft_of(self._place)
        self._copy_checkpoint(candidate.checkpoint, draft)
        for name, text in self._texts(candidate).items():
            # A function's own checkpoint may have a file of the name.
            if not (draft / name).exists():
                (draft / name).write_text(text, encoding="utf-8")
        put(self._place)
        self._send()

    def _texts(self, candidate: Candidate) -> dict[str, str]:
        assert self._metric is not None, "without a metric nothing is the best"
        return texts_of(self._experiment, self._metric, self._configurations, candidate)

    def _renew_texts(self) -> None:
        """Write anew what describes the best model: its configuration has more seeds by now."""
        copy = self._experiment.directory.copy
        candidate = None if self._choice is None else self._choice.of(self._best_trial)
        kept = None if candidate is None else self._kept()
        if candidate is None or kept is None:
            return
        if (kept.trial_id, kept.value) != (candidate.trial_id, candidate.value):
            return
        for name, text in self._texts(candidate).items():
            path = self._place / name
            if copy is not None:
                # Of a model that an earlier session has copied, most files are only there.
                copy.get(path)
            before = path.read_text(encoding="utf-8") if path.exists() else None
            # A function's own checkpoint may have a file of the name.
            if before in (None, text) or not is_ours(name, before):
                continue
            with replacing(path) as file:
                file.write(text.encode())
            if copy is not None:
                copy.send(path)

    def _copy_checkpoint(self, checkpoint: Checkpoint, draft: Path) -> None:
        """Copy what the model needs of a checkpoint in the storage into a folder here."""
        from pyarrow.fs import copy_files

        source, target = checkpoint.path, draft
        name = self._experiment.workload.model_file
        if name is not None:
            source, target = f"{source}/{name}", target / name
        # With threads, a transfer from S3 may never end (apache/arrow#32372).
        copy_files(source, str(target), source_filesystem=checkpoint.filesystem, use_threads=False)

    def _send(self) -> None:
        """Copy the folder to the experiment's address, where it has one.

        The metrics come last: where the process is killed before, a resume copies all once more.
        """
        copy = self._experiment.directory.copy
        if copy is None:
            return
        files = [path for path in sorted(self._place.rglob("*")) if path.is_file()]
        names = {path.relative_to(self._place).as_posix() for path in files}
        store = copy.store.below(BEST_FOLDER)
        for name in store.files().keys() - names:
            store.delete(name)
        for path in sorted(files, key=lambda path: path.name == METRICS_FILE):
            # It checks first that this process still runs the search.
            copy.send(path)

    def _kept(self) -> KeptModel | None:
        """The model that is in ``DIR/best`` now, with its value by the metric of the search.

        None where there is none, it is not whole, or it was the best before the metric was edited.
        """
        with suppress(StorageError):
            kept = kept_model(self._experiment.directory)
            if kept is not None and self._is_by_metric(kept) and self._is_whole():
                return kept
        return None

    def _is_by_metric(self, kept: KeptModel) -> bool:
        metric = self._metric
        is_named = metric is not None and metric.name == kept.metric
        return is_named and kept.goal in (None, metric.goal if metric else None)

    def _is_whole(self) -> bool:
        """Whether the model's own file is there, in the directory or at its address."""
        name, copy = self._experiment.workload.model_file, self._experiment.directory.copy
        if name is None:
            return True
        if copy is None:
            return (self._place / name).is_file()
        return name in copy.store.below(BEST_FOLDER).files()
