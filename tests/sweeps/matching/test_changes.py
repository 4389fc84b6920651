"""What an edit changes in a sweep, in words."""

from __future__ import annotations

import pytest

from pcsearch.sweeps.matching.changes import changes
from pcsearch.sweeps.sweep import Sweep, parse_sweep

BASE = """method: bayes
name: one
metric: {name: loss}
parameters:
  a: {min: 0.0, max: 1.0}
  b: {values: [1, 1.0, true]}
  o: {parameters: {c: {min: 1, max: 4}}}
  n: {distribution: normal, mu: 0, sigma: 1}
"""


def read(text: str) -> Sweep:
    return parse_sweep(text, "s.yaml")


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("name: one", "name: two", []),
        ("min: 0.0, max: 1.0", "max: 1.0, min: 0.0, distribution: uniform", []),
        (
            "max: 1.0",
            "max: 2.0",
            ["a: widened: uniform from 0.0 to 1.0 became uniform from 0.0 to 2.0"],
        ),
        (
            "min: 0.0",
            "min: 0.5",
            ["a: narrowed: uniform from 0.0 to 1.0 became uniform from 0.5 to 1.0"],
        ),
        (
            "min: 0.0, max: 1.0",
            "min: 0.5, max: 2.0",
            ["a: moved: uniform from 0.0 to 1.0 became uniform from 0.5 to 2.0"],
        ),
        (
            "a: {min: 0.0",
            "a: {distribution: log_uniform_values, min: 0.1",
            ["a: uniform from 0.0 to 1.0 became log-uniform from 0.1 to 1.0"],
        ),
        (
            "sigma: 1",
            "sigma: 2",
            ["n: normal with mean 0 and deviation 1 became normal with mean 0 and deviation 2"],
        ),
        ("[1, 1.0, true]", "[1.0, true, x]", ["b: value added: 'x'; value removed: 1"]),
        ("max: 4", "max: 5", ["o.c: widened: a whole number from 1 to 4 became a whole number "]),
        ("metric: {name: loss}", "metric: {name: loss, impute: best}", ["metric: minimize loss "]),
        (
            "name: one",
            "early_terminate: {type: hyperband, min_iter: 2}",
            ["early_terminate: new, hyperband, min_iter 2, eta 3"],
        ),
        ("name: one", "run_cap: 7", ["run_cap: new, 7"]),
        ("method: bayes", "method: random", ["method: bayes became random"]),
    ],
)
def test_each_change_is_a_line(old: str, new: str, lines: list[str]) -> None:
    assert old in BASE
    found = changes(read(BASE), read(BASE.replace(old, new)))
    assert len(found) == len(lines)
    assert all(each.startswith(line) for each, line in zip(found, lines, strict=True)), found


def test_what_was_removed_is_told_with_what_it_was() -> None:
    more = BASE + "run_cap: 5\nearly_terminate: {type: hyperband, min_iter: 1}\n"
    less = more.replace("  a: {min: 0.0, max: 1.0}\n", "")
    assert changes(read(more), read(less)) == ["a: removed (it was uniform from 0.0 to 1.0)"]
    assert changes(read(more), read(BASE)) == [
        "early_terminate: removed (it was hyperband, min_iter 1, eta 3, strict true)",
        "run_cap: removed (it was 5)",
    ]
