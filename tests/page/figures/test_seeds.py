"""The view of trials that differ in their seed only."""

from __future__ import annotations

import pytest
from made_findings import made_findings, made_trial

from pcsearch.page.figures.seeds import by_seed

TEXT = """\
method: grid
metric: {name: loss, goal: minimize}
parameters:
  x: {values: [1, 2]}
  seed: {values: [1, 2, 3]}
"""


def test_configurations_over_their_seeds() -> None:
    values = [0.5, 0.7, 0.2, 0.4]
    trials = [
        made_trial(n, {"x": 1 + (n > 2), "seed": n}, v) for n, v in enumerate(values, start=1)
    ]
    (figure,) = by_seed(made_findings(TEXT, trials))
    points, means = figure.data
    assert means["y"] == [0.3, 0.6]
    assert means["error_y"]["array"] == [0.141421, 0.141421]
    assert list(zip(points["x"], points["customdata"], strict=True)) == [
        ("1", 3),
        ("1", 4),
        ("2", 1),
        ("2", 2),
    ]
    assert figure.table is not None
    assert "<td>3, 4</td>" in figure.table


@pytest.mark.parametrize("name", ["random_state", "random_seed", "seed"])
def test_seeds_have_other_names_too_and_may_be_nested(name: str) -> None:
    text = (
        "method: grid\nmetric: {name: loss, goal: minimize}\nparameters:\n  x: {values: [1, 2]}\n"
        f"  split: {{parameters: {{{name}: {{values: [1, 2]}}}}}}\n"
    )
    trials = [made_trial(n, {"x": 1, "split": {name: n}}, 0.5 * n) for n in (1, 2)]
    (figure,) = by_seed(made_findings(text, trials))
    assert figure.data[1]["y"] == [0.75]


def test_where_nothing_ran_with_two_seeds_there_is_no_view() -> None:
    trials = [made_trial(n, {"x": n, "seed": n}, 0.5) for n in (1, 2)]
    assert by_seed(made_findings(TEXT, trials)) == []
    alone = TEXT.replace("  x: {values: [1, 2]}\n", "")
    assert by_seed(made_findings(alone, [made_trial(1, {"seed": 1}, 0.5)])) == []
