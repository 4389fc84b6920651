"""The shapes of a PC transformer, and how much computation its training takes; no torch."""

from __future__ import annotations

from dataclasses import dataclass

from pcsearch.pc.config import ModelConfig


@dataclass(frozen=True)
class Architecture:
    """The shapes of a PC transformer: all that the predictions depend on besides the weights."""

    channels: int
    image_size: int
    patch_size: int
    hidden_size: int
    num_heads: int
    num_blocks: int
    mlp_size: int
    theta: float
    state_norm: bool

    @classmethod
    def of(cls, config: ModelConfig) -> Architecture:
        """The architecture of a configuration."""
        return cls(
            channels=config.image_shape[0],
            image_size=config.image_shape[1],
            patch_size=config.patch_size,
            hidden_size=config.hidden_size,
            num_heads=config.num_heads,
            num_blocks=config.num_blocks,
            mlp_size=int(config.hidden_size * config.mlp_ratio),
            theta=config.theta,
            state_norm=config.use_vode_state_layernorm,
        )

    @property
    def side(self) -> int:
        """The number of patches in a row of the image."""
        return self.image_size // self.patch_size

    @property
    def num_patches(self) -> int:
        """N, the number of patches in an image."""
        return self.side**2

    @property
    def patch_dim(self) -> int:
        """D, the number of values in a patch."""
        return self.patch_size**2 * self.channels

    @property
    def values_per_patch(self) -> int:
        """The most values that one batched product computes for a patch."""
        hidden = (self.num_blocks + 1) * self.hidden_size
        return max(self.num_blocks * self.mlp_size, hidden, self.patch_dim)

    def training_gigaflops(self, inference_steps: int) -> float:
        """The matrix products that training on one image takes, in GFLOP.

        An update of the hidden states computes the predictions, and the products that carry the
        errors back. The weights' gradients are a third product for each of these, once a batch.

        Args:
            inference_steps: T.
        """
        rows, hidden, ends = self.num_patches, self.hidden_size, 2 * self.patch_dim
        linear = self.num_blocks * (4 * hidden**2 + 2 * hidden * self.mlp_size) + hidden * ends
        attention = self.num_blocks * 2 * rows * hidden
        update = 2 * rows * (2 * linear + 3 * attention)
        learning = 2 * rows * (3 * linear + 3 * attention)
        reconstruction = 2 * rows * (linear + attention)
        return (inference_steps * update + learning + reconstruction) / 1e9
