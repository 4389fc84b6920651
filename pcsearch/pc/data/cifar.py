"""CIFAR-10 and CIFAR-100 in their published forms.

No archive is unpacked onto the disk, and a pickle can build nothing but a byte array.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.data.array_cache import Arrays
from pcsearch.pc.data.cifar_batches import IMAGE_BYTES, Bytes, decode_pickle, decode_records
from pcsearch.pc.data.download import one_line
from pcsearch.pc.data.published import REMOVE_ARCHIVE, Archive, Release, check_md5, unreadable


@dataclass(frozen=True)
class Form:
    """One of the published forms.

    Args:
        archive: its archive.
        folder: the folder of the batches, also inside the archive.
        batches: the files of the batches, the test batch last.
        decode: takes a file's content and the number M of its images, and returns their pixels,
            (M, 3072), and labels, (M,). It raises a ValueError for any other content.
    """

    archive: Archive
    folder: str
    batches: tuple[str, ...]
    decode: Callable[[bytes, int], tuple[Bytes, Bytes]]


@dataclass(frozen=True, kw_only=True)
class Cifar(Release):
    """A CIFAR data set.

    Args:
        forms: the forms that can be read, which have the same batches. A folder is looked for
            before an archive, and the forms in their order.
        batch_sizes: the numbers of images in the batches.
    """

    forms: tuple[Form, ...]
    batch_sizes: tuple[int, ...]

    def read(self, data_dir: Path) -> Arrays | None:
        """The images of the first form in a folder."""
        for form in self.forms:
            folder = data_dir / form.folder
            if folder.is_dir():
                files = _folder_files(folder, form, self._limit)
                return self._assemble(files, form, folder, "repair or remove the folder")
        for form in self.forms:
            if (data_dir / form.archive.path).is_file():
                path = check_md5(data_dir, form.archive)
                files = _members(path, form, self._limit)
                return self._assemble(files, form, path, REMOVE_ARCHIVE)
        return None

    @property
    def _limit(self) -> int:
        """The most bytes to read of a batch: twice its content, as a pickle adds some."""
        return 2 * max(self.batch_sizes) * (IMAGE_BYTES + 1) + (1 << 16)

    def _assemble(
        self, files: Iterable[tuple[str, bytes]], form: Form, source: Path, advice: str
    ) -> Arrays:
        """The images of the batches, whose files come in any order."""
        ends = np.cumsum(self.batch_sizes)
        pixels = np.empty((ends[-1], IMAGE_BYTES), dtype=np.uint8)
        labels = np.empty(ends[-1], dtype=np.int64)
        missing = set(form.batches)
        for name, content in files:
            number = form.batches.index(name)
            size = self.batch_sizes[number]
            rows = slice(ends[number] - size, ends[number])
            try:
                if len(content) == self._limit:
                    raise ValueError("it is longer than a batch can be")
                pixels[rows], labels[rows] = form.decode(content, size)
            except ValueError as error:
                message = f"{one_line(error)}; {advice}"
                raise PcsearchError(Problem(message, where=f"{source}/{name}")) from error
            missing.discard(name)
        if missing:
            message = f"it is missing; {advice}"
            raise PcsearchError(Problem(message, where=f"{source}/{min(missing)}"))
        images = pixels.reshape(-1, *self.sizes.image_shape)
        return Arrays(torch.from_numpy(images), torch.from_numpy(labels))


def _folder_files(folder: Path, form: Form, limit: int) -> Iterator[tuple[str, bytes]]:
    for name in form.batches:
        # To open a named pipe would never end.
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                yield name, file.read(limit)


def _members(path: Path, form: Form, limit: int) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the batches in an archive; other members are not read."""
    wanted = {f"{form.folder}/{name}": name for name in form.batches}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = wanted.get(member.name)
                if name and member.isreg() and (file := archive.extractfile(member)):
                    yield name, file.read(limit)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise unreadable(path, error) from error


_URL = "https://www.cs.toronto.edu/~kriz/"
_TEN = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def cifar10(python: Archive, binary: Archive, *, url: str = _URL, size: int = 10_000) -> Cifar:
    """CIFAR-10, by its two archives; each of its six batches has ``size`` images."""
    records = tuple(f"{name}.bin" for name in _TEN)
    return Cifar(
        name="cifar10",
        title="CIFAR-10",
        url=url,
        archives=(python,),
        counts=(5 * size, size),
        forms=(
            Form(python, "cifar-10-batches-py", _TEN, decode_pickle),
            Form(binary, "cifar-10-batches-bin", records, decode_records),
        ),
        batch_sizes=(size,) * 6,
    )


def cifar100(
    python: Archive, *, url: str = _URL, counts: tuple[int, int] = (50_000, 10_000)
) -> Cifar:
    """CIFAR-100, by its archive of pickles; its labels are the 100 fine ones."""
    decode = partial(decode_pickle, key=b"fine_labels", classes=100)
    return Cifar(
        name="cifar100",
        title="CIFAR-100",
        url=url,
        archives=(python,),
        counts=counts,
        forms=(Form(python, "cifar-100-python", ("train", "test"), decode),),
        batch_sizes=counts,
    )


CIFAR10 = cifar10(
    Archive("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
    Archive("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
)
CIFAR100 = cifar100(Archive("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"))
