"""Tiny models with their states and a batch, for the tests of inference."""

from __future__ import annotations

from typing import Any

from reference import (
    architecture,
    gradients,
    model_of,
    random_hidden,
    random_images,
    random_weights,
    to_patches,
    vodes,
)
from torch import Tensor

from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import (
    Hidden,
    InferenceSettings,
    fresh_moments,
    update_hidden,
)
from pcsearch.pc.model.transformer import Architecture

PLAIN = InferenceSettings(
    penalty=Penalty(), momentum=0.0, scale_base=None, norm_target=None, clip_norm=None, adamw=False
)


class Case:
    """A tiny model, its states and one batch; ``free`` leaves the sensory vode free."""

    def __init__(self, shape: Architecture | None = None, *, free: bool = False) -> None:
        self.shape = architecture() if shape is None else shape
        self.model, self.weights = model_of(self.shape), random_weights(self.shape)
        self.images = to_patches(random_images(self.shape), self.shape)
        self.hidden = random_hidden(self.shape)
        if free:
            self.hidden = self.hidden._replace(sensory=0.5 * self.images.flip(1))

    def run(self, chosen: InferenceSettings, steps: int = 1, lr: float = 0.1) -> list[Any]:
        """The updates, one after the other."""
        hidden, moments, updates = self.hidden, fresh_moments(self.hidden), []
        for _ in range(steps):
            update = update_hidden(
                self.model, self.weights, hidden, moments, self.images, lr, chosen
            )
            hidden, moments = update.hidden, update.moments
            updates.append(update)
        return updates

    def gradients(self, hidden: Hidden, l1: float = 0.0, l2: float = 0.0) -> list[Tensor]:
        """dE/dh of the free vodes by autograd of the definition."""
        found = gradients(self.shape, self.weights, vodes(hidden, self.images), l1, l2)
        return found if hidden.sensory is not None else found[:-1]


def each_vode(tensors: Any) -> list[Tensor]:
    """A gradient or the free states, stacked as the package has them, vode by vode."""
    top, states, *sensory = tensors
    return [top, *states, *(one for one in sensory if one is not None)]


ARCHITECTURES = [
    architecture(num_blocks=0),
    architecture(num_blocks=1, num_heads=1),
    architecture(num_blocks=3),
    architecture(num_blocks=2, state_norm=True),
]
