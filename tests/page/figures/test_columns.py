"""The values of trials as plots have them."""

from __future__ import annotations

from typing import Any

from made_findings import made_findings, made_trial

from pcsearch.engine.results.findings import Findings
from pcsearch.page.figures.columns import Column, drawn, metric_column, parameter_column, rounded

TEXT = """\
method: random
metric: {name: loss, goal: minimize}
parameters:
  rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0}
  wide: {min: 0.0, max: 1.0}
  size: {values: [32, 8, 16]}
  kind: {values: [b, a, 1, [1, 2]]}
"""


def found(configs: list[dict[str, Any]]) -> Findings:
    trials = [made_trial(i, config, i / 10) for i, config in enumerate(configs, start=1)]
    return made_findings(TEXT, trials)


def column(findings: Findings, name: str) -> Column:
    (parameter,) = [each for each in findings.searched if each.name == name]
    return parameter_column(parameter, findings.trials)


def test_numbers_and_categories() -> None:
    configs = [
        {"rate": 1e-3, "wide": 1 / 3, "size": 32, "kind": "b"},
        {"rate": 1e-2, "wide": 0.5, "size": 8, "kind": [1, 2]},
        {"size": 16},
    ]
    findings = found(configs)
    rate, wide = column(findings, "rate"), column(findings, "wide")
    assert rate == Column("rate", (0.001, 0.01, None), is_log=True)
    assert wide == Column("wide", (0.333333, 0.5, None))
    assert column(findings, "size") == Column("size", ("32", "8", "16"), ("8", "16", "32"))
    assert column(findings, "kind").categories == ("[1, 2]", "b")
    assert rate.axis["type"] == "log"
    assert rate.dimension["values"] == [-3, -2, None]
    assert rate.dimension["ticktext"] == ["0.001", "0.002", "0.005", "0.01"]
    scale = Column("rate", (3e-7, 0.02), is_log=True).dimension
    assert scale["ticktext"] == ["3e-07", "1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.02"]
    assert column(findings, "size").dimension["values"] == [2, 0, 1]


def test_a_number_that_a_plot_has_no_room_for_makes_categories() -> None:
    findings = found([{"wide": 10**400}, {"wide": float("inf")}, {"wide": 1}])
    categories = column(findings, "wide").categories
    assert categories is not None
    assert len(categories) == 3


def test_values_of_trials_without_one() -> None:
    trials = [made_trial(1, {}, 0.5), made_trial(2, {}, 0.1, status="failed")]
    findings = made_findings(TEXT, trials)
    assert metric_column(findings, findings.trials).values == (0.5, None)
    assert drawn(findings) == trials[:1]


def test_of_many_trials_the_best_half_and_evenly_many_others_are_drawn() -> None:
    findings = found([{}] * 100)
    numbers = [trial.result.number for trial in drawn(findings, 20)]
    assert numbers[:10] == list(range(1, 11))
    assert numbers[10:] == list(range(11, 101, 9))


def test_numbers_are_short() -> None:
    values = (1 / 3, 2.0, float("nan"), None, 1e300)
    assert [rounded(each) for each in values] == [0.333333, 2, None, None, 1e300]
