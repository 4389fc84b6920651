"""The distribution that one entry of a sweep file's ``parameters`` gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.distributions import registry
from pcsearch.sweeps.distributions.base import LARGEST, Distribution
from pcsearch.sweeps.distributions.discrete import IntUniform
from pcsearch.sweeps.distributions.membership import NoValue, own_value
from pcsearch.sweeps.distributions.pitfalls import pitfalls
from pcsearch.sweeps.distributions.quantised import Quantised
from pcsearch.sweeps.distributions.ranges import range_problems
from pcsearch.sweeps.indentation import is_entry, strays, unknown_keys
from pcsearch.sweeps.messages import listed, shown, suggestion
from pcsearch.sweeps.numbers import (
    as_number,
    as_whole_number,
    numbers_if_meant,
    plain,
    texts_that_spell_numbers,
)
from pcsearch.sweeps.numbers_in_text import LEFT, READ, NumbersInText
from pcsearch.sweeps.reading.document import Document, KeyPath

NUMBERS = ("min", "max", "mu", "sigma", "a", "b", "q")
NESTED = "parameters"
DEFAULT = "default"
"""The key of the value that a user would take without a search; W&B does not know it."""
KEYS = ("value", "values", "probabilities", *NUMBERS, "distribution", NESTED, DEFAULT)
# The distribution that a key needs where none is named.
NEEDED_BY = {"q": "q_uniform", "mu": "normal", "sigma": "normal", "a": "beta", "b": "beta"}
# Names in other libraries; the most similar name here would mean something else.
FOREIGN = {
    "choice": "categorical",
    "gaussian": "normal",
    "int": "int_uniform",
    "randint": "int_uniform",
    "log": "log_uniform_values",
    "loguniform": "log_uniform_values",
    "qloguniform": "q_log_uniform_values",
}
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class ParameterEntry:
    """An entry of ``parameters``.

    Args:
        document: the file.
        path: where in it the entry is.
        content: what stands there; a mapping, unless it is a mistake.
        numeric: whether any text that spells a number is read as one, not only text like 1e-3.
        whole: tells whether whole numbers are meant, so that 22.0 is to be 22.
        problems: every problem of the entry is appended here.
        notes: what the user should know is appended here, a line each.
        texts: texts that spell numbers are noted here.
    """

    document: Document
    path: KeyPath
    content: Any
    numeric: bool
    whole: Callable[[], bool]
    problems: list[Problem]
    notes: list[str]
    texts: NumbersInText

    def distribution(self) -> Distribution | None:
        """The distribution, or None if the entry has problems."""
        before = len(self.problems)
        if not isinstance(self.content, dict):
            self._problem(_shorthand_message(self.content))
            return None
        if self._lacks_a_level():
            self._problem(f"nested parameters stand in a mapping; write {{{NESTED}: {{...}}}}")
            return None
        self.problems.extend(unknown_keys(self.document, self.path, KEYS))
        stray = set(strays(self.content, KEYS))
        own = {key: value for key, value in self.content.items() if key not in stray}
        distribution = replace(self, content=own)._of_own_keys()
        return distribution if len(self.problems) == before else None

    def default(self, distribution: Distribution) -> Any:
        """The value to try first where the user asks for it, `NoValue` where there is none."""
        if not isinstance(self.content, dict) or DEFAULT not in self.content:
            return NoValue
        value = self._with_numbers([self.content[DEFAULT]], DEFAULT)[0]
        grid = distribution.grid() is not None
        for is_grid in (False, True) if grid else (False,):
            own = own_value(distribution, is_grid=is_grid)(value)
            if own is not NoValue:
                return own
        self._problem_of(DEFAULT, f"{shown(value)} is outside of: {distribution.describe()}")
        return NoValue

    def _of_own_keys(self) -> Distribution | None:
        """The distribution of a content that has the entry's own keys only."""
        before = len(self.problems)
        kind = self._kind()
        if kind is None:
            return None
        self._check_combination(kind)
        before_arguments = len(self.problems)
        arguments = self._arguments(kind)
        is_complete = all(key in arguments for key in registry.required(kind))
        if is_complete and len(self.problems) == before_arguments:
            for key, message in range_problems(kind, arguments):
                self._problem(message, key)
        if len(self.problems) > before:
            return None
        distribution = self._in_whole_steps(registry.make(kind, **arguments))
        for message in pitfalls(distribution):
            self._note(message, "distribution")
        return distribution

    def _in_whole_steps(self, distribution: Distribution) -> Distribution:
        """The distribution, of ints where whole numbers are meant."""
        if not isinstance(distribution, Quantised):
            return distribution
        q = as_whole_number(distribution.q)
        return (
            distribution
            if q is None or not self.whole()
            else replace(distribution, q=q, whole=True)
        )

    def _problem(self, message: str, *at: Any) -> None:
        self.problems.append(self.document.problem(self.path, message, at=at))

    def _problem_of(self, key: Any, message: str, *at: Any) -> None:
        self.problems.append(self.document.problem((*self.path, key), message, at=at))

    def _note(self, message: str, *at: Any) -> None:
        self.notes.append(str(self.document.problem(self.path, message, at=at)))

    def _lacks_a_level(self) -> bool:
        """Whether the entry's keys are names of nested parameters, without ``parameters:``."""
        mappings = sum(isinstance(each, dict) for each in self.content.values())
        if mappings == 0 or is_entry(self.content, KEYS):
            return False
        names = [key for key in self.content if key not in KEYS and not suggestion(key, KEYS)]
        return len(names) == mappings

    def _kind(self) -> str | None:
        """The name of the distribution: the one in the entry, or the one that its keys imply."""
        if "distribution" not in self.content:
            return self._implied_kind()
        name = self.content["distribution"]
        if isinstance(name, str) and name in registry.KINDS:
            return "categorical_w_probabilities" if self._is_weighted(name) else name
        hint = f"; did you mean {FOREIGN[name]!r}?" if _is_foreign(name) else ""
        hint = hint or suggestion(name, registry.KINDS) or f"; use {listed(registry.KINDS)}"
        self._problem(f"unknown distribution {shown(name)}{hint}", "distribution")
        return None

    def _is_weighted(self, name: str) -> bool:
        return name == "categorical" and "probabilities" in self.content

    def _implied_kind(self) -> str | None:
        if "value" in self.content:
            return "constant"
        if "values" in self.content or "probabilities" in self.content:
            weighted = "probabilities" in self.content
            return "categorical_w_probabilities" if weighted else "categorical"
        for key, name in NEEDED_BY.items():
            if key in self.content:
                self._problem(f"{key} needs distribution: {name}", key)
                return None
        ends = [as_number(self.content[key]) for key in ("min", "max") if key in self.content]
        if ends:
            return "int_uniform" if all(isinstance(end, int) for end in ends) else "uniform"
        if all(key in KEYS for key in self.content):
            self._problem("is empty; give value, values, or min and max")
        return None

    def _check_combination(self, kind: str) -> None:
        """Report the keys that the distribution needs and lacks, or does not use."""
        explicit = "distribution" in self.content
        required = registry.required(kind)
        used = (*required, *registry.optional(kind), "distribution", DEFAULT)
        missing = [key for key in required if key not in self.content]
        present = [key for key in required if key in self.content]
        for key, other in (("value", "values"), ("values", "value")):
            if key in missing and other in self.content:
                self._problem(f"distribution {kind} needs {key}, not {other}", other)
                return
        if missing and explicit:
            self._problem(f"distribution {kind} needs {listed(missing, 'and')}", "distribution")
        elif missing:
            self._problem(f"{present[0]} without {missing[0]}", present[0])
        for key in self.content:
            if key not in KEYS or key in used:
                continue
            if explicit:
                self._problem(f"distribution {kind} does not use {key}; remove it", key)
            else:
                self._problem(f"{present[0]} and {key} exclude each other; keep one", key)

    def _arguments(self, kind: str) -> dict[str, Any]:
        """The arguments of the distribution."""
        readers = {
            "value": self._value,
            "values": self._categories,
            "probabilities": self._probabilities,
        }
        arguments: dict[str, Any] = {}
        for key in (*registry.required(kind), *registry.optional(kind)):
            if key not in self.content:
                continue
            if key in readers:
                arguments[key] = readers[key]()
            else:
                arguments[key] = self._number(key, whole=kind == IntUniform.kind)
        return arguments

    def _value(self) -> Any:
        return self._with_numbers([self.content["value"]], "value")[0]

    def _categories(self) -> tuple[Any, ...]:
        values = self.content["values"]
        if not isinstance(values, list):
            hint = "" if isinstance(values, dict) else f"; write values: [{shown(values)}]"
            self._problem_of("values", f"must be a list{hint}")
            return ()
        if not values:
            self._problem("values is empty; give at least one", "values")
        return tuple(self._with_numbers(values, "values"))

    def _with_numbers(self, values: list[Any], key: str) -> list[Any]:
        """The values, with numbers in place of text that spells one where one is meant."""
        result = numbers_if_meant(values, self.numeric, self.whole)
        self._note_conversions(values, result, key)
        self._note_texts(list(texts_that_spell_numbers(result)), LEFT, key)
        return [plain(each) for each in result]

    def _note_conversions(self, values: list[Any], result: list[Any], key: str) -> None:
        pairs = zip(values, result, strict=True)
        texts = [text for text, value in pairs if isinstance(text, str) and value is not text]
        self._note_texts(texts, READ, key)

    def _note_texts(self, texts: list[str], outcome: str, key: str) -> None:
        if texts:
            self.texts.add(outcome, texts, self.document.problem(self.path, "", at=(key,)))

    def _probabilities(self) -> tuple[float, ...]:
        entries, values = self.content["probabilities"], self.content.get("values")
        if not isinstance(entries, list):
            self._problem_of("probabilities", "must be a list of numbers, one for each value")
            return ()
        numbers = [as_number(each) for each in entries]
        valid = tuple(float(each) for each in numbers if each is not None and 0 <= each <= 1)
        for index, number in enumerate(numbers):
            if number is None or not 0 <= number <= 1:
                message = f"{shown(entries[index])} is not a number from 0 to 1"
                self._problem_of("probabilities", message, index)
        if isinstance(values, list) and len(values) != len(entries):
            message = f"{len(entries)} probabilities for {len(values)} values; give as many"
            self._problem_of("probabilities", message)
        elif len(valid) == len(entries) and abs(math.fsum(valid) - 1) > SUM_TOLERANCE:
            message = f"their sum is {math.fsum(valid):.6g}; it must be 1"
            self._problem_of("probabilities", message)
        self._note_conversions(entries, numbers, "probabilities")
        return valid

    def _number(self, key: str, whole: bool) -> int | float | None:
        value = self.content[key]
        number = as_number(value)
        if number is None:
            self._problem_of(key, f"{shown(value)} is not a number")
        elif not abs(number) < math.inf:
            self._problem_of(key, f"{shown(number)} is not a finite number")
        elif abs(number) > LARGEST:
            self._problem_of(
                key, f"{shown(number)} is beyond {LARGEST if number > 0 else -LARGEST:g}"
            )
        else:
            if whole:
                number = as_whole_number(value)
                if number is None:
                    self._problem_of(key, f"{shown(value)} is not a whole number")
            self._note_conversions([value], [number], key)
        return number


def _is_foreign(name: Any) -> bool:
    return isinstance(name, str) and name in FOREIGN


def _shorthand_message(content: Any) -> str:
    """The problem of an entry that is not a mapping."""
    if content is None:
        return "is empty; give value, values, or min and max"
    key = "values" if isinstance(content, list) else "value"
    return f"a parameter is a mapping; write {key}: {shown(content)}"
