"""The ``parameters`` of a sweep file as distributions, by W&B's rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.distributions import (
    BY_NAME,
    LARGEST,
    Constant,
    Distribution,
    LogUniformValues,
)
from pcsearch.sweeps.keys import as_number, as_whole_number, check_keys, spells_number
from pcsearch.sweeps.positions import Document, KeyPath
from pcsearch.sweeps.wording import listed, shown, suggestion

REQUIRED = {
    "constant": ("value",),
    "categorical": ("values",),
    "uniform": ("min", "max"),
    "log_uniform_values": ("min", "max"),
    "int_uniform": ("min", "max"),
    "q_uniform": ("min", "max"),
    "normal": (),
}
OPTIONAL = {"q_uniform": ("q",), "normal": ("mu", "sigma")}
NUMBERS = ("min", "max", "mu", "sigma", "q")
KEYS = ("value", "values", *NUMBERS, "distribution")

REFUSED_KEYS = {
    "parameters": "nested parameters are not supported yet; list them side by side",
    "probabilities": "probabilities are not supported yet; remove them for equal shares",
    "a": "distribution beta is not supported yet; use uniform or normal",
    "b": "distribution beta is not supported yet; use uniform or normal",
}
_LOG = "use log_uniform_values with plain bounds"
_NORMAL = "use normal, or log_uniform_values with plain bounds"
REFUSED_DISTRIBUTIONS = {
    "log_uniform": _LOG,
    "q_log_uniform": _LOG,
    "q_log_uniform_values": _LOG,
    "inv_log_uniform": _LOG,
    "inv_log_uniform_values": _LOG,
    "log_normal": _NORMAL,
    "q_log_normal": _NORMAL,
    "q_normal": "use normal, or q_uniform",
    "beta": "use uniform or normal",
    "q_beta": "use q_uniform",
    "categorical_w_probabilities": "use categorical, with equal shares",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a sweep.

    Args:
        name: its name.
        distribution: what its values are drawn from.
        where: where the user gave it: ``sweep.yaml:12:3``, or ``--set NAME``.
    """

    name: str
    distribution: Distribution
    where: str


def parse_parameters(
    document: Document,
    path: KeyPath,
    *,
    numeric: Callable[[str], bool],
    problems: list[Problem],
) -> dict[str, Parameter]:
    """The parameters of a file, in its order, without those that have problems.

    Args:
        document: the file.
        path: where in it the mapping of parameters is.
        numeric: whether the model takes a number for a parameter; text such as ``1e-3`` is then
            read as the number that it spells.
        problems: where what is wrong is appended.
    """
    mapping: Any = document.value
    for key in path:
        mapping = mapping[key]
    if not isinstance(mapping, dict):
        message = "must be a mapping of names, each with value, values, or min and max"
        problems.append(document.problem(path, message))
        return {}
    parameters = {}
    for name, given in mapping.items():
        entry = _Entry(document, (*path, name), name, given, numeric, problems)
        distribution = entry.distribution()
        if distribution is not None:
            parameters[name] = Parameter(name, distribution, document.position(entry.path))
    return parameters


def constant(
    name: str, value: Any, where: str, *, numeric: Callable[[str], bool]
) -> Parameter | Problem:
    """A parameter of one value, or why there is none.

    Args:
        name: its name.
        value: its value, of any plain type but a mapping.
        where: where the user gave it.
        numeric: as in `parse_parameters`.
    """
    if isinstance(value, dict):
        return Problem("a mapping is not a value", where)
    return Parameter(name, Constant(_number_if_meant(value, numeric(name))), where)


def _number_if_meant(value: Any, numeric: bool) -> Any:
    number = as_number(value) if numeric else None
    return value if number is None else number


@dataclass(frozen=True)
class _Entry:
    """One entry of ``parameters``; its methods append to ``problems`` what is wrong with it."""

    document: Document
    path: KeyPath
    name: Any
    given: Any
    numeric: Callable[[str], bool]
    problems: list[Problem]

    def distribution(self) -> Distribution | None:
        before = len(self.problems)
        if not isinstance(self.name, str) or not self.name:
            self._problem("a parameter's name must be text; put it in quotes")
        if not isinstance(self.given, dict):
            self._problem(_shorthand(self.given))
            return None
        unknown = check_keys(self.document, self.path, self.given, KEYS, REFUSED_KEYS)
        self.problems.extend(unknown)
        refused = any(key in REFUSED_KEYS for key in self.given)
        kind = None if refused else self._kind()
        if kind is None:
            return None
        self._check_combination(kind)
        values = self._values(kind)
        if len(self.problems) == before:
            self._check_range(kind, values)
        return BY_NAME[kind](**values) if len(self.problems) == before else None

    def _problem(self, message: str, *at: str) -> None:
        self.problems.append(self.document.problem(self.path, message, at=at))

    def _problem_of(self, key: Any, message: str, *at: Any) -> None:
        self.problems.append(self.document.problem((*self.path, key), message, at=at))

    def _kind(self) -> str | None:
        """The name of the distribution: the one given, or the one that its keys imply."""
        if "distribution" not in self.given:
            return self._implied_kind()
        name = self.given["distribution"]
        if isinstance(name, str) and name in BY_NAME:
            return name
        if isinstance(name, str) and name in REFUSED_DISTRIBUTIONS:
            hint = REFUSED_DISTRIBUTIONS[name]
            self._problem(f"distribution {name} is not supported yet; {hint}", "distribution")
        else:
            hint = suggestion(name, BY_NAME) or f"; use {listed(BY_NAME)}"
            self._problem(f"unknown distribution {shown(name)}{hint}", "distribution")
        return None

    def _implied_kind(self) -> str | None:
        if "value" in self.given:
            return "constant"
        if "values" in self.given:
            return "categorical"
        for key, name in (("q", "q_uniform"), ("mu", "normal"), ("sigma", "normal")):
            if key in self.given:
                self._problem(f"{key} needs distribution: {name}", key)
                return None
        ends = [as_number(self.given[key]) for key in ("min", "max") if key in self.given]
        if ends:
            return "int_uniform" if all(isinstance(end, int) for end in ends) else "uniform"
        if not any(key not in KEYS for key in self.given):
            self._problem("is empty; give value, values, or min and max")
        return None

    def _check_combination(self, kind: str) -> None:
        """Report keys that the distribution lacks or does not use."""
        explicit = "distribution" in self.given
        required = REQUIRED[kind]
        used = (*required, *OPTIONAL.get(kind, ()), "distribution")
        missing = [key for key in required if key not in self.given]
        given = [key for key in required if key in self.given]
        if missing and explicit:
            self._problem(f"distribution {kind} needs {listed(missing, 'and')}", "distribution")
        elif missing:
            self._problem(f"{given[0]} without {missing[0]}", given[0])
        for key in self.given:
            if key not in KEYS or key in used:
                continue
            if explicit:
                self._problem(f"distribution {kind} does not use {key}; remove it", key)
            else:
                self._problem(f"{required[0]} and {key} exclude each other; keep one", key)

    def _values(self, kind: str) -> dict[str, Any]:
        """The arguments of the distribution."""
        values: dict[str, Any] = {}
        for key in (*REQUIRED[kind], *OPTIONAL.get(kind, ())):
            if key not in self.given:
                continue
            if key == "value":
                values[key] = self._value()
            elif key == "values":
                values[key] = self._categories()
            else:
                values[key] = self._number(key, whole=kind == "int_uniform")
        return values

    def _value(self) -> Any:
        if isinstance(self.given["value"], dict):
            self._problem_of("value", "a mapping is not a value")
        return _number_if_meant(self.given["value"], self._is_numeric())

    def _categories(self) -> tuple[Any, ...]:
        values = self.given["values"]
        if not isinstance(values, list):
            hint = "" if isinstance(values, dict) else f"; write values: [{shown(values)}]"
            self._problem_of("values", f"must be a list{hint}")
            return ()
        if not values:
            self._problem("values is empty; give at least one", "values")
        for index, value in enumerate(values):
            if isinstance(value, dict):
                self._problem_of("values", "a mapping is not a value", index)
        numeric = self._is_numeric() or all(map(spells_number, values))
        return tuple(_number_if_meant(value, numeric) for value in values)

    def _is_numeric(self) -> bool:
        return isinstance(self.name, str) and self.numeric(self.name)

    def _number(self, key: str, whole: bool) -> int | float | None:
        given = self.given[key]
        number = as_number(given)
        if number is None:
            self._problem_of(key, f"{shown(given)} is not a number")
        elif not abs(number) < math.inf:
            self._problem_of(key, f"{shown(number)} is not a finite number")
        elif abs(number) > LARGEST:
            self._problem_of(key, f"{shown(number)} is beyond {LARGEST:g}")
        elif whole:
            number = as_whole_number(given)
            if number is None:
                self._problem_of(key, f"{shown(given)} is not a whole number")
        return number

    def _check_range(self, kind: str, values: Mapping[str, Any]) -> None:
        low, high = values.get("min", 0), values.get("max", 0)
        if low > high:
            self._problem(f"min {shown(low)} is greater than max {shown(high)}", "min")
        if BY_NAME[kind] is LogUniformValues and low <= 0:
            self._problem(f"min {shown(low)} must be above 0 for {kind}", "min")
        for key in ("q", "sigma"):
            if key in values and values[key] <= 0:
                self._problem(f"{key} {shown(values[key])} must be above 0", key)


def _shorthand(given: Any) -> str:
    """What to say of a parameter that is not a mapping."""
    if given is None:
        return "is empty; give value, values, or min and max"
    key = "values" if isinstance(given, list) else "value"
    return f"a parameter is a mapping; write {key}: {shown(given)}"
