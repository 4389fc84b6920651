"""Settings and a batch of a tiny model, for the tests of learning."""

from __future__ import annotations

from reference import random_images, to_patches
from torch import Tensor

from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import InferenceSettings
from pcsearch.pc.model.learning import LearningSettings
from pcsearch.pc.model.transformer import Architecture

PLAIN = LearningSettings(penalty=Penalty(), weight_decay=0.0, clip_norm=None)
INFERENCE = InferenceSettings(
    penalty=Penalty(), momentum=0.3, scale_base=1.2, norm_target=None, clip_norm=5.0, adamw=False
)


def patches_of(shape: Architecture) -> Tensor:
    """The patches of the random images of an architecture."""
    return to_patches(random_images(shape), shape)
