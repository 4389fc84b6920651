"""Images of the user's own: a folder of class folders, or an array in a file.

They are counted without being read (`look`), and read once on each machine (`load`).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.data.memory import memory_limit
from pcsearch.pc.data.own.image_source import ImageSource
from pcsearch.pc.data.progress import Advance, bar
from pcsearch.system.user_files import cache_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pcsearch.pc.data.array_cache import ArrayCache, Arrays

READING = 2
"""The rules by which images are read, resized and shuffled; a change makes all caches old."""

SMALLEST_SET = 3
"""The fewest images: one to train on, one to validate with, and one to test with."""

DAMAGED_SHOWN = 5
KEPT_S = 24 * 3600
"""Seconds for which a cache that seems old is kept: another machine may have another copy."""


class OwnImages(NamedTuple):
    """Images in one order by chance, the number of classes, and notes for the user."""

    arrays: Arrays
    classes: int
    notes: tuple[str, ...]


def look(path: Path) -> ImageSource:
    """Find out which images are at a path, without reading them.

    Raises:
        PcsearchError: there are none.
    """
    try:
        if path.is_dir():
            from pcsearch.pc.data.own import image_folder

            return image_folder.look(path)
        if path.is_file():
            # numpy takes a while to import, and a folder is counted without it.
            from pcsearch.pc.data.own import image_array

            return image_array.look(path)
    except (OSError, ValueError) as error:
        raise PcsearchError(Problem(_reason(error), where=str(path))) from error
    message = (
        f"{socket.gethostname()} has no such file or folder; the images of dataset have to be at "
        "this path on every machine that runs trials"
    )
    raise PcsearchError(Problem(message, where=str(path)))


def load(path: Path, image_shape: tuple[int, int, int], *, progress: bool = False) -> OwnImages:
    """The images at a path, resized; read once, and then from the user's cache.

    Processes that load the same images at the same time read them once, and share the memory of
    the cached pixels. Damaged images are left out, and a note names them.

    Args:
        path: a folder of class folders, or an array's file.
        image_shape: (C, S, S) of the images that are returned.
        progress: whether a progress bar on stderr shows how many are read.

    Raises:
        PcsearchError: there are no images, too many, or not enough that can be read.
    """
    from pcsearch.pc.data.array_cache import ArrayCache

    source = look(path)
    size = source.count * math.prod(image_shape)
    memory = memory_limit()
    if size > memory:
        message = (
            f"{source.count:,} images of the shape {list(image_shape)} take {size / 2**30:,.1f} "
            f"GiB, and a process may use {memory / 2**30:,.1f} GiB of memory here; set a smaller "
            "image_shape"
        )
        raise PcsearchError(Problem(message, where=str(path)))
    name = _digest(READING, os.fspath(path.resolve()), *image_shape)
    folder = cache_folder() / "images"
    cache = ArrayCache(folder, name, _digest(source.stamp), image_shape, source.classes)
    damaged: dict[str, str] = {}

    def fill(pixels: NDArray[np.uint8], is_kept: bool) -> NDArray[np.int64]:
        with bar(f"reading {path.name}", source.count, progress) as advance:
            labels = _read(source, pixels, advance, damaged)
        if is_kept:
            with suppress(OSError):
                _keep_damage(cache, damaged)
            with suppress(OSError):
                _remove_old(cache)
        return labels

    try:
        arrays = cache.read_or_fill(source.count, fill)
    except (OSError, ValueError, MemoryError) as error:
        raise PcsearchError(Problem(_reason(error), where=str(path))) from error
    damage_note = _damage_note(cache, damaged or _kept_damage(cache), source)
    return OwnImages(
        arrays, source.classes, (*source.notes, *damage_note, *_cache_note(cache, source))
    )


def _read(
    source: ImageSource, pixels: NDArray[np.uint8], advance: Advance, damaged: dict[str, str]
) -> NDArray[np.int64]:
    """Read the images into the first rows, in an order by chance.

    Args:
        source: of the images.
        pixels: (count, C, S, S), of which the rows are written.
        advance: is told how many images more were read.
        damaged: gets the reasons why images cannot be read, by their names.

    Returns:
        The labels of the images that can be read, (M,), in the order of the rows.
    """
    import numpy as np
    import torch

    from pcsearch.pc.seeds import DATA_SEED, generator

    order = torch.randperm(source.count, generator=generator(DATA_SEED, "own images")).numpy()
    labels, problems = source.read(pixels, np.argsort(order), advance)
    damaged |= problems
    in_rows: NDArray[np.int64] = labels[order]
    is_sound = in_rows >= 0
    count = int(is_sound.sum())
    if count < SMALLEST_SET:
        reasons = [f"{name} ({reason})" for name, reason in list(problems.items())[:1]]
        first = f"; {len(problems):,} cannot be read, such as {reasons[0]}" if reasons else ""
        message = (
            f"has {count} images that can be read, and {SMALLEST_SET} are the fewest to "
            f"train, validate and test with{first}"
        )
        raise PcsearchError(Problem(message, where=str(source.path)))
    # The last images take the places of those that cannot be read.
    gaps, last = np.flatnonzero(~is_sound[:count]), count + np.flatnonzero(is_sound[count:])
    for gap, row in zip(gaps, last, strict=True):
        pixels[gap] = pixels[row]
    in_rows[gaps] = in_rows[last]
    return in_rows[:count]


def _digest(*parts: object) -> str:
    text = "\0".join(map(str, parts))
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def _remove_old(cache: ArrayCache) -> None:
    """Remove what the images were at their last change."""
    for path in cache.folder.glob(f"{cache.name}-*"):
        if time.time() - path.stat().st_mtime > KEPT_S:
            path.unlink(missing_ok=True)


def _keep_damage(cache: ArrayCache, damaged: dict[str, str]) -> None:
    from pcsearch.system.whole_files import replacing

    if damaged:
        with replacing(cache.file("damaged.json")) as file:
            file.write(json.dumps(damaged, indent=1).encode())


def _kept_damage(cache: ArrayCache) -> dict[str, str]:
    try:
        kept = json.loads(cache.file("damaged.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _damage_note(cache: ArrayCache, damaged: dict[str, str], source: ImageSource) -> list[str]:
    """The note that names damaged images; none where there are none."""
    if not damaged:
        return []
    named = [f"{name} ({reason})" for name, reason in list(damaged.items())[:DAMAGED_SHOWN]]
    if len(damaged) > DAMAGED_SHOWN:
        named.append(f"all are in {cache.file('damaged.json')}")
    return [
        f"{source.path}: {len(damaged):,} of {source.count:,} images cannot be read and are left "
        f"out: {', '.join(named)}"
    ]


def _cache_note(cache: ArrayCache, source: ImageSource) -> list[str]:
    """A note where the images could not be kept."""
    if cache.is_written:
        return []
    return [
        f"{source.path}: the images cannot be kept in {cache.folder}, so each trial reads them "
        "again; see that the folder has room and may be written, or set XDG_CACHE_HOME"
    ]


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the images do not fit into the memory; set a smaller image_shape"
    return " ".join(str(error).split())
