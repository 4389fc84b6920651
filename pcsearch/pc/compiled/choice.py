"""Whether a run's blocks are computed by the compiled code."""

from __future__ import annotations

import logging

import torch

from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.compiled.build import NoCompilerError
from pcsearch.pc.model import Architecture

REPAYS_GFLOP = 500.0
"""Some seconds of training on a core, which compiling takes once on each node."""

WIDEST = 1024
STATES = 65_536
"""Up to this width of a matrix, and so many numbers in an image's hidden states, they gain 7 % and
more. What is larger leaves the caches, and torch's products are better."""

_log = logging.getLogger(__name__)


def choose(shape: Architecture, device: torch.device, gigaflops: float) -> Blocks | None:
    """The compiled blocks for a run, None where torch computes them.

    It depends on the run alone, not on what is compiled already: so trials of the same values give
    the same numbers.

    Args:
        shape: of the model.
        device: where it computes; only a CPU's is compiled for.
        gigaflops: of the whole run, by `work.gigaflops`.
    """
    if not shape.num_blocks or device.type != "cpu" or gigaflops < REPAYS_GFLOP:
        return None
    hidden, patches = shape.hidden_size, shape.num_patches
    if max(4 * hidden, shape.mlp_size) > WIDEST or patches * hidden > STATES:
        return None
    try:
        blocks = Blocks(patches, hidden, shape.mlp_size, shape.num_heads)
        # Of smaller heads most of the vectors would be zeros.
        return blocks if blocks.head <= 2 * (hidden // shape.num_heads) else None
    except NoCompilerError as error:
        _log.warning("%s: torch computes the blocks, which takes half as long again or more", error)
        return None
