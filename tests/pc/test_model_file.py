from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from disks import small_disk
from safetensors.torch import load_file, save_file
from trained_models import VARIANTS, model_of

from pcsearch.errors import PcsearchError
from pcsearch.pc.architecture import Architecture
from pcsearch.pc.model.transformer import init_weights
from pcsearch.pc.model_file import MODEL_FILE, read_model, write_model


def written(folder: Path, variant: str = "plain") -> Path:
    write_model(folder, model_of(variant))
    return folder / MODEL_FILE


def header_of(path: Path) -> dict[str, Any]:
    """The JSON at the beginning of the file, after its length in eight bytes."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return header


@pytest.mark.oldest
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_model_comes_back_as_it_was_written(variant: str, tmp_path: Path) -> None:
    path = written(tmp_path, variant)
    found, expected = read_model(path), model_of(variant)
    assert (found.config, found.metrics) == (expected.config, expected.metrics)
    assert found.compiled == expected.compiled == (variant == "compiled code")
    assert found.weights.keys() == expected.weights.keys()
    for name, weight in expected.weights.items():
        assert torch.equal(found.weights[name], weight)
    for one, other in zip(found.hidden.free(), expected.hidden.free(), strict=True):
        assert torch.equal(one, other)
    assert expected.moments is not None
    if expected.config.update_weights_during_unmasking:
        assert found.moments is not None
        assert found.moments.step == expected.moments.step
        for name in ("first", "second"):
            pairs = zip(getattr(found.moments, name), getattr(expected.moments, name), strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)
    else:
        assert found.moments is None
    # Whoever reads the file with another tool finds the weights by the names that they have here.
    assert init_weights(Architecture.of(found.config), 0).keys() <= load_file(path).keys()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_one_line_that_names_it(share: float, tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(PcsearchError) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"{path}: the file is damaged (")
    assert "\n" not in str(caught.value)


def test_files_of_something_else_are_one_line_that_names_them(tmp_path: Path) -> None:
    path = tmp_path / MODEL_FILE
    with pytest.raises(PcsearchError, match=r"model\.safetensors: no such file"):
        read_model(path)
    config = model_of().config.model_dump(mode="json")
    path.write_text("no model at all\n" * 100)
    with pytest.raises(PcsearchError, match="the file is damaged"):
        read_model(path)
    save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(PcsearchError, match="the file holds no model of pcsearch"):
        read_model(path)
    for header, expected in (
        ({"format": 2}, "this version reads models of format 1 only"),
        ({}, r"the file is damaged \('format'\)"),
        ({"format": 1}, r"the file is damaged \('config'\)"),
        ({"format": 1, "config": 3}, "its configuration is none of this version"),
        (
            {"format": 1, "config": {"depth": 3}, "metrics": {}, "compiled": 0, "moment_steps": 0},
            "its configuration is none of this version",
        ),
        (
            {"format": 1, "config": config, "metrics": {}, "compiled": 0, "moment_steps": 1e999},
            "the file is damaged",
        ),
    ):
        save_file({"a": torch.zeros(3)}, path, {"pcsearch": json.dumps(header)})
        with pytest.raises(PcsearchError, match=expected) as caught:
            read_model(path)
        assert "\n" not in str(caught.value)


def test_tensors_that_do_not_fit_the_configuration_are_named(tmp_path: Path) -> None:
    model = model_of()
    name = "output_projection.weight"
    for weights in (
        {**model.weights, name: torch.zeros(3)},
        {**model.weights, name: torch.zeros_like(model.weights[name], dtype=torch.float64)},
        {key: value for key, value in model.weights.items() if key != name},
    ):
        write_model(tmp_path, replace(model, weights=weights))
        with pytest.raises(PcsearchError, match=f"the tensor {name} does not fit"):
            read_model(tmp_path / MODEL_FILE)


def test_a_header_of_huge_sizes_is_refused_before_anything_of_these_sizes_is_made(
    tmp_path: Path,
) -> None:
    """A weight of this configuration would have 160 GB; a small file can claim any sizes."""
    model = model_of()
    for sizes in ({"hidden_size": 200_000}, {"num_blocks": 10**9}, {"hidden_size": 10**400}):
        claimed = model.config.model_copy(update={**sizes, "update_weights_during_unmasking": True})
        write_model(tmp_path, replace(model, config=claimed, moments=None))
        with pytest.raises(PcsearchError, match="configuration") as caught:
            read_model(tmp_path / MODEL_FILE)
        assert "\n" not in str(caught.value)


def test_metrics_without_learning_rates_are_a_line(tmp_path: Path) -> None:
    model = model_of()
    for rate in ("LearningRate/weights", "LearningRate/hidden"):
        for metrics in (
            {name: value for name, value in model.metrics.items() if name != rate},
            {**model.metrics, rate: "high"},
        ):
            write_model(tmp_path, replace(model, metrics=metrics))
            with pytest.raises(PcsearchError, match=f"its metrics lack the learning rate {rate}"):
                read_model(tmp_path / MODEL_FILE)


def test_a_write_that_is_cut_off_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        write_model(tmp_path, model_of("fresh states"))
    assert read_model(path).config == model_of().config


def test_a_full_disk_is_an_error_of_the_system_and_leaves_no_piece_of_a_file(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path, kilobytes=8):
        with pytest.raises(OSError, match="No space left") as caught:
            write_model(tmp_path, model_of())
        assert caught.value.errno == errno.ENOSPC
        assert not list(tmp_path.iterdir())


def test_the_metrics_are_in_the_header_to_the_last_bit(tmp_path: Path) -> None:
    metrics = {**model_of().metrics, "a": 0.1 + 0.2, "b": float("inf"), "c": None}
    write_model(tmp_path, replace(model_of(), metrics=metrics))
    assert read_model(tmp_path / MODEL_FILE).metrics == metrics
    assert header_of(tmp_path / MODEL_FILE)["__metadata__"]["format"] == "pt"
