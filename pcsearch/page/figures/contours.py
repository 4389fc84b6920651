"""The figures of two parameters at once: the metric as colour, between the trials by Optuna."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pcsearch.engine.results.findings import Findings
from pcsearch.engine.search.sampling.study_view import quiet_optuna
from pcsearch.exports.optuna_study import axes_of, params_of
from pcsearch.page.figures.columns import drawn, hover, log_axis, rounding, some
from pcsearch.page.figures.figure import Figure, colours
from pcsearch.sweeps.metrics import Metric

MOST_TRIALS = 120
"""The most trials in a contour: it has a cell for each two values."""
TRIAL = "trial"
"""The attribute of a trial of Optuna that has the number of ours."""
MOST_PARAMETERS = 4
"""Contours of the pairs of so many parameters, the most important."""


def contours(findings: Findings, order: Sequence[str]) -> list[Figure]:
    """The metric over two parameters, for the pairs of the first ones; none with several metrics.

    Args:
        findings: of the search.
        order: the names of the parameters, the most important first.
    """
    if len(findings.metrics) != 1:
        return []
    study = _study(findings)
    trials = study.get_trials(deepcopy=False)
    varied = [name for name in order if len({str(t.params.get(name)) for t in trials}) > 1]
    pairs = combinations(varied[:MOST_PARAMETERS], 2)
    figures = (_contour(findings, study, pair) for pair in pairs)
    more = ""
    if len(varied) > MOST_PARAMETERS:
        more = f" Of {len(varied)} parameters the {MOST_PARAMETERS} most important have contours."
    return [
        replace(figure, name=f"contour-{place}", about=f"{figure.about}{more}")
        for place, figure in enumerate(filter(None, figures), start=1)
    ]


def _study(findings: Findings) -> optuna.Study:
    """The trials with a value as trials that are complete: Optuna leaves out what was stopped."""
    chosen = drawn(findings, MOST_TRIALS)
    # The range of an axis is that of the trials that are drawn.
    shown = replace(findings, trials=tuple(chosen))
    axes = axes_of(shown)
    is_least = findings.metrics[0].mode == "min"
    way = StudyDirection.MINIMIZE if is_least else StudyDirection.MAXIMIZE
    with quiet_optuna():
        study = optuna.create_study(direction=way)
        for finding in chosen:
            params = params_of(shown, finding, axes)
            study.add_trial(
                optuna.trial.create_trial(
                    state=TrialState.COMPLETE,
                    value=finding.result.value,
                    params=params,
                    distributions={name: axes[name].distribution for name in params},
                    user_attrs={TRIAL: finding.result.number},
                )
            )
    return study


def _contour(findings: Findings, study: optuna.Study, names: tuple[str, str]) -> Figure | None:
    """The figure of two parameters; None where no trials have different values of both."""
    metric = findings.metrics[0]
    shown = [t for t in study.get_trials(deepcopy=False) if set(names) <= t.params.keys()]
    if any(len({str(trial.params[name]) for trial in shown}) < 2 for name in names):
        return None
    with quiet_optuna(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plot = optuna.visualization.plot_contour(study, params=list(names), target_name=metric.name)
    field, points = plot.data[0], plot.data[1]
    layout = plot.layout.to_plotly_json()
    both = " and ".join(sorted(names))
    return Figure(
        "",
        both,
        f"{metric.name} over {both}, blue for the best; between the trials, the black points, it "
        f"is interpolated, and where there are few it says little.{some(findings, MOST_TRIALS)}",
        [_field(study, field, metric), _points(findings, shown, points, names)],
        {
            "xaxis": _axis(layout["xaxis"], points.x),
            "yaxis": _axis(layout["yaxis"], points.y),
            "showlegend": False,
        },
        height=380,
    )


def _axis(axis: dict[str, Any], values: Any) -> dict[str, Any]:
    """Optuna's axis in our style."""
    ticks = log_axis(_plain(values)) if axis.get("type") == "log" else {}
    return {**axis, "automargin": True, **ticks}


def _field(study: optuna.Study, field: Any, metric: Metric) -> dict[str, Any]:
    """Optuna's field in our colours, with short numbers."""
    values = [trial.value for trial in study.get_trials(deepcopy=False)]
    ends, shorter = colours(values, metric.mode), rounding(values)
    return {
        "type": "contour",
        "x": _plain(field.x),
        "y": _plain(field.y),
        "z": [list(map(shorter, row)) for row in field.z.tolist()],
        "connectgaps": True,
        "contours": {"coloring": "heatmap", "showlines": False},
        "line": {"smoothing": 1.3},
        "hoverinfo": "none",
        "colorscale": ends["colorscale"],
        "zmin": ends["cmin"],
        "zmax": ends["cmax"],
        "zauto": False,
        "colorbar": {"thickness": 12},
    }


def _points(
    findings: Findings, shown: Sequence[FrozenTrial], points: Any, names: tuple[str, str]
) -> dict[str, Any]:
    """Optuna's points: the trials that have both parameters, in their order."""
    by_number = {trial.result.number: trial for trial in findings.trials}
    numbers = [trial.user_attrs[TRIAL] for trial in shown]
    name = findings.metrics[0].name
    return {
        "type": "scatter",
        "mode": "markers",
        "x": _plain(points.x),
        "y": _plain(points.y),
        "customdata": numbers,
        "hovertext": [
            hover(by_number[n], {name: t.value, **{each: t.params[each] for each in names}})
            for n, t in zip(numbers, shown, strict=True)
        ],
        "hoverinfo": "text",
        "marker": {"size": 6, "color": "#1d1d1f", "line": {"width": 1, "color": "#ffffff"}},
    }


def _plain(values: Any) -> list[Any]:
    """The values of an axis as JSON has them."""
    return [each.item() if hasattr(each, "item") else each for each in values]
