"""Whether a run's blocks are computed by the compiled code."""

from __future__ import annotations

import logging

import torch

from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.compiled.build import NoCompilerError
from pcsearch.pc.model import Architecture

REPAYS_GFLOP = 500.0
"""Some seconds of training on a core, which compiling takes once on each node."""

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
    try:
        return Blocks(shape.num_patches, shape.hidden_size, shape.mlp_size, shape.num_heads)
    except NoCompilerError as error:
        _log.warning("%s: torch computes the blocks, which takes twice as long", error)
        return None
