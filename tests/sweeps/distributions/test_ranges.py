"""Arguments of distributions that do not fit together."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.sweeps.distributions.ranges import range_problems


@pytest.mark.parametrize(
    ("kind", "arguments", "keys"),
    [
        ("uniform", {"min": 1, "max": 1}, []),
        ("uniform", {"min": 2, "max": 1}, ["min"]),
        ("q_log_uniform_values", {"min": 0, "max": -1, "q": 0}, ["min", "min", "q"]),
        ("log_uniform", {"min": -691, "max": 691}, ["min", "max"]),
        ("inv_log_uniform", {"min": -690, "max": 690}, []),
        ("log_normal", {"mu": 600}, []),
        ("log_normal", {"mu": 600, "sigma": 11}, ["distribution"]),
        ("normal", {"mu": 600, "sigma": 0}, ["sigma"]),
        ("beta", {"a": 1e-7, "b": -1}, ["a", "b"]),
    ],
)
def test_every_key_that_is_wrong_is_named(
    kind: str, arguments: dict[str, Any], keys: list[str]
) -> None:
    assert [key for key, _ in range_problems(kind, arguments)] == keys
