"""The contours of two parameters, whose field is Optuna's."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_findings import made_findings, made_trial

from pcsearch.engine.results.findings import Findings
from pcsearch.page.figures import contours as contours_module
from pcsearch.page.figures.contours import contours

pytestmark = pytest.mark.oldest

TEXT = """\
method: random
metric: {name: loss, goal: minimize}
parameters:
  rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0}
  kind: {values: [a, b]}
  same: {min: 0.0, max: 1.0}
"""


def test_stopped_trials_are_drawn_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # To read their curves would take long, and no contour needs them.
    monkeypatch.delattr(Findings, "curve")
    trials = [
        made_trial(1, {"rate": 0.1, "kind": "a", "same": 0.5}, 0.5, folder=tmp_path),
        made_trial(2, {"rate": 0.01, "kind": "b", "same": 0.5}, 0.25, folder=tmp_path),
        made_trial(
            3, {"rate": 0.1, "kind": "b", "same": 0.5}, 0.75, status="stopped", folder=tmp_path
        ),
    ]
    (figure,) = contours(made_findings(TEXT, trials), ["rate", "same", "kind"])
    assert (figure.name, figure.title) == ("contour-1", "kind and rate")
    field, points = figure.data
    # Optuna has a margin around the values.
    rows = [[value for value in row if value is not None] for row in field["z"]]
    assert [row for row in rows if row] == [[0.25], [0.5, 0.75]]
    # The best first.
    assert points["customdata"] == [2, 1, 3]
    assert points["x"] == ["b", "a", "b"]
    assert points["y"] == [0.01, 0.1, 0.1]
    assert figure.layout["xaxis"]["type"] == "category"
    assert figure.layout["yaxis"]["type"] == "log"


def test_what_the_contours_leave_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contours_module, "MOST_TRIALS", 4)
    monkeypatch.setattr(contours_module, "MOST_PARAMETERS", 2)
    trials = [
        made_trial(n, {"rate": 10.0**-n, "kind": "ab"[n % 2], "same": n / 9}, float(n))
        for n in range(1, 6)
    ]
    (figure,) = contours(made_findings(TEXT, trials), ["rate", "same", "kind"])
    assert "4 of 5 trials are drawn: the best 2, and some of the rest." in figure.about
    assert "Of 3 parameters the 2 most important have contours." in figure.about
    assert len(figure.data[1]["customdata"]) == 4


def test_trials_without_different_values_have_no_contour(tmp_path: Path) -> None:
    alone = made_findings(TEXT, [made_trial(1, {"rate": 0.1, "kind": "a"}, 0.5, folder=tmp_path)])
    assert contours(alone, ["rate", "kind"]) == []
    apart = [
        made_trial(1, {"rate": 0.1, "kind": "a"}, 0.5, folder=tmp_path),
        made_trial(2, {"rate": 0.2}, 0.5, folder=tmp_path),
        made_trial(3, {"kind": "b"}, 0.5, folder=tmp_path),
    ]
    assert contours(made_findings(TEXT, []), []) == []
    assert contours(made_findings(TEXT, apart), ["rate", "kind"]) == []
    apart.append(made_trial(4, {"rate": 0.2, "kind": "a"}, 0.5, folder=tmp_path))
    assert contours(made_findings(TEXT, apart), ["rate", "kind"]) == []
    apart.append(made_trial(5, {"rate": 0.2, "kind": "b"}, 0.5, folder=tmp_path))
    (figure,) = contours(made_findings(TEXT, apart), ["rate", "kind"])
    assert figure.data[1]["customdata"] == [1, 4, 5]
