"""The model against arrays computed with the public JAX implementation of the PC-ViT.

``PCSEARCH_GOLDEN_DIR`` names another directory of files with the same layout.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.evaluation.evaluator import infer
from pcsearch.pc.model.inference import Hidden, InferenceSettings, init_hidden
from pcsearch.pc.model.learning import Learner, LearningSettings, fresh_learner
from pcsearch.pc.model.patches import patchify, positional_encoding, unpatchify
from pcsearch.pc.model.training_batch import BatchSettings, TrainedBatch, clipped_mse, train_batch
from pcsearch.pc.model.transformer import Architecture, Model, Weights

pytestmark = pytest.mark.oldest

DIRECTORY = Path(os.environ.get("PCSEARCH_GOLDEN_DIR", Path(__file__).parent / "golden"))
FILES = sorted(DIRECTORY.glob("*.npz"))

ENERGY = 5e-5
HIDDEN = 5e-4
GRADIENT = 1e-3
RECONSTRUCTION = 5e-5
WEIGHT = 5e-4
# AdamW on the hidden states divides by tiny second moments: rounding grows on the way.
WEIGHT_WITH_HIDDEN_ADAMW = 5e-3


@dataclass(frozen=True)
class Golden:
    """One file: its configuration and arrays, and the model they are compared with."""

    config: ModelConfig
    arrays: dict[str, np.ndarray]
    compiled: bool = False

    @classmethod
    def read(cls, path: Path, compiled: bool = False) -> Golden:
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files if key != "config"}
            raw = json.loads(str(file["config"]))
        fields = {key: raw[key] for key in raw if key in ModelConfig.model_fields}
        # The file's batches are given; synthetic images may have any shape.
        fields |= {"dataset": "synthetic", "eval_inference_steps": [raw["inference_steps"]]}
        return cls(model_config(fields), arrays, compiled)

    @property
    def architecture(self) -> Architecture:
        return Architecture.of(self.config)

    @property
    def model(self) -> Model:
        shape = self.architecture
        blocks = Blocks(shape.num_patches, shape.hidden_size, shape.mlp_size, shape.num_heads)
        return Model(shape, torch.device("cpu"), blocks if self.compiled else None)

    @property
    def batches(self) -> int:
        return sum(key.endswith("/weight_energy") for key in self.arrays)

    def tensor(self, key: str) -> Tensor:
        return torch.from_numpy(np.asarray(self.arrays[key]))

    def patches(self, key: str) -> Tensor:
        return patchify(self.tensor(key), self.config.patch_size)

    def hidden(self, prefix: str) -> Hidden:
        states = [self.tensor(f"{prefix}/{i + 1}") for i in range(self.config.num_blocks + 1)]
        return Hidden(self.tensor(f"{prefix}/0"), torch.stack(states))

    def weights(self, prefix: str) -> Weights:
        """The named arrays below ``prefix``, those of the blocks and state norms stacked."""
        named: dict[str, list[Tensor]] = {}
        names = [key.removeprefix(prefix) for key in self.arrays if key.startswith(prefix)]
        for name in sorted(names, key=_numbered):
            group, number, rest = _numbered(name)
            stacked = f"{group}.{rest}" if number >= 0 else name
            named.setdefault(stacked, []).append(self.tensor(prefix + name))
        return {
            name: torch.stack(parts) if name.startswith(("blocks.", "state_norms.")) else parts[0]
            for name, parts in named.items()
        }


def _numbered(name: str) -> tuple[str, int, str]:
    group, _, rest = name.partition(".")
    number, _, rest_of_it = rest.partition(".")
    return (group, int(number), rest_of_it) if number.isdigit() else (group, -1, rest)


def assert_close(actual: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    assert actual.shape == expected.shape, what
    error = (actual.double() - expected.double()).abs().max()
    scale = expected.double().abs().max().clamp(min=1e-30)
    assert error <= tolerance * scale, f"{what}: relative error {float(error / scale):.2e}"


def assert_weights_close(actual: Weights, expected: Weights, tolerance: float, what: str) -> None:
    assert actual.keys() == expected.keys()
    for name in expected:
        stacked = name.startswith(("blocks.", "state_norms."))
        pairs = zip(actual[name], expected[name], strict=True)
        for one, other in pairs if stacked else [(actual[name], expected[name])]:
            assert_close(one, other, tolerance, f"{what}/{name}")


def assert_hidden_close(actual: Any, expected: Hidden, tolerance: float, what: str) -> None:
    assert_close(actual[0], expected.top, tolerance, f"{what}/0")
    for i, (one, other) in enumerate(zip(actual[1], expected.states, strict=True)):
        assert_close(one, other, tolerance, f"{what}/{i + 1}")


def train_on(golden: Golden) -> tuple[Learner, Hidden, list[TrainedBatch]]:
    config, model = golden.config, golden.model
    learner, hidden = fresh_learner(golden.weights("init/weight/")), golden.hidden("init/hidden")
    settings = BatchSettings.of(config)
    results = []
    for index in range(golden.batches):
        if config.use_status_init_in_training:
            hidden = init_hidden(model, learner.weights, len(hidden.top), noise=None)
        trained = train_batch(
            model,
            learner,
            hidden,
            golden.patches(f"batch{index}/images"),
            config.peak_lr_hidden,
            config.peak_lr_weights,
            settings,
        )
        learner, hidden = trained.learner, trained.hidden
        results.append(trained)
    return learner, hidden, results


def test_golden_files_are_there() -> None:
    assert FILES, f"no golden files in {DIRECTORY}"


@pytest.mark.parametrize("compiled", [False, True], ids=["torch", "compiled"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_training_matches_the_public_implementation(path: Path, compiled: bool) -> None:
    golden = Golden.read(path, compiled)
    config = golden.config
    weight = WEIGHT_WITH_HIDDEN_ADAMW if config.use_adamw_for_hidden_optimizer else WEIGHT
    _, _, results = train_on(golden)
    for index, trained in enumerate(results):
        at = f"batch{index}"
        energy = trained.update.energies.sum()
        assert_close(energy, golden.tensor(f"{at}/last_inference_energy"), ENERGY, at)
        gradient = golden.hidden(f"{at}/last_hidden_gradient")
        assert_hidden_close(trained.update.gradient, gradient, GRADIENT, f"{at}/gradient")
        assert_hidden_close(trained.hidden, golden.hidden(f"{at}/hidden"), HIDDEN, f"{at}/hidden")
        assert_close(trained.step.energy, golden.tensor(f"{at}/weight_energy"), ENERGY, at)
        expected = golden.weights(f"{at}/weight_gradient/")
        assert_weights_close(trained.step.gradient, expected, GRADIENT, f"{at}/weight_gradient")
        expected = golden.weights(f"{at}/weight/")
        assert_weights_close(trained.learner.weights, expected, weight, f"{at}/weight")
        image = unpatchify(trained.reconstruction, config.patch_size, config.image_shape[0])
        assert_close(image, golden.tensor(f"{at}/reconstruction"), RECONSTRUCTION, at)
        assert_close(trained.mse, golden.tensor(f"{at}/train_mse"), RECONSTRUCTION, f"{at}/mse")


@pytest.mark.parametrize("compiled", [False, True], ids=["torch", "compiled"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_evaluation_matches_the_public_implementation(path: Path, compiled: bool) -> None:
    golden = Golden.read(path, compiled)
    config, model = golden.config, golden.model
    learner, hidden, _ = train_on(golden)
    images = golden.patches("eval/images")
    reconstructions = []
    settings = InferenceSettings.of(config, training=False)
    current = hidden
    for current in infer(
        model,
        learner,
        hidden,
        images,
        lr=config.peak_lr_hidden,
        steps=config.evaluation_steps,
        settings=settings,
    ):
        _, image = model.feed_forward(current.learner.weights, current.before.top)
        reconstructions.append(unpatchify(image, config.patch_size, config.image_shape[0]))
    expected = golden.tensor("eval/reconstructions")
    assert_close(torch.stack(reconstructions), expected, RECONSTRUCTION, "eval/reconstructions")
    final = current.update.hidden
    assert_hidden_close(final, golden.hidden("eval/hidden"), HIDDEN, "eval/hidden")
    mse = clipped_mse(model.reconstruct(learner.weights, final.top), images)
    assert_close(mse, golden.tensor("eval/final_mse"), RECONSTRUCTION, "eval/final_mse")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_positional_encoding_matches_the_public_implementation(path: Path) -> None:
    golden = Golden.read(path)
    shape = golden.architecture
    encoding = positional_encoding(shape.side, shape.hidden_size, shape.theta)
    assert_close(encoding, golden.tensor("positional_encoding"), RECONSTRUCTION, "encoding")


def test_learning_settings_follow_the_configuration() -> None:
    settings = LearningSettings.of(ModelConfig(weight_decay=0.5, w_grad_clip_norm=None))
    assert (settings.weight_decay, settings.clip_norm) == (0.5, None)
