"""W&B's own implementation of sweeps: what the tests of the language are held to.

Version 0.2.0 of the ``sweeps`` package is the last that runs with numpy 2. The keys that its
schema lacks and that of 0.3.0 has are taken out of a file before it is asked.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sweeps
    from sweeps.config import schema_violations_from_proposed_config
    from sweeps.params import HyperParameter, HyperParameterSet

DELIMITER: str = HyperParameterSet.NESTING_DELIMITER
NEWER_KEYS = ("run_cap", "job", "image_uri", "scheduler")
NEWER_METRIC_KEYS = ("impute_while_running",)


def quantile(entry: dict[str, Any], u: float) -> Any:
    """The value of an entry of ``parameters`` at a quantile; a plain Python value."""
    return quantiles_of(entry, [u])[0]


def quantiles_of(entry: dict[str, Any], us: list[float]) -> list[Any]:
    """The plain Python values of an entry at quantiles; it is checked, which is slow, once."""
    parameter = HyperParameter("x", copy.deepcopy(entry))
    return [_plain(parameter.ppf(u)) for u in us]


def quantiles(parameters: dict[str, Any], u: float) -> dict[str, Any]:
    """By dotted name, the value of every parameter at a quantile."""
    found = HyperParameterSet.from_config(copy.deepcopy(parameters))
    return {each.name.replace(DELIMITER, "."): _plain(each.ppf(u)) for each in found}


def grid(parameters: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """The first configurations of a grid."""
    config = {"method": "grid", "parameters": copy.deepcopy(parameters)}
    runs = sweeps.next_runs(config, [], n=most)
    configs = [run.config for run in runs if run is not None]
    return [{name: each["value"] for name, each in config.items()} for config in configs]


def violations(config: dict[str, Any]) -> list[str]:
    """What W&B finds wrong with a file; nothing where it accepts it."""
    config = {key: value for key, value in config.items() if key not in NEWER_KEYS}
    if isinstance(config.get("metric"), dict):
        metric = config["metric"].items()
        config["metric"] = {key: value for key, value in metric if key not in NEWER_METRIC_KEYS}
    try:
        return list(schema_violations_from_proposed_config(config))
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
