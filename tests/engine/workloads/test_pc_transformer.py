"""The workload of the PC transformer, without a trial."""

from __future__ import annotations

import pytest
import yaml

from pcsearch.engine.workloads.pc_transformer import DEFAULT_METRIC, PCTransformer
from pcsearch.sweeps.configurations import configurations
from pcsearch.sweeps.metrics import example
from pcsearch.sweeps.sweep import parse_sweep


@pytest.mark.parametrize(
    ("compiler", "note"),
    [
        ("no-such-compiler", "no C compiler is installed (no-such-compiler); "),
        ("false", "the C compil"),
    ],
)
def test_a_machine_without_a_compiler_is_told_unless_none_is_wanted(
    compiler: str, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler)
    [note_of_machine] = PCTransformer().notes(compiled=True)
    assert note_of_machine.startswith(note)
    assert "without compiled code long trials here take up to twice the time" in note_of_machine
    assert PCTransformer().notes(compiled=False) == ()


def test_a_machine_with_a_compiler_has_nothing_to_say() -> None:
    assert PCTransformer().notes(compiled=True) == ()


def test_the_metric_in_messages_is_the_one_that_trials_report() -> None:
    given = yaml.safe_load(example())
    assert (given["name"], given["goal"]) == (DEFAULT_METRIC.name, DEFAULT_METRIC.goal)


@pytest.mark.parametrize("q", ["", ", q: 8", ", q: 8.0"])
def test_a_field_that_is_a_whole_number_gets_one_where_wandb_draws_a_float(q: str) -> None:
    model = PCTransformer()
    kinds = {
        "log": "q_log_uniform_values, min: 16, max: 64",
        "grid": "q_uniform, min: 16.0, max: 64",
    }
    for method, kind in (
        ("random", kinds["log"]),
        ("random", kinds["grid"]),
        ("grid", kinds["grid"]),
    ):
        entries = f"batch_size: {{distribution: {kind}{q}}}, theta: {{distribution: {kind}{q}}}"
        text = f"method: {method}\nparameters: {{dataset: {{value: digits}}, {entries}}}\n"
        sweep = parse_sweep(text, "s.yaml", numeric=model.numeric, whole=model.whole)
        model.check(sweep)
        planned = configurations(sweep, seed=0)
        assert planned is not None
        config = planned.config(1)
        assert type(config["batch_size"]) is int
        assert config["batch_size"] in range(16, 65)
        assert type(config["theta"]) is (int if q == ", q: 8" and method != "grid" else float)
