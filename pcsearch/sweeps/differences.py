"""In what two sweeps ask for different searches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pcsearch.sweeps.entries import NESTED
from pcsearch.sweeps.printing import as_mapping
from pcsearch.sweeps.sweep import TEXTS, Sweep

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


def _flat(sweep: Sweep) -> Iterator[tuple[str, Any]]:
    for key, value in as_mapping(sweep).items():
        if key not in (*TEXTS, NESTED):
            yield key, value
    for parameter in sweep.parameters.values():
        yield f"{NESTED}.{parameter.name}", parameter.distribution.spec()


def _shown(values: dict[str, Any], key: str) -> str:
    return str(values[key]) if key in values else ABSENT
