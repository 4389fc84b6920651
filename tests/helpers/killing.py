"""Kills a search at random moments, and lets it end at last."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import forking

STARTING = 2.0
"""Seconds in which a search starts, about."""


def kill_at_random(
    folder: Path,
    start: tuple[str, ...],
    kills: int,
    span: float,
    seed: int,
    damage: Callable[[random.Random], None] = lambda _: None,
) -> int:
    """Kill a search again and again: while it starts, or within ``span`` seconds of its trials.

    Args:
        folder: of the search.
        start: the command that begins it.
        kills: how often it is killed at most.
        span: in seconds.
        seed: of the moments.
        damage: is called after each kill.

    Returns:
        How often: it may have come to its end before.
    """
    chance = random.Random(seed)
    for killed in range(kills):
        process = forking.fork(folder, *go_on(folder, start))
        moment = chance.uniform(0, STARTING)
        if chance.random() < 0.5:
            seen = size(folder)
            while process.is_alive() and size(folder) == seen:
                time.sleep(0.01)
            moment = chance.uniform(0, span)
        process.join(moment)
        process.kill()
        process.join()
        if process.exitcode == 0:
            return killed
        damage(chance)
    forking.finish(forking.fork(folder, *go_on(folder, start)), folder)
    return kills


def go_on(folder: Path, start: tuple[str, ...]) -> tuple[str, ...]:
    """How a search is begun, or gone on with where it has begun."""
    return ("--resume", "here") if (folder / "here" / "experiment.json").exists() else start


def size(folder: Path) -> int:
    """How much the search has written."""
    files = [*folder.glob("here/journal.jsonl"), *folder.glob("here/*/result.json")]
    return sum(file.stat().st_size for file in files)
