"""Which parameters of a user's function are whole numbers, by its annotations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NotRequired, TypedDict

import pytest

from pcsearch.engine.workloads.annotations import is_whole


class Inner(TypedDict):
    depth: int
    width: float


class Values(TypedDict, total=False):
    layers: int
    maybe: int | None
    tagged: Annotated[int, "of something"]
    absent: NotRequired[int]
    flag: bool
    rate: float
    either: int | float
    optimizer: Inner
    name: str


Values.__annotations__["size.max"] = int


def typed(values: Values) -> None: ...


class Model:
    def train(self, values: Values) -> None: ...

    def __call__(self, values: Values) -> None: ...


WHOLE = ["layers", "maybe", "tagged", "absent", "optimizer.depth", "size.max"]
OTHERS = ["flag", "rate", "either", "name", "optimizer", "optimizer.width", "unknown", "layers.x"]


@pytest.mark.parametrize("function", [typed, Model().train, Model(), partial(typed)])
def test_ints_of_the_typed_dictionary_are_whole_numbers(function: Callable[..., Any]) -> None:
    assert [name for name in (*WHOLE, *OTHERS) if is_whole(function, name)] == WHOLE


def untyped(values) -> None: ...  # type: ignore[no-untyped-def]


def plain(values: dict[str, int]) -> None: ...


def unresolved(values: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("function", [untyped, plain, unresolved, dict, len, int, lambda: None])
def test_of_other_functions_nothing_is_known(function: Callable[..., Any]) -> None:
    assert not is_whole(function, "layers")
