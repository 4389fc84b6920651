"""A sweep as the mapping that a sweep file holds."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import yaml

from pcsearch.sweeps.early_terminate import TYPE
from pcsearch.sweeps.entries import NESTED
from pcsearch.sweeps.sweep import Sweep

# PyYAML would write them as they are, and read them as the ends of lines, or skip them.
ESCAPED = re.compile("[\x85\u2028\u2029\ufeff]")


class _Dumper(yaml.SafeDumper):
    """Plain values as YAML that is read as the same values."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if ESCAPED.search(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def as_mapping(sweep: Sweep) -> dict[str, Any]:
    """What a sweep file holds that is read as an equal sweep; without what has no effect."""
    values: dict[str, Any] = {"method": sweep.method}
    if sweep.method == "custom":
        values["scheduler"] = {"engine": "optuna"}
    if len(sweep.metrics) > 1:
        values["metrics"] = [metric.spec() for metric in sweep.metrics]
    elif sweep.metrics:
        values["metric"] = sweep.metrics[0].spec()
    if sweep.early_terminate is not None:
        given = {k: v for k, v in asdict(sweep.early_terminate).items() if v is not None}
        values["early_terminate"] = {"type": TYPE, **given}
    for key in ("name", "description", "project", "entity", "run_cap"):
        if getattr(sweep, key) is not None:
            values[key] = getattr(sweep, key)
    return {**values, NESTED: _parameters(sweep)}


def to_yaml(sweep: Sweep) -> str:
    """The text of a sweep file that is read as an equal sweep."""
    return yaml.dump(as_mapping(sweep), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _parameters(sweep: Sweep) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for parameter in sweep.parameters.values():
        *parents, last = parameter.path
        inner = mapping
        for name in parents:
            inner = inner.setdefault(name, {NESTED: {}})[NESTED]
        inner[last] = parameter.distribution.spec()
    return mapping
