"""What W&B shows of configurations whose seeds are replicates, in summaries of runs and alerts."""

from __future__ import annotations

from typing import Any

from pcsearch.engine.results.configurations import Configuration
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.replicates import configuration_name


def configuration_summary(configuration: Configuration) -> dict[str, Any]:
    """What a run's summary says of its configuration when the run has ended."""
    return _about("configuration", configuration)


def search_summary(best: Configuration) -> dict[str, Any]:
    """What the summary of the last run of a search says of the search's result."""
    return {"search/best_configuration": best.number, **_about("search/best", best)}


def best_in_words(best: Configuration, metric: Metric) -> str:
    """The best configuration for a person, in a line."""
    return f"the best is {configuration_name(best.number)}: {metric.name} {best.in_words()}"


def _about(what: str, configuration: Configuration) -> dict[str, Any]:
    measures = configuration.measures.items()
    return {f"{what}_{name}": value for name, value in measures if value is not None}
