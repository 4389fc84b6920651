"""What an edit changes in a sweep, in words: a line for each key that differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pcsearch.sweeps.distributions.base import Distribution, identity
from pcsearch.sweeps.messages import shown
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameter_entry import NESTED
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.sweep import Sweep


def changes(before: Sweep, after: Sweep) -> list[str]:
    """The changes from one sweep to another; names and descriptions do not count.

    Returns:
        A line for each, the parameters' first, in the order of their files.
    """
    return [*_parameters(before, after), *_search(before, after)]


def fixed_from_outside(before: Sweep, after: Sweep, names: Iterable[str]) -> list[str]:
    """The changes of the files of two sweeps that change nothing, because of ``--set``.

    Args:
        before: the one sweep.
        after: the other.
        names: the parameters that have values from outside in both.

    Returns:
        A line for each parameter.
    """
    return [
        f"{name}: changed in the file, and not used: --set fixes it"
        for name in names
        if identity(_written(before, name)) != identity(_written(after, name))
    ]


def _written(sweep: Sweep, name: str) -> Any:
    """What the file of a sweep says of a parameter, None where it says nothing."""
    found: Any = load(sweep.text, sweep.source).value
    for each in sweep.parameters[name].path:
        inner = found.get(NESTED) if isinstance(found, dict) else None
        found = inner.get(each) if isinstance(inner, dict) else None
    return found


def _parameters(before: Sweep, after: Sweep) -> Iterator[str]:
    old, new = before.parameters, after.parameters
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield f"{name}: removed (it was {old[name].distribution.describe()})"
        elif name not in old:
            yield f"{name}: new, {new[name].distribution.describe()}"
        elif identity(old[name].distribution.spec()) != identity(new[name].distribution.spec()):
            yield f"{name}: {_distribution(old[name].distribution, new[name].distribution)}"


def _distribution(before: Distribution, after: Distribution) -> str:
    old, new = before.spec(), after.spec()
    if set(old) == set(new) == {"values"}:
        return _values(old["values"], new["values"])
    became = f"{before.describe()} became {after.describe()}"
    bounds, now = before.bounds(), after.bounds()
    if before.kind != after.kind or bounds is None or now is None or bounds == now:
        return became
    wider = now[0] <= bounds[0] and now[1] >= bounds[1]
    narrower = now[0] >= bounds[0] and now[1] <= bounds[1]
    return f"{'widened' if wider else 'narrowed' if narrower else 'moved'}: {became}"


def _values(before: Sequence[Any], after: Sequence[Any]) -> str:
    """Which values were added and removed."""
    old = {identity(each): each for each in before}
    new = {identity(each): each for each in after}
    added = [each for key, each in new.items() if key not in old]
    removed = [each for key, each in old.items() if key not in new]
    parts = [
        f"{'values' if len(values) > 1 else 'value'} {what}: {', '.join(map(shown, values))}"
        for what, values in (("added", added), ("removed", removed))
        if values
    ]
    return "; ".join(parts) or "the values have another order, or come another number of times"


def _search(before: Sweep, after: Sweep) -> Iterator[str]:
    for key, old, new in (
        ("method", before.method, after.method),
        ("metric", _metrics(before), _metrics(after)),
        ("early_terminate", _hyperband(before), _hyperband(after)),
        ("run_cap", _number(before.run_cap), _number(after.run_cap)),
        ("replicates", before.replicates or "", after.replicates or ""),
    ):
        if old != new:
            yield f"{key}: {_became(old, new)}"


def _metrics(sweep: Sweep) -> str:
    return ", ".join(_metric(metric) for metric in sweep.metrics)


def _metric(metric: Metric) -> str:
    given = {key: metric.spec().get(key) for key in ("impute", "impute_while_running")}
    other = [f"{key} {each}" for key, each in given.items() if each not in (None, "worst")]
    return ", ".join((metric.describe(), *other))


def _hyperband(sweep: Sweep) -> str:
    if sweep.early_terminate is None:
        return ""
    given = {key: each for key, each in asdict(sweep.early_terminate).items() if each is not None}
    return "hyperband, " + ", ".join(f"{key} {shown(each)}" for key, each in given.items())


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _became(before: str, after: str) -> str:
    if not before:
        return f"new, {after}"
    return f"{before} became {after}" if after else f"removed (it was {before})"
