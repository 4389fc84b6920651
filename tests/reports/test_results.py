"""The end of a search on the terminal."""

from __future__ import annotations

import pytest
from rich.console import Console

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.reports.results import best_configurations, duration, table
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import parse_sweep

SWEEP = "method: random\nmetric: {name: los, goal: minimize}\nparameters: {x: {value: 1}}\n"


@pytest.mark.parametrize(
    ("reported", "end"),
    [("loss", "'los'; did you mean 'loss'?"), ("accuracy", "'los'; they report accuracy.")],
)
def test_a_metric_that_no_trial_reports_is_told_in_a_sentence(reported: str, end: str) -> None:
    result = TrialResult(1, "a", "", {"x": 1}, "finished", 1, (None,), 0.0, reported=(reported,))
    sweep = parse_sweep(SWEEP, "s.yaml", numeric=lambda _: True)
    (text,) = best_configurations([result], sweep, [Metric("los", "minimize")])
    assert str(text).endswith(f"No trial reports {end}")


def test_the_best_trial_of_another_version_of_the_file_has_its_own_settings() -> None:
    result = TrialResult(1, "a", "", {"x": 1, "y": {"z": 2}}, "finished", 1, (0.5,), 0.0)
    text = "method: grid\nparameters: {x: {value: 1}, w: {value: 3}}\n"
    sweep = parse_sweep(text, "s.yaml")
    (part,) = best_configurations([result], sweep, [Metric("los", "minimize")])
    console = Console(width=80)
    with console.capture() as capture:
        console.print(part)
    assert capture.get().split() == [
        *("Best", "configuration:", "trial", "1", "(a),", "los", "0.5"),
        *("x:", "1", "y:", "z:", "2"),
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_table_at_the_end_drops_columns_from_the_right_and_names_them(width: int) -> None:
    names = ["learning_rate", "hidden_momentum", "inference_lr_scale_base", "optimizer"]
    text = "".join(f"  {name}: {{min: 0.0, max: 1.0}}\n" for name in names)
    sweep = parse_sweep(f"method: random\nparameters:\n{text}", "s.yaml", numeric=lambda _: True)
    config = dict.fromkeys(names, 0.5)
    results = [TrialResult(n, "a", "", config, "finished", 1, (1 / n,), 0.0) for n in range(1, 31)]
    console = Console(width=width)
    with console.capture() as capture:
        console.print(table(results, sweep, [Metric("loss", "minimize")], width))
    title, _, header, _, *rows = capture.get().splitlines()
    assert title == "30 trials, the best first"
    assert all(len(line) <= width for line in (header, *rows))
    assert rows[0].split()[:4] == ["30", "0.03333", "1", "finished"]
    end = " ".join(" ".join(rows[20:]).split())
    left_out = [name for name in names if name not in header.split()]
    assert names[: len(names) - len(left_out)] == header.split()[4:]
    assert end == " ".join([f"not shown: {', '.join(left_out)}"] * bool(left_out) + ["and 10 more"])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89.4, "89 s"), (90, "2 min"), (5340, "89 min"), (7500, "2 h 5 min")],
)
def test_a_time_span_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
