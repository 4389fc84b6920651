from __future__ import annotations

import pytest

from pcsearch.sweeps.matching.differences import differences
from pcsearch.sweeps.sweep import Sweep, parse_sweep

BASE = """
method: bayes
metric: {name: loss, goal: minimize}
run_cap: 9
parameters:
  a: {values: [1, 2]}
  b: {min: 0.0, max: 1.0}
  c: {parameters: {d: {value: 3}}}
"""


def read(text: str) -> Sweep:
    return parse_sweep(text, "s.yaml")


def test_equal_searches_differ_in_nothing() -> None:
    other = """
name: renamed
project: elsewhere
parameters:
  c: {parameters: {d: {value: 3.0}}}
  b: {distribution: uniform, max: 1, min: 0}
  a: {values: [1, 2]}
run_cap: 9
metric: {goal: minimize, name: loss}
method: bayes
"""
    assert differences(read(BASE), read(other)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("run_cap: 9", "run_cap: 8", ("run_cap", "9", "8")),
        ("run_cap: 9", "", ("run_cap", "9", "nothing")),
        ("method: bayes", "method: random", ("method", "bayes", "random")),
        ("[1, 2]", "[1, 3]", ("parameters.a", "{'values': [1, 2]}", "{'values': [1, 3]}")),
        ("value: 3", "value: 4", ("parameters.c.d", "{'value': 3}", "{'value': 4}")),
        ("  a: {values: [1, 2]}\n", "", ("parameters.a", "{'values': [1, 2]}", "nothing")),
    ],
)
def test_a_difference_has_its_key_and_both_values(
    old: str, new: str, expected: tuple[str, str, str]
) -> None:
    assert differences(read(BASE), read(BASE.replace(old, new))) == [expected]
    key, one, other = expected
    assert differences(read(BASE.replace(old, new)), read(BASE)) == [(key, other, one)]
