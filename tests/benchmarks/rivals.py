"""What is compared in ``early_stopping.py``: searches with early stopping, and the rules that stop.

All are driven in the same way. The rivals are W&B's bayes with its hyperband, random draws and
Optuna's TPE with the ASHA of Ray Tune, and one epoch for each trial.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import optuna
from curve_cases import Curves, Report
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from search import METRIC, Wandb

from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.engine.search.schedulers.asha import make_scheduler
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.pc.metrics import EPOCH
from pcsearch.sweeps.configurations import configurations
from pcsearch.sweeps.sweep import Sweep, parse_sweep

CAP = 1000
"""The number of trials that pcsearch is told: more than any search here begins."""
NO_CONTROLLER = cast(TuneController, None)
"""No scheduler here needs Tune's controller: no sweep has a target."""


class Rule(Protocol):
    """A rule that stops trials early."""

    def continues(self, report: Report) -> bool:
        """Whether the trial goes on after a report; told its last report too."""


class Contender(Rule, Protocol):
    """A search: it suggests configurations, and stops trials."""

    def suggest(self, number: int) -> dict[str, Any]:
        """The configuration of trial ``number``; the numbers come in rising order."""


@dataclass
class FakeTrial:
    """As much of Tune's trial as a scheduler looks at."""

    trial_id: str


def fake_trial(number: int) -> Trial:
    """A trial by its number."""
    return cast(Trial, FakeTrial(f"t{number}"))


def stopping_early(text: str, first: int = 1, eta: int = 3) -> str:
    """The text of a sweep file with an ``early_terminate`` before its parameters."""
    stop = f"early_terminate: {{type: hyperband, min_iter: {first}, eta: {eta}}}\n"
    return text.replace("parameters:", f"{stop}parameters:", 1)


class PcsearchsRule:
    """The scheduler of pcsearch, driven as Tune drives it.

    Args:
        sweep: with an ``early_terminate``.
        epochs: of a trial.
    """

    def __init__(self, sweep: Sweep, epochs: int) -> None:
        self.outcomes = Outcomes(sweep.metrics)
        self.curves = learning_curves(sweep, epochs, self.outcomes)
        self._scheduler = make_scheduler(sweep, self.outcomes, self.curves)
        self._epochs = epochs

    def continues(self, report: Report) -> bool:
        """Whether the scheduler lets the trial go on; the outcome of one that ends is ended."""
        trial, result = fake_trial(report.number), tune_result(report)
        self.outcomes.of(trial.trial_id).add(result)
        word = self._scheduler.on_trial_result(NO_CONTROLLER, trial, result)
        if word != TrialScheduler.STOP and report.epoch < self._epochs:
            return True
        self._scheduler.on_trial_complete(NO_CONTROLLER, trial, result)
        self.outcomes.end(trial.trial_id)
        return False


class TunesAsha:
    """The ASHA of Ray Tune: it compares a trial only when the trial comes to a rung.

    Args:
        epochs: of a trial.
        sign: -1 where a higher value is better.
        first: the first rung.
        eta: a trial goes on if it is among the best 1/eta of those that came to the rung before.
    """

    def __init__(self, epochs: int, sign: int = 1, first: int = 1, eta: int = 3) -> None:
        self._epochs = epochs
        mode = "min" if sign > 0 else "max"
        self._asha = ASHAScheduler(EPOCH, METRIC, mode, epochs, first, eta)
        self._begun = 0

    def continues(self, report: Report) -> bool:
        """Whether the scheduler lets the trial go on."""
        trial = fake_trial(report.number)
        if report.epoch == 1:
            self._asha.on_trial_add(NO_CONTROLLER, trial)
        word = self._asha.on_trial_result(NO_CONTROLLER, trial, tune_result(report))
        return word != TrialScheduler.STOP and report.epoch < self._epochs


class WandbsRule:
    """The hyperband of W&B: at each report, the band is asked that the trial has passed last.

    A band is a place in a run's history. The history begins with place 0, so that of band 3 is the
    fourth value: as in W&B's package ``sweeps``, which has the rule that is not strict.

    Args:
        bands: their places, in rising order.
        sign: -1 where a higher value is better.
        eta: the threshold is the value at 1/eta of the sorted values of a band.
        strict: whether the newest value is compared with the threshold, instead of the best one.
    """

    def __init__(
        self, bands: Sequence[int], sign: int = 1, eta: int = 3, *, strict: bool = True
    ) -> None:
        self._losses: dict[int, list[float]] = {band: [] for band in bands}
        self._best: dict[int, float] = {}
        self._sign, self._eta, self._strict = sign, eta, strict

    def continues(self, report: Report) -> bool:
        """Whether the run goes on; only the run that has just reported is asked about."""
        loss, place = self._sign * report.value, report.epoch - 1
        best = self._best[report.number] = min(loss, self._best.get(report.number, loss))
        if place in self._losses:
            insort(self._losses[place], loss)
        passed = [losses for band, losses in self._losses.items() if band <= place]
        if not passed:
            return True
        threshold = passed[-1][int(1 / self._eta * len(passed[-1]))]
        return (loss if self._strict else best) <= threshold


class Pcsearch(PcsearchsRule):
    """A search of this project.

    Args:
        curves: of the search.
        seed: of the searcher.
        method: of the sweep file.
    """

    def __init__(self, curves: Curves, seed: int, method: str = "bayes") -> None:
        sweep = parse_sweep(stopping_early(curves.case.text(method)), "sweep.yaml")
        super().__init__(sweep, curves.epochs)
        self._searcher = make_searcher(sweep, CAP, seed, outcomes=self.outcomes, curves=self.curves)

    def suggest(self, number: int) -> dict[str, Any]:
        """The searcher's next suggestion."""
        config = self._searcher.suggest(f"t{number}")
        assert isinstance(config, dict), "there are fewer trials than the cap"
        self.outcomes.begin(f"t{number}", number + 1, config)
        return config

    def continues(self, report: Report) -> bool:
        """As the scheduler says; the searcher is told of a trial's end."""
        goes_on = super().continues(report)
        if not goes_on:
            self._searcher.on_trial_complete(f"t{report.number}", tune_result(report))
        return goes_on


class WandbWithHyperband(Wandb):
    """W&B's bayes, which sees the histories of running runs too, with its hyperband.

    Args:
        curves: of the search.
        seed: of numpy's global generator.
        strict: as in `WandbsRule`.
    """

    def __init__(self, curves: Curves, seed: int, *, strict: bool = True) -> None:
        super().__init__(curves.case, seed)
        bands = [3**k for k in range(10) if 3**k < curves.epochs]
        self._rule = WandbsRule(bands, curves.sign, strict=strict)
        self._epochs = curves.epochs

    def continues(self, report: Report) -> bool:
        """As the rule says."""
        import sweeps  # type: ignore[import-untyped]

        run = self._runs[report.number]
        run.history.append({METRIC: report.value})
        run.summary_metrics = {METRIC: report.value}
        goes_on = self._rule.continues(report) and report.epoch < self._epochs
        if not goes_on:
            run.state = sweeps.RunState.finished
        return goes_on


class RandomWithAsha(TunesAsha):
    """Random draws with Tune's ASHA.

    Args:
        curves: of the search.
        seed: of the draws.
    """

    def __init__(self, curves: Curves, seed: int) -> None:
        super().__init__(curves.epochs, curves.sign)
        drawn = configurations(parse_sweep(curves.case.text("random"), "sweep.yaml"), seed)
        assert drawn is not None, "a random sweep has them"
        self._drawn = drawn

    def suggest(self, number: int) -> dict[str, Any]:
        """The configuration of that number."""
        return self._drawn.config(number)


class OneEpoch(RandomWithAsha):
    """Random draws, each of them trained for one epoch: no search is cheaper a trial."""

    def continues(self, report: Report) -> bool:
        """Never."""
        return False


class TpeWithAsha(TunesAsha):
    """Optuna's TPE with Tune's ASHA: as with Tune's OptunaSearch, a trial's last value counts.

    Args:
        curves: of the search.
        seed: of the sampler.
    """

    def __init__(self, curves: Curves, seed: int) -> None:
        super().__init__(curves.epochs, curves.sign)
        sweep = parse_sweep(curves.case.text("bayes"), "sweep.yaml")
        self._space = OptunaSpace(sweep.parameters.values())
        self._study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed),
            direction="minimize" if curves.sign > 0 else "maximize",
        )
        self._trials: list[optuna.Trial] = []

    def suggest(self, number: int) -> dict[str, Any]:
        """The study's next configuration."""
        self._trials.append(self._study.ask(dict(self._space.distributions)))
        return self._space.config(self._trials[number].params)

    def continues(self, report: Report) -> bool:
        """As the rule says; the study is told of a trial's end."""
        trial = self._trials[report.number]
        trial.report(report.value, report.epoch)
        goes_on = super().continues(report)
        if not goes_on:
            self._study.tell(trial, report.value)
        return goes_on


def tune_result(report: Report) -> dict[str, Any]:
    """A report as Tune hands it over."""
    return {METRIC: report.value, "training_iteration": report.epoch, EPOCH: report.epoch}


SEARCHERS: Mapping[str, Callable[[Curves, int], Contender]] = {
    "pcsearch": Pcsearch,
    "pcsearch-random": lambda curves, seed: Pcsearch(curves, seed, "random"),
    "wandb": WandbWithHyperband,
    "wandb-loose": lambda curves, seed: WandbWithHyperband(curves, seed, strict=False),
    "asha": RandomWithAsha,
    "tpe-asha": TpeWithAsha,
    "one-epoch": OneEpoch,
}
"""The searches by their names; each takes the curves and a seed."""
