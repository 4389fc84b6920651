"""Colours by a metric."""

from __future__ import annotations

from made_findings import made_trial

from pcsearch.page.figures.figure import SCALE, by_status, colours


def test_the_scale_goes_from_the_best_to_a_bad_value() -> None:
    values = [float(each) for each in range(11)]
    least = colours([*values, None], "min")
    assert (least["cmin"], least["cmax"]) == (0, 9)
    assert least["colorscale"] == SCALE
    most = colours(values, "max")
    assert (most["cmin"], most["cmax"]) == (1, 10)
    assert most["colorscale"] == [(0.0, SCALE[2][1]), (0.5, SCALE[1][1]), (1.0, SCALE[0][1])]


def test_trials_by_status() -> None:
    trials = [made_trial(1, {}, status="stopped"), made_trial(2, {}), made_trial(3, {})]
    assert by_status(trials) == {"finished": [1, 2], "stopped": [0]}
