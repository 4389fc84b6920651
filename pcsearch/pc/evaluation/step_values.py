"""The energies and gradient norms of the vodes over the steps of an inference, and their file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pcsearch.pc.metrics import STEP_ENERGY, STEP_GRADIENT_NORM


class StepValues(NamedTuple):
    """What a few images show of the inference.

    ``energies``, (T + 1, L + 2), are those of the vodes 1 .. L+2, mean per image, before the first
    step and after each. ``gradient_norms``, (T, L + 2) or (T, L + 3) where the sensory vode is free
    too, are those of the gradients of the vodes from 0 on by which each step went.
    """

    energies: Tensor
    gradient_norms: Tensor

    def save(self, file: Path) -> None:
        """Write them as JSON, by kind and vode; what is not finite is null."""
        kinds = {
            STEP_ENERGY: _by_vode(self.energies, first=1),
            STEP_GRADIENT_NORM: _by_vode(self.gradient_norms, first=0),
        }
        file.write_text(json.dumps(kinds) + "\n", encoding="utf-8")


def norms(gradient: Sequence[Tensor]) -> Tensor:
    """The norms of a gradient over a whole batch, one for each vode from 0 on.

    Args:
        gradient: of the top latent, of the states (L+1, B, N, H), and of what else is free.
    """
    top, states, *free = gradient
    return torch.stack([vode.square().sum().sqrt() for vode in (top, *states, *free)])


def _by_vode(values: Tensor, first: int) -> Mapping[str, list[float | None]]:
    columns = values.T.tolist()
    return {
        f"vode_{vode}": [value if math.isfinite(value) else None for value in column]
        for vode, column in enumerate(columns, start=first)
    }
