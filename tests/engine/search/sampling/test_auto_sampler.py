"""Which sampler auto is, and which samplers cannot search a sweep."""

from __future__ import annotations

import re

import pytest

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.sampling.auto_sampler import check_sampler, pick_sampler
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import parse_sweep


@pytest.mark.parametrize(
    ("name", "dimensions", "metrics", "picked"),
    [
        ("auto", 1, 1, "auto"),
        ("auto", 50, 1, "auto"),
        ("auto", 25, 2, "auto"),
        ("auto", 26, 2, "tpe"),
        ("auto", 51, 1, "tpe"),
        ("auto", 3, 3, "tpe"),
        ("gp", 99, 9, "gp"),
        ("random", 1, 1, "random"),
    ],
)
def test_auto_is_what_stays_quick(
    name: SamplerName, dimensions: int, metrics: int, picked: SamplerName
) -> None:
    assert pick_sampler(name, dimensions, metrics) == picked


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tpe", "method: random\nparameters: {a: {min: 0.0, max: 1.0}}", "method random takes no"),
        ("gp", "method: grid\nparameters: {a: {values: [1, 2]}}", "method grid takes no sampler"),
        (
            "cmaes",
            "method: bayes\nmetric: {name: m}\nparameters: {a: {values: [1, 2]}, b: {value: 1}}",
            "cmaes needs a parameter with a range and the sweep has none; use tpe",
        ),
        (
            "cmaes",
            "method: custom\nscheduler: {engine: optuna}\nmetrics: [{name: m}, {name: n}]\n"
            "parameters: {a: {min: 0.0, max: 1.0}}",
            "cmaes searches for one metric and the sweep has 2; use gp",
        ),
    ],
)
def test_a_sampler_that_cannot_search_a_sweep_is_refused(
    name: SamplerName, text: str, message: str
) -> None:
    sweep = parse_sweep(text, "s.yaml")
    with pytest.raises(PcsearchError, match=f"^--sampler: {re.escape(message)}"):
        check_sampler(name, sweep)
    check_sampler("auto", sweep)
