"""Edits of the sweep file of a search that has begun: no trial is lost, and none runs again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from edited_searches import EditedSearch, edited_searches

from pcsearch.sweeps.distributions.base import identity, loose_identity

A, B, C = [1, 2, 3, 4], [0.1, 0.2, 0.3], ["x", "y"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with edited_searches(tmp_path):
        yield tmp_path


def grid(a: Any = A, b: Any = B, c: Any = C, **top: Any) -> dict[str, Any]:
    """A grid of 24; None leaves a parameter out, a mapping is its entry."""
    given = {"a": a, "b": b, "c": c, **top.pop("more", {})}
    parameters = {
        name: each if isinstance(each, dict) else {"values": each}
        for name, each in given.items()
        if each is not None
    }
    return {"method": "grid", **top, "parameters": parameters}


def combinations(sweep: dict[str, Any]) -> set[str]:
    """The identities of all configurations of a grid of values."""
    parameters = sweep["parameters"]
    values = [each.get("values", [each.get("value")]) for each in parameters.values()]
    return {identity(dict(zip(parameters, chosen, strict=True))) for chosen in product(*values)}


LISTED = (
    *("a value more", "two values more", "a value less", "a value for another", "another order"),
    *("all values others", "one value", "a parameter more", "a constant more", "another metric"),
    *("a parameter less", "a name for another", "early termination", "a cap", "two at once"),
)
"""The kinds whose new file is a grid of values."""
HYPERBAND = {"type": "hyperband", "min_iter": 1}
GRIDS: dict[str, tuple[dict[str, Any], str]] = {
    "a value more": (grid(a=[*A, 5]), "a: value added: 5"),
    "two values more": (grid(b=[*B, 0.4, 0.5]), "b: values added: 0.4, 0.5"),
    "a value less": (grid(a=[1, 2, 3]), "a: value removed: 4"),
    "a value for another": (grid(c=["x", "z"]), "c: value added: 'z'; value removed: 'y'"),
    "all values others": (grid(a=[7, 8]), "a: values added: 7, 8; values removed: 1, 2, 3, 4"),
    "another order": (grid(a=A[::-1]), "a: the values have another order"),
    "a whole number as a float": (grid(a=[1.0, 2, 3, 4]), "a: value added: 1.0; value removed: 1"),
    "one value": (grid(a={"value": 2}), "a: one of [1, 2, 3, 4] became 2"),
    "a range": (grid(a={"min": 1, "max": 6}), "a: one of [1, 2, 3, 4] became a whole number"),
    "steps": (
        grid(b={"distribution": "q_uniform", "min": 0.1, "max": 0.5, "q": 0.1}),
        "b: one of [0.1, 0.2, 0.3] became uniform from 0.1 to 0.5, in multiples of 0.1",
    ),
    "a parameter more": (grid(more={"d": {"values": [5, 6]}}), "d: new, one of [5, 6]"),
    "a constant more": (grid(more={"d": {"value": 5}}), "d: new, 5"),
    "a parameter less": (grid(c=None), "c: removed (it was one of ['x', 'y'])"),
    "a name for another": (grid(c=None, more={"e": {"values": C}}), "e: new, one of ['x', 'y']"),
    "another metric": (
        grid(metric={"name": "accuracy", "goal": "maximize"}),
        "metric: minimize loss became maximize accuracy",
    ),
    "a target": (
        grid(metric={"name": "loss", "goal": "minimize", "target": 0.001}),
        "metric: minimize loss became minimize loss until a trial reaches 0.001",
    ),
    "early termination": (grid(early_terminate=HYPERBAND), "early_terminate: new, hyperband"),
    "a cap": (grid(a=[*A, 5], run_cap=20), "run_cap: new, 20"),
    "bayes": (grid(method="bayes", run_cap=24), "method: grid became bayes"),
    "random": (grid(method="random", run_cap=24), "method: grid became random"),
    "two at once": (grid(a=[2, 9], b=[0.1, 0.9]), "b: value added: 0.9; values removed: 0.2, 0.3"),
}


@pytest.mark.parametrize("kind", GRIDS)
def test_an_edited_grid_runs_exactly_what_is_missing(kind: str, folder: Path) -> None:
    after, line = GRIDS[kind]
    search = EditedSearch(folder, grid())
    before = search.session(10)
    experiment = search.resume(after)
    assert experiment.edit is not None
    assert any(line in each for each in experiment.edit.lines), experiment.edit.lines
    # The first suggestions of a Gaussian process take seconds.
    new = search.session(3 if kind == "bayes" else 1000)
    search.check_whole()
    if kind in LISTED:
        missing = combinations(after) - {identity(config) for config in before}
        assert len(new) == min(len(missing), after.get("run_cap", 1000) - 10)
        assert {identity(config) for config in new} <= missing

    # Back to the first file: the rest of it, and nothing that has run.
    search.resume(grid())
    search.session()
    search.check_whole()
    every = {loose_identity(config) for config in search.configs()}
    assert every >= {loose_identity(config) for config in before + new}
    assert every >= combinations(grid())
    assert len(every) == len(search.configs())
    assert search.resume().over
