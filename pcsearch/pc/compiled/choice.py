"""Decides whether the compiled code computes the blocks of a run."""

from __future__ import annotations

import logging

import torch

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.compiled.build import NoCompilerError

MIN_GFLOP = 500.0
"""The work of a run that repays the compilation: some seconds of training on one core."""

MAX_WIDTH = 1024
MAX_STATES = 65_536
"""The compiled code is at least 7 % faster up to this width of a matrix and this many hidden values
of an image. Larger matrices leave the caches, and the products of torch are faster."""

_log = logging.getLogger(__name__)


def compiled_blocks(shape: Architecture, device: torch.device, gigaflops: float) -> Blocks | None:
    """The compiled blocks for a run; None where torch computes them.

    The choice depends on the run and the machine alone, and not on what is compiled already: so
    trials of the same values give the same numbers.

    Args:
        shape: the shapes of the model.
        device: where the run computes; the code is compiled for CPUs only.
        gigaflops: the work of the whole run, in GFLOP.
    """
    if not shape.num_blocks or device.type != "cpu" or gigaflops < MIN_GFLOP:
        return None
    hidden, patches = shape.hidden_size, shape.num_patches
    if max(4 * hidden, shape.mlp_size) > MAX_WIDTH or patches * hidden > MAX_STATES:
        return None
    try:
        blocks = Blocks(patches, hidden, shape.mlp_size, shape.num_heads)
    except NoCompilerError as error:
        _log.warning("%s: torch computes the blocks, which takes half as long again or more", error)
        return None
    # For smaller heads more than half of each vector would be zeros.
    return blocks if blocks.head <= 2 * (hidden // shape.num_heads) else None
