"""Gives a search that has begun another sweep file, and says what that means for its trials."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pcsearch.engine.experiment.confirmation import race_count
from pcsearch.engine.experiment.definition import LEARNS, SearchDefinition
from pcsearch.engine.experiment.race_edits import check_race
from pcsearch.engine.experiment.versions import judge_anew, place_trials, reach
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import is_shared, search_directory
from pcsearch.engine.records.journal.changes import Edited
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.matching.changes import changes, fixed_from_outside
from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.sweep import Sweep


@dataclass(frozen=True)
class Edit:
    """An edit of a search's sweep file, before the journal has it.

    Args:
        event: for the journal.
        lines: what changes, and what it means for the trials, in words.
    """

    event: Edited
    lines: tuple[str, ...]


def texts_of(directory: ExperimentDirectory, edits: Sequence[Edited]) -> list[tuple[str, str]]:
    """The versions of a search's sweep file, oldest first: the name in messages, and the text.

    Args:
        directory: of the search; its record has been read, and with it the first file.
        edits: those that its journal has.
    """
    return [
        (str(directory.sweep), read_text(directory.sweep)),
        *((each.source, each.text) for each in edits),
    ]


def settle(history: History, versions: Sequence[Sweep], search: SearchDefinition) -> None:
    """Make of a history what it is by the newest version of the sweep file.

    Args:
        history: as it was read; changed in place.
        versions: of the file, oldest first.
        search: by the newest.
    """
    history.is_race = search.replicates is not None
    judge_anew(history, versions, search)
    if history.is_changed:
        place_trials(history, versions, search)


def edited(
    directory: ExperimentDirectory,
    before: SearchDefinition,
    after: SearchDefinition,
    versions: Sequence[Sweep],
    history: History,
    samples: int,
    is_asked: bool,
) -> Edit:
    """Edit a search; nothing is written.

    Args:
        directory: of the search.
        before: the search as it is.
        after: the same with the new file.
        versions: of its file so far, oldest first.
        history: of the search as it was read; it becomes that of the edited search.
        samples: the largest number of trials so far, or the one that the user asks for now.
        is_asked: whether the user asks for it now.

    Raises:
        PcsearchError: the search cannot have this file.
    """
    check_alone(directory, history, after.sweep.source)
    check_race(before, after, history)
    # What it was by the file before, which may have cleared what this one brings back.
    earlier = copied(history)
    settle(earlier, versions, before)
    reach_before = reach(before, earlier)
    old_samples = min(samples, reach_before or samples)
    event = Edited(after.sweep.text, after.sweep.source, samples)
    history.edit(event)
    settle(history, [*versions, after.sweep], after)
    lost = len(earlier.waiting.keys() - history.waiting.keys())
    again = len(history.waiting.keys() - earlier.waiting.keys())
    reach_after = reach(after, history)
    if not is_asked:
        samples = _samples(before.sweep, after.sweep, samples, reach_before, reach_after)
    event = Edited(event.text, event.source, min(samples, reach_after or samples))
    history.edits[-1] = event
    begun = race_count(history, after)
    lines = [
        f"the sweep file is another from now on, {after.sweep.source}:",
        *(f"  {line}" for line in changes(before.sweep, after.sweep)),
        *unused_changes(before, after),
        *_meaning(before, after, history),
        *([f"enqueued configurations outside of it, which are not tried: {lost}"] if lost else []),
        *(
            [f"enqueued configurations that were left out, and are looked at again: {again}"]
            if again
            else []
        ),
        f"at most {event.num_samples} trials, of which {begun} have begun "
        f"(before: at most {old_samples})",
    ]
    if begun >= event.num_samples and begun < (reach_after or math.inf):
        lines.append("none is left: --num-samples N, with the same command, gives the search more")
    return Edit(event, tuple(lines))


def unused_changes(before: SearchDefinition, after: SearchDefinition) -> list[str]:
    """Lines about what a file changes in vain, because the search has values of its own for it."""
    found = fixed_from_outside(before.sweep, after.sweep, before.options.overrides)
    return [f"  {line}" for line in found]


def copied(history: History) -> History:
    """A history that can be settled without a change of this one."""
    return replace(
        history,
        trials=[copy.copy(trial) for trial in history.trials],
        warm_start=[*history.warm_start],
        edits=[*history.edits],
        enqueued=[*history.enqueued],
        taken={*history.taken},
        left_out={*history.left_out},
    )


def check_alone(directory: ExperimentDirectory, history: History, where: str) -> None:
    """Check that no other driver has trials of a search, which it would know by their numbers.

    Args:
        directory: of the search.
        history: of it.
        where: the file or the option that changes the search, for messages.

    Raises:
        PcsearchError: another driver has, or had.
    """
    numbers = [trial.number for trial in history.own]
    # At W&B other drivers have the numbers between.
    others_run = is_shared(directory.path) or numbers != list(range(1, len(numbers) + 1))
    if others_run or search_directory(directory.path) != directory.path:
        message = (
            f"{directory.place} is run by several drivers, which all have the file that it began "
            "with; start a new search (bayes can take the results over: --warm-start)"
        )
        raise PcsearchError(Problem(message, where))


def check_program(before: Sweep, after: Sweep) -> None:
    """Check that a file runs what the search has run.

    Raises:
        PcsearchError: it runs another program.
    """
    if after.program != before.program:
        message = (
            "the file has another program or command, and old results say nothing of it; start a "
            "new search of this file"
        )
        raise PcsearchError(Problem(message, after.source, "program"))


def _samples(
    before: Sweep, after: Sweep, samples: int, reach_before: int | None, reach_after: int | None
) -> int:
    """The largest number of trials after an edit, where the user does not ask for one."""
    was_whole = reach_before is not None and samples >= reach_before
    if after.run_cap is not None and after.run_cap != before.run_cap:
        return after.run_cap
    if after.run_cap is not None:
        return max(samples, after.run_cap) if was_whole else samples
    is_free = before.method != "grid" or was_whole or before.run_cap is not None
    if after.method == "grid" and is_free and reach_after is not None:
        # A grid has an end of its own.
        return reach_after
    return samples


def _meaning(before: SearchDefinition, after: SearchDefinition, history: History) -> Iterator[str]:
    """What an edit means for the trials of a search, in words."""
    if history.is_race:
        yield f"{_trials(len(history.own))} stay in the race, which goes by what they have come to"
        yield from _differing(before, after, history)
        return
    outside = [trial for trial in history.own if trial.is_outside]
    inside = len(history.own) - len(outside)
    learns = after.sweep.method in LEARNS
    use = "the searcher learns from them" if learns else "none of them runs again"
    yield f"{_trials(inside)} of {len(history.own)} inside of the new file: {use}"
    if outside:
        left = "the searcher does not see them" if learns else "they stand for no new one"
        yield f"{_trials(len(outside))} outside of it: they stay in the results, and {left}"
    unfinished = sum(not trial.over for trial in outside)
    if unfinished:
        yield f"{_trials(unfinished)} of those not ended: they are trained to their ends"
    size = reach(after, history)
    if after.sweep.method == "grid" and size is not None:
        yield f"{size - len(history.own)} combinations of the new grid are missing"
    yield from _differing(before, after, history)


def _differing(
    before: SearchDefinition, after: SearchDefinition, history: History
) -> Iterator[str]:
    """What else than its parameters differs by an edit means for the trials of a search."""
    if before.metrics != after.metrics:
        yield from _judged(after, history)
    if before.options.warm_start and not history.warm_start:
        yield "the results of --warm-start are of the old file: they are used no more"
    stopped = sum(trial.stopped_at is not None for trial in history.own)
    if before.sweep.early_terminate != after.sweep.early_terminate and stopped:
        yield f"{_trials(stopped)} stopped early: they stay so"


def _judged(after: SearchDefinition, history: History) -> Iterator[str]:
    outcomes = Outcomes(after.metrics, after.workload.time_attr, history=history)
    ended = [outcomes.of(trial.id) for trial in history.own if trial.over and not trial.failed]
    without = sum(each.best is None and not each.diverged for each in ended)
    names = ", ".join(metric.name for metric in after.metrics) or "nothing"
    line = f"the trials that have ended are judged by {names}, from what they reported"
    if without:
        unseen = ", and the searcher does not see them" if after.sweep.method in LEARNS else ""
        unseen = ": their configurations leave the race" if history.is_race else unseen
        line += f"; {_trials(without)} reported nothing of it{unseen}"
    yield line


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"
