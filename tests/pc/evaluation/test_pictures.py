from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.evaluation.pictures import Reconstructions, frames, grid, save
from pcsearch.pc.evaluation.step_values import StepValues

WHITE = [255, 255, 255]
VALUES = StepValues(torch.tensor([[1.0, 2.0], [0.5, 0.25]]), torch.tensor([[3.0, float("inf")]]))
"""Those of one step of a model without blocks, which has diverged."""


def config(**changes: Any) -> ModelConfig:
    return model_config({"dataset": "digits", **changes})


def flat(value: float, rows: int = 2, channels: int = 3, size: int = 32) -> Tensor:
    return torch.full((rows, channels, size, size), value)


def reconstructions(
    rows: int = 2, channels: int = 3, size: int = 32, steps: tuple[int, ...] = (1, 3)
) -> Reconstructions:
    """Original 0.2, input 0.4, and step t of the film 0.5 + t / 10."""
    film = torch.stack([flat(0.5 + t / 10, rows, channels, size) for t in range(4)])
    original, given = flat(0.2, rows, channels, size), flat(0.4, rows, channels, size)
    return Reconstructions(original, given, film, steps, VALUES)


def centres(picture: Tensor, rows: int, columns: int) -> list[list[list[int]]]:
    """The colour in the middle of each image of a picture."""
    height, width = (picture.shape[0] - 1) // rows, (picture.shape[1] - 1) // columns
    return [
        [picture[r * height + height // 2, c * width + width // 2].tolist() for c in range(columns)]
        for r in range(rows)
    ]


def grey(value: float) -> list[int]:
    return [round(255 * value)] * 3


@pytest.mark.parametrize(
    ("size", "side"), [(64, 64), (48, 48), (32, 64), (24, 48), (8, 48), (4, 48), (5, 50)]
)
def test_small_images_are_enlarged_by_a_whole_number(size: int, side: int) -> None:
    """To 48 pixels or more, with a line between and around: (side + 1) n + 1."""
    picture = grid(reconstructions(size=size))
    assert picture.dtype == torch.uint8
    assert picture.shape == (2 * (side + 1) + 1, 4 * (side + 1) + 1, 3)


def test_the_grid_has_a_row_an_image_with_original_input_and_the_chosen_steps() -> None:
    row = [grey(value) for value in (0.2, 0.4, 0.6, 0.8)]
    assert centres(grid(reconstructions()), 2, 4) == [row, row]
    only_first = [grey(value) for value in (0.2, 0.4, 0.5)]
    assert centres(grid(reconstructions(rows=1, steps=(0,))), 1, 3) == [only_first]


def test_images_are_shown_in_their_order() -> None:
    shown = reconstructions()
    shown.original[1] = 0.9
    shown.frames[1, 1] = 0.1
    found = centres(grid(shown), 2, 4)
    assert found[0] == [grey(value) for value in (0.2, 0.4, 0.6, 0.8)]
    assert found[1] == [grey(value) for value in (0.9, 0.4, 0.1, 0.8)]


def test_lines_between_the_images_are_white() -> None:
    picture = grid(reconstructions())
    for line in (0, 65, 130):
        assert (picture[line] == 255).all()
        assert (picture[:, line] == 255).all()
    assert (picture[1:65, 1:65] == round(255 * 0.2)).all()


def test_channels_are_red_green_and_blue() -> None:
    shown = reconstructions(rows=1)
    shown.original[0] = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1)
    assert centres(grid(shown), 1, 4)[0][0] == [255, 128, 0]


def test_pixels_stay_where_they_are() -> None:
    """A transposed picture would still have the right size."""
    shown = reconstructions(rows=1, size=8)
    shown.original.zero_()
    shown.original[0, :, 1, 6] = 1.0
    picture = grid(shown)[1:49, 1:49, 0]
    expected = torch.zeros(48, 48, dtype=torch.uint8)
    expected[6:12, 36:42] = 255
    assert torch.equal(picture, expected)


@pytest.mark.parametrize("channels", [1, 2])
def test_images_of_one_or_two_channels_show_their_first_as_grey(channels: int) -> None:
    shown = reconstructions(rows=1, channels=channels)
    shown.original[0, 0] = 0.6
    assert centres(grid(shown), 1, 4)[0][:2] == [grey(0.6), grey(0.4)]


def test_values_that_are_no_number_are_black_and_others_clipped() -> None:
    """A run that diverged has pictures too."""
    shown = reconstructions(rows=1)
    shown.original.fill_(float("nan"))
    shown.input.fill_(float("inf"))
    shown.frames[1].fill_(-float("inf"))
    shown.frames[3].fill_(1.5)
    assert centres(grid(shown), 1, 4) == [[[0, 0, 0], WHITE, [0, 0, 0], WHITE]]


def test_the_film_has_a_frame_for_every_step() -> None:
    found = frames(reconstructions())
    assert len(found) == 4
    for step, frame in enumerate(found):
        row = [grey(value) for value in (0.2, 0.4, 0.5 + step / 10)]
        assert centres(frame, 2, 3) == [row, row]


def test_still_and_film_are_written(tmp_path: Path) -> None:
    shown = reconstructions()
    still, film = save(tmp_path, 7, shown, config())
    assert still == tmp_path / "reconstructions" / "epoch_0007.png"
    assert film == still.with_suffix(".gif")
    assert sorted(path.name for path in still.parent.iterdir()) == [
        "epoch_0007.gif",
        "epoch_0007.json",
        "epoch_0007.png",
    ]
    with Image.open(still) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), grid(shown).numpy())


@pytest.mark.parametrize(("still", "film"), [(True, False), (False, True)])
def test_only_what_is_wanted_is_written(still: bool, film: bool, tmp_path: Path) -> None:
    chosen = config(save_reconstruction_images=still, save_reconstruction_video=film)
    found = save(tmp_path, 12, reconstructions(), chosen)
    names = {path.name for path in (tmp_path / "reconstructions").iterdir()}
    file = tmp_path / "reconstructions" / ("epoch_0012.png" if still else "epoch_0012.gif")
    assert names == {file.name, "epoch_0012.json"}
    assert found == ((file, None) if still else (None, file))


@pytest.mark.parametrize(("fps", "duration"), [(1, 1000), (10, 100), (50, 20), (60, 20), (100, 20)])
def test_a_frame_of_the_film_lasts_as_the_rate_says(
    fps: int, duration: int, tmp_path: Path
) -> None:
    """Not below a fiftieth of a second: viewers slow shorter ones down to a tenth."""
    shown = reconstructions()
    save(tmp_path, 1, shown, config(video_fps=fps))
    with Image.open(tmp_path / "reconstructions" / "epoch_0001.gif") as film:
        assert film.info["loop"] == 0
        assert film.n_frames == 4
        for index, expected in enumerate(frames(shown)):
            film.seek(index)
            assert film.info["duration"] == duration
            found = np.asarray(film.convert("RGB"), dtype=int)
            assert np.abs(found - expected.numpy()).max() <= 2
