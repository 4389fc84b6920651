"""One entry of a sweep file's ``parameters`` as a distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.distributions import registry
from pcsearch.sweeps.distributions.base import LARGEST, SHAPES, Distribution
from pcsearch.sweeps.distributions.continuous import (
    InvLogUniform,
    LogNormal,
    LogUniform,
    LogUniformValues,
)
from pcsearch.sweeps.distributions.discrete import IntUniform
from pcsearch.sweeps.keys import as_number, as_whole_number, check_keys, spells_number
from pcsearch.sweeps.positions import Document, KeyPath
from pcsearch.sweeps.remarks import remarks, texts_that_spell_numbers
from pcsearch.sweeps.wording import listed, shown, suggestion

NUMBERS = ("min", "max", "mu", "sigma", "a", "b", "q")
NESTED = "parameters"
KEYS = ("value", "values", "probabilities", *NUMBERS, "distribution", NESTED)
# What a key that stands without a distribution would need one for.
MEANT = {"q": "q_uniform", "mu": "normal", "sigma": "normal", "a": "beta", "b": "beta"}
# Names of other libraries whose nearest name here would mean something else, or is not near.
FOREIGN = {
    "choice": "categorical",
    "gaussian": "normal",
    "int": "int_uniform",
    "randint": "int_uniform",
    "log": "log_uniform_values",
    "loguniform": "log_uniform_values",
    "qloguniform": "q_log_uniform_values",
}
# e^690 is just below the largest number that is drawn.
LARGEST_EXPONENT = 690.0
# How many deviations from the mean a normal distribution's farthest quantile is.
REACH = 9.0
SUM_TOLERANCE = 1e-6


def number_if_meant(value: Any, numeric: bool) -> Any:
    """The number that a value spells where a number is meant, else the value."""
    number = as_number(value) if numeric or spells_number(value) else None
    return value if number is None else number


@dataclass(frozen=True)
class Entry:
    """An entry of ``parameters``; what is wrong with it goes to ``problems``.

    Args:
        document: the file.
        path: where in it the entry is.
        given: the entry.
        numeric: whether text that spells a number is one, whatever else is given.
        problems: where what is wrong is appended.
        notes: where what the user should know is appended.
    """

    document: Document
    path: KeyPath
    given: Any
    numeric: bool
    problems: list[Problem]
    notes: list[str]

    def distribution(self) -> Distribution | None:
        """The distribution, or None where there are problems."""
        before = len(self.problems)
        if not isinstance(self.given, dict):
            self._problem(_shorthand(self.given))
            return None
        if self._lacks_a_level():
            self._problem(f"nested parameters stand in a mapping; write {{{NESTED}: {{...}}}}")
            return None
        self.problems.extend(check_keys(self.document, self.path, self.given, KEYS, {}))
        kind = self._kind()
        if kind is None:
            return None
        self._check_combination(kind)
        others = len(self.problems)
        arguments = self._arguments(kind)
        if len(self.problems) == others and all(
            key in arguments for key in registry.required(kind)
        ):
            self._check_range(kind, arguments)
        if len(self.problems) > before:
            return None
        made = registry.make(kind, **arguments)
        for remark in remarks(made):
            self._note(remark, "distribution")
        return made

    def _problem(self, message: str, *at: Any) -> None:
        self.problems.append(self.document.problem(self.path, message, at=at))

    def _problem_of(self, key: Any, message: str, *at: Any) -> None:
        self.problems.append(self.document.problem((*self.path, key), message, at=at))

    def _note(self, message: str, *at: Any) -> None:
        self.notes.append(str(self.document.problem(self.path, message, at=at)))

    def _lacks_a_level(self) -> bool:
        """Whether the entry has parameters as its keys, as if nesting needed no key."""
        mappings = sum(isinstance(each, dict) for each in self.given.values())
        if mappings == 0:
            return False
        names = [key for key in self.given if key not in KEYS and not suggestion(key, KEYS)]
        return len(names) == mappings

    def _kind(self) -> str | None:
        """The name of the distribution: the one given, or the one that its keys imply."""
        if "distribution" not in self.given:
            return self._implied_kind()
        name = self.given["distribution"]
        if isinstance(name, str) and name in registry.KINDS:
            return "categorical_w_probabilities" if self._is_weighted(name) else name
        hint = f"; did you mean {FOREIGN[name]!r}?" if _is_foreign(name) else ""
        hint = hint or suggestion(name, registry.KINDS) or f"; use {listed(registry.KINDS)}"
        self._problem(f"unknown distribution {shown(name)}{hint}", "distribution")
        return None

    def _is_weighted(self, name: str) -> bool:
        return name == "categorical" and "probabilities" in self.given

    def _implied_kind(self) -> str | None:
        if "value" in self.given:
            return "constant"
        if "values" in self.given or "probabilities" in self.given:
            weighted = "probabilities" in self.given
            return "categorical_w_probabilities" if weighted else "categorical"
        for key, name in MEANT.items():
            if key in self.given:
                self._problem(f"{key} needs distribution: {name}", key)
                return None
        ends = [as_number(self.given[key]) for key in ("min", "max") if key in self.given]
        if ends:
            return "int_uniform" if all(isinstance(end, int) for end in ends) else "uniform"
        if all(key in KEYS for key in self.given):
            self._problem("is empty; give value, values, or min and max")
        return None

    def _check_combination(self, kind: str) -> None:
        """Report keys that the distribution lacks or does not use."""
        explicit = "distribution" in self.given
        required = registry.required(kind)
        used = (*required, *registry.optional(kind), "distribution")
        missing = [key for key in required if key not in self.given]
        given = [key for key in required if key in self.given]
        for key, other in (("value", "values"), ("values", "value")):
            if key in missing and other in self.given:
                self._problem(f"distribution {kind} needs {key}, not {other}", other)
                return
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
                self._problem(f"{given[0]} and {key} exclude each other; keep one", key)

    def _arguments(self, kind: str) -> dict[str, Any]:
        """The arguments of the distribution."""
        readers = {
            "value": self._value,
            "values": self._categories,
            "probabilities": self._probabilities,
        }
        arguments: dict[str, Any] = {}
        for key in (*registry.required(kind), *registry.optional(kind)):
            if key not in self.given:
                continue
            if key in readers:
                arguments[key] = readers[key]()
            else:
                arguments[key] = self._number(key, whole=kind == IntUniform.kind)
        return arguments

    def _value(self) -> Any:
        return self._numbers_noted([self.given["value"]], "value")[0]

    def _categories(self) -> tuple[Any, ...]:
        values = self.given["values"]
        if not isinstance(values, list):
            hint = "" if isinstance(values, dict) else f"; write values: [{shown(values)}]"
            self._problem_of("values", f"must be a list{hint}")
            return ()
        if not values:
            self._problem("values is empty; give at least one", "values")
        return tuple(self._numbers_noted(values, "values"))

    def _numbers_noted(self, values: list[Any], key: str) -> list[Any]:
        """The values, with numbers for what spells one where numbers are meant."""
        read = values
        if self.numeric or all(map(spells_number, values)):
            read = [value if as_number(value) is None else as_number(value) for value in values]
        self._note_read(values, read, key)
        left = list(texts_that_spell_numbers(read))
        self._note_texts(left, "left as text; for a number write a point, as in 1.0e-3", key)
        return read

    def _note_read(self, given: list[Any], read: list[Any], key: str) -> None:
        pairs = zip(given, read, strict=True)
        texts = [text for text, value in pairs if isinstance(text, str) and value is not text]
        self._note_texts(texts, "read as a number", key)

    def _note_texts(self, texts: list[str], what: str, key: str) -> None:
        if texts:
            more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
            self._note(f"{shown(texts[0])}{more}: text in YAML, {what}", key)

    def _probabilities(self) -> tuple[float, ...]:
        given, values = self.given["probabilities"], self.given.get("values")
        if not isinstance(given, list):
            self._problem_of("probabilities", "must be a list of numbers, one for each value")
            return ()
        read = [as_number(each) for each in given]
        sound = [number is not None and 0 <= number <= 1 for number in read]
        for index in (index for index, is_sound in enumerate(sound) if not is_sound):
            message = f"{shown(given[index])} is not a number from 0 to 1"
            self._problem_of("probabilities", message, index)
        numbers = tuple(float(number) for number in read if number is not None and 0 <= number <= 1)
        if isinstance(values, list) and len(values) != len(given):
            message = f"{len(given)} probabilities for {len(values)} values; give as many"
            self._problem_of("probabilities", message)
        elif all(sound) and abs(math.fsum(numbers) - 1) > SUM_TOLERANCE:
            message = f"their sum is {math.fsum(numbers):.6g}; it must be 1"
            self._problem_of("probabilities", message)
        self._note_read(given, read, "probabilities")
        return numbers

    def _number(self, key: str, whole: bool) -> int | float | None:
        given = self.given[key]
        number = as_number(given)
        if number is None:
            self._problem_of(key, f"{shown(given)} is not a number")
        elif not abs(number) < math.inf:
            self._problem_of(key, f"{shown(number)} is not a finite number")
        elif abs(number) > LARGEST:
            self._problem_of(
                key, f"{shown(number)} is beyond {LARGEST if number > 0 else -LARGEST:g}"
            )
        else:
            if whole:
                number = as_whole_number(given)
                if number is None:
                    self._problem_of(key, f"{shown(given)} is not a whole number")
            self._note_read([given], [number], key)
        return number

    def _check_range(self, kind: str, arguments: Mapping[str, Any]) -> None:
        low, high = arguments.get("min", 0), arguments.get("max", 0)
        base = registry.base(kind)
        if low > high:
            self._problem(f"min {shown(low)} is greater than max {shown(high)}", "min")
        if issubclass(base, LogUniformValues) and low <= 0:
            self._problem(f"min {shown(low)} must be above 0 for {kind}", "min")
        for key in ("q", "sigma", "a", "b"):
            if key in arguments and arguments[key] <= 0:
                self._problem(f"{key} {shown(arguments[key])} must be above 0", key)
            elif key in ("a", "b") and not SHAPES[0] <= arguments.get(key, 1) <= SHAPES[1]:
                message = (
                    f"{key} {shown(arguments[key])} is not from {SHAPES[0]:g} to {SHAPES[1]:g}"
                )
                self._problem(message, key)
        if issubclass(base, LogUniform | InvLogUniform):
            for key in ("min", "max"):
                if abs(arguments[key]) > LARGEST_EXPONENT:
                    self._problem(_exponent_message(kind, key, arguments[key]), key)
        elif issubclass(base, LogNormal):
            reach = abs(arguments.get("mu", 0)) + REACH * arguments.get("sigma", 1)
            if reach > LARGEST_EXPONENT:
                self._problem(f"mu and sigma reach beyond e^{LARGEST_EXPONENT:g}", "distribution")


def _is_foreign(name: Any) -> bool:
    return isinstance(name, str) and name in FOREIGN


def _exponent_message(kind: str, key: str, value: float) -> str:
    return (
        f"{key} {shown(value)} is beyond {LARGEST_EXPONENT if value > 0 else -LARGEST_EXPONENT:g}: "
        f"bounds of {kind} are exponents of "
        f"e; for the values' own bounds write {kind}_values"
    )


def _shorthand(given: Any) -> str:
    """What to say of a parameter that is not a mapping."""
    if given is None:
        return "is empty; give value, values, or min and max"
    key = "values" if isinstance(given, list) else "value"
    return f"a parameter is a mapping; write {key}: {shown(given)}"
