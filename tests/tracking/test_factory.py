"""The W&B callback of an experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from searching import write_sweep
from wandb_trials import FakeOutcomes

from pcsearch.engine.experiment.experiment import Experiment, new_experiment
from pcsearch.engine.records.journal.events import AlertSent, Suggested
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.options import Options, SamplerName
from pcsearch.tracking.factory import make_callback
from pcsearch.tracking.runs.context import RunGroup
from pcsearch.tracking.server.registration import Registration

SEEDS = {"seed": {"min": 1, "max": 9}}
TRACKING: dict[str, Any] = {"project": "pc", "entity": "team", "wandb": "auto"}


def prepared(folder: Path, **top: Any) -> Experiment:
    sweep = write_sweep(folder / "s.yaml", SEEDS, **top)
    sampler: SamplerName = "gp" if top["method"] == "bayes" else "auto"
    options = Options(storage_path=folder, name="here", num_samples=4, sampler=sampler)
    return new_experiment(sweep, options)


def registration(**tracking: Any) -> Registration:
    return Registration(TRACKING | tracking, "offline")


def test_the_runs_are_described_by_the_experiment(tmp_path: Path) -> None:
    experiment = prepared(tmp_path, method="bayes", description="what for")
    callback = make_callback(experiment, FakeOutcomes(), registration(sweep_id="abc"), print)
    here = tmp_path / "here"
    tags = ("bayes", "optuna", "sampler:gp")
    assert callback.group == RunGroup(
        "pc", "team", "here", here, tags, "what for", "abc", str(experiment.directory.place)
    )
    assert callback.mode == "offline"
    context = callback._context
    assert [metric.name for metric in context.metrics] == ["best_val_mse"]
    assert (context.searched, context.max_trials, context.artifacts) == (["seed"], 4, "none")
    assert context.effective_config({"epochs": 3})["hidden_size"] == 48
    kept = make_callback(experiment, FakeOutcomes(), registration(artifacts="best"), print)
    assert kept._context.artifacts == "best"
    race = replace(experiment, options=replace(experiment.options, replicates="seed"))
    # The race knows its end, which may come before its cap.
    assert make_callback(race, FakeOutcomes(), registration(), print)._context.max_trials is None
    named = make_callback(experiment, FakeOutcomes(), registration(group="größe 1"), print)
    assert named.group.name == "größe 1"


@pytest.mark.parametrize(
    ("top", "tags"),
    [
        ({"method": "random"}, ("random",)),
        (
            {"method": "random", "early_terminate": {"type": "hyperband", "min_iter": 1}},
            ("random", "asha"),
        ),
    ],
)
def test_the_tags_name_how_the_search_chooses_and_stops(
    top: dict[str, Any], tags: tuple[str, ...], tmp_path: Path
) -> None:
    callback = make_callback(prepared(tmp_path, **top), FakeOutcomes(), registration(), print)
    assert callback.group.tags == tags


def test_the_users_settings_for_wandb_come_after_those_of_the_search(tmp_path: Path) -> None:
    set_by_user = registration(tags=["mine"], notes="why", job_type="sweep")
    described = prepared(tmp_path, method="random", description="what for")
    group = make_callback(described, FakeOutcomes(), set_by_user, print).group
    assert (group.tags, group.notes, group.job_type) == (("random", "mine"), "what for", "sweep")
    plain = prepared(tmp_path, method="random")
    group = make_callback(plain, FakeOutcomes(), set_by_user, print).group
    assert group.notes == "why"


def test_complete_runs_are_written_to_the_journal_and_read_from_it(tmp_path: Path) -> None:
    experiment = prepared(tmp_path, method="random")
    experiment.directory.path.mkdir()
    journal = Journal(experiment.directory.path)
    for number, trial in enumerate("ab", 1):
        journal.add(Suggested(trial, number))
    callback = make_callback(experiment, FakeOutcomes(), registration(), print)
    assert callback._history.trials == frozenset()
    callback._history.record_complete("a", 3)

    resumed = replace(experiment, resumed=True, history=read_history(experiment.directory.path))
    history = make_callback(resumed, FakeOutcomes(), registration(), print)._history
    assert history.trials == {"a", "b"}
    assert history.complete == {"a": 3}
    assert not history.alert_sent


def test_the_alert_of_a_search_that_was_over_is_not_sent_again(tmp_path: Path) -> None:
    experiment = prepared(tmp_path, method="random")
    past = [TrialHistory(str(n), n, None, tmp_path / str(n), stopped_at=0) for n in range(1, 5)]
    over = replace(experiment, resumed=True, history=History(past, alert=AlertSent(online=False)))
    online = replace(registration(), mode="online")

    def is_sent(experiment: Experiment, where: Registration) -> bool:
        return make_callback(experiment, FakeOutcomes(), where, print)._history.alert_sent

    assert is_sent(over, registration())
    assert is_sent(over, online)
    # The alert is in the file, which is not uploaded: an online session sends it.
    file = over.directory.path / "wandb" / "offline-run-1-1" / "run-1.wandb"
    file.parent.mkdir(parents=True)
    file.touch()
    assert not is_sent(over, online)
    assert is_sent(over, registration())
    longer = replace(over, cap=over.cap + 1)
    assert not is_sent(longer, registration())
