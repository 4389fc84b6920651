from __future__ import annotations

import os

import pytest
import torch

from pcsearch.errors import PcsearchError
from pcsearch.pc.device import computing, moved, pick_device


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(("gpus", "device"), [(0, "cpu"), (1, "cuda"), (4, "cuda")])
def test_auto_is_cuda_where_there_is_one(
    gpus: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, gpus)
    assert pick_device("auto") == torch.device(device)
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "device"), [("cuda", "cuda"), ("cuda:0", "cuda:0"), ("cuda:01", "cuda:1")]
)
def test_a_cuda_device_that_is_there_is_taken(
    name: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, 2)
    assert pick_device(name) == torch.device(device)


@pytest.mark.parametrize(
    ("name", "gpus"),
    [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2), ("cuda:200", 2), ("cuda:99999999999", 2)],
)
def test_a_cuda_device_that_is_not_there_is_refused(
    name: str, gpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch itself reads cuda:200 as cuda:-56 and would fail later, deep in a trial."""
    with_gpus(monkeypatch, gpus)
    with pytest.raises(PcsearchError) as caught:
        pick_device(name)
    expected = f"device: {name} is not there; torch sees {gpus} CUDA devices"
    assert str(caught.value) == expected


def test_tensors_are_moved_however_deep_they_lie() -> None:
    """To torch's device without memory, which tells a moved tensor from one that stayed."""
    value = {"a": [torch.zeros(2), {"b": torch.ones(3)}], "c": 4, "d": None, "e": "text"}
    found = moved(value, torch.device("meta"))
    assert found["a"][0].is_meta
    assert found["a"][1]["b"].is_meta
    assert (found["c"], found["d"], found["e"]) == (4, None, "text")
    assert not value["a"][0].is_meta  # type: ignore[index]


def test_threads_are_set_for_the_block_only_even_when_it_fails() -> None:
    before, cpu = torch.get_num_threads(), torch.device("cpu")
    with computing(cpu, before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="in the block"), computing(cpu, before + 1):
        raise ValueError("in the block")
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_cuda_computes_deterministically_for_the_block_only(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU does anyway, and needs no check of every operation for it."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with computing(torch.device(device), 1):
        assert torch.are_deterministic_algorithms_enabled() == (device == "cuda")
        assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == (device == "cuda")
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_workspace_that_the_user_chose_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with computing(torch.device("cuda"), 1):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
