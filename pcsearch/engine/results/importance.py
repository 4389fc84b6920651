"""How much each parameter matters for the metric, by PED-ANOVA (Watanabe et al., 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsearch.engine.results.findings import Findings

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

FEWEST_TRIALS = 10
SHUFFLES = 20
CHANCE = 0.95
"""A parameter matters if its importance is above this quantile of those that chance gives."""
TOP = 0.1
FEWEST_IN_TOP = 5
"""What sets the best trials apart is asked of the best `TOP` of them, and at least so many."""
MOST_CHOICES = 50
"""A parameter with more choices, such as a seed, has too few trials of each to say anything."""
MOST_TRIALS = 500
"""More are drawn at random: the answer does not get better, and takes long."""


@dataclass(frozen=True)
class Importance:
    """How much a parameter matters.

    Args:
        name: the parameter's.
        share: of all parameters' importance, from 0 to 1.
        real: whether it is more than chance gives where values and configurations are shuffled.
    """

    name: str
    share: float
    real: bool


def importances(findings: Findings) -> tuple[Importance, ...] | str:
    """The importance of the parameters for the first metric, the greatest first.

    A trial that was stopped early counts with the value that it had then.

    Returns:
        The importances; or why there are none, in words.
    """
    if not findings.metrics:
        return "the sweep has no metric"
    # Optuna takes a while to import.
    from pcsearch.engine.search.sampling.search_space import OptunaSpace

    space = OptunaSpace(findings.sweep.parameters.values())
    random = np.random.default_rng(0)
    valued = [result for result in findings.results if result.valued]
    if len(valued) > MOST_TRIALS:
        valued = [valued[i] for i in random.choice(len(valued), MOST_TRIALS, replace=False)]
    sign = findings.metrics[0].sign
    located = [(space.point(each.config), sign * (each.value or 0.0)) for each in valued]
    points = [point for point, _ in located if not isinstance(point, str)]
    losses = [loss for point, loss in located if not isinstance(point, str)]
    if len(points) < FEWEST_TRIALS:
        return f"{len(points)} trials have a value; it takes {FEWEST_TRIALS}"
    if len(set(losses)) == 1:
        return "all trials have the same value"
    names = [
        name
        for name, axis in space.distributions.items()
        if len({str(point[name]) for point in points}) > 1
        and len(getattr(axis, "choices", ())) <= MOST_CHOICES
    ]
    if len(names) < 2:
        return "fewer than two parameters have different values"
    study = _study(points, {name: space.distributions[name] for name in names})
    found = _evaluated(study, losses, names)
    shuffled = [_evaluated(study, list(random.permutation(losses)), names) for _ in range(SHUFFLES)]
    limits = {name: np.quantile([each[name] for each in shuffled], CHANCE) for name in names}
    total = sum(found.values()) or 1.0
    each = [
        Importance(name, found[name] / total, bool(found[name] > limits[name])) for name in names
    ]
    return tuple(sorted(each, key=lambda one: (-one.share, one.name)))


def _study(points: Sequence[dict[str, Any]], distributions: dict[str, BaseDistribution]) -> Study:
    """A study with these points; its trials' values are left to `_evaluated`."""
    import optuna

    from pcsearch.engine.search.sampling.study_view import quiet_optuna

    trials = [
        optuna.trial.create_trial(
            params={name: point[name] for name in distributions},
            distributions=distributions,
            value=0.0,
        )
        for point in points
    ]
    with quiet_optuna():
        study = optuna.create_study()
        study.add_trials(trials)
    return study


def _evaluated(study: Study, losses: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """The importances of parameters, which do not add up to 1.

    Args:
        study: has the points.
        losses: the loss of each, in the same order.
        names: of the parameters.
    """
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    from pcsearch.engine.search.sampling.study_view import quiet_optuna

    top = min(0.5, max(TOP, FEWEST_IN_TOP / len(losses)))
    # It warns that small values count as good: they are losses.
    with quiet_optuna():
        return get_param_importances(
            study,
            evaluator=PedAnovaImportanceEvaluator(target_quantile=top),
            params=list(names),
            target=lambda trial: losses[trial.number],
            normalize=False,
        )
