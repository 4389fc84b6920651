"""What a sweep file meant to earlier versions, for the experiments that they began.

A search is rebuilt from its file and the numbers of its trials, so neither the order of a grid nor
the type of a value may change in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pcsearch.sweeps.distributions.base import Distribution, identity
from pcsearch.sweeps.distributions.discrete import Categorical
from pcsearch.sweeps.distributions.quantised import Quantised
from pcsearch.sweeps.numbers import Text
from pcsearch.sweeps.parameter_entry import NESTED
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.reading.document import Document

Language = Literal[1, 2]
"""How a sweep file is read: 2 as by this version; 1 has the differences of this module."""
FIRST: Language = 1
NEWEST: Language = 2


def as_before(
    parameters: Mapping[str, Parameter], document: Document, is_grid: bool
) -> dict[str, Parameter]:
    """The parameters as language 1 has them.

    A q that is not given was the int 1, and a grid of whole numbers had ints wherever q was an
    int; the model was not asked whether it takes whole numbers. In the ``values`` of a grid, 1 and
    1.0 were one value, with the type of the last.

    Args:
        parameters: of the file, by name.
        document: the file.
        is_grid: whether its method is grid.
    """
    return {
        name: replace(each, distribution=_before(each, document, is_grid))
        for name, each in parameters.items()
    }


def without_tags(value: Any) -> None:
    """Make plain text of the texts with a tag in a list or mapping: no tag kept them text."""
    pairs = enumerate(value) if isinstance(value, list) else list(value.items())
    for key, each in pairs:
        if isinstance(each, list | dict):
            without_tags(each)
        elif isinstance(each, Text):
            value[key] = str(each)


def _before(parameter: Parameter, document: Document, is_grid: bool) -> Distribution:
    distribution = parameter.distribution
    if isinstance(distribution, Quantised):
        path = [part for name in parameter.path for part in (NESTED, name)]
        given = document.at(tuple(path)).get("q")
        q = 1 if given is None else distribution.q
        return replace(distribution, q=q, whole=True)
    if isinstance(distribution, Categorical) and is_grid:
        return Categorical(tuple({_merged(each): each for each in distribution.values}.values()))
    return distribution


def _merged(value: Any) -> str:
    """Text that is the same for two values that were one in a grid."""
    is_whole = isinstance(value, float) and value.is_integer()
    return identity(int(value) if is_whole else value)
