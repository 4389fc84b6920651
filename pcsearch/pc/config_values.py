"""Makes a ModelConfig of the values that a user gave, and says in one line each what is wrong.

Imports no torch, as `pcsearch.pc.config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config import PRESET_KEY, ModelConfig
from pcsearch.pc.presets import PRESETS
from pcsearch.sweeps.messages import suggestion


def unknown_field(name: str) -> str:
    """The message about a parameter that is no field of ModelConfig."""
    hint = suggestion(name, [*ModelConfig.model_fields, PRESET_KEY])
    return f"the model has no parameter {name!r}{hint or '; docs/parameters.md lists all of them'}"


def check_value(name: str, value: Any) -> str | None:
    """What is wrong with ``value`` as a value of the field ``name`` alone; None for nothing.

    ``name`` may be ``config``, the key that picks a preset.
    """
    if name == PRESET_KEY:
        if isinstance(value, str) and value in PRESETS:
            return None
        return f"no preset {value!r}; the presets are {', '.join(PRESETS)}"
    if name not in ModelConfig.model_fields:
        return unknown_field(name)
    if value is None and name == "image_shape":
        return None
    try:
        _adapter(name).validate_python(value)
    except ValidationError as error:
        return _first_message(error)
    return None


def model_config(values: Mapping[str, Any]) -> ModelConfig:
    """The configuration of a trial: defaults, overridden by the preset, overridden by its values.

    Args:
        values: fields of ModelConfig, and ``config`` for a preset.

    Raises:
        PcsearchError: one Problem for every field that is unknown, of the wrong type or range,
            or in conflict with another.
    """
    problems = [
        Problem(message, key=name)
        for name, value in values.items()
        if (message := check_value(name, value)) is not None
    ]
    if problems:
        raise PcsearchError(problems)
    own = {name: value for name, value in values.items() if name != PRESET_KEY}
    return ModelConfig(**{**PRESETS.get(values.get(PRESET_KEY, ""), {}), **own})


# A sweep has many values to check, and to make an adapter takes far longer than to use it.
@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    field = ModelConfig.model_fields[name]
    annotation: Any = field.annotation
    for constraint in field.metadata:
        annotation = Annotated[annotation, constraint]
    return TypeAdapter(annotation, config=ConfigDict(strict=True))


def _first_message(error: ValidationError) -> str:
    details = error.errors(include_url=False)[0]
    place = "".join(f"[{part}]" for part in details["loc"] if isinstance(part, int))
    message = details["msg"].removeprefix("Input ").removeprefix("String ")
    message = message.replace("a valid tuple", "a list")
    return f"{place + ' ' if place else ''}{message}, got {details['input']!r}"
