"""What the annotations of a user's function say of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints, is_typeddict


def is_whole(function: Callable[..., Any], name: str) -> bool:
    """Whether a parameter is a whole number: an ``int`` of the TypedDict that the function takes.

    Args:
        function: whose first argument has a trial's values.
        name: of the parameter; dots lead into nested parameters.
    """
    try:
        arguments = inspect.signature(function, eval_str=True).parameters.values()
        annotation = _annotation(next(iter(arguments)).annotation, name)
    # An annotation is any expression, and some functions have no signature.
    except Exception:
        return False
    kinds = get_args(annotation) or (annotation,)
    return int in kinds and float not in kinds


def _annotation(mapping: Any, name: str) -> Any:
    """The annotation of a parameter, None where there is none."""
    if not is_typeddict(mapping):
        return None
    hints: Mapping[str, Any] = get_type_hints(mapping)
    if name in hints:
        return hints[name]
    parts = name.split(".")
    inner = (
        _annotation(hints.get(".".join(parts[:end])), ".".join(parts[end:]))
        for end in range(1, len(parts))
    )
    return next((each for each in inner if each is not None), None)
