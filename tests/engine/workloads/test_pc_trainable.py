from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from searching import TINY

from pcsearch.engine.workloads import pc_trainable
from pcsearch.engine.workloads.pc_trainable import data_folder
from pcsearch.errors import PcsearchError
from pcsearch.pc import training_epoch
from pcsearch.pc.model import training_batch


def test_a_relative_data_dir_starts_in_the_cache_on_a_node_without_the_drivers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert data_folder(tmp_path) == tmp_path
    assert data_folder(tmp_path / "none") == tmp_path / ".cache" / "pcsearch"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "scratch"))
    assert data_folder(tmp_path / "none") == tmp_path / "scratch" / "pcsearch"
    # As the specification of the variable has it.
    monkeypatch.setenv("XDG_CACHE_HOME", "scratch")
    assert data_folder(tmp_path / "none") == tmp_path / ".cache" / "pcsearch"


def test_own_images_start_in_the_drivers_folder_also_on_a_node_that_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pc_trainable, "_granted_cpus", lambda: 1)
    trainable = pc_trainable.make_trainable(pc_trainable.TrialSettings(tmp_path / "none"))
    with pytest.raises(PcsearchError) as caught:
        trainable(TINY | {"dataset": "./mine", "image_shape": None})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'none' / 'mine'}: ")
    assert "on every machine that runs trials" in line


@pytest.mark.parametrize(
    ("granted", "threads"), [({"CPU": 1.0}, 1), ({"CPU": 2.0}, 2), ({"CPU": 0.25}, 1), ({}, 1)]
)
def test_a_trial_takes_a_thread_for_each_processor_that_it_is_granted(
    granted: dict[str, float], threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = SimpleNamespace(required_resources=granted)
    context = SimpleNamespace(get_trial_resources=lambda: resources)
    monkeypatch.setattr(pc_trainable.tune, "get_context", lambda: context)
    monkeypatch.setattr(pc_trainable.tune, "get_checkpoint", lambda: None)
    reported: list[dict[str, Any]] = []
    monkeypatch.setattr(pc_trainable.tune, "report", lambda metrics, **_: reported.append(metrics))
    threads_used: list[int] = []

    def train_batch(*arguments: Any) -> Any:
        threads_used.append(torch.get_num_threads())
        return training_batch.train_batch(*arguments)

    monkeypatch.setattr(training_epoch, "train_batch", train_batch)
    pc_trainable.make_trainable(pc_trainable.TrialSettings(tmp_path))(TINY | {"epochs": 1})
    assert set(threads_used) == {threads}
    assert len(reported) == 1
