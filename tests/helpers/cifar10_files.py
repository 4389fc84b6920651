"""CIFAR-10 as it is published, but small: its files, archives, and a server for them."""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pcsearch.errors import PcsearchError
from pcsearch.pc.data.array_cache import Arrays
from pcsearch.pc.data.cifar import CIFAR10, Cifar, cifar10
from pcsearch.pc.data.published import Archive, load

SIZE = 20
BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
PYTHON, BINARY = "cifar-10-batches-py", "cifar-10-batches-bin"
LOCK = ".cifar10.lock"
Batch = tuple[np.ndarray[Any, Any], list[int]]
Files = dict[str, bytes]


def batches(seed: int = 0) -> dict[str, Batch]:
    random = np.random.default_rng(seed)
    return {
        name: (
            random.integers(0, 256, (SIZE, 3072), dtype=np.uint8),
            random.integers(0, 10, SIZE).tolist(),
        )
        for name in BATCHES
    }


def pickled(pixels: np.ndarray[Any, Any], labels: list[int], key: bytes = b"labels") -> bytes:
    names = [b"image_%d.png" % number for number in range(len(labels))]
    batch = {b"batch_label": b"one", key: labels, b"data": pixels, b"filenames": names}
    return pickle.dumps(batch, protocol=2)


def pickled_by_python_2(pixels: np.ndarray[Any, Any], labels: list[int]) -> bytes:
    """Opcode by opcode what the published files hold."""
    content = pixels.tobytes()
    return b"".join(
        (
            b"\x80\x02}(U\x0bbatch_labelU\x03oneU\x06labels](",
            *(b"K" + bytes([label]) for label in labels),
            b"eU\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
            b"(K\x01K" + bytes([len(labels)]) + b"M\x00\x0c\x86",
            b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R",
            b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            b"\x89T" + struct.pack("<i", len(content)) + content + b"tbu.",
        )
    )


def records(pixels: np.ndarray[Any, Any], labels: list[int]) -> bytes:
    return np.concatenate([np.array(labels, np.uint8)[:, None], pixels], axis=1).tobytes()


def python_files(seed: int = 0) -> Files:
    return {name: pickled(*batch) for name, batch in batches(seed).items()}


def binary_files(seed: int = 0) -> Files:
    return {f"{name}.bin": records(*batch) for name, batch in batches(seed).items()}


def put(data_dir: Path, folder: str, files: Files) -> None:
    (data_dir / folder).mkdir(parents=True)
    for name, content in files.items():
        (data_dir / folder / name).write_bytes(content)


def archive_of(folder: str, files: Files, *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in extra:
            archive.addfile(member, io.BytesIO(b"evil"[: member.size]))
        # The published archives hold the batches in no order either.
        for name in sorted(files, reverse=True):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    # Without the time: the sums of the archives are in the names of tests.
    return gzip.compress(buffer.getvalue(), mtime=0)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


PYTHON_NAME, BINARY_NAME = (form.archive.name for form in CIFAR10.forms)
PYTHON_ARCHIVE = archive_of(PYTHON, python_files())
BINARY_ARCHIVE = archive_of(BINARY, binary_files())


def release(
    url: str = "http://127.0.0.1:1/", python: bytes = PYTHON_ARCHIVE, binary: bytes = BINARY_ARCHIVE
) -> Cifar:
    return cifar10(
        Archive(PYTHON_NAME, md5(python)), Archive(BINARY_NAME, md5(binary)), url=url, size=SIZE
    )


OFFLINE = release()


def assert_holds(pools: tuple[Arrays, Arrays], seed: int = 0) -> None:
    expected = batches(seed)
    for pool, names in zip(pools, (BATCHES[:5], BATCHES[5:]), strict=True):
        pixels = np.concatenate([expected[name][0] for name in names]).reshape(-1, 3, 32, 32)
        labels = [label for name in names for label in expected[name][1]]
        assert pool.pixels.dtype == torch.uint8
        assert pool.labels.dtype == torch.int64
        assert np.array_equal(pool.pixels.numpy(), pixels)
        assert pool.labels.tolist() == labels


def failure(data_dir: Path, of: Cifar = OFFLINE) -> str:
    """The one line that a load ends with."""
    with pytest.raises(PcsearchError) as caught:
        load(of, data_dir)
    (line,) = str(caught.value).splitlines()
    return line


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != LOCK}


class Server(ThreadingHTTPServer):
    """Serves what ``answers`` says for each path, and notes what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def offer(self, name: str, content: bytes, announced: int | None = None) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(announced or len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        self.answers[f"/{name}"] = answer


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        answer = self.server.answers.get(self.path)
        if answer:
            answer(self)
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def cached_files(data_dir: Path) -> tuple[Path, Path]:
    labels, pixels = sorted(data_dir.glob("cifar10-uint8-*.npy"))
    return pixels, labels


@contextmanager
def without_override() -> Iterator[None]:
    """Hold root, too, to the permissions of files: take CAP_DAC_OVERRIDE from this thread."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    effective = sets[0]
    sets[0] = effective & ~0b110
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = effective
        assert libc.capset(header, sets) == 0


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    folder.chmod(0o555)
    try:
        with without_override():
            with pytest.raises(PermissionError):
                (folder / "new").touch()
            yield
    finally:
        folder.chmod(0o755)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call
