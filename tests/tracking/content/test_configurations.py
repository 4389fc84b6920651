"""What W&B shows of configurations whose seeds are replicates."""

from __future__ import annotations

import pytest
from made_findings import made_race

from pcsearch.engine.results.configurations import Configuration
from pcsearch.sweeps.metrics import Metric
from pcsearch.tracking.content.configurations import (
    best_in_words,
    configuration_summary,
    search_summary,
)

LOSS = Metric("loss", "minimize")


def best(*values: float) -> Configuration:
    return made_race({1: values}).configurations[0]


def test_a_run_tells_the_mean_of_its_configuration() -> None:
    assert configuration_summary(best(1.0)) == {
        "configuration_mean": 1.0,
        "configuration_mean_seeds": 1,
    }
    assert configuration_summary(best(1.0, 2.0)) == {
        "configuration_mean": 1.5,
        "configuration_mean_deviation": pytest.approx(0.5**0.5),
        "configuration_mean_seeds": 2,
    }


def test_the_result_of_a_search_is_that_of_the_fresh_seeds() -> None:
    """What the configuration was chosen by stands beside it."""
    confirmed = best(1.0, 2.0, 4.0)
    assert search_summary(confirmed) == {
        "search/best_configuration": 1,
        "search/best_mean": 4.0,
        "search/best_mean_seeds": 1,
        "search/best_chosen_by": 1.5,
        "search/best_chosen_by_deviation": pytest.approx(0.5**0.5),
        "search/best_chosen_by_seeds": 2,
    }
    assert best_in_words(confirmed, LOSS) == (
        "the best is configuration 1: loss 4 (1 fresh seed); it was chosen by 1.5 ± 0.707107 "
        "(2 seeds)"
    )
    assert best_in_words(best(1.0), LOSS) == "the best is configuration 1: loss 1 (1 seed)"
