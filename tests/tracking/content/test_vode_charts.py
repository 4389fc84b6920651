"""Charts of the vodes in runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from wandb_trials import (
    FakeTrial,
    chart,
    make,
    metrics,
    read_one,
    run_trial,
)


def test_the_vodes_over_the_epochs_are_charts_after_the_last_report(tmp_path: Path) -> None:
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    run = read_one(tmp_path)
    assert [row["_step"] for row in run.history] == [1, 2, 3, 4]
    energy = chart(run, "Summary/VodeEnergy_Trends")
    assert energy == [
        [epoch, f"vode_{vode}", pytest.approx(0.1 * vode * epoch)]
        for vode in (1, 2)
        for epoch in (1, 2, 3)
    ]
    norm = chart(run, "Summary/VodeGradNorm_Trends")
    assert norm == [[epoch, "vode_0", pytest.approx(0.3 * epoch)] for epoch in (1, 2, 3)]
