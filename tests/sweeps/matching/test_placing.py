"""Which configuration of a sweep another configuration is."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.sweeps.matching.placing import Placing
from pcsearch.sweeps.sweep import parse_sweep

QUANTISED = "{distribution: q_uniform, min: 0.1, max: 0.5, q: 0.1}"


@pytest.mark.parametrize(
    ("method", "entry", "value", "placed"),
    [
        ("grid", "{values: [1, 2]}", 2, "2"),
        ("grid", "{values: [1.0, 2]}", 1, "1.0"),
        ("grid", "{values: [1, 1.0]}", 1.0, "1.0"),
        ("grid", "{values: [1, true]}", True, "True"),
        ("grid", "{values: [1, 2]}", 3, None),
        ("grid", "{values: [{k: [1]}, 2]}", {"k": [1.0]}, "{'k': [1]}"),
        ("grid", "{min: 1, max: 9}", 9.0, "9"),
        ("grid", "{min: 1, max: 9}", 9.5, None),
        ("grid", "{min: 1, max: 9}", True, None),
        ("grid", QUANTISED, 0.3, "0.3"),
        ("grid", QUANTISED, 0.5, None),
        ("random", QUANTISED, 0.5, "0.5"),
        ("random", "{min: 0.0, max: 1.0}", 0.25, "0.25"),
        ("random", "{min: 0.0, max: 1.0}", 1.25, None),
        ("random", "{values: [a, b], probabilities: [1, 0]}", "b", None),
        ("random", "{value: null}", None, "None"),
    ],
)
def test_a_value_is_that_of_the_sweep_or_none(
    method: str, entry: str, value: Any, placed: str | None
) -> None:
    sweep = parse_sweep(f"method: {method}\nparameters: {{o: {{parameters: {{x: {entry}}}}}}}", "")
    found = Placing(sweep).place({"o": {"x": value}, "other": 1})
    assert (found == "o.x") if placed is None else (repr(found) == f"{{'o': {{'x': {placed}}}}}")
