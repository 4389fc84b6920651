"""Writes values as YAML that a sweep file reads as the same values."""

from __future__ import annotations

from typing import Any

import yaml

from pcsearch.sweeps.numbers import Text, spells_number
from pcsearch.sweeps.reading.scalars import FLOAT, STR


class _Dumper(yaml.SafeDumper):
    """Writes the tag !!str before a text that spells a number: without it, it is read as one."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag that a reader gives a value without one."""
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        is_text = kind is yaml.ScalarNode and tag == STR
        return FLOAT if is_text and spells_number(str(value)) else tag


_Dumper.add_representer(Text, _Dumper.represent_str)


def to_yaml(value: Any) -> str:
    """A plain value as YAML; mappings keep their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
