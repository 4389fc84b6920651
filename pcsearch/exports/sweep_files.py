"""New sweep files from the results of a search: its best configuration, or narrower ranges."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pcsearch.engine.results.findings import Findings
from pcsearch.errors import PcsearchError
from pcsearch.reports.results import number
from pcsearch.sweeps.distributions.base import Distribution, identity, is_number, loose_identity
from pcsearch.sweeps.parameters import Parameter, settings, value_of
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.replicates import KEY
from pcsearch.sweeps.writing import to_yaml

SHARE = 0.1
FEWEST = 5
"""The ranges are those of the best `SHARE` of the trials, and at least of so many."""
MARGIN = 0.1
"""So much of a new range is added at both of its ends."""
LEAST_MARGIN = 0.01
"""So much of the old range is added at least."""
OF_THE_SEARCH = ("early_terminate", "metric", "metrics", "run_cap", "scheduler")
"""What a sweep of one configuration does not need."""


def best_configuration(findings: Findings) -> str:
    """A sweep file of constants: the configuration of the best trial.

    After an edit of the sweep file it may be none of the newest one: it has its own settings.
    Where seeds are replicates it is the best configuration, with all its seeds.

    Raises:
        PcsearchError: no trial has a value, or the values of the best one are lost.
    """
    winner = findings.best
    if winner is None:
        raise PcsearchError(f"{findings.place}: no trial has a value; there is no best one")
    result = winner.result
    if not result.config:
        message = f"the values of the best trial, {result.number}, are lost"
        raise PcsearchError(f"{findings.place}: {message}")
    entries = [
        (parameter, {"value": value})
        for parameter, value in settings(result.config, findings.sweep.parameters.values())
        if parameter.name != _seeds(findings)
    ]
    if findings.replicates is not None:
        entries.append((findings.replicates.parameter, {"values": [*findings.replicates.seeds]}))
    document = {
        key: value for key, value in _document(findings).items() if key not in OF_THE_SEARCH
    }
    metric = {"name": findings.metrics[0].name, "goal": findings.metrics[0].goal}
    document |= {"method": "grid", "metric": metric, "parameters": _entries(entries)}
    return _yaml(document, f"The best configuration of {findings.place}: {_measured(findings)}")


def narrowed(findings: Findings) -> str:
    """The sweep file again, with its ranges narrowed to those of the best tenth of the trials.

    Trials that an edit has left outside of the file do not count. Where seeds are replicates,
    configurations are ranked instead of trials, and the seeds stay. Categories keep the values that
    are among those trials. A normal distribution gets their mean and deviation. The beta
    distribution has no range, and stays.

    Raises:
        PcsearchError: too few trials have a value.
    """
    seeds = _seeds(findings)
    what = "trials" if seeds is None else "configurations"
    what += " inside of the sweep file" if findings.placed is not None else ""
    valued = _ranked(findings)
    if len(valued) < FEWEST:
        message = f"{len(valued)} {what} have a value; to narrow the ranges takes {FEWEST}"
        raise PcsearchError(f"{findings.place}: {message}")
    best = valued[: max(FEWEST, round(SHARE * len(valued)))]
    entries = []
    for parameter in findings.sweep.parameters.values():
        distribution = parameter.distribution
        values = [value_of(config, parameter) for config in best]
        narrow = distribution.spec() if parameter.name == seeds else _narrower(distribution, values)
        entries.append((parameter, narrow))
    document = {**_document(findings), "parameters": _entries(entries)}
    about = f"{findings.place}, with the ranges of the best {len(best)} of {len(valued)} {what}"
    return _yaml(document, about)


def _ranked(findings: Findings) -> list[Mapping[str, Any]]:
    """The values of the trials, or of the configurations, that have a measured one, best first."""
    if findings.replicates is not None:
        found = findings.configurations
        return [each.runs.trials[0].config for each in found if each.mean is not None]
    ranks = [each.result for each in findings.ranking]
    # The values of a trial may be lost.
    configs = [each.config for each in ranks if each.valued and each.config]
    if findings.placed is None:
        return configs
    return [place for place in map(findings.placed, configs) if place is not None]


def _narrower(distribution: Distribution, values: Sequence[Any]) -> dict[str, Any]:
    """The entry of a distribution of values around these, of the same kind."""
    spec = distribution.spec()
    numbers = [float(value) for value in values if is_number(value)]
    if "values" in spec:
        return _fewer(spec, values)
    if not numbers or "value" in spec:
        return spec
    if "sigma" in spec:
        if "log" in distribution.kind:
            numbers = [math.log(each) for each in numbers if each > 0] or [spec["mu"]]
        deviation = max(statistics.pstdev(numbers), spec["sigma"] * MARGIN)
        return spec | {"mu": statistics.fmean(numbers), "sigma": deviation}
    if "min" not in spec:
        return spec
    kind, low, high = distribution.kind, spec["min"], spec["max"]
    if kind.endswith("log_uniform"):
        # The bounds are exponents.
        sign = -1 if kind.startswith("inv") else 1
        low, high = _range(low, high, [sign * _log(each) for each in numbers])
    elif "log" in kind:
        ends = _range(math.log(low), math.log(high), [_log(each) for each in numbers])
        low, high = (min(max(math.exp(end), low), high) for end in ends)
    else:
        low, high = _range(low, high, numbers)
    if kind == "int_uniform":
        low, high = math.floor(low), math.ceil(high)
    return spec | {"min": low, "max": high}


def _log(number: float) -> float:
    """The natural logarithm; of zero, to which a value may be rounded, that of nearly nothing."""
    return math.log(max(number, sys.float_info.min))


def _range(low: float, high: float, numbers: Sequence[float]) -> tuple[float, float]:
    """The range of numbers with a margin, inside the old one."""
    # Rounding to a multiple may have led a number out of it.
    inside = [min(max(each, low), high) for each in numbers]
    margin = max(MARGIN * (max(inside) - min(inside)), LEAST_MARGIN * (high - low))
    return max(low, min(inside) - margin), min(high, max(inside) + margin)


def _fewer(spec: dict[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    """The entry of categories with those that are among the values."""
    listed, had = set(map(identity, spec["values"])), set(map(identity, values))
    # The trials of a function may have had 10 where the file, without its code, says 10.0.
    others = {loose_identity(value) for value in values if identity(value) not in listed}
    kept = [
        index
        for index, each in enumerate(spec["values"])
        if identity(each) in had or loose_identity(each) in others
    ]
    fewer = {"values": [spec["values"][i] for i in kept]}
    if "probabilities" in spec:
        shares = [spec["probabilities"][i] for i in kept]
        fewer["probabilities"] = [share / sum(shares) for share in shares]
    return {**spec, **fewer} if kept else spec


def _seeds(findings: Findings) -> str | None:
    """The name of the parameter of the seeds, None where seeds are no replicates."""
    return None if findings.replicates is None else findings.replicates.name


def _document(findings: Findings) -> dict[str, Any]:
    """The sweep file's own content, with the key of the replicates, which may be an option."""
    content = load(findings.sweep.text, findings.sweep.source).value
    assert isinstance(content, dict), "a sweep file that was read is a mapping"
    document = {str(key): value for key, value in content.items()}
    seeds = _seeds(findings)
    return document if seeds is None else document | {KEY: seeds}


def _entries(entries: Iterable[tuple[Parameter, dict[str, Any]]]) -> dict[str, Any]:
    """The ``parameters`` of a sweep file, nested as the parameters are."""
    top: dict[str, Any] = {}
    for parameter, entry in entries:
        inner = top
        for name in parameter.path[:-1]:
            inner = inner.setdefault(name, {"parameters": {}})["parameters"]
        inner[parameter.path[-1]] = entry
    return top


def _measured(findings: Findings) -> str:
    """Which trial, or which configuration, is the best one, with its values."""
    if findings.replicates is not None:
        found = findings.configurations
        metric, first = findings.metrics[0].name, found[0]
        return f"number {first.number} of {len(found)}, {metric} {first.in_words(number)}"
    winner = findings.best
    assert winner is not None, "the caller has looked for it"
    pairs = zip(findings.metrics, winner.result.values, strict=True)
    values = [f"{metric.name} {value:.6g}" for metric, value in pairs if value is not None]
    return f"trial {winner.result.number} of {len(findings.trials)}, {', '.join(values)}"


def _yaml(document: Mapping[str, Any], about: str) -> str:
    comment = " ".join(about.split())
    return f"# {comment}\n{to_yaml(dict(document))}"
