"""The keys that the text of a sweep at W&B gets."""

from __future__ import annotations

import pytest

from pcsearch.sweeps.marking import for_one_driver, has_one_driver, with_key
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.sweep import parse_sweep

TEXT = "method: grid\nparameters: {lr: {values: [1e-4, 0.1]}}\n"


@pytest.mark.parametrize(
    "text", [TEXT, TEXT + "...\n", '{"method": "grid", "parameters": {"lr": {"values": [1]}}}']
)
def test_a_sweep_says_that_it_has_one_driver_and_asks_for_the_same(text: str) -> None:
    sweep = parse_sweep(text, "s.yaml")
    assert not has_one_driver(sweep)
    marked = parse_sweep(for_one_driver(sweep).text, "s.yaml")
    assert has_one_driver(marked)
    assert marked == sweep
    assert any("one_driver: not used: it is for those who" in note for note in marked.notes)
    assert for_one_driver(marked).text == marked.text


def test_all_else_stays_as_it_is_written_unless_the_key_is_there() -> None:
    sweep = parse_sweep(TEXT, "s.yaml")
    assert with_key(sweep, "run_cap", 3) == TEXT + "run_cap: 3\n"
    capped = parse_sweep(TEXT + "run_cap: 4\n", "s.yaml")
    text = with_key(capped, "run_cap", 3)
    assert load(text, "s.yaml").value == {**load(TEXT, "s.yaml").value, "run_cap": 3}
