"""Distributions that are valid but may not be what the user meant."""

from __future__ import annotations

import pytest
import yaml
from distribution_examples import distribution_of

from pcsearch.sweeps.distributions.pitfalls import pitfalls


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "{distribution: log_uniform, min: 0.0001, max: 0.1}",
            "log-uniform from e^0.0001 to e^0.1 (1 to 1.105): min and max of log_uniform "
            "are exponents of e; was log_uniform_values meant?",
        ),
        (
            "{distribution: log_uniform, min: 0, max: 0.1}",
            "log-uniform from e^0 to e^0.1 (1 to 1.105): min and max of log_uniform "
            "are exponents of e; was log_uniform_values meant?",
        ),
        (
            "{distribution: q_log_uniform, min: 16, max: 256}",
            "log-uniform from e^16 to e^256 (8.886e+06 to 1.511e+111), in multiples of 1.0: "
            "min and max of q_log_uniform are exponents of e; was q_log_uniform_values meant?",
        ),
        (
            "{distribution: inv_log_uniform, min: 0.001, max: 0.1}",
            "inverse log-uniform from e^-(0.1) to e^-(0.001) (0.9048 to 0.999): min and max of "
            "inv_log_uniform are exponents of e; was inv_log_uniform_values meant?",
        ),
        (
            "{distribution: q_uniform, min: 1, max: 10, q: 4}",
            "rounding leads past the bounds: uniform from 1 to 10, in multiples of 4, draws 0 to 8",
        ),
        (
            "{distribution: q_log_uniform_values, min: 0.001, max: 0.1}",
            "every draw is 0.0: "
            "log-uniform from 0.001 to 0.1, in multiples of 1.0; a smaller q would leave a choice",
        ),
    ],
)
def test_message_on_what_may_not_be_meant(entry: str, message: str) -> None:
    assert list(pitfalls(distribution_of(yaml.safe_load(entry)))) == [message]


@pytest.mark.parametrize(
    "entry",
    [
        "{distribution: log_uniform, min: -9, max: -2}",
        "{distribution: log_uniform, min: 0, max: 9}",
        "{distribution: inv_log_uniform, min: 2.3, max: 9.2}",
        "{distribution: q_log_uniform_values, min: 32, max: 256, q: 8}",
        "{distribution: q_uniform, min: 0.1, max: 0.9, q: 0.1}",
        "{distribution: q_beta}",
    ],
)
def test_no_message_on_what_is_surely_meant(entry: str) -> None:
    assert list(pitfalls(distribution_of(yaml.safe_load(entry)))) == []
