from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from onnx_files import run
from trained_models import model_of

from pcsearch.errors import PcsearchError
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.loaded_model import LoadedModel
from pcsearch.pc.model_file import TrainedModel
from pcsearch.pc.onnx_model.document import onnx_document
from pcsearch.train.from_model import OF_EVALUATION, OF_TRAINING

TWO_BLOCKS = "weights that adapt to hidden pixels"
FIXED = {"update_weights_during_unmasking": False}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "one block": ("plain", {"eval_inference_steps": (20,)}),
    "two blocks": (TWO_BLOCKS, FIXED | {"use_corruption": False, "batch_size": 20}),
    "a mask": (TWO_BLOCKS, FIXED | {"use_lower_half_mask": True, "inference_clamp_alpha": 0.7}),
    "fresh states": ("fresh states", {"linear_probe_use_gap": False}),
    "one head": ("compiled code", {"linear_probe_inference_steps": 4, "linear_probe_h_lr": 0.1}),
}
"""For each: the variant of a trained model, and what is changed for its evaluation."""


def changed(variant: str, changes: dict[str, Any]) -> tuple[TrainedModel, ModelConfig]:
    trained = model_of(variant)
    return trained, model_config(trained.config.model_dump() | changes)


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize(("variant", "changes"), CASES.values(), ids=CASES)
def test_the_outputs_are_those_of_a_loaded_model(variant: str, changes: dict[str, Any]) -> None:
    """Of one image, and of more than a batch."""
    trained, config = changed(variant, changes)
    document = onnx_document(trained, config)
    model = LoadedModel(trained, torch.device("cpu"), config=config)
    for count in (1, 53):
        found = run(document, images=images(count))
        assert found.keys() == {"reconstructions", "features"}
        for name, expected in (
            ("reconstructions", model.reconstruct(images(count))),
            ("features", model.features(images(count))),
        ):
            np.testing.assert_allclose(found[name], expected.numpy(), rtol=0, atol=1e-5)


@pytest.mark.oldest
def test_the_reference_of_onnx_computes_the_same() -> None:
    trained, config = changed("plain", {"batch_size": 2})
    evaluator = ReferenceEvaluator(onnx_document(trained, config))
    reconstructions, features = evaluator.run(None, {"images": images(3).numpy()})
    model = LoadedModel(trained, torch.device("cpu"), config=config)
    expected = model.reconstruct(images(3)), model.features(images(3))
    np.testing.assert_allclose(reconstructions, expected[0].numpy(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(features, expected[1].numpy(), rtol=0, atol=1e-5)


def test_what_a_file_cannot_do_is_refused() -> None:
    with pytest.raises(PcsearchError) as caught:
        onnx_document(*changed(TWO_BLOCKS, {}))
    assert str(caught.value).splitlines() == [
        "update_weights_during_unmasking: the weights in an ONNX file do not change; give false",
        "use_corruption: the hidden pixels are drawn anew for every batch, which an ONNX file "
        "cannot repeat; give false, or --use_lower_half_mask true",
    ]


def test_it_reads_the_fields_of_which_the_command_says_so() -> None:
    now: set[str] = set()

    class Watched(ModelConfig):
        def __getattribute__(self, name: str) -> Any:
            now.add(name)
            return super().__getattribute__(name)

    read: set[str] = set()

    for changes in (
        {"use_status_init_in_unmasking": True, "use_lr_schedule_h": False},
        FIXED | {"use_corruption": True, "use_lower_half_mask": True},
    ):
        trained, config = changed("plain", changes)
        watched = Watched(**config.model_dump())
        # It reads all of them when it is made.
        now.clear()
        onnx_document(trained, watched)
        read |= now
    fields = ModelConfig.model_fields.keys()
    assert read & fields == fields - OF_TRAINING - OF_EVALUATION
