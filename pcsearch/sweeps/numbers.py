"""Numbers that text spells: ``1e-3`` is text to YAML 1.1, and a number to most people."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

NUMBER = re.compile(r"[-+]?([0-9]{1,300}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,9})?")
# Numbers to YAML 1.2, JSON and W&B's server, but text to YAML 1.1.
EXPONENT_WITHOUT_POINT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]{1,9}")


class Text(str):
    """A text that spells a number and is to stay text, because the file has the tag !!str on it.

    Quotes do not say so: W&B's client writes a quoted "1e3" without them, and its server reads a
    number.
    """

    __slots__ = ()


def plain(value: Any) -> Any:
    """The value with texts of Python's own type, also in its lists and mappings."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return str(value) if isinstance(value, Text) else value


def as_number(value: Any) -> int | float | None:
    """The number that a value is or, being text, spells; else None. A boolean is no number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or isinstance(value, Text) or not NUMBER.fullmatch(value):
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
    if isinstance(value, str) and not isinstance(value, Text):
        return EXPONENT_WITHOUT_POINT.fullmatch(value) is not None
    return as_number(value) is not None


def numbers_if_meant(values: list[Any], numeric: bool, whole: Callable[[], bool]) -> list[Any]:
    """The values of one parameter, with numbers in place of texts that spell them, if meant.

    Args:
        values: any.
        numeric: whether any text that spells a number means one. Without it they are numbers if
            all of the values are numbers or texts like 1e-3; a `Text` does not count.
        whole: tells whether whole numbers are meant, so that 1e3 is an int.
    """
    if numeric or all(spells_number(each) for each in values if not isinstance(each, Text)):
        return [_number_of(each, whole) for each in values]
    return values


def _number_of(value: Any, whole: Callable[[], bool]) -> Any:
    number = as_number(value)
    if number is None:
        return value
    if isinstance(value, str) and isinstance(number, float) and number.is_integer() and whole():
        return int(number)
    return number


def texts_that_spell_numbers(value: Any) -> Iterator[str]:
    """The texts like 1e-3 in a value, also in its lists and mappings."""
    if isinstance(value, str) and spells_number(value):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_that_spell_numbers(each)
