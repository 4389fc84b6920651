"""Pictures of reconstructions: a grid of images (PNG), and the inference as a film (GIF)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.evaluation.step_values import StepValues
from pcsearch.pc.metrics import RECONSTRUCTION_VIDEO, RECONSTRUCTIONS, STEP_VALUES

DIRECTORY = "reconstructions"
GAP = 1
SMALLEST_SIDE = 48


class Reconstructions(NamedTuple):
    """A few images and their reconstructions, not normalised: all values are in [0, 1].

    ``original`` and ``input`` are (M, C, S, S). ``frames``, (T + 1, M, C, S, S), are the
    reconstructions before the first inference step and after each; ``steps`` are the numbers of
    those that the grid shows. ``values`` are those of the vodes at these steps.
    """

    original: Tensor
    input: Tensor
    frames: Tensor
    steps: tuple[int, ...]
    values: StepValues


class PictureFiles(NamedTuple):
    """The files of an epoch's pictures; None for one that the configuration does not ask for."""

    still: Path | None
    film: Path | None

    def names(self, directory: Path) -> dict[str, str]:
        """What a report says of the files: by key, their paths in the run's directory."""
        files = {RECONSTRUCTIONS: self.still, RECONSTRUCTION_VIDEO: self.film}
        return {
            name: file.relative_to(directory).as_posix()
            for name, file in files.items()
            if file is not None
        }


def grid(reconstructions: Reconstructions) -> Tensor:
    """One row for each image: original, input, then the chosen steps; (height, width, 3) uint8."""
    chosen = [reconstructions.frames[step] for step in reconstructions.steps]
    columns = torch.stack([reconstructions.original, reconstructions.input, *chosen], dim=1)
    return _tile(columns)


def frames(reconstructions: Reconstructions) -> list[Tensor]:
    """The frames of the film: pictures like `grid`, each with one inference step only."""
    fixed = [reconstructions.original, reconstructions.input]
    return [_tile(torch.stack([*fixed, frame], dim=1)) for frame in reconstructions.frames]


def save(
    directory: Path, epoch: int, reconstructions: Reconstructions, config: ModelConfig
) -> PictureFiles:
    """Write an epoch's pictures into the folder ``reconstructions`` of a directory.

    The values of the vodes lie beside them, in a file of the same name that ends with ``.json``.

    Args:
        directory: the directory of the run.
        epoch: the epoch's number, for the names of the files.
        reconstructions: the images.
        config: says whether to write the still and the film, and the film's frames a second. GIF
            counts in hundredths of a second, so rates above 50 show as 50.
    """
    from PIL import Image

    folder = directory / DIRECTORY
    folder.mkdir(parents=True, exist_ok=True)
    reconstructions.values.save(folder / f"epoch_{epoch:04d}{STEP_VALUES}")
    still = film = None
    if config.save_reconstruction_video:
        film = folder / f"epoch_{epoch:04d}.gif"
        first, *others = (Image.fromarray(frame.numpy()) for frame in frames(reconstructions))
        duration = max(20, round(1000 / config.video_fps))
        first.save(film, save_all=True, append_images=others, duration=duration, loop=0)
    if config.save_reconstruction_images:
        still = folder / f"epoch_{epoch:04d}.png"
        Image.fromarray(grid(reconstructions).numpy()).save(still)
    return PictureFiles(still, film)


def _tile(images: Tensor) -> Tensor:
    """One picture of images (rows, columns, C, S, S) in [0, 1]; small images are enlarged."""
    rows, columns, channels, size, _ = images.shape
    rgb = images[:, :, :3] if channels >= 3 else images[:, :, :1].expand(-1, -1, 3, -1, -1)
    zoom = max(1, -(-SMALLEST_SIDE // size))
    side = size * zoom + GAP
    picture = torch.full((rows * side + GAP, columns * side + GAP, 3), 255, dtype=torch.uint8)
    pixels = (rgb.clamp(0, 1).nan_to_num() * 255).round().to(torch.uint8).cpu()
    enlarged = pixels.repeat_interleave(zoom, dim=3).repeat_interleave(zoom, dim=4)
    for row in range(rows):
        for column in range(columns):
            top, left = row * side + GAP, column * side + GAP
            image = enlarged[row, column].permute(1, 2, 0)
            picture[top : top + side - GAP, left : left + side - GAP] = image
    return picture
