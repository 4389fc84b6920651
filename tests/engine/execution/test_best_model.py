"""The copy of the best model: which it is, when it is made, and what its failures do."""

from __future__ import annotations

import errno
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem
from ray.tune import Checkpoint

from pcsearch.engine.execution import best_model
from pcsearch.engine.execution.best_model import BestModel
from pcsearch.engine.execution.candidate import Candidate
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.storage.store import Store
from pcsearch.engine.storage.working_copy import WorkingCopy
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.replicates import replicates_of
from pcsearch.sweeps.sweep import parse_sweep

LOSS = Metric("loss", "minimize")
MODEL = "model.bin"
SWEEP = parse_sweep(
    "method: grid\nmetric: {name: loss}\n"
    "parameters: {a: {values: [1, 2, 3]}, seed: {values: [5, 6, 7]}}\n",
    "s.yaml",
)


class Search:
    """A search in a folder, and the best model that it keeps.

    Args:
        folder: of the experiment.
        model_file: as of `Workload`.
        metrics: of the search.
        replicated: whether its seeds are replicates.
        copy: of an experiment at an address.
    """

    def __init__(
        self,
        folder: Path,
        model_file: str | None = MODEL,
        metrics: tuple[Metric, ...] = (LOSS,),
        *,
        replicated: bool = False,
        copy: WorkingCopy | None = None,
    ) -> None:
        self.folder, self.told = folder, list[str]()
        workload = SimpleNamespace(
            model_file=model_file,
            time_attr="training_iteration",
            effective_config=lambda values: {"default": 1, **values},
        )
        replicates = replicates_of(SWEEP, "seed", "") if replicated else None
        experiment: Any = SimpleNamespace(
            directory=ExperimentDirectory(folder, copy),
            workload=workload,
            metrics=metrics,
            replicates=replicates,
            sweep=SWEEP,
        )
        self.outcomes = Outcomes(metrics, "training_iteration")
        self.model = BestModel(experiment, self.outcomes, self.told.append)
        self._made = 0

    def run(self, number: int, a: int, seed: int, *values: float, ends: bool = True) -> None:
        """A trial, which offers a checkpoint for each value."""
        config = {"a": a, "seed": 5 + seed}
        outcome = self.outcomes.begin(f"t{number}", number, config)
        outcome.replicate = Replicate(a, seed)
        for value in values:
            made = self.candidate(value)._replace(
                number=number, trial_id=f"t{number}", config=config, replicate=Replicate(a, seed)
            )
            outcome.add(made.report)
            self.model.offer(made)
        if ends:
            self.outcomes.end(f"t{number}")
            self.model.reconsider()

    def candidate(self, value: float, **files: str) -> Candidate:
        """A checkpoint with a value; its files have this content, and the model's the value."""
        self._made += 1
        checkpoint = self.folder / "0003_abc" / f"checkpoint_{self._made:06d}"
        checkpoint.mkdir(parents=True)
        for name, text in (files or {MODEL: str(value), "state.bin": "large"}).items():
            (checkpoint / name).write_text(text)
        report = {"loss": value, "training_iteration": self._made, "pid": 7, "odd": object}
        place = Checkpoint(str(checkpoint), LocalFileSystem())
        return Candidate(3, "abc", {"lr": 0.1}, value, report, place)

    def await_value(self, value: float) -> None:
        """Wait until the copy has a value."""
        deadline = time.monotonic() + 240
        while self.value != value and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.value == value

    @property
    def value(self) -> float | None:
        """The value of the copy, None without one."""
        file = self.folder / "best" / "metrics.json"
        return json.loads(file.read_text())["value"] if file.exists() else None

    @property
    def files(self) -> set[str]:
        return {path.name for path in (self.folder / "best").iterdir()}


def test_the_model_with_the_best_value_is_kept_and_described(tmp_path: Path) -> None:
    search = Search(tmp_path)
    with search.model.kept():
        search.model.offer(search.candidate(3.0))
        # The search need not end for it.
        search.await_value(3.0)
        for value in (2.0, 2.0, 5.0):
            search.model.offer(search.candidate(value))
    assert search.files == {MODEL, "config.json", "metrics.json", "README.md"}
    best = tmp_path / "best"
    assert (best / MODEL).read_text() == "2.0"
    assert json.loads((best / "config.json").read_text()) == {"default": 1, "lr": 0.1}
    described = json.loads((best / "metrics.json").read_text())
    own = {"loss": 2.0, "odd": str(object)}
    # The first of two that are as good.
    about = {"trial": 3, "trial_id": "abc", "metric": "loss", "goal": "minimize", "value": 2.0}
    assert described == {**about, "metrics": own}
    lines = (best / "README.md").read_text().splitlines()
    assert len(lines) == 5
    assert lines[1:3] == ["- Trial: 3 (abc), after epoch 2", "- loss: 2.0 (minimized)"]
    assert search.told == []
    # The working files of the copy are gone.
    assert {path.name for path in tmp_path.iterdir()} == {"0003_abc", "best"}


def test_the_copy_of_a_functions_checkpoint_has_all_its_files(tmp_path: Path) -> None:
    search = Search(tmp_path, None, (Metric("loss", "maximize"),))
    with search.model.kept():
        search.model.offer(search.candidate(1.0, **{"a.bin": "1", "README.md": "theirs"}))
        search.await_value(1.0)
        search.model.offer(search.candidate(2.0, **{"b.bin": "2"}))
    assert search.files == {"b.bin", "config.json", "metrics.json", "README.md"}
    later = Search(tmp_path, None, (Metric("loss", "maximize"),))
    later._made = 5
    with later.model.kept():
        later.model.offer(later.candidate(3.0, **{"a.bin": "1", "README.md": "theirs"}))
    assert (tmp_path / "best" / "README.md").read_text() == "theirs"


@pytest.mark.parametrize("metric", [Metric("other", "minimize"), Metric("loss", "maximize")])
def test_the_best_by_another_metric_is_no_bar_after_an_edit(metric: Metric, tmp_path: Path) -> None:
    before = Search(tmp_path)
    with before.model.kept():
        before.model.offer(before.candidate(-1.0))
        before.await_value(-1.0)
    later = Search(tmp_path, metrics=(metric,))
    later._made = 5
    worse = 2.0 if metric.goal == "minimize" else -2.0
    with later.model.kept():
        later.model.offer(later.candidate(worse))
    assert later.value == worse


def test_with_replicates_it_is_of_the_configuration_with_the_best_mean(tmp_path: Path) -> None:
    search = Search(tmp_path, replicated=True)
    with search.model.kept():
        # Before a run has ended nothing is known of configurations.
        search.run(1, 1, 0, 3.0, 0.1, ends=False)
        search.await_value(0.1)
        search.outcomes.end("t1")
        search.model.reconsider()
        for number, (a, seed, value) in enumerate(
            [(2, 0, 2.0), (1, 1, 9.0), (2, 1, 1.5), (1, 2, 9.0)], start=2
        ):
            search.run(number, a, seed, value)
        search.await_value(1.5)
        # That of a run which has not ended says nothing yet.
        search.run(6, 2, 2, 1.0, ends=False)
        assert search.model._best == 1.5
    best = tmp_path / "best"
    assert (best / MODEL).read_text() == "1.5"
    described = json.loads((best / "metrics.json").read_text())
    assert (described["trial"], described["configuration"]) == (4, 2)
    assert described["over_seeds"]["mean"] == 1.75
    assert "chosen_by" not in described, "no fresh seeds have run"
    lines = (best / "README.md").read_text().splitlines()
    assert lines[3:5] == [
        "- Configuration 2 with seed 6: the best run of the configuration with the best mean",
        "- Over its seeds: loss 1.75 ± 0.353553 (2 seeds)",
    ]
    # A later session keeps what is right, and offers what it finds in any order.
    later = Search(tmp_path, replicated=True)
    later._made = 10
    with later.model.kept():
        for number, (a, seed, value) in enumerate([(1, 0, 0.1), (2, 0, 2.0), (1, 1, 9.0)], start=1):
            later.run(number, a, seed, value)
        later.run(4, 2, 1, 1.5)
        later.run(5, 3, 0, 1.4)
        later.run(6, 3, 1, 1.4)
    assert later.value == 1.4


def test_what_the_configuration_is_worth_is_told_anew_at_the_end(tmp_path: Path) -> None:
    """Its fresh seeds run long after its model was copied."""
    search = Search(tmp_path, replicated=True)
    with search.model.kept():
        search.run(1, 1, 0, 1.0)
        search.await_value(1.0)
        search.run(2, 1, 3, 4.0)
    described = json.loads((tmp_path / "best" / "metrics.json").read_text())
    assert (described["trial"], described["value"]) == (1, 1.0)
    assert described["over_seeds"] == {"mean": 4.0, "deviation": None, "seeds": 1}
    assert described["chosen_by"] == {"mean": 1.0, "deviation": None, "seeds": 1}
    text = (tmp_path / "best" / "README.md").read_text()
    assert "- Over its seeds: loss 4 (1 fresh seed); it was chosen by 1 (1 seed)\n" in text


def confirm_later(search: Search) -> None:
    """A session that is resumed after the first run of a configuration, to run a fresh seed."""
    search._made = 5
    with search.model.kept():
        search.run(1, 1, 0, 1.0)
        search.run(2, 1, 3, 4.0)
        assert search.model._thread is None, "the model that is kept stays the best"


def test_what_it_is_worth_is_told_anew_by_a_later_session_that_copies_no_model(
    tmp_path: Path,
) -> None:
    first = Search(tmp_path, replicated=True)
    with first.model.kept():
        first.run(1, 1, 0, 1.0)
    confirm_later(Search(tmp_path, replicated=True))
    best = tmp_path / "best"
    assert json.loads((best / "metrics.json").read_text())["over_seeds"]["mean"] == 4.0
    assert "loss 4 (1 fresh seed); it was chosen by 1 (1 seed)" in (best / "README.md").read_text()


def test_what_it_is_worth_is_told_anew_at_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working copy of a later session has no file of the model but its metrics."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = Store("test://there/exp", LocalFileSystem(), str(tmp_path / "there" / "exp"))
    for is_first in (True, False):
        copy = WorkingCopy(store)
        with copy.owned():
            copy.folder.mkdir(parents=True)
            copy.fetch()
            search = Search(copy.folder, replicated=True, copy=copy)
            if not is_first:
                confirm_later(search)
                continue
            with search.model.kept():
                search.run(1, 1, 0, 1.0)
    assert json.loads(store.get("best/metrics.json") or b"")["over_seeds"]["mean"] == 4.0
    assert b"loss 4 (1 fresh seed)" in (store.get("best/README.md") or b"")


def test_nothing_is_copied_and_no_thread_started_where_nothing_is_better(tmp_path: Path) -> None:
    first = Search(tmp_path)
    with first.model.kept():
        first.model.offer(first.candidate(2.0))
    # A later session offers what is there already, and what is worse.
    later = Search(tmp_path)
    later._made = 5
    with later.model.kept():
        for value in (2.0, 2.5):
            later.model.offer(later.candidate(value))
        assert later.model._thread is None
    without = Search(tmp_path / "other", metrics=())
    with without.model.kept():
        without.model.offer(without.candidate(2.0))
    assert not (tmp_path / "other" / "best").exists()


@pytest.mark.parametrize("harm", ["model", "metrics", "all"])
def test_a_copy_that_is_not_whole_is_made_again_by_a_resume(harm: str, tmp_path: Path) -> None:
    first = Search(tmp_path)
    with first.model.kept():
        first.model.offer(first.candidate(2.0))
    best = tmp_path / "best"
    if harm == "model":
        (best / MODEL).unlink()
    elif harm == "metrics":
        (best / "metrics.json").write_text('{"val')
    else:
        # As where the file system cannot exchange folders, and the process was killed.
        best.rename(tmp_path / ".best.old")
    later = Search(tmp_path)
    later._made = 5
    with later.model.kept():
        later.model.offer(later.candidate(2.0))
    assert later.value == 2.0
    assert (best / MODEL).read_text() == "2.0"


def test_a_full_disk_is_told_once_and_the_copy_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(tmp_path)
    put, is_full = best_model.put, True

    def full(place: Path) -> None:
        if is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(place)

    monkeypatch.setattr(best_model, "put", full)
    with search.model.kept():
        for value in (3.0, 2.0):
            search.model.offer(search.candidate(value))
            deadline = time.monotonic() + 240
            while search.model._failed is None and time.monotonic() < deadline:
                time.sleep(0.01)
        (line,) = search.told
        assert line == (
            f"{tmp_path / 'best'}: the best model cannot be copied ([Errno 28] No space left on "
            "device); its trial's checkpoint has it, and a resume copies it"
        )
        is_full = False
    # The end of the session has tried once more.
    assert search.value == 2.0


def test_a_checkpoint_that_is_gone_and_a_directory_that_was_removed_are_no_errors(
    tmp_path: Path,
) -> None:
    search = Search(tmp_path / "here")
    with search.model.kept():
        # That of an earlier version has no model's file.
        search.model.offer(search.candidate(3.0, **{"state.bin": "large"}))
        candidate = search.candidate(2.0)
        (tmp_path / "here").rename(tmp_path / "away")
        search.model.offer(candidate)
    assert search.told == []
    assert not (tmp_path / "here").exists()


def test_an_older_model_that_fails_late_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its copy fails slowly, while a better one is offered: the end retries the better one only."""
    search, offered, copy = Search(tmp_path), threading.Event(), BestModel._copy
    copied: list[float] = []

    def slow(model: BestModel, candidate: Candidate) -> None:
        copied.append(candidate.value)
        if len(copied) == 1:
            offered.wait(30)
            raise OSError(errno.EIO, "Input/output error")
        copy(model, candidate)

    monkeypatch.setattr(BestModel, "_copy", slow)
    with search.model.kept():
        search.model.offer(search.candidate(0.5))
        deadline = time.monotonic() + 240
        while not copied and time.monotonic() < deadline:
            time.sleep(0.01)
        search.model.offer(search.candidate(0.1))
        offered.set()
    assert copied == [0.5, 0.1]
    assert search.value == 0.1


def test_a_checkpoint_without_a_model_is_no_bar_for_those_that_have_one(tmp_path: Path) -> None:
    """Those of earlier versions have none."""
    search = Search(tmp_path)
    with search.model.kept():
        search.model.offer(search.candidate(0.5, **{"state.bin": "large"}))
        deadline = time.monotonic() + 240
        while search.model._best is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        search.model.offer(search.candidate(0.6))
    assert search.value == 0.6


def test_a_last_copy_that_takes_too_long_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, done = Search(tmp_path), threading.Event()
    monkeypatch.setattr(best_model, "FINISH_S", 0.1)
    monkeypatch.setattr(BestModel, "_copy", lambda *_: done.wait(30))
    with search.model.kept():
        search.model.offer(search.candidate(0.5))
    done.set()
    (line,) = search.told
    assert "cannot be copied (it was not complete 0 s after the search); its trial's" in line
