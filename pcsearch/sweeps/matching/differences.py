"""The differences between the searches that two sweeps ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pcsearch.sweeps.early_terminate import TYPE
from pcsearch.sweeps.keys import TEXTS
from pcsearch.sweeps.parameter_entry import NESTED
from pcsearch.sweeps.sweep import Sweep

ABSENT = "nothing"


def differences(first: Sweep, second: Sweep) -> list[tuple[str, str, str]]:
    """The keys that differ, and what each sweep says; names and descriptions do not count.

    Returns:
        The dotted key, the first sweep's value and the second's, in words.
    """
    one, other = dict(_flat(first)), dict(_flat(second))
    keys = [*one, *(key for key in other if key not in one)]
    return [
        (key, _shown(one, key), _shown(other, key))
        for key in keys
        if key not in one or key not in other or one[key] != other[key]
    ]


def as_mapping(sweep: Sweep) -> dict[str, Any]:
    """A mapping that a sweep file could hold to give an equal sweep.

    It lacks what has no effect.
    """
    values: dict[str, Any] = {"method": sweep.method}
    if sweep.method == "custom":
        values["scheduler"] = {"engine": "optuna"}
    if len(sweep.metrics) > 1:
        values["metrics"] = [metric.spec() for metric in sweep.metrics]
    elif sweep.metrics:
        values["metric"] = sweep.metrics[0].spec()
    if sweep.early_terminate is not None:
        arguments = {k: v for k, v in asdict(sweep.early_terminate).items() if v is not None}
        values["early_terminate"] = {"type": TYPE, **arguments}
    for key in (*TEXTS, "run_cap", "replicates"):
        if getattr(sweep, key) is not None:
            values[key] = getattr(sweep, key)
    return {**values, NESTED: _nested_specs(sweep)}


def _nested_specs(sweep: Sweep) -> dict[str, Any]:
    specs: dict[str, Any] = {}
    for parameter in sweep.parameters.values():
        *parents, last = parameter.path
        inner = specs
        for name in parents:
            inner = inner.setdefault(name, {NESTED: {}})[NESTED]
        inner[last] = parameter.distribution.spec()
    return specs


def _flat(sweep: Sweep) -> Iterator[tuple[str, Any]]:
    for key, value in as_mapping(sweep).items():
        if key not in (*TEXTS, NESTED):
            yield key, value
    for parameter in sweep.parameters.values():
        yield f"{NESTED}.{parameter.name}", parameter.distribution.spec()


def _shown(values: dict[str, Any], key: str) -> str:
    return str(values[key]) if key in values else ABSENT
