"""SVHN, the house numbers of Street View: two MATLAB files of cropped digits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pcsearch.errors import PcsearchError
from pcsearch.pc.data.array_cache import Arrays
from pcsearch.pc.data.published import Archive, Release, check_md5, unreadable


@dataclass(frozen=True, kw_only=True)
class Svhn(Release):
    """SVHN, by its training and its test archive."""

    def read(self, data_dir: Path) -> Arrays | None:
        """The images of the two archives; None where one of them is missing."""
        if not all((data_dir / archive.path).is_file() for archive in self.archives):
            return None
        paths = [check_md5(data_dir, archive) for archive in self.archives]
        parts = [self._decoded(*each) for each in zip(paths, self.counts, strict=True)]
        pixels, labels = (torch.cat(part) for part in zip(*parts, strict=True))
        return Arrays(pixels, labels)

    def _decoded(self, path: Path, count: int) -> Arrays:
        try:
            # Few runs need it, and it takes a while to import.
            from scipy.io import loadmat

            return self._arrays(loadmat(path, variable_names=("X", "y")), count)
        except ImportError as error:
            message = "dataset: svhn is read by scipy; pip install scipy"
            raise PcsearchError(message) from error
        # A damaged file raises almost anything.
        except Exception as error:
            raise unreadable(path, error) from error

    def _arrays(self, content: dict[str, Any], count: int) -> Arrays:
        pixels, labels = np.asarray(content["X"]), np.asarray(content["y"]).reshape(-1)
        channels, height, width = self.sizes.image_shape
        if pixels.shape != (height, width, channels, count) or pixels.dtype != np.uint8:
            raise ValueError(f"its images are {pixels.dtype} of shape {pixels.shape}")
        if labels.shape != (count,) or labels.min() < 1 or labels.max() > self.sizes.classes:
            raise ValueError("its labels are not one of 1 to 10 for each image")
        # The digit 0 has the label 10.
        numbers = labels.astype(np.int64) % self.sizes.classes
        images = np.ascontiguousarray(pixels.transpose(3, 2, 0, 1))
        return Arrays(torch.from_numpy(images), torch.from_numpy(numbers))


SVHN = Svhn(
    name="svhn",
    title="SVHN",
    url="http://ufldl.stanford.edu/housenumbers/",
    archives=(
        Archive("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
        Archive("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
    ),
    counts=(73_257, 26_032),
)
