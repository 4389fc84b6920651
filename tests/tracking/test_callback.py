"""W&B's callback: one run for each trial, with every report."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ray
import wandb
import wandb_trials
from offline_runs import is_nan, read_runs
from ray import tune
from wandb_trials import (
    EPOCHS,
    METRIC,
    VALUES,
    FakeOutcomes,
    FakeTrial,
    complete,
    logged,
    make,
    metrics,
    of_epochs,
    outcomes_of,
    poll,
    read_all,
    read_one,
    report,
    run_trial,
    start,
)

from pcsearch.engine.ray_internals import ray_psutil
from pcsearch.engine.records.journal.events import ReachedTarget, Replicate
from pcsearch.engine.records.report import flatten
from pcsearch.engine.results.configurations import LiveConfigurations
from pcsearch.pc.config import ModelConfig
from pcsearch.sweeps.replicates import replicates_of
from pcsearch.sweeps.sweep import parse_sweep
from pcsearch.tracking.callback import WandbCallback
from pcsearch.tracking.runs.context import RunGroup
from pcsearch.tracking.server.registration import LONGEST_GROUP

Replicated = tuple[WandbCallback, FakeOutcomes, list[FakeTrial]]


def test_a_run_carries_the_trials_id_group_name_and_whole_configuration(tmp_path: Path) -> None:
    callback = make(tmp_path, entity="team", tags=["first", "second"], notes="a note")
    run_trial(callback, FakeTrial(), [metrics(1)])
    run = read_one(tmp_path)
    assert (run.id, run.name, run.group) == ("ab12c_00003", "trial-0003", "my-search")
    assert (run.project, run.entity, run.job_type) == ("pc", "team", "trial")
    assert (run.tags, run.notes) == (["first", "second"], "a note")
    config = {name: value for name, value in run.config.items() if not name.startswith("_")}
    assert config == ModelConfig(**VALUES).model_dump(mode="json") | {
        "searched": ["peak_lr_weights"],
        "experiment_dir": str(tmp_path),
        "node": "host (127.0.0.1)",
    }
    assert callback.problems == []


def test_the_runs_of_a_configuration_are_a_group(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial()
    outcomes_of(callback).of(trial.trial_id).replicate = Replicate(3, 1)
    run_trial(callback, trial, [metrics(1)])
    run = read_one(tmp_path)
    assert run.group == "my-search, configuration 3"
    assert run.config["configuration"] == 3
    long = RunGroup("p", None, "n" * 200, tmp_path).of(12)
    assert long.name.endswith("n, configuration 12")
    # A program's group is cut before the number of its configuration is known.
    assert long.name == RunGroup("p", None, "n" * 200, tmp_path).named("configuration 12").name
    assert len(RunGroup("p", None, "n" * 200, tmp_path).of(10**9).name) <= LONGEST_GROUP


def of_two_seeds(directory: Path, *names: str, status: str = "RUNNING") -> Replicated:
    """Two runs of a configuration, with the losses 1 and 3."""
    text = "method: grid\nparameters: {a: {values: [1, 2]}, seed: {values: [5, 6]}}\n"
    sweep, outcomes = parse_sweep(text, "s.yaml"), FakeOutcomes()
    replicates = replicates_of(sweep, "seed", "")
    search: Any = SimpleNamespace(sweep=sweep, metrics=outcomes.metrics, replicates=replicates)
    configurations = LiveConfigurations(search, outcomes)
    callback = make(directory, outcomes, configurations=configurations, max_trials=2)
    trials = [FakeTrial(name, status=status) for name in names]
    for seed, (trial, value) in enumerate(zip(trials, (1.0, 3.0), strict=True)):
        outcome = outcomes.of(trial.trial_id)
        outcome.replicate, outcome.config, outcome.best = Replicate(1, seed), {"a": 1}, [value]
        trial.last_result = outcome.last_report = metrics(EPOCHS)
    return callback, outcomes, trials


def test_the_run_that_reached_the_target_tells_the_result_of_the_search(tmp_path: Path) -> None:
    """The other run of its configuration, which has reached it too, ends before it."""
    callback, outcomes, trials = of_two_seeds(tmp_path, "other", "winner")
    for trial in trials:
        start(callback, trial)
    outcomes.reach_target(ReachedTarget("winner", [2.0]))
    for trial in trials:
        outcomes.end(trial.trial_id)
        complete(callback, trial)
    callback.on_experiment_end(trials=trials)
    callback.manager.settle()
    runs = {run.id: run for run in read_all(tmp_path)}
    assert runs["other"].alerts == []
    ((title, text, _),) = runs["winner"].alerts
    assert title == "The search has reached its target: my-search"
    assert text.endswith(": ValMetrics/Pretext/full_mse 2 ± 1.41421 (2 seeds).")
    assert "search/best_mean" not in runs["other"].summary
    assert runs["winner"].summary["search/best_mean"] == 2.0


def test_a_session_that_completes_runs_tells_the_result_in_the_last_one_only(
    tmp_path: Path,
) -> None:
    # With two trials at once, the one that began first may be the last to end.
    callback, outcomes, trials = of_two_seeds(tmp_path, "last", "first", status="TERMINATED")
    for trial in reversed(trials):
        outcomes.end(trial.trial_id)
    callback.on_step_begin(iteration=0, trials=trials)
    callback.on_experiment_end(trials=trials)
    callback.manager.settle()
    runs = {run.id: run for run in read_all(tmp_path)}
    assert runs["first"].summary["configuration_mean"] == 2.0
    found = {
        name: (run.summary.get("search/best_mean"), len(run.alerts)) for name, run in runs.items()
    }
    assert found == {"first": (None, 0), "last": (2.0, 1)}


@pytest.mark.parametrize(
    ("trial", "name"),
    [
        (FakeTrial(experiment_tag="12_seed=1"), "trial-0012"),
        (FakeTrial(custom_dirname="trial-0012-fast"), "trial-0012-fast"),
        (FakeTrial(experiment_tag=""), "ab12c_00003"),
    ],
)
def test_a_runs_name_is_that_of_the_directory_or_the_trials_number(
    trial: FakeTrial, name: str, tmp_path: Path
) -> None:
    run_trial(make(tmp_path), trial, [metrics(1)])
    assert read_one(tmp_path).name == name


def test_the_history_is_what_was_reported_with_the_epoch_as_step(tmp_path: Path) -> None:
    reports = run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    run = read_one(tmp_path)
    assert of_epochs(run) == [logged(result) for result in reports]
    assert [row["_step"] for row in run.history if "epoch" in row] == [1, 2, 3]


def test_a_row_is_on_disk_before_the_next_epoch_ends(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial()
    start(callback, trial)
    report(callback, trial, metrics(1))
    assert poll(lambda: read_runs(tmp_path)[0].history)
    (run,) = read_runs(tmp_path)
    assert of_epochs(run) == [logged(metrics(1))]
    complete(callback, trial)


def test_strings_and_nested_reports_arrive_under_the_names_that_a_sweep_uses(
    tmp_path: Path,
) -> None:
    result = {"epoch": 1, "phase": "warm", "val": {"loss": np.float32(0.5), "top": {"1": True}}}
    run_trial(make(tmp_path), FakeTrial(), [result])
    (row,) = of_epochs(read_one(tmp_path))
    assert row == {"epoch": 1, "phase": "warm", "val/loss": 0.5, "val/top/1": True}


def test_nan_and_infinity_arrive_as_they_are(tmp_path: Path) -> None:
    result = metrics(1, **{"Losses/train_mse_avg": math.nan, "best_train_mse": math.inf})
    run_trial(make(tmp_path), FakeTrial(), [result])
    (row,) = of_epochs(read_one(tmp_path))
    assert is_nan(row["Losses/train_mse_avg"])
    assert row["best_train_mse"] == math.inf


def test_the_summary_has_the_five_values_of_the_last_report(tmp_path: Path) -> None:
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    summary = read_one(tmp_path).summary
    assert summary["best_val_mse"] == 0.5
    assert summary["best_train_mse"] == summary["final_train_mse"] == pytest.approx(1 / 3)
    assert summary["best_probe_accuracy"] is None
    assert summary["early_stop_reason"] == "None"


def test_the_reason_of_an_early_stop_is_text_in_the_summary(tmp_path: Path) -> None:
    reports = [metrics(1), metrics(2, early_stop_reason="ValidationMetric")]
    run_trial(make(tmp_path), FakeTrial(), reports)
    run = read_one(tmp_path)
    assert run.summary["early_stop_reason"] == "ValidationMetric"
    assert run.summary["trial_status"] == "finished"
    assert run.exit_code == 0


def test_the_search_metric_is_a_number_in_the_summary_and_the_best_of_the_run(
    tmp_path: Path,
) -> None:
    """W&B's own min and max would begin anew in a resumed run, and are no number to sort by."""
    outcomes, trial = FakeOutcomes(), FakeTrial()
    callback = make(tmp_path, outcomes)
    start(callback, trial)
    for epoch, value, best in ((1, 0.4, 0.4), (2, 0.2, 0.2), (3, 0.3, 0.2)):
        outcomes.of(trial.trial_id).best = [best]
        report(callback, trial, metrics(epoch, **{METRIC.name: value}))
    callback.manager.settle()
    assert poll(lambda: read_runs(tmp_path)[0].summary.get(METRIC.name) == 0.2), "while it runs"
    complete(callback, trial)
    run = read_one(tmp_path)
    assert [row[METRIC.name] for row in of_epochs(run)] == [0.4, 0.2, 0.3]
    assert run.summary[METRIC.name] == 0.2
    assert run.summary["Losses/train_w_energy_avg"] == 13.0, "of others, the last"


def test_fifty_runs_are_open_at_once_in_one_process(tmp_path: Path) -> None:
    callback, trials = make(tmp_path), [FakeTrial(f"t{i:02d}") for i in range(50)]
    for trial in trials:
        callback.on_trial_start(iteration=0, trials=trials, trial=trial)
    for epoch in range(1, EPOCHS + 1):
        for trial in trials:
            report(callback, trial, metrics(epoch))
    assert poll(lambda: len(read_runs(tmp_path)) == 50)
    assert poll(lambda: all(of_epochs(run)[-1:] for run in read_runs(tmp_path)))
    assert all(run.exit_code is None for run in read_runs(tmp_path))
    for trial in trials:
        callback.on_trial_complete(iteration=0, trials=trials, trial=trial)
    callback.on_experiment_end(trials=trials)
    callback.manager.settle()
    assert callback.problems == []
    runs = read_all(tmp_path)
    assert sorted(run.id for run in runs) == [trial.trial_id for trial in trials]
    for run in runs:
        assert [row["epoch"] for row in of_epochs(run)] == list(range(1, EPOCHS + 1))


def test_values_that_make_no_configuration_are_shown_as_they_are(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(config={"no_such_parameter": 1})
    run_trial(callback, trial, [metrics(1)])
    assert read_one(tmp_path).config["no_such_parameter"] == 1
    (problem,) = callback.problems
    assert "no_such_parameter" in problem


def test_the_stop_button_stops_its_trial_and_interrupts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buttons = {}
    real = wandb.init

    def spy(**arguments: Any) -> Any:
        buttons[arguments["id"]] = arguments["settings"].stop_fn
        return real(**arguments)

    monkeypatch.setattr(wandb, "init", spy)
    outcomes = FakeOutcomes()
    callback = make(tmp_path, outcomes)
    stopped, other = FakeTrial("a"), FakeTrial("b")
    for trial in (stopped, other):
        start(callback, trial)
    buttons["a"]()
    assert [each.trial_id for each in outcomes if each.stop_requested] == ["a"]
    for trial in (stopped, other):
        run_trial(callback, trial, [metrics(1)])
    statuses = {run.id: run.summary["trial_status"] for run in read_all(tmp_path)}
    assert statuses == {"a": "stopped by hand", "b": "stopped early by the scheduler"}


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def test_no_thread_or_process_is_left_behind_by_a_trial(tmp_path: Path) -> None:
    # Of the test's own: others' helpers may live on.
    before = children()
    callback = make(tmp_path)
    run_trial(callback, FakeTrial("first"), [metrics(1)])
    threads, processes = threading.active_count(), children()
    for number in range(5):
        run_trial(callback, FakeTrial(f"trial{number}"), [metrics(1)])
    assert poll(lambda: threading.active_count() <= threads)
    # Helpers of earlier tests may end meanwhile.
    assert children() <= processes
    assert len(processes - before) == 1


def children() -> set[int]:
    """The processes that this one has started."""
    return {child.pid for child in ray_psutil().Process().children()}


def test_disabled_keeps_no_runs_and_imports_no_wandb(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from types import SimpleNamespace;"
        "from pcsearch.tracking.runs.context import RunGroup, RunContext;"
        "from pcsearch.tracking.callback import WandbCallback;"
        "group = RunGroup('p', None, 'g', Path(sys.argv[1]));"
        "outcomes = SimpleNamespace(epoch=int);"
        "callback = WandbCallback(group, 'disabled', outcomes, RunContext((), (), 1, dict));"
        "trial = SimpleNamespace(trial_id='a');"
        "callback.on_trial_start(0, [], trial);"
        "callback.on_trial_result(0, [], trial, {'epoch': 1});"
        "callback.on_trial_complete(0, [], trial);"
        "callback.on_experiment_end([]);"
        "callback.manager.settle();"
        "assert not callback.problems;"
        "sys.exit('wandb' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=os.environ)
    assert list(tmp_path.iterdir()) == []


def test_the_run_of_a_trial_that_another_driver_runs_again_stays_as_it_is(tmp_path: Path) -> None:
    trials = [FakeTrial("kept", status="TERMINATED"), FakeTrial("lost", status="TERMINATED")]
    outcomes = FakeOutcomes()
    for trial in trials:
        outcomes.note(trial)
    outcomes.of("lost").ended_elsewhere = True
    callback = make(tmp_path, outcomes)
    callback.on_step_begin(iteration=0, trials=trials)
    callback.on_experiment_end(trials=trials)
    callback.manager.settle()
    assert read_one(tmp_path).id == "kept"


@pytest.fixture
def pickled(ray_here: None) -> Iterator[None]:  # noqa: ARG001
    """Ray's workers know nothing of these modules: they are sent with the trainable."""
    unknown = sys.modules[__name__], wandb_trials
    for module in unknown:
        ray.cloudpickle.register_pickle_by_value(module)
    yield
    for module in unknown:
        ray.cloudpickle.unregister_pickle_by_value(module)


def trainable(config: dict[str, Any]) -> None:
    """Reports what a model would, with made-up numbers; seed 2 fails and seed 3 diverges."""
    for epoch in range(1, config["epochs"] + 1):
        if config["seed"] == 2 and epoch == 2:
            raise RuntimeError("out of luck")
        last = config["seed"] == 3 and epoch == 2
        tune.report(metrics(epoch, early_stop_reason="NaN" if last else None))
        if last:
            return


@pytest.mark.slow
@pytest.mark.usefixtures("pickled")
def test_a_search_with_tune_has_one_run_a_trial_with_every_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, real_end = WandbCallback.log_trial_result, WandbCallback.log_trial_end
    callback = make(tmp_path / "search")

    def press_stop(self: WandbCallback, iteration: int, trial: Any, result: Any) -> None:
        outcome = outcomes_of(self).of(trial.trial_id)
        outcome.last_report = flatten(result)
        real(self, iteration, trial, result)
        if trial.config["seed"] == 4 and result["epoch"] == 1:
            self._runs[trial.trial_id].start.stop()
            assert outcome.stop_requested
            trial.stopping_criterion = {"training_iteration": 0}

    def end(self: WandbCallback, trial: Any, failed: bool = False) -> None:
        outcomes_of(self).of(trial.trial_id).error = "RuntimeError: out of luck" if failed else ""
        outcomes_of(self).note(trial)
        real_end(self, trial, failed)

    monkeypatch.setattr(WandbCallback, "log_trial_result", press_stop)
    monkeypatch.setattr(WandbCallback, "log_trial_end", end)
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    tune.run(
        trainable,
        config={"epochs": EPOCHS, "seed": tune.grid_search([1, 2, 3, 4])},
        callbacks=[callback],
        resources_per_trial={"cpu": 1},
        raise_on_failed_trial=False,
        storage_path=str(tmp_path / "tune"),
        name="search",
        verbose=0,
    )
    callback.manager.settle()
    runs = {run.config["seed"]: run for run in read_all(tmp_path / "search")}
    assert callback.problems == []
    assert {run.name for run in runs.values()} == {f"trial-{n:04d}" for n in range(4)}
    assert {seed: run.summary["trial_status"] for seed, run in runs.items()} == {
        1: "finished",
        2: "failed",
        3: "diverged",
        4: "stopped by hand",
    }
    assert {seed: run.exit_code for seed, run in runs.items()} == {1: 0, 2: 1, 3: 0, 4: 0}
    assert {seed: run.summary["early_stop_reason"] for seed, run in runs.items()} == {
        1: "None",
        2: "None",
        3: "NaN",
        4: "None",
    }
    for seed, epochs in {1: 3, 2: 1, 3: 2, 4: 2}.items():
        expected = [logged(metrics(e)) for e in range(1, epochs + 1)]
        if seed == 3:
            expected[-1]["early_stop_reason"] = "NaN"
        assert of_epochs(runs[seed]) == expected
        steps = [row["_step"] for row in runs[seed].history if "epoch" in row]
        assert steps == list(range(1, epochs + 1))
