"""What a command prints of a session: its lines, and its results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from searching import write_sweep

from pcsearch.engine.execution.interruption import Reason
from pcsearch.engine.execution.run import SessionResult
from pcsearch.engine.experiment.experiment import Experiment, new_experiment
from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.options import Options
from pcsearch.engine.records.trial_result import Status, TrialResult
from pcsearch.reports.terminal import Terminal


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    sweep = write_sweep(
        tmp_path / "s.yaml",
        {"seed": {"values": [1, 2, 3]}, "epochs": {"value": 9}},
    )
    options = Options(storage_path=tmp_path, name="here", seed=7)
    return new_experiment(sweep, options)


def trial(number: int, status: Status, value: float | None = 0.5) -> TrialResult:
    return TrialResult(
        number, f"t{number}", f"000{number}_t{number}", {"seed": number}, status, 9, (value,), 1.0
    )


@pytest.mark.parametrize(
    ("statuses", "reason", "told"),
    [
        (["finished", "finished", "finished"], "", None),
        (["finished"], "", "Resume it: "),
        (["finished", "interrupted"], "time", "The session ended because its --time-budget was up"),
        (["failed", "failed", "failed"], "hopeless", "The search was given up: its first 5 trials"),
        (["finished", "failed", "finished"], "", "Ray's own logs lie in /ray/logs"),
    ],
)
def test_the_end_says_what_is_left_to_do(
    statuses: list[Status],
    reason: Reason,
    told: str | None,
    experiment: Experiment,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trials = tuple(trial(number, each) for number, each in enumerate(statuses, start=1))
    Terminal().conclude(experiment, SessionResult(trials, reason, ray_logs="/ray/logs"))
    out, err = capsys.readouterr()
    assert err == ""
    place = experiment.directory.place
    assert f"Everything lies in {place}\n" in out
    resume = f"Resume it: python -m pcsearch --resume {place}\n"
    assert (resume in out) == bool(reason or len(statuses) < 3)
    if told is not None:
        assert told in out


def test_a_search_that_reached_its_target_has_nothing_left(
    experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    Terminal().conclude(experiment, SessionResult((trial(1, "finished"),), reached="t1"))
    out = capsys.readouterr().out
    assert "The search ended because trial 1 reached the target." in out
    assert "Resume it" not in out


@pytest.mark.parametrize(("raced", "is_decided"), [(3, True), (4, False)])
def test_a_race_that_had_all_its_runs_did_not_end_before(
    raced: int, is_decided: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searched = {"seed": {"values": [1, 2, 3]}, "hidden_momentum": {"values": [0.1, 0.2]}}
    options = Options(
        storage_path=tmp_path, name="here", num_samples=4, replicates="seed", confirm=2
    )
    race = new_experiment(write_sweep(tmp_path / "s.yaml", searched), options)
    # The second configuration has failed, and gets no fresh seeds.
    places = [Replicate(2, 0), *(Replicate(1, seed) for seed in range(raced - 1))]
    places += [Replicate(1, 3), Replicate(1, 4)]
    trials = tuple(
        replace(trial(number, "finished" if number > 1 else "failed"), replicate=place)
        for number, place in enumerate(places, start=1)
    )
    Terminal().conclude(race, SessionResult(trials))
    out = capsys.readouterr().out
    assert ("others could not change the best one" in out) is is_decided
    assert "Resume it" not in out


@pytest.mark.parametrize("quiet", [False, True])
def test_a_quiet_terminal_has_warnings_and_results(
    quiet: bool, experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(quiet)
    terminal.say("a line")
    terminal.warn("careful", "")
    terminal.conclude(experiment, SessionResult((trial(1, "finished"),)))
    terminal.advise("do this")
    out, err = capsys.readouterr()
    assert err.splitlines() == (["careful"] if quiet else ["a line", "careful"])
    assert "1 trials, the best first" in out
    assert out.endswith("do this\n")
