"""The values of the vodes over the steps of an inference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pcsearch.pc.evaluation.step_values import StepValues, norms


def test_the_file_has_the_steps_of_each_vode(tmp_path: Path) -> None:
    energies = torch.tensor([[1.0, 2.0], [0.5, float("nan")]])
    StepValues(energies, torch.tensor([[3.0, float("inf")]])).save(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {
        "energy": {"vode_1": [1.0, 0.5], "vode_2": [2.0, None]},
        "gradient norm": {"vode_0": [3.0], "vode_1": [None]},
    }


def test_a_norm_is_that_of_a_vode_over_the_whole_batch() -> None:
    top, states = torch.full((2, 1, 2), 2.0), torch.ones(2, 2, 1, 2)
    states[1] *= 3
    assert norms([top, states]).tolist() == pytest.approx([4.0, 2.0, 6.0])
    assert norms([top, states, top]).tolist() == pytest.approx([4.0, 2.0, 6.0, 4.0])
