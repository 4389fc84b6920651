"""Sweep files from results: the best configuration, and narrower ranges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from distribution_examples import EXAMPLES, distribution_of, entry
from edited_searches import EditedSearch, edited_searches
from made_findings import made_findings, made_race, made_trial

from pcsearch.engine.results.findings import Findings, findings_at
from pcsearch.errors import PcsearchError
from pcsearch.exports.sweep_files import best_configuration, narrowed
from pcsearch.sweeps.configurations import Grid
from pcsearch.sweeps.replicates import Replicates, replicates_of
from pcsearch.sweeps.sweep import parse_sweep

TEXT = """\
# a comment
program: train.py
method: bayes
metric: {name: loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 3}
run_cap: 40
parameters:
  rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0}
  layers: {min: 1, max: 64}
  opt:
    parameters:
      name: {values: [sgd, adam, adamw], probabilities: [0.5, 0.25, 0.25]}
  fixed: {value: [1, 2]}
  tag: {value: !!str 1e3}
name: !!str 1e9
"""


def config(rate: float, layers: int, name: str) -> dict[str, Any]:
    return {"rate": rate, "layers": layers, "opt": {"name": name}, "fixed": [1, 2], "tag": "1e3"}


def findings(count: int = 20) -> Findings:
    """The smaller the rate, the better; of the five best, one has adamw."""
    trials = [
        made_trial(i, config(1e-4 * 1.5**i, 8 + i % 3, "adamw" if i == 2 else "adam"), float(i))
        for i in range(1, count + 1)
    ]
    return made_findings(TEXT, trials)


def test_the_best_configuration_is_a_sweep_of_one_trial() -> None:
    text = best_configuration(findings())
    assert text.startswith("# The best configuration of /results/here: trial 1 of 20, loss 1\n")
    sweep = parse_sweep(text, "best.yaml")
    grid = Grid(sweep)
    assert grid.size == 1
    assert grid.config(0) == config(1e-4 * 1.5, 9, "adam")
    written = yaml.safe_load(text)
    assert (written["program"], written["name"], written["method"]) == ("train.py", "1e9", "grid")
    assert written["metric"] == {"name": "loss", "goal": "minimize"}
    assert not {"early_terminate", "run_cap"} & written.keys()


def test_the_best_of_several_metrics_is_a_sweep_of_the_first() -> None:
    text = (
        "method: custom\nscheduler: {engine: optuna}\nmetrics:\n- {name: loss}\n- {name: size}\n"
        "parameters: {x: {values: [1, 2]}}\n"
    )
    trials = [made_trial(1, {"x": 2}, 0.5, 3.0), made_trial(2, {"x": 1}, 0.6, 4.0)]
    sweep = parse_sweep(best_configuration(made_findings(text, trials)), "best.yaml")
    assert (sweep.method, [metric.name for metric in sweep.metrics]) == ("grid", ["loss"])
    assert Grid(sweep).config(0) == {"x": 2}


def test_the_best_configuration_of_replicates_runs_with_all_seeds() -> None:
    race = made_race({1: [1.0, 5.0], 2: [2.0, 2.5, 2.25]})
    text = best_configuration(race)
    assert text.startswith(
        "# The best configuration of /results/here: number 2 of 2, loss 2.25 (1 fresh seed); it "
        "was chosen by 2.25 ± 0.3536 (2 seeds)\n"
    )
    sweep = parse_sweep(text, "best.yaml")
    assert sweep.replicates == "seed"
    replicates = replicates_of(sweep, "seed", "")
    assert isinstance(replicates, Replicates)
    assert list(replicates.seeds) == [1, 2]
    assert Grid(replicates.without(sweep)).config(0) == {"x": 2}
    assert Grid(sweep).size == 2


def test_seeds_with_probabilities_are_listed() -> None:
    race = made_race({1: [1.0, 5.0]})
    weighted = race.sweep.text.replace(
        "seed: {values: [1, 2]}", "seed: {values: [1, 2], probabilities: [0.4, 0.6]}"
    ).replace("method: grid", "method: random")
    assert "probabilities" in weighted
    race = replace(race, sweep=parse_sweep(weighted, "sweep.yaml"))
    exported = parse_sweep(best_configuration(race), "best.yaml")
    assert isinstance(replicates_of(exported, "seed", ""), Replicates)


def test_the_ranges_of_replicates_are_those_of_the_best_configurations() -> None:
    values = {x: [1.0 + x, 1.0 + x] for x in range(1, 9)} | {9: [0.5, 99.0]}
    text = narrowed(made_race(values))
    assert text.startswith("# /results/here, with the ranges of the best 5 of 9 configurations\n")
    sweep = parse_sweep(text, "narrow.yaml")
    assert sweep.replicates == "seed"
    written = yaml.safe_load(text)["parameters"]
    assert written == {"x": {"values": [1, 2, 3, 4, 5]}, "seed": {"values": [1, 2]}}


def test_without_a_best_trial_there_is_none() -> None:
    with pytest.raises(PcsearchError, match="no trial has a value"):
        best_configuration(made_findings(TEXT, [made_trial(1, {}, None, status="failed")]))
    with pytest.raises(PcsearchError, match="the values of the best trial, 1, are lost"):
        best_configuration(made_findings(TEXT, [made_trial(1, {}, 0.5)]))


def test_the_ranges_are_those_of_the_best_trials() -> None:
    text = narrowed(findings())
    assert text.startswith("# /results/here, with the ranges of the best 5 of 20 trials\n")
    written = yaml.safe_load(text)
    rate = written["parameters"]["rate"]
    assert 1e-5 < rate["min"] < 1.5e-4
    assert 1e-4 * 1.5**5 < rate["max"] < 3e-3
    assert rate["distribution"] == "log_uniform_values"
    assert written["parameters"]["layers"] == {"distribution": "int_uniform", "min": 7, "max": 11}
    assert written["parameters"]["opt"] == {
        "parameters": {"name": {"values": ["adam", "adamw"], "probabilities": [0.5, 0.5]}}
    }
    assert written["parameters"]["fixed"] == {"value": [1, 2]}
    assert (written["method"], written["run_cap"]) == ("bayes", 40)
    parse_sweep(text, "narrow.yaml")


def test_too_few_trials_narrow_nothing() -> None:
    with pytest.raises(PcsearchError, match="4 trials have a value; to narrow the ranges takes 5"):
        narrowed(findings(4))
    lost = [made_trial(9, {}, 0.1), *findings(4).trials]
    with pytest.raises(PcsearchError, match="4 trials have a value"):
        narrowed(made_findings(TEXT, lost))


def test_values_are_those_of_the_trials_even_if_the_type_of_a_number_differs() -> None:
    """The code of a function says that 1e1 is an int, and the file alone does not."""
    parameters = {"x": {"values": ["1e1", "2e1", "3e1"]}, "y": {"values": [1, 1.0, True]}}
    text = yaml.safe_dump(
        {"method": "random", "metric": {"name": "loss"}, "parameters": parameters}
    )
    best = [made_trial(i, {"x": 10 + 10 * (i % 2), "y": 1.0}, float(i)) for i in range(5)]
    written = yaml.safe_load(narrowed(made_findings(text, best)))["parameters"]
    assert repr(written) == "{'x': {'values': [10.0, 20.0]}, 'y': {'values': [1.0]}}"


CASES = [(kind, given) for kind, examples in EXAMPLES.items() for given in examples]


@pytest.mark.parametrize(("kind", "given"), CASES)
def test_a_narrower_distribution_is_of_the_same_kind_inside_the_old_one(
    kind: str, given: dict[str, Any]
) -> None:
    old = distribution_of(entry(kind, given))
    random = np.random.default_rng(3)
    for _ in range(20):
        values = [old.sample(random) for _ in range(5)]
        text = yaml.safe_dump({"method": "random", "parameters": {"x": entry(kind, given)}})
        best = [made_trial(i, {"x": value}, 0.1) for i, value in enumerate(values)]
        found = made_findings(f"{text}metric: {{name: loss, goal: minimize}}\n", best)
        written = yaml.safe_load(narrowed(found))["parameters"]["x"]
        new = distribution_of(written)
        assert new.kind == old.kind
        bounds, before = new.bounds(), old.bounds()
        if bounds is not None and before is not None:
            slack = 1e-9 * max(map(abs, before))
            assert before[0] - slack <= bounds[0] <= bounds[1] <= before[1] + slack
        assert all(new.contains(value) for value in values)
        drawn = [new.sample(random) for _ in range(5)]
        assert all(old.contains(value) for value in drawn)


@pytest.fixture
def edited(tmp_path: Path) -> Findings:
    """A search whose best trials an edit has left outside: its file has one more parameter."""
    first = {"a": {"values": [1, 2, 3]}, "opt": {"parameters": {"lr": {"values": [0.3, 5.0]}}}}
    second = {"a": {"values": [6, 5, 4, 3]}, "b": {"values": [7, 8]}}
    with edited_searches(tmp_path):
        search = EditedSearch(tmp_path, {"method": "grid", "parameters": first})
        search.session()
        search.resume({"method": "grid", "parameters": second})
        search.session()
    with findings_at(str(tmp_path / "here"), "export") as findings:
        return findings


def test_a_best_configuration_outside_of_the_newest_file_has_its_own_settings(
    edited: Findings,
) -> None:
    assert edited.best is not None
    assert edited.best.result.number <= 6
    sweep = parse_sweep(best_configuration(edited), "best.yaml")
    assert Grid(sweep).size == 1
    assert Grid(sweep).config(0) == edited.best.result.config == {"a": 1, "opt": {"lr": 0.3}}


def test_ranges_are_not_those_of_trials_outside_of_the_newest_file(edited: Findings) -> None:
    text = narrowed(edited)
    assert "with the ranges of the best 5 of 8 trials inside of the sweep file\n" in text
    written = yaml.safe_load(text)["parameters"]
    assert written == {"a": {"values": [5, 4, 3]}, "b": {"values": [7, 8]}}
