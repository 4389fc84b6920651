"""How much a configuration computes, counted in the products of its definition."""

from __future__ import annotations

from pcsearch.pc.model import Architecture


def gigaflops(shape: Architecture, steps: int) -> float:
    """The matrix products that training on one image takes, in GFLOP.

    An update of the hidden states is the predictions and the products that carry the errors back;
    the weights' gradients are a third product for each of a layer's, once.

    Args:
        shape: of the model.
        steps: T.
    """
    rows, hidden, ends = shape.num_patches, shape.hidden_size, 2 * shape.patch_dim
    linear = shape.num_blocks * (4 * hidden**2 + 2 * hidden * shape.mlp_size) + hidden * ends
    attention = shape.num_blocks * 2 * rows * hidden
    step = 2 * rows * (2 * linear + 3 * attention)
    learning = 2 * rows * (3 * linear + 3 * attention)
    return (steps * step + learning + 2 * rows * (linear + attention)) / 1e9
