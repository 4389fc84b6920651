"""Writes keys of the top level into the text of a sweep file, for those who read it at W&B."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.keys import ONE_DRIVER
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.sweep import Sweep
from pcsearch.sweeps.writing import to_yaml

CHANGED = (
    "was edited, or has configurations to try first, which one driver runs; for more machines use "
    "a Ray cluster (--address)"
)
"""Why a search that was changed cannot be joined, after its name."""


def for_one_driver(sweep: Sweep) -> Sweep:
    """The sweep with a text that says that no other driver can join it."""
    return replace(sweep, text=with_key(sweep, ONE_DRIVER, True))


def has_one_driver(sweep: Sweep) -> bool:
    """Whether the text of a sweep says that no other driver can join it."""
    return ONE_DRIVER in sweep.places


def with_key(sweep: Sweep, key: str, value: Any) -> str:
    """The text of a sweep file with a value of a key.

    All else stays as the user wrote it: W&B reads numbers such as 1e-4 by rules of its own.
    """
    written, document = json.dumps(value), load(sweep.text, sweep.source).value
    wanted = {**document, key: value}
    in_yaml = f"{sweep.text.rstrip()}\n{key}: {written}\n"
    in_json = sweep.text.replace("{", f'{{"{key}": {written}, ', 1)
    # A text may have an end that is written down.
    first = f"{key}: {written}\n{sweep.text}"
    # Where it has the key, with another value, the text is written anew.
    for text in () if key in document else (in_yaml, in_json, first):
        with suppress(PcsearchError):
            if load(text, sweep.source).value == wanted:
                return text
    return sweep.text if document == wanted else to_yaml(wanted)
