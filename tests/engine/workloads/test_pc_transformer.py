"""The workload of the PC transformer, without a trial."""

from __future__ import annotations

import pytest
import yaml

from pcsearch.engine.workloads.pc_transformer import DEFAULT_METRIC, PCTransformer
from pcsearch.sweeps.metrics import example


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
