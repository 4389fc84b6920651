"""The searcher of ``bayes``: Optuna chooses the configuration of each new trial."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from optuna import Trial
from ray.tune.search import Searcher

from pcsearch.engine.records.journal.changes import LeftOut
from pcsearch.engine.records.journal.events import Suggested
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import Prediction, Predictor
from pcsearch.engine.search.sampling.imputation import final_values
from pcsearch.engine.search.sampling.samplers import make_study, suggest
from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.engine.search.searchers.enqueued_parts import EnqueuedParts
from pcsearch.engine.search.searchers.no_repeats import NoRepeats
from pcsearch.engine.search.searchers.resumed_study import other_trial, rebuilt_trials
from pcsearch.sweeps.finite import FiniteSpace


class BayesSearcher(Searcher):
    """Suggests the configurations that Optuna chooses, and gives Optuna each trial's value.

    A trial's value is the best that it reported; with several metrics, the values of the last
    report that has all of them. A trial that failed, diverged or reported no value gets the value
    that its metric's ``impute`` says. A report without the metric is ignored.

    Where trials are stopped early, the best values of trials of different length cannot be
    compared. The sampler then sees, instead of the value, what is predicted for the end of the
    trial, and it sees this of running trials too. With several metrics it sees their values.

    Args:
        space: the parameters.
        cap: the largest number of trials, None for no bound.
        outcomes: of the search's trials, with the metrics that the study optimises.
        seed: of the sampler.
        sampler: its name.
        history: of a resumed search; its trials are in the study.
        curves: predicts the values that the sampler sees; None where those of trials are final.
        finite: the configurations, of which each is suggested once; None where they have no end,
            or may be suggested twice.
    """

    def __init__(
        self,
        space: OptunaSpace,
        cap: int | None,
        outcomes: Outcomes,
        seed: int,
        sampler: SamplerName = "auto",
        history: History | None = None,
        curves: Predictor | None = None,
        finite: FiniteSpace | None = None,
    ) -> None:
        super().__init__()
        history = history or History()
        trials = rebuilt_trials(history, space.distributions, outcomes)
        self._space = space
        self._outcomes = outcomes
        self._cap = cap
        self._suggested = len(history.own)
        inside = [trial for trial in history.trials if not trial.is_outside]
        # The results of a warm start come first in the study.
        warm_start = len(trials) - len(inside)
        self._numbers = {each.id: number for number, each in enumerate(inside, warm_start)}
        self._enqueued = EnqueuedParts(history.waiting)
        # The outcomes of the running trials only, by the trials' numbers in the study.
        self._running: dict[int, TrialOutcome] = {
            self._numbers[each.id]: outcomes.of(each.id) for each in inside if not each.over
        }
        self._curves = curves
        # Of trials that have ended or run, by their numbers in the study.
        self._predictions: dict[int, Prediction] = {}
        self._no_repeats = None
        if finite is not None:
            own = [trial for trial in history.own if not trial.is_outside]
            used = [space.config(trial.point or {}) for trial in own]
            self._no_repeats = NoRepeats(finite, space, used, seed)
        self.study = make_study(
            sampler,
            cap=cap,
            seed=seed,
            space=space.distributions,
            metrics=outcomes.metrics,
            trials=trials,
            outcomes=self._running,
            predictions=None if curves is None else self._predictions,
            stops_early=curves is not None and curves.stops_early,
        )
        """Optuna's study of the search."""

    @property
    def is_exhausted(self) -> bool:
        """Whether it has suggested all trials that it may."""
        return self._cap is not None and self._suggested >= self._cap

    @property
    def has_enqueued(self) -> bool:
        """Whether enqueued configurations wait for a trial."""
        return self._enqueued.are_waiting

    def enqueue(self, parts: Mapping[int, dict[str, Any]]) -> None:
        """Suggest configurations next; of each its number in the journal."""
        self._enqueued.add(parts)

    def left_out(self) -> list[LeftOut]:
        """For the journal, the enqueued configurations of which nothing was left, each once."""
        return self._enqueued.left_out()

    def config(self, trial: TrialHistory) -> dict[str, Any]:
        """The configuration of a trial of the history."""
        if trial.config is not None:
            return copy.deepcopy(dict(trial.config))
        return self._space.config(trial.point or {})

    def suggested(self, trial_id: str, number: int) -> Suggested:
        """What the journal gets of a trial that `suggest` has given a configuration."""
        return Suggested(
            trial_id, number, self.point(trial_id), enqueued=self._enqueued.of(trial_id)
        )

    def point(self, trial_id: str) -> dict[str, Any]:
        """The values that Optuna chose for a trial, by the names of the parameters."""
        trials = self.study.get_trials(deepcopy=False)
        return dict(trials[self._numbers[trial_id]].params)

    def learn(self, results: Sequence[OtherResult]) -> None:
        """Give Optuna the results of other drivers; those outside of the space are left out."""
        for result in results:
            if self._no_repeats is not None:
                self._no_repeats.add(result.config)
            point = self._space.point(result.config)
            if not isinstance(point, str):
                self.study.add_trial(
                    other_trial(result, point, self._space.distributions, self._outcomes)
                )

    def suggest(self, trial_id: str, number: int | None = None) -> Any:
        """Optuna's next configuration, or FINISHED after the last.

        Args:
            trial_id: of the trial that gets it.
            number: that of the trial, which does not matter here.
        """
        if self.is_exhausted:
            return str(Searcher.FINISHED)
        self._predict()
        trial = self._enqueued.take(trial_id, self._with_part)
        if trial is None and self._no_repeats is not None:
            trial = self._no_repeats.suggest(self.study)
        elif trial is None:
            trial = suggest(self.study, self._space.distributions)
        self._numbers[trial_id] = trial.number
        self._running[trial.number] = self._outcomes.of(trial_id)
        self._suggested += 1
        return self._space.config(trial.params)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Give Optuna the value of a trial that has ended; a second call changes nothing.

        The trial's outcome has its reports already.
        """
        if trial_id not in self._numbers:
            # An edit has left it outside of the space.
            return
        number = self._numbers[trial_id]
        outcome = self._running.pop(number, None)
        if outcome is not None:
            went_wrong = error or outcome.diverged
            self.study.tell(number, final_values(outcome, went_wrong=went_wrong))

    def _with_part(self, part: Mapping[str, Any]) -> Trial | None:
        """A trial with a part of a configuration, None where all such trials have been."""
        point = self._space.part_of_point(part)
        part = {name: each for name, each in point.items() if each is not None}
        if self._no_repeats is not None:
            return self._no_repeats.suggest_with(self.study, part)
        self.study.enqueue_trial(part)
        return suggest(self.study, self._space.distributions)

    def _predict(self) -> None:
        """Update the predicted final values that the sampler sees."""
        if self._curves is None:
            return
        sign = self._outcomes.metrics[0].sign
        self._predictions.clear()
        for trial_id, prediction in self._curves.predictions().items():
            if trial_id in self._numbers:
                number = self._numbers[trial_id]
                self._predictions[number] = prediction._replace(mean=sign * prediction.mean)
