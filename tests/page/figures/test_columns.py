"""The values of trials as plots have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_findings import made_findings, made_origin, made_trial

from pcsearch.engine.results.findings import Findings
from pcsearch.page.figures.columns import (
    Column,
    drawn,
    metric_column,
    parameter_column,
    rounded,
    rounding,
)
from pcsearch.page.figures.learning import learning_curves
from pcsearch.page.figures.progress import best_so_far

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


def test_values_that_differ_little_stay_apart() -> None:
    assert rounding([0.123456789, 0.9])(0.123456789) == 0.123457
    assert rounding([1000000.1, 1000000.9])(1000000.123456789) == 1000000.12346
    assert rounding([5.0, 5.0, None])(1.23456789) == 1.23457
    assert rounding([])(None) is None
    assert rounding([1.7e308, -1.7e308])(1.23456789e308) == 1.23457e308
    findings = made_findings(
        "method: random\nmetric: {name: loss, goal: minimize}\nparameters:\n"
        "  rate: {distribution: log_uniform_values, min: 0.1, max: 0.2}\n"
        "  listed: {values: [0.10000001, 0.1, 1, 1.0, '1', b]}\n",
        [
            made_trial(n, {"rate": rate, "listed": listed}, 1000000 + n / 10)
            for n, (rate, listed) in enumerate(
                [(0.1, 0.1), (0.1 + 1e-9, 0.10000001), (0.1, 1), (0.1, 1.0), (0.1, "1"), (0.1, "b")]
            )
        ],
    )
    assert len(set(metric_column(findings, findings.trials).values)) == 6
    rate = column(findings, "rate")
    assert len(set(rate.values)) == len(set(rate.dimension["values"])) == 2
    listed = column(findings, "listed").values
    assert listed == ("0.1", "0.10000001", "1", "1.0", "'1'", "b")


def test_curves_that_differ_little_stay_apart(tmp_path: Path) -> None:
    trials = [made_trial(n, {}, 1e6 + n / 10, folder=tmp_path) for n in (1, 2)]
    for trial in trials:
        value = trial.result.value
        trial.folder.joinpath("result.json").write_text(f'{{"epoch": 1, "loss": {value}}}\n')
    findings = made_findings(TEXT, trials)
    (curves,) = learning_curves(findings, made_origin(findings).plan)
    assert curves.data[0]["y"] == [1000000.1, None, 1000000.2, None]
    points, best = best_so_far(findings)[0].data
    assert points["y"] == [1000000.1, 1000000.2]
    assert best["y"] == [1000000.1, 1000000.1]
