from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trained_models import VARIANTS, model_of, run_of

import pcsearch
from pcsearch.errors import PcsearchError
from pcsearch.pc.checkpoint import save_state
from pcsearch.pc.data.datasets import load_splits
from pcsearch.pc.loaded_model import LoadedModel
from pcsearch.pc.model_file import write_model


def loaded(folder: Path, variant: str = "plain") -> LoadedModel:
    write_model(folder, model_of(variant))
    return pcsearch.load_model(folder)


@pytest.mark.oldest
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_loaded_model_has_the_metrics_of_its_epoch_to_the_last_bit(
    variant: str, tmp_path: Path
) -> None:
    run, metrics = run_of(variant)
    save_state(tmp_path / "state", run.config, run.state())
    for model in (loaded(tmp_path, variant), pcsearch.load_model(str(tmp_path / "state"))):
        found = model.evaluate()
        assert len(found) > 8
        assert found == {name: metrics[name] for name in found}


@pytest.mark.parametrize("variant", VARIANTS)
def test_reconstructions_are_those_of_the_validation(variant: str, tmp_path: Path) -> None:
    model = loaded(tmp_path, variant)
    images = load_splits(model.config).validation
    # More than a batch; the digits are not normalised, so their error can be compared.
    original = images.unit(torch.arange(len(images)), "cpu")
    made = model.reconstruct(original)
    assert made.shape == original.shape
    assert made.dtype == torch.float32
    assert 0 <= made.min() <= made.max() <= 1
    error = (made - original).square().mean().item()
    assert error == pytest.approx(model.metrics["ValMetrics/Pretext/full_mse"], rel=1e-5)


def test_bytes_floats_tensors_and_arrays_give_the_same(tmp_path: Path) -> None:
    model = loaded(tmp_path)
    pixels = torch.arange(0, 192, dtype=torch.uint8).view(3, 1, 8, 8)
    expected = model.reconstruct(pixels)
    forms: list[Any] = [pixels.numpy(), pixels.float() / 255, pixels.double().numpy() / 255]
    for images in forms:
        torch.testing.assert_close(model.reconstruct(images), expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_vode_has_a_state_of_the_documented_shape(variant: str, tmp_path: Path) -> None:
    model = loaded(tmp_path, variant)
    images = torch.rand(53, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    vodes = model.infer(images)
    blocks, hidden = model.config.num_blocks, model.config.hidden_size
    assert [tuple(states.shape) for states in vodes] == [
        (53, 16, 4),
        *[(53, 16, hidden)] * (blocks + 1),
        (53, 16, 4),
    ]
    corrupted = model.config.use_corruption
    first_patch = images[:, 0, :2, :2].reshape(53, 4)
    assert torch.equal(vodes[-1][:, 0], first_patch) != corrupted


def test_features_are_the_inputs_of_the_probe(tmp_path: Path) -> None:
    model = loaded(tmp_path)
    images = torch.rand(53, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    features = model.features(images)
    assert features.shape == (53, 4)
    # Here the probe infers as the validation does, but for one step and its rate.
    top = model.infer(images)[0].mean(dim=1)
    torch.testing.assert_close(features, top, atol=0.2, rtol=0)
    wide = loaded(tmp_path, "weights that adapt to hidden pixels").features(images)
    assert wide.shape == (53, 4 + 16)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (torch.zeros(3, 8, 8), r"images: the model takes \(M, 1, 8, 8\), got \(3, 8, 8\)"),
        (torch.zeros(3, 3, 8, 8), r"got \(3, 3, 8, 8\)"),
        (torch.zeros(0, 1, 8, 8), r"got \(0, 1, 8, 8\)"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.int64), "give floats or bytes"),
        (torch.full((1, 1, 8, 8), 255.0), r"between 0 and 1, got 255 to 255; .*bytes \(uint8\)"),
        (torch.full((1, 1, 8, 8), float("nan")), "between 0 and 1, got nan to nan"),
        ([[0.0]], "images: give a tensor or an array, got list"),
        (np.zeros((1, 1, 8, 8), dtype=object), r"give floats or bytes \(uint8\), got object"),
        (np.zeros((1, 1, 8, 8), dtype=">f4"), r"give floats or bytes \(uint8\), got >f4"),
    ],
)
def test_images_that_do_not_fit_are_refused(images: Any, expected: str, tmp_path: Path) -> None:
    model = loaded(tmp_path)
    for use in (model.reconstruct, model.infer, model.features):
        with pytest.raises(PcsearchError, match=expected):
            use(images)


def test_a_device_that_is_none_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, model_of())
    for device, expected in (("gpu", "device: .*'gpu'"), ("cuda:77", "device: cuda:77 is not")):
        with pytest.raises(PcsearchError, match=expected):
            pcsearch.load_model(tmp_path, device)


def test_no_threads_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path, model_of())
    for threads in (0, -1):
        with pytest.raises(PcsearchError, match=f"threads: give 1 or more, got {threads}"):
            pcsearch.load_model(tmp_path, threads=threads)


def test_an_evaluation_reads_the_images_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration has the user's own paths, which may be relative."""
    pixels = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 1), dtype=np.uint8)
    (tmp_path / "here").mkdir()
    np.savez(tmp_path / "here" / "mine.npz", images=pixels, labels=np.arange(90) % 2)
    own = model_of().config.model_copy(update={"dataset": "./mine.npz"})
    write_model(tmp_path, replace(model_of(), config=own))
    model = pcsearch.load_model(tmp_path)
    with pytest.raises(PcsearchError, match=r"mine\.npz"):
        model.evaluate()
    monkeypatch.chdir(tmp_path / "here")
    assert "ValMetrics/Pretext/full_mse" in model.evaluate()
    assert model.config.dataset == "./mine.npz"
