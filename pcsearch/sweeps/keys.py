"""Checks of a mapping's keys and of the types of its values, shared by the parsers of a sweep."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.positions import Document, KeyPath
from pcsearch.sweeps.wording import bare, suggestion

NUMBER = re.compile(r"[-+]?([0-9]{1,300}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,9})?")
# Numbers to YAML 1.2, JSON and W&B's server, but text to YAML 1.1.
EXPONENT_WITHOUT_POINT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]{1,9}")


def as_number(value: Any) -> int | float | None:
    """The number that a value is or, being text, spells; else None. A boolean is no number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        return None
    return int(value) if value.lstrip("+-").isdigit() else float(value)


def as_whole_number(value: Any) -> int | None:
    """The whole number that a value is or spells (1e3 is one), else None."""
    number = as_number(value)
    if isinstance(number, float):
        return int(number) if math.isfinite(number) and number.is_integer() else None
    return number


def spells_number(value: Any) -> bool:
    """Whether a value is a number, or is text only because YAML 1.1 wants a point in 1e-3."""
    if isinstance(value, str):
        return EXPONENT_WITHOUT_POINT.fullmatch(value) is not None
    return as_number(value) is not None


def check_keys(
    document: Document,
    path: KeyPath,
    mapping: Mapping[Any, Any],
    known: Collection[str],
    refused: Mapping[str, str],
) -> list[Problem]:
    """The problems of keys that are not known.

    Args:
        document: what the mapping is from.
        path: where it is in there.
        mapping: the mapping.
        known: the keys that are understood.
        refused: by key, what to say of keys that W&B has and this program does not.
    """
    problems = []
    for key in mapping:
        if key in refused:
            problems.append(document.problem((*path, key), refused[key]))
        elif key not in known:
            message = "unknown key" + suggestion(key, known)
            problems.append(document.problem((*path, key), message))
    return problems


def not_a_mapping(document: Document, path: KeyPath, example: str) -> Problem:
    """The problem of a value that should have been a mapping."""
    key = "" if isinstance(path[-1], int) else f"{bare(path[-1])}: "
    return document.problem(path, f"must be a mapping; write {key}{example}")
