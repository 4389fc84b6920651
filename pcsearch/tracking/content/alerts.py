"""The alert that W&B sends to the user at the end of a search."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["INFO", "WARN", "ERROR"]

LONGEST_TITLE = 63
"""W&B refuses a longer title."""


class Alert(NamedTuple):
    """A message that W&B sends to the user, by mail or chat."""

    title: str
    text: str
    level: Level


def search_ended(
    group: str,
    trials: int,
    failures: int,
    best: str,
    reached: bool,
) -> Alert:
    """The alert of a search that has ended.

    Args:
        group: the experiment's name.
        trials: how many trials have ended.
        failures: how many of them failed.
        best: the best trial or configuration in words, empty where none has a value.
        reached: whether a trial has reached the target.
    """
    count = f"{trials} trial{'s' if trials != 1 else ''}"
    if failures == trials:
        return _alert("The search failed", group, f"All of {count} failed.", "ERROR")
    parts = [f"{count}, {failures} of them failed" if failures else count]
    if best:
        parts.append(best)
    title = "The search has reached its target" if reached else "The search is complete"
    return _alert(title, group, "; ".join(parts) + ".", "WARN" if failures else "INFO")


def search_failed(group: str, error: BaseException) -> Alert:
    """The alert of a search that an error has ended.

    Args:
        group: the experiment's name.
        error: what has ended the search.
    """
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return _alert("The search failed", group, f"{type(error).__name__}: {line}", "ERROR")


def _alert(title: str, group: str, text: str, level: Level) -> Alert:
    return Alert(f"{title}: {group}"[:LONGEST_TITLE], f"{group}: {text}", level)
