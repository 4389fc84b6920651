"""The configurations of a search whose seeds are replicates, from the outcomes of their runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import LearningCurves, Prediction
from pcsearch.engine.search.replicates.racing import Entrant, standings


class SeedRun(Protocol):
    """A run with a seed: the outcome of a trial, or its result."""

    @property
    def replicate(self) -> Replicate | None:
        """Of which configuration it is a run, and with which seed."""

    @property
    def ended(self) -> bool:
        """Whether it has ended."""

    @property
    def values(self) -> tuple[float | None, ...]:
        """Its best value of each metric."""

    @property
    def is_whole(self) -> bool:
        """Whether it came to its own end with a value."""


def runs_of(outcomes: Iterable[TrialOutcome]) -> dict[int, list[TrialOutcome]]:
    """The runs of each configuration, by its number, in the order of these numbers."""
    runs: dict[int, list[TrialOutcome]] = {}
    for outcome in outcomes:
        if outcome.replicate is not None:
            runs.setdefault(outcome.replicate.configuration, []).append(outcome)
    return dict(sorted(runs.items()))


def is_in_race(run: SeedRun, seeds: int) -> bool:
    """Whether a run is one of the race: those with fresh seeds are not."""
    return run.replicate is not None and not run.replicate.is_fresh(seeds)


def mean_over_seeds(run: TrialOutcome, outcomes: Outcomes, seeds: int) -> float | None:
    """The mean of a run's configuration over all seeds of the race, of the runs so far.

    None where a seed is missing, or a run went wrong or was stopped.
    """
    if not is_in_race(run, seeds) or run.replicate is None:
        return None
    runs = outcomes.runs_of(run.replicate.configuration)
    values = {
        each.replicate.seed: each.values[0]
        for each in runs
        if each.replicate
        and is_in_race(each, seeds)
        and (each.is_whole or not (each.ended or each.was_cut))
    }
    known = [value for value in values.values() if value is not None]
    return sum(known) / seeds if len(known) == seeds else None


def configuration_key(run: TrialOutcome) -> str:
    """The key of a run's configuration in what `of_configurations` gives."""
    return "" if run.replicate is None else str(run.replicate.configuration)


def of_configurations(
    predictions: Mapping[str, Prediction], outcomes: Outcomes, seeds: int, rung: float
) -> dict[str, Prediction]:
    """The predicted losses of configurations: means over their runs.

    Where runs have come to the rung, only these count: a later seed that has just begun says less.

    Args:
        predictions: of runs, by their ids.
        outcomes: of the runs.
        seeds: how many seeds the race has.
        rung: an epoch.
    """
    found = {}
    for runs in runs_of(outcomes).values():
        if _went_wrong(runs, seeds):
            # It is out of the race: its other runs must stop nobody.
            continue
        known = [
            predictions[run.trial_id]
            for run in runs
            if is_in_race(run, seeds) and run.trial_id in predictions
        ]
        there = [each for each in known if each.epoch >= rung] or known
        if there:
            mean = sum(each.mean for each in there) / len(there)
            deviation = sum(each.deviation**2 for each in there) ** 0.5 / len(there)
            epoch = max(each.epoch for each in there)
            found[configuration_key(runs[0])] = Prediction(mean, deviation, epoch)
    return found


def _went_wrong(runs: Iterable[TrialOutcome], seeds: int) -> bool:
    """Whether a run of the race failed, diverged, or came to its own end without a value."""
    return any(
        run.failed or run.diverged or (run.ended and run.values[0] is None and not run.was_cut)
        for run in runs
        if is_in_race(run, seeds)
    )


def entrant(runs: Iterable[SeedRun], seeds: int, sign: float) -> Entrant:
    """A configuration as the race sees it; runs with fresh seeds do not count.

    Args:
        runs: of the configuration.
        seeds: how many seeds the race has.
        sign: 1 where less is better, else -1.
    """
    made = Entrant()
    for run in runs:
        if run.replicate is None or not is_in_race(run, seeds):
            continue
        made.begun.add(run.replicate.seed)
        if not run.ended:
            made.running += 1
        value = run.values[0] if run.is_whole else None
        if value is not None:
            made.losses[run.replicate.seed] = sign * value
        elif run.ended:
            made.is_out = True
    return made


class ConfigurationMeans:
    """What the searcher of bayes sees of configurations: the means over their seeds so far.

    Args:
        outcomes: of the search's trials.
        seeds: how many seeds each configuration may run with.
        curves: predicts the losses of runs at their ends; None where no run is stopped early.
    """

    def __init__(self, outcomes: Outcomes, seeds: int, curves: LearningCurves | None) -> None:
        self._outcomes, self._seeds, self._curves = outcomes, seeds, curves
        self._sign = outcomes.metrics[0].sign
        self.stops_early = curves is not None

    def predictions(self) -> dict[str, Prediction]:
        """By the id of each configuration's first run, its mean loss and how sure that is.

        The loss of a configuration with a run that went wrong is infinite.
        """
        runs = list(runs_of(self._outcomes).values())
        if self._curves is None:
            # A run that the user has stopped ends the race of its configuration, and says nothing
            # against it.
            entrants = [
                replace(
                    entrant(each, self._seeds, self._sign), is_out=_went_wrong(each, self._seeds)
                )
                for each in runs
            ]
            spreads = [0.0] * len(runs)
        else:
            entrants, spreads = self._predicted(runs, self._curves.predictions())
        found = {}
        placed = standings(entrants, self._seeds)
        for each, known, place, spread in zip(runs, entrants, placed, spreads, strict=True):
            first = each[0]
            if known.losses and (first.ended or not known.is_out):
                deviation = (place.error**2 + spread) ** 0.5
                epoch = max(run.curve[-1][0] if run.curve else 0.0 for run in each)
                found[first.trial_id] = Prediction(place.mean, deviation, epoch)
        return found

    def _predicted(
        self, runs: Sequence[Sequence[TrialOutcome]], predictions: Mapping[str, Prediction]
    ) -> tuple[list[Entrant], list[float]]:
        """The configurations by the predicted losses of their runs, and these means' variances."""
        entrants, variances = [], []
        for each in runs:
            known = {
                run.replicate.seed: predictions[run.trial_id]
                for run in each
                if run.trial_id in predictions
                and run.replicate is not None
                and not run.replicate.is_fresh(self._seeds)
            }
            losses = {seed: prediction.mean for seed, prediction in known.items()}
            entrants.append(Entrant(losses, is_out=_went_wrong(each, self._seeds)))
            squares = sum(prediction.deviation**2 for prediction in known.values())
            variances.append(squares / max(1, len(known)) ** 2)
        return entrants, variances
