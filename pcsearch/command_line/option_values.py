"""How the values of the options are read: times, places, numbers, and ``KEY=VALUE``."""

from __future__ import annotations

import math
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.reading.loader import load

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_overrides(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Any]:
    """The mapping of ``KEY=VALUE`` texts; a value is read as YAML, as in a sweep file."""
    overrides: dict[str, Any] = {}
    for text in values:
        key, _, value = text.partition("=")
        if not key.strip() or not value.strip():
            raise click.BadParameter(
                f"{text!r} is not KEY=VALUE, such as epochs=3", context, parameter
            )
        try:
            overrides[key.strip()] = load(f"value: {value}", "--set").value["value"]
        except PcsearchError as error:
            reason = error.problems[0].message
            message = f"{text!r}: the value is not YAML: {reason}"
            raise click.BadParameter(message, context, parameter) from None
    return overrides


def from_now(_: click.Context, __: click.Parameter, seconds: float | None) -> float | None:
    """The time of `time.monotonic` at which a budget of seconds, counted from now, is used up."""
    return None if seconds is None else time.monotonic() + seconds


class PathOrAddress(click.ParamType[str]):
    """A folder's path, with or without ``file://``, or an address."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path without ``file://``, or the address."""
        place = str(value).removeprefix("file://")
        is_file = False
        # The name may be too long for one.
        with suppress(OSError):
            is_file = "://" not in place and Path(place).is_file()
        if is_file:
            self.fail(f"{place!r} is a file; give a folder")
        return place


class WholeNumber(click.IntRange):
    """A whole number, which messages call so."""

    name = "whole number"


class Duration(click.ParamType[float]):
    """A time span: a number of seconds, or such as ``90s``, ``30m``, ``8h``, ``1h30m``, ``2d``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The span in seconds."""
        if isinstance(value, float):
            return value
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", value)
        if "".join(map("".join, parts)) == value and parts:
            seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
        elif re.fullmatch(r"\d+(\.\d+)?", value):
            seconds = float(value)
        else:
            self.fail(f"{value!r} is not a time; write seconds, or such as 90s, 30m, 8h, 1h30m")
        if not 0 < seconds < math.inf:
            self.fail(f"{value!r} is not a time above 0")
        return seconds
