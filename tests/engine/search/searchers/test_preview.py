"""The preview of a search shows what the search itself suggests first."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.engine.search.searchers.preview import first_suggestions
from pcsearch.sweeps.sweep import parse_sweep

TEXT = """\
method: bayes
metric: {name: loss}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  layers: {min: 1, max: 6}
  kind: {values: [a, [1, 2], null]}
  fixed: {value: 3}
"""


@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_it_is_what_a_search_suggests_whose_trials_all_run_at_once(sampler: SamplerName) -> None:
    sweep = parse_sweep(TEXT, "s.yaml")
    searcher = make_searcher(sweep, 30, 5, sampler)
    suggested: list[Any] = [searcher.suggest(f"t{i}") for i in range(8)]
    assert first_suggestions(sweep, 30, 5, sampler, 8) == suggested
    assert suggested[0].keys() == {"lr", "layers", "kind", "fixed"}
