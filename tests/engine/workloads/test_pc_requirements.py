from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from searching import write_sweep

from pcsearch.engine.workloads.pc_requirements import worker_packages
from pcsearch.pc.config import NUMERIC_FIELDS
from pcsearch.sweeps.sweep import read_sweep


@pytest.mark.parametrize(
    ("searched", "needed"),
    [
        ({}, []),
        ({"use_ssl_augmentations": {"values": [False, True]}}, ["kornia"]),
        ({"save_reconstruction_video": {"value": True}}, ["PIL"]),
        (
            {
                "use_ssl_augmentations": {"value": True},
                "save_reconstruction_images": {"value": True},
            },
            ["kornia", "PIL"],
        ),
    ],
)
def test_the_packages_that_some_trials_need_are_known(
    searched: dict[str, Any], needed: list[str], tmp_path: Path
) -> None:
    file = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1]}, **searched})
    assert list(worker_packages(read_sweep(file, numeric=NUMERIC_FIELDS.__contains__))) == needed
