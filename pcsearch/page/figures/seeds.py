"""The view of trials that differ in their seed only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pcsearch.engine.results.configurations import Configuration
from pcsearch.engine.results.findings import Findings
from pcsearch.engine.results.groups import Group, grouped
from pcsearch.page.figures.columns import hover, rounded, rounding, scale_of
from pcsearch.page.figures.figure import CHANCE, STRONG, Figure
from pcsearch.page.html import Html
from pcsearch.page.tables import plain_table
from pcsearch.reports.configurations import cells, columns
from pcsearch.reports.results import number
from pcsearch.sweeps.replicates import SEED

SEEDS = (SEED, "random_seed", "random_state")
"""What programs call the seed of a trial."""
MOST_GROUPS = 40
"""The most configurations that are drawn; the table has all."""


def by_seed(findings: Findings) -> list[Figure]:
    """The mean and the spread of each configuration over its seeds.

    None where no parameter of `SEEDS`, nested or not, is searched beside others, or nothing ran
    with two seeds.
    """
    if findings.replicates is not None:
        found = findings.configurations
        return _figures(findings, [each.runs for each in found], found)
    seeds = [each.name for each in findings.searched if each.path[-1] in SEEDS]
    if not findings.metrics or not seeds or len(seeds) == len(findings.searched):
        return []
    return _figures(
        findings, grouped(findings.results, findings.searched, findings.metrics, seeds), []
    )


def _figures(
    findings: Findings, groups: Sequence[Group], found: Sequence[Configuration]
) -> list[Figure]:
    """The figure of some groups; ``found`` are the same as configurations, where they are known."""
    if all(group.count < 2 for group in groups):
        return []
    shown = [group for group in groups if group.count][:MOST_GROUPS]
    name = findings.metrics[0].name
    more = f" The best {MOST_GROUPS} are drawn." if len(groups) > MOST_GROUPS else ""
    means = [group.means[0] for group in shown]
    figure = Figure(
        "seeds",
        "By configuration, over seeds",
        f"The mean of {name} of each configuration, the best first, with the standard deviation of "
        f"its seeds; a grey point is a trial. The numbers are those of the table's rows.{more}",
        [_trials(findings, shown), _means(shown)],
        {
            "xaxis": {"type": "category", "title": {"text": "configuration"}},
            "yaxis": {
                "title": {"text": name},
                "automargin": True,
                **scale_of(means),
            },
        },
        height=380,
        is_wide=True,
        table=_of_configurations(findings, found) if found else _table(findings, groups),
    )
    return [figure]


def _trials(findings: Findings, groups: Sequence[Group]) -> dict[str, Any]:
    by_number = {trial.result.number: trial for trial in findings.trials}
    points = [
        (str(place), trial)
        for place, group in enumerate(groups, start=1)
        for trial in group.counted
    ]
    name, values = findings.metrics[0].name, [trial.value for _, trial in points]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "trials",
        "x": [place for place, _ in points],
        "y": list(map(rounding(values), values)),
        "customdata": [trial.number for _, trial in points],
        "hovertext": [hover(by_number[trial.number], {name: trial.value}) for _, trial in points],
        "hoverinfo": "text",
        "marker": {"color": CHANCE, "size": 6},
    }


def _means(groups: Sequence[Group]) -> dict[str, Any]:
    means = [group.means[0] for group in groups]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "mean ± deviation",
        "x": [str(place) for place in range(1, len(groups) + 1)],
        "y": list(map(rounding(means), means)),
        "hoverinfo": "x+y",
        "error_y": {"array": [rounded(group.deviations[0]) or 0 for group in groups]},
        "marker": {"color": STRONG, "size": 9, "symbol": "diamond"},
    }


def _of_configurations(findings: Findings, found: Sequence[Configuration]) -> Html:
    confirms = any(each.confirmation for each in found)
    rows = [cells(each, confirms=confirms) for each in found]
    return plain_table(columns(found, findings.metrics), rows)


def _table(findings: Findings, groups: Sequence[Group]) -> Html:
    first = groups[0].config
    names = ["configuration", "trials"]
    for metric in findings.metrics:
        names += [f"mean {metric.name}", "±"]
    names += list(first)
    rows = []
    for place, group in enumerate(groups, start=1):
        row = [place, ", ".join(str(trial.number) for trial in group.trials)]
        for mean, deviation in zip(group.means, group.deviations, strict=True):
            row += [number(mean), number(deviation)]
        rows.append([*row, *group.config.values()])
    return plain_table(names, rows)
