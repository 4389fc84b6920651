from __future__ import annotations

from typing import Any

import pytest
import torch
from reference import architecture

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.compiled.choice import MIN_GFLOP, compiled_blocks
from pcsearch.pc.config_values import model_config

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cache of the test session."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "compiled"))


def test_only_runs_that_repay_it_on_a_cpu_are_compiled() -> None:
    shape = architecture(hidden_size=48)
    assert compiled_blocks(shape, CPU, MIN_GFLOP) is not None
    assert compiled_blocks(shape, CPU, MIN_GFLOP - 1) is None
    assert compiled_blocks(architecture(num_blocks=0), CPU, MIN_GFLOP) is None
    assert compiled_blocks(shape, torch.device("meta"), MIN_GFLOP) is None


@pytest.mark.parametrize(
    ("shape", "gains"),
    [
        ({"hidden_size": 256, "num_heads": 4}, True),
        ({"hidden_size": 512, "num_heads": 4}, False),
        ({"hidden_size": 128, "num_heads": 4, "mlp_ratio": 8.0}, True),
        ({"hidden_size": 128, "num_heads": 4, "mlp_ratio": 16.0}, False),
        ({"hidden_size": 64, "num_heads": 32}, False),
        ({"hidden_size": 64, "num_heads": 4, "patch_size": 1}, True),
        ({"hidden_size": 256, "num_heads": 4, "patch_size": 1}, False),
    ],
)
def test_sizes_at_which_torch_is_as_fast_are_torchs(shape: dict[str, Any], gains: bool) -> None:
    config = model_config(
        {"config": "1block", "dataset": "synthetic", "image_shape": (3, 32, 32)} | shape
    )
    assert (compiled_blocks(Architecture.of(config), CPU, MIN_GFLOP) is not None) == gains
