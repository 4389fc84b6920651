"""Writes a sweep as the YAML text of a sweep file."""

from __future__ import annotations

import re

import yaml

from pcsearch.sweeps.matching.differences import as_mapping
from pcsearch.sweeps.sweep import Sweep

# PyYAML would write them as they are, and read them as the ends of lines, or skip them.
ESCAPED = re.compile("[\\x85\\u2028\\u2029\\ufeff]")


class _Dumper(yaml.SafeDumper):
    """Plain values as YAML that is read as the same values."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if ESCAPED.search(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(sweep: Sweep) -> str:
    """The text of a sweep file that is read as an equal sweep."""
    return yaml.dump(as_mapping(sweep), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
