"""A study shows its sampler other trials for a while, and Optuna says nothing meanwhile."""

from __future__ import annotations

import warnings

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from studies import MIXED

from pcsearch.engine.search.sampling.study_view import ViewableStorage, quiet_optuna


@pytest.fixture
def storage() -> ViewableStorage:
    return ViewableStorage()


@pytest.fixture
def study(storage: ViewableStorage) -> optuna.Study:
    with quiet_optuna():
        study = optuna.create_study(storage=storage)
    for value in (1.0, 2.0, 3.0):
        study.add_trial(create_trial(value=value))
    return study


def test_a_view_has_its_own_trials_while_it_lasts(
    storage: ViewableStorage, study: optuna.Study
) -> None:
    shown = [create_trial(state=TrialState.RUNNING), create_trial(value=7.0)]
    with storage.view(study, shown) as view:
        assert view.get_trials() == shown
        ended = view.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        assert ended == [shown[1]]
        assert ended[0] is shown[1]
        assert view.get_trials()[1] is not shown[1]
        with storage.view(view, shown[:1]) as inner:
            assert inner.get_trials() == shown[:1]
        assert view.get_trials() == shown
    assert [trial.value for trial in study.get_trials()] == [1.0, 2.0, 3.0]


def test_a_view_ends_with_an_error_too(storage: ViewableStorage, study: optuna.Study) -> None:
    with pytest.raises(RuntimeError), storage.view(study, []):
        raise RuntimeError
    assert len(study.get_trials()) == 3


def test_a_sampler_sees_the_view_and_its_notes_reach_the_trial(
    storage: ViewableStorage, study: optuna.Study
) -> None:
    """TPE notes what it suggests with the trial, and draws at random without ended trials."""
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, n_startup_trials=1)
    trial = study.ask()
    frozen = study.get_trials(deepcopy=False)[-1]
    with storage.view(study, []) as view:
        assert sampler.sample_relative(view, frozen, MIXED) == {}
    ended = create_trial(
        params={"x": 1.0, "y": 1.0, "n": 1, "c": 1}, distributions=MIXED, value=1.0
    )
    with storage.view(study, [ended, ended]) as view:
        suggested = sampler.sample_relative(view, frozen, MIXED)
    assert suggested.keys() == MIXED.keys()
    assert study.trials[trial.number].system_attrs != {}


def test_optuna_is_quiet_and_as_it_was_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet_optuna():
            optuna.create_study()
            warnings.warn("nothing that a user could change", stacklevel=1)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")
