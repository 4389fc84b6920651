"""Decodes the published batches of CIFAR: pickles, and plain records.

A pickle is not trusted: it can build nothing but a byte array.
"""

from __future__ import annotations

import codecs
import io
import math
import pickle
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pcsearch.pc.dataset_sizes import DATASETS

IMAGE_BYTES = math.prod(DATASETS["cifar10"].image_shape)
_TEN = DATASETS["cifar10"].classes

Bytes = NDArray[np.uint8]


def _check_classes(labels: Iterable[int], classes: int) -> None:
    for label in labels:
        if not 0 <= label < classes:
            raise ValueError(f"a label is {label} and not one of 0 to {classes - 1}")


def decode_records(content: bytes, size: int) -> tuple[Bytes, Bytes]:
    """Decode a batch of records: for each image a byte of label and 3,072 of pixels.

    Args:
        content: the content of the file.
        size: M, the number of images that the file must have.

    Returns:
        Pixels, (M, 3072), and labels, (M,).

    Raises:
        ValueError: the content is anything else.
    """
    expected = size * (IMAGE_BYTES + 1)
    if len(content) != expected:
        raise ValueError(f"it holds {len(content):,} bytes and not {expected:,}")
    records = np.frombuffer(content, dtype=np.uint8).reshape(size, -1)
    _check_classes(records[:, 0], _TEN)
    return records[:, 1:], records[:, 0]


def decode_pickle(
    content: bytes, size: int, *, key: bytes = b"labels", classes: int = _TEN
) -> tuple[Bytes, Bytes]:
    """Decode a batch of the python version.

    Args:
        content: the content of the file.
        size: M, the number of images that the file must have.
        key: the key of the labels.
        classes: the number of classes.

    Returns:
        Pixels, (M, 3072), and labels, (M,).

    Raises:
        ValueError: the content is anything else.
    """
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    # A damaged pickle raises almost anything.
    except Exception as error:
        raise ValueError(f"it is not a batch of CIFAR ({error})") from error
    if not isinstance(batch, dict):
        raise ValueError("it is not a batch of CIFAR")
    labels = batch.get(key)
    if not isinstance(labels, list) or any(type(label) is not int for label in labels):
        raise ValueError("its labels are not a list of integers")
    if len(labels) != size:
        raise ValueError(f"it holds {len(labels):,} labels and not {size:,}")
    _check_classes(labels, classes)
    return _bytes_of(batch.get(b"data"), size), np.array(labels, dtype=np.uint8)


class _Part:
    """Takes the place of numpy's array and type in a pickle, and only keeps their arguments.

    numpy itself would accept any shape and type from the file, and some of them crash it.
    """

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _bytes_of(array: object, size: int) -> Bytes:
    """The pickled uint8 array as a real one, (size, 3072)."""
    match array.state if isinstance(array, _Part) else None:
        case (_, shape, _Part(arguments=(b"u1" | "u1", *_)), fortran, bytes(content)):
            if shape != (size, IMAGE_BYTES) or len(content) != size * IMAGE_BYTES:
                raise ValueError(
                    f"its data has shape {shape} and {len(content):,} bytes "
                    f"and not shape {(size, IMAGE_BYTES)}"
                )
            values = np.frombuffer(content, dtype=np.uint8)
            return values.reshape(shape, order="F" if fortran else "C")
    raise ValueError("its data is not an array of bytes")


def _latin1(text: str, encoding: str) -> bytes:
    """Decode the form in which Python 3 writes bytes into a pickle of protocol 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it holds text encoded as {encoding}")
    return codecs.latin_1_encode(text)[0]


_NAMED_IN_PICKLES: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _Part,
    ("numpy._core.multiarray", "_reconstruct"): _Part,
    ("numpy", "ndarray"): _Part,
    ("numpy", "dtype"): _Part,
    ("_codecs", "encode"): _latin1,
}


# The public Unpickler is written in C, and allocates as much memory as a number in the file says.
# This one is in Python and does not, but it is a private name of the standard library.
class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> object:
        try:
            return _NAMED_IN_PICKLES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}") from None
