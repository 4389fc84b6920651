"""Makes what a trial reports plain: values that JSON has, under names that Tune does not use.

A trial may report anything. Tune computes with every number, compares complex ones too, and takes
some names for its own: what is not plain could end the search, not only the trial.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

TUNE_NAMES = frozenset(
    {
        *("training_iteration", "time_total_s", "config", "date", "done", "hostname", "node_ip"),
        *("pid", "timestamp", "checkpoint_dir_name", "should_checkpoint", "experiment_id"),
        *("experiment_tag", "episodes_this_iter", "episodes_total", "iterations_since_restore"),
        *("time_since_restore", "time_this_iter_s", "timesteps_since_restore"),
        *("timesteps_this_iter", "timesteps_total", "trial_id", "__duplicate__"),
    }
)
"""What Tune adds to a report; `tests/engine/records/test_report.py` compares it with Tune."""
OF_TUNE = frozenset({"checkpoint_dir_name", "should_checkpoint", "__duplicate__", "timestamp"})
"""Those of them that Tune adds before this module gets the report."""
USER_PREFIX = "user/"
"""Comes before a name of a trial's own that is one of Tune's."""
AS_TEXT = "reported_as_text"
"""The name in a report of the list of names whose values became texts."""
LONGEST_TEXT = 1000
"""Of what stands for a value that is no text itself, in characters."""
MOST_BITS = 960
"""Of a whole number. Tune averages all reports of a trial as floats, which end at 1,024 bits."""
EARLIER_REPORTS = "__earlier_reports__"
"""The name in a report of how many reports of earlier tries come before it, and stay."""
STOPPED_BY_USER = "__stopped_by_user__"
"""The name in a report that says that the user has stopped the trial at W&B."""
DEEPEST = 20
"""How deeply a report may be nested; what is deeper becomes a text."""


def plain_report(metrics: Mapping[Any, Any]) -> dict[str, Any]:
    """The report with plain values: numbers, texts, booleans, None, lists and mappings of them.

    Numbers of numpy and torch become Python's, and arrays lists. What JSON does not have, such as a
    complex number, becomes a text, and its name is in the list `AS_TEXT`. A name that Tune uses
    gets `USER_PREFIX`.

    Args:
        metrics: as the trial has reported them.
    """
    texts: list[str] = []
    report: dict[str, Any] = {}
    for key, value in metrics.items():
        name = str(key)
        if name in OF_TUNE:
            report[name] = value
            continue
        name = own_name(name)
        report[name] = _plain(value, name, texts)
    if texts:
        report[AS_TEXT] = texts
    return report


def own_name(name: str) -> str:
    """The name that a trial's own value gets: with `USER_PREFIX` where Tune uses the name."""
    return f"{USER_PREFIX}{name}" if name in TUNE_NAMES or name == AS_TEXT else name


def own_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's own values, each under its `own_name`."""
    return {own_name(name): value for name, value in values.items()}


def _plain(value: Any, name: str, texts: list[str], depth: int = 0) -> Any:
    """A value as JSON has it; the name is noted where that is a text in the place of a value."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        _note(name, texts)
        return f"a whole number of {value.bit_length()} bits"
    if value is None or type(value) in (bool, int, float, str):
        return value
    # Subclasses, such as the members of an enumeration, may not be known to the driver.
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    if depth < DEEPEST:
        if isinstance(value, Mapping):
            return {
                str(key): _plain(each, f"{name}/{key}", texts, depth + 1)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [_plain(each, name, texts, depth + 1) for each in value]
        listed = _listed(value)
        if listed is not None:
            return _plain(listed[0], name, texts, depth + 1)
    _note(name, texts)
    return _text(value)


def _note(name: str, texts: list[str]) -> None:
    if name not in texts:
        texts.append(name)


def _listed(value: Any) -> tuple[Any] | None:
    """What an array, a tensor or a number of numpy has, as Python's numbers and lists."""
    if not hasattr(value, "tolist"):
        return None
    try:
        listed = value.tolist()
    # Anything can have a method of this name.
    except Exception:
        return None
    if isinstance(listed, list) and math.prod(getattr(value, "shape", ())) == 1:
        while isinstance(listed, list) and len(listed) == 1:
            (listed,) = listed
    return (listed,) if isinstance(listed, bool | int | float | str | list) else None


def _text(value: Any) -> str:
    try:
        text = str(value)
    # Anything can happen in a class of the user.
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
