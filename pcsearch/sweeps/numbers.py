"""Numbers that text spells: ``1e-3`` is text to YAML 1.1, and a number to most people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

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


def number_if_meant(value: Any, numeric: bool) -> Any:
    """The number that a value spells, where a number is meant; else the value itself.

    Args:
        value: any.
        numeric: whether any text that spells a number means one, not only text like 1e-3.
    """
    number = as_number(value) if numeric or spells_number(value) else None
    return value if number is None else number


def texts_that_spell_numbers(value: Any) -> Iterator[str]:
    """The texts like 1e-3 in a value, also in its lists and mappings."""
    if isinstance(value, str) and spells_number(value):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_that_spell_numbers(each)
