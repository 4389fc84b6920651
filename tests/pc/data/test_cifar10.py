from __future__ import annotations

import ctypes
import hashlib
import io
import json
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.errors import PcsearchError
from pcsearch.pc.data import cifar10, download
from pcsearch.pc.data.cifar10 import PUBLISHED, Archive, Pool, Release
from pcsearch.pc.data.facts import TRAINING_POOLS

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


def pickled(pixels: np.ndarray[Any, Any], labels: list[int]) -> bytes:
    names = [b"image_%d.png" % number for number in range(len(labels))]
    batch = {b"batch_label": b"one", b"labels": labels, b"data": pixels, b"filenames": names}
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
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member in extra:
            archive.addfile(member, io.BytesIO(b"evil"[: member.size]))
        # The published archives hold the batches in no order either.
        for name in sorted(files, reverse=True):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    return buffer.getvalue()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


PYTHON_ARCHIVE = archive_of(PYTHON, python_files())
BINARY_ARCHIVE = archive_of(BINARY, binary_files())


def release(
    url: str = "http://127.0.0.1:1/", python: bytes = PYTHON_ARCHIVE, binary: bytes = BINARY_ARCHIVE
) -> Release:
    return Release(
        url,
        Archive(PUBLISHED.python_archive.name, md5(python)),
        Archive(PUBLISHED.binary_archive.name, md5(binary)),
        batch_size=SIZE,
    )


OFFLINE = release()


def assert_holds(pools: tuple[Pool, Pool], seed: int = 0) -> None:
    expected = batches(seed)
    for pool, names in zip(pools, (BATCHES[:5], BATCHES[5:]), strict=True):
        pixels = np.concatenate([expected[name][0] for name in names]).reshape(-1, 3, 32, 32)
        labels = [label for name in names for label in expected[name][1]]
        assert pool.pixels.dtype == torch.uint8
        assert pool.labels.dtype == torch.int64
        assert np.array_equal(pool.pixels.numpy(), pixels)
        assert pool.labels.tolist() == labels


def failure(data_dir: Path, of: Release = OFFLINE) -> str:
    """The one line that a load ends with."""
    with pytest.raises(PcsearchError) as caught:
        cifar10.load(data_dir, release=of)
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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.02,))
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_address_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cifar10.URL_VARIABLE, raising=False)


# What is found.


def test_the_published_release_has_as_many_images_as_the_facts_say() -> None:
    assert PUBLISHED.training_batches * PUBLISHED.batch_size == TRAINING_POOLS["cifar10"]


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        (PYTHON, python_files()),
        (PYTHON, {name: pickled_by_python_2(*batch) for name, batch in batches().items()}),
        (BINARY, binary_files()),
    ],
    ids=["pickles", "pickles of Python 2", "records"],
)
def test_an_extracted_folder_gives_its_images(tmp_path: Path, folder: str, files: Files) -> None:
    put(tmp_path, folder, files)
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))


def test_pixels_in_column_order_are_the_same_images(tmp_path: Path) -> None:
    files = {
        name: pickled(np.asfortranarray(pixels), labels)
        for name, (pixels, labels) in batches().items()
    }
    put(tmp_path, PYTHON, files)
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (PUBLISHED.python_archive.name, PYTHON_ARCHIVE),
        (PUBLISHED.binary_archive.name, BINARY_ARCHIVE),
    ],
    ids=["python", "binary"],
)
def test_an_archive_gives_its_images_and_is_not_unpacked(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))
    cached = {path.name for path in tmp_path.glob("cifar10-uint8-*.npy")}
    assert names_in(tmp_path) == {name, *cached}


def test_the_sources_are_tried_in_their_documented_order(tmp_path: Path, server: Server) -> None:
    python, binary = archive_of(PYTHON, python_files(3)), archive_of(BINARY, binary_files(4))
    of = release(server.url, python, binary)
    put(tmp_path, PYTHON, python_files(1))
    put(tmp_path, BINARY, binary_files(2))
    (tmp_path / of.python_archive.name).write_bytes(python)
    (tmp_path / of.binary_archive.name).write_bytes(binary)

    sources = [PYTHON, BINARY, of.python_archive.name, of.binary_archive.name]
    for seed, name in enumerate(sources, start=1):
        assert_holds(cifar10.load(tmp_path, release=of), seed)
        source = tmp_path / name
        shutil.rmtree(source) if source.is_dir() else source.unlink()
        assert_holds(cifar10.load(tmp_path, release=of), seed)
        for cached in tmp_path.glob("*.npy"):
            cached.unlink()
    assert server.requests == []


# What is downloaded.


def test_a_download_gives_the_images_and_leaves_the_archive(tmp_path: Path, server: Server) -> None:
    of = release(server.url)
    server.offer(of.python_archive.name, PYTHON_ARCHIVE)
    data_dir = tmp_path / "not" / "yet" / "there"
    assert_holds(cifar10.load(data_dir, release=of))
    assert (data_dir / of.python_archive.name).read_bytes() == PYTHON_ARCHIVE
    assert server.requests == [f"/{of.python_archive.name}"]


def test_an_address_in_the_environment_replaces_the_published_one(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.offer("mirror/anything?key=1", PYTHON_ARCHIVE)
    monkeypatch.setenv(cifar10.URL_VARIABLE, f"{server.url}mirror/anything?key=1")
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))


def test_what_a_killed_download_left_is_overwritten(tmp_path: Path, server: Server) -> None:
    of = release(server.url)
    server.offer(of.python_archive.name, PYTHON_ARCHIVE)
    (tmp_path / f"{of.python_archive.name}.part").write_bytes(b"x" * 2 * len(PYTHON_ARCHIVE))
    assert_holds(cifar10.load(tmp_path, release=of))
    assert not list(tmp_path.glob("*.part"))


def test_the_progress_bar_is_on_stderr_and_only_where_asked_for(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    of = release(server.url)
    server.offer(of.python_archive.name, PYTHON_ARCHIVE)
    cifar10.load(tmp_path / "quiet", release=of)
    assert capsys.readouterr() == ("", "")
    cifar10.load(tmp_path / "bar", release=of, progress=True)
    shown = capsys.readouterr()
    assert of.python_archive.name in shown.err
    assert shown.out == ""


def _not_found(server: Server) -> str:
    return server.url


def _wrong_content(server: Server) -> str:
    server.offer(PUBLISHED.python_archive.name, BINARY_ARCHIVE)
    return server.url


def _broken_off(server: Server) -> str:
    server.offer(PUBLISHED.python_archive.name, PYTHON_ARCHIVE[:5000], len(PYTHON_ARCHIVE))
    return server.url


def _too_long(server: Server) -> str:
    server.offer(PUBLISHED.python_archive.name, bytes(12 * 3073 * SIZE + 6 * 2**16 + 1))
    return server.url


def _silent(server: Server) -> str:
    server.answers[f"/{PUBLISHED.python_archive.name}"] = lambda _: time.sleep(1)
    return server.url


def _moved(server: Server, target: str) -> str:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.end_headers()

    server.answers[f"/{PUBLISHED.python_archive.name}"] = answer
    return server.url


def _moved_to_a_file(server: Server) -> str:
    return _moved(server, Path(__file__).as_uri())


def _moved_to_ftp(server: Server) -> str:
    return _moved(server, "ftp://127.0.0.1/archive")


def _no_http(server: Server) -> str:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0\r\nsecond line\r\n\r\n")

    server.answers[f"/{PUBLISHED.python_archive.name}"] = answer
    return server.url


def _unreachable(_: Server) -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (_not_found, "HTTP 404"),
        (_wrong_content, f"its MD5 is {md5(BINARY_ARCHIVE)} and not {md5(PYTHON_ARCHIVE)}"),
        (_broken_off, f"it broke off after 5,000 of {len(PYTHON_ARCHIVE):,} bytes"),
        (_too_long, "it is longer than"),
        (_silent, "timed out"),
        (_moved_to_a_file, "302"),
        (_moved_to_ftp, "unknown url type: ftp"),
        (_no_http, "SSH-2.0"),
        (_unreachable, "refused"),
        (lambda _: "ftp://127.0.0.1/", "it is no http or https address"),
        (lambda _: Path(__file__).as_uri() + "/", "it is no http or https address"),
        (lambda _: "http://[/", "it is no http or https address"),
        (lambda _: "http://127.0.0.1:port/", "port"),
    ],
)
def test_a_failed_download_is_one_line_that_says_what_to_do_and_leaves_nothing(
    tmp_path: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[Server], str],
    reason: str,
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    line = failure(tmp_path, release(prepare(server)))
    assert line.startswith(f"{tmp_path}: ")
    assert PUBLISHED.python_archive.name in line
    assert reason in line
    assert "dataset: digits" in line
    assert names_in(tmp_path) == set()


def test_a_password_in_an_address_stays_out_of_the_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cifar10.URL_VARIABLE, "http://me:secret@127.0.0.1/archive")
    line = failure(tmp_path)
    assert cifar10.URL_VARIABLE in line
    assert "secret" not in line


def test_a_data_dir_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = failure(tmp_path / "file" / "data")
    assert line.startswith(f"{tmp_path / 'file' / 'data'}: ")
    assert "Not a directory" in line


def test_two_processes_at_once_download_once(tmp_path: Path, server: Server) -> None:
    of = release(server.url)
    server.offer(of.python_archive.name, PYTHON_ARCHIVE)
    both_started = threading.Event()
    offered = server.answers[f"/{of.python_archive.name}"]

    def answer_when_both_started(handler: BaseHTTPRequestHandler) -> None:
        both_started.wait(60)
        offered(handler)

    server.answers[f"/{of.python_archive.name}"] = answer_when_both_started
    program = (
        "import hashlib, json, pathlib, sys\n"
        "from pcsearch.pc.data.cifar10 import Archive, Release, load\n"
        "url, python, binary, *sizes = json.loads(sys.argv[2])\n"
        "print('ready', flush=True)\n"
        "of = Release(url, Archive(*python), Archive(*binary), *sizes)\n"
        "training, test = load(pathlib.Path(sys.argv[1]), release=of)\n"
        "print(hashlib.sha256(training.pixels.numpy().tobytes()).hexdigest(), len(test.labels))\n"
    )
    sizes = (of.batch_size, of.training_batches)
    described = json.dumps([of.url, of.python_archive, of.binary_archive, *sizes])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), described],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(cifar10.__file__).parents[3],
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    both_started.set()
    printed = [process.communicate(timeout=60)[0].split() for process in processes]

    pixels = np.concatenate([batches()[name][0] for name in BATCHES[:5]])
    assert printed == [[hashlib.sha256(pixels.tobytes()).hexdigest(), str(SIZE)]] * 2
    assert server.requests == [f"/{of.python_archive.name}"]


# The cache.


def cached_files(data_dir: Path) -> tuple[Path, Path]:
    labels, pixels = sorted(data_dir.glob("cifar10-uint8-*.npy"))
    return pixels, labels


def test_a_second_load_needs_no_source(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    cifar10.load(tmp_path, release=OFFLINE)
    shutil.rmtree(tmp_path / BINARY)
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))


def test_cached_pixels_are_mapped_and_writing_to_them_leaves_the_file_alone(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    _, test = cifar10.load(tmp_path, release=OFFLINE)
    pixels, _ = cached_files(tmp_path)
    before = pixels.read_bytes()
    with pixels.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([255 - before[-1]]))
    assert test.pixels[-1, -1, -1, -1] == 255 - before[-1]

    test.pixels[-1, -1, -1, -1] = before[-1]
    assert pixels.read_bytes() == before[:-1] + bytes([255 - before[-1]])


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _garble(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': [[" + path.read_bytes()[20:])


def _replace_by_objects(path: Path) -> None:
    np.save(path, np.array([_Call(os.system, ("exit 1",))]), allow_pickle=True)


def _number_classes_from_one(path: Path) -> None:
    np.save(path, np.full(6 * SIZE, 10))


def _flatten(path: Path) -> None:
    np.save(path, np.load(path).reshape(-1, 1))


def _widen(path: Path) -> None:
    np.save(path, np.load(path).astype(np.int32))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _huge(path: Path) -> None:
    header = io.BytesIO()
    shape = (10**30, 3, 32, 32)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    path.write_bytes(header.getvalue())


@pytest.mark.parametrize("which", [0, 1], ids=["pixels", "labels"])
@pytest.mark.parametrize(
    "damage",
    [Path.unlink, _truncate, _garble, _replace_by_objects, _flatten, _widen, _empty, _huge],
)
def test_a_damaged_cache_is_built_anew(
    tmp_path: Path, damage: Callable[[Path], None], which: int
) -> None:
    put(tmp_path, BINARY, binary_files())
    cifar10.load(tmp_path, release=OFFLINE)
    sound = [path.read_bytes() for path in cached_files(tmp_path)]
    damage(cached_files(tmp_path)[which])
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))
    assert [path.read_bytes() for path in cached_files(tmp_path)] == sound


def test_cached_labels_that_are_no_classes_are_built_anew(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    cifar10.load(tmp_path, release=OFFLINE)
    _number_classes_from_one(cached_files(tmp_path)[1])
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))


def test_a_cache_that_cannot_be_written_costs_nothing_but_itself(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    cifar10.load(tmp_path, release=OFFLINE)
    pixels, labels = cached_files(tmp_path)
    pixels.unlink()
    labels.unlink()
    pixels.mkdir()
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))
    assert names_in(tmp_path) == {BINARY, pixels.name}


def test_without_the_lock_nothing_is_written(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    (tmp_path / LOCK).mkdir()
    assert_holds(cifar10.load(tmp_path, release=OFFLINE))
    assert names_in(tmp_path) == {BINARY}


def test_who_waited_for_the_lock_takes_the_cache_that_was_written_meanwhile(tmp_path: Path) -> None:
    data_dir, other = tmp_path / "data", tmp_path / "other"
    data_dir.mkdir()
    put(other, BINARY, binary_files())
    cifar10.load(other, release=OFFLINE)
    with ThreadPoolExecutor() as threads:
        with FileLock(data_dir / LOCK):
            waiting = threads.submit(cifar10.load, data_dir, release=OFFLINE)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            for path in cached_files(other):
                shutil.copy(path, data_dir)
        assert_holds(waiting.result(timeout=60))


# A directory that nothing can be written to.


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


@pytest.mark.parametrize(("folder", "files"), [(PYTHON, python_files()), (BINARY, binary_files())])
def test_a_read_only_directory_is_read_from_and_left_as_it_is(
    tmp_path: Path, folder: str, files: Files
) -> None:
    put(tmp_path, folder, files)
    with read_only(tmp_path):
        assert_holds(cifar10.load(tmp_path, release=OFFLINE))
    assert os.listdir(tmp_path) == [folder]  # noqa: PTH208


def test_a_read_only_archive_is_read(tmp_path: Path) -> None:
    (tmp_path / OFFLINE.binary_archive.name).write_bytes(BINARY_ARCHIVE)
    with read_only(tmp_path):
        assert_holds(cifar10.load(tmp_path, release=OFFLINE))


def test_nothing_is_downloaded_where_it_could_not_be_kept(tmp_path: Path, server: Server) -> None:
    of = release(server.url)
    server.offer(of.python_archive.name, PYTHON_ARCHIVE)
    with read_only(tmp_path):
        line = failure(tmp_path, of)
    assert "Permission denied" in line
    assert "dataset: digits" in line
    assert server.requests == []


def test_a_source_that_may_not_be_read_is_one_line(tmp_path: Path) -> None:
    put(tmp_path, BINARY, binary_files())
    batch = tmp_path / BINARY / "test_batch.bin"
    batch.chmod(0)
    with without_override():
        line = failure(tmp_path)
    assert "Permission denied" in line
    assert str(batch) in line


# What is damaged or made to do harm.


class _Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("key", [b"data", b"labels", b"anything else"])
@pytest.mark.parametrize(
    ("function", "named"),
    [(os.system, "system"), (exec, "exec"), (np.load, "load"), (getattr, "getattr")],
)
def test_a_pickle_that_names_anything_but_an_array_is_refused_and_not_run(
    tmp_path: Path, function: Callable[..., Any], named: str, key: bytes
) -> None:
    mark = tmp_path / "mark"
    source = f"open({str(mark)!r}, 'w')" if function is exec else f"touch {mark}"
    pixels, labels = batches()["test_batch"]
    batch = {b"data": pixels, b"labels": labels, key: _Call(function, (source,))}
    put(tmp_path, PYTHON, python_files() | {"test_batch": pickle.dumps(batch, protocol=2)})
    line = failure(tmp_path)
    assert line.startswith(f"{tmp_path / PYTHON / 'test_batch'}: ")
    assert "refers to" in line
    assert named in line
    assert not mark.exists()


PIXELS, LABELS = batches()["test_batch"]
LARGE_MEMO = b"\x80\x02Nr\xff\xff\xff\xff."


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (pickled(PIXELS, [*LABELS[1:], 10]), "a label is 10 and not one of 0 to 9"),
        (pickled(PIXELS, [*LABELS[1:], -1]), "a label is -1 and not one of 0 to 9"),
        (pickled(PIXELS, [*LABELS[1:], 2**70]), f"a label is {2**70} and not one of 0 to 9"),
        (pickled(PIXELS, [*LABELS[1:], True]), "its labels are not a list of integers"),
        (pickled(PIXELS, LABELS[1:]), "it holds 19 labels and not 20"),
        (pickled(PIXELS[1:], LABELS), "its data has shape (19, 3072)"),
        (pickled(PIXELS.reshape(-1, 3, 32, 32), LABELS), "its data has shape (20, 3, 32, 32)"),
        (pickled(PIXELS.astype(np.int8), LABELS), "its data is not an array of bytes"),
        (pickle.dumps({b"labels": LABELS}, protocol=2), "its data is not an array of bytes"),
        (pickle.dumps({b"data": PIXELS}, protocol=2), "its labels are not a list of integers"),
        (pickle.dumps(PIXELS, protocol=2), "it is not a batch of CIFAR-10"),
        (pickled(PIXELS, LABELS)[:-100], "it is not a batch of CIFAR-10"),
        (pickled(PIXELS, LABELS).replace(b"latin1", b"rot_13"), "it is not a batch of CIFAR-10"),
        (pickled(np.tile(PIXELS, (3, 1)), LABELS * 3), "it is longer than a batch can be"),
        (b"<html>\nnot found\n</html>", "it is not a batch of CIFAR-10"),
        (LARGE_MEMO, "it is not a batch of CIFAR-10; "),
        (b"", "it is not a batch of CIFAR-10"),
    ],
)
def test_a_pickled_batch_that_is_not_as_published_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, told: str
) -> None:
    put(tmp_path, PYTHON, python_files() | {"data_batch_3": content})
    line = failure(tmp_path)
    assert line.startswith(f"{tmp_path / PYTHON / 'data_batch_3'}: {told}")
    assert line.endswith("; mend or remove the folder")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_to_a_pickle_ends_in_anything_but_images_or_one_line(data: st.DataObject) -> None:
    content = bytearray(pickled(PIXELS, LABELS))
    # Most of a file is pixels, where damage goes unnoticed.
    outside = st.one_of(st.integers(0, 200), st.integers(-700, -1))
    for place in data.draw(st.lists(outside, min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder), PYTHON, python_files() | {"test_batch": bytes(content)})
        try:
            _, test = cifar10.load(Path(folder), release=OFFLINE)
        except PcsearchError as error:
            said = str(error)
        else:
            said = "images"
            assert test.pixels.shape == (SIZE, 3, 32, 32)
            assert set(test.labels.tolist()) <= set(range(10))
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (records(PIXELS, [*LABELS[1:], 10]), "a label is 10 and not one of 0 to 9"),
        (records(PIXELS, LABELS)[:-1], "it holds 61,459 bytes and not 61,460"),
        (records(PIXELS, LABELS) + b"\0", "it holds 61,461 bytes and not 61,460"),
    ],
)
def test_a_batch_of_records_that_is_not_as_published_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, told: str
) -> None:
    put(tmp_path, BINARY, binary_files() | {"data_batch_3.bin": content})
    line = failure(tmp_path)
    assert line == f"{tmp_path / BINARY / 'data_batch_3.bin'}: {told}; mend or remove the folder"


@pytest.mark.parametrize("make", [Path.unlink, lambda path: (path.unlink(), os.mkfifo(path))])
def test_a_missing_batch_is_named(tmp_path: Path, make: Callable[[Path], None]) -> None:
    put(tmp_path, BINARY, binary_files())
    missing = tmp_path / BINARY / "data_batch_5.bin"
    make(missing)
    assert failure(tmp_path) == f"{missing}: it is missing; mend or remove the folder"


@pytest.mark.parametrize("content", [b"", PYTHON_ARCHIVE[:-1], BINARY_ARCHIVE])
def test_an_archive_with_another_md5_is_named_with_both_and_stays(
    tmp_path: Path, content: bytes
) -> None:
    archive = tmp_path / OFFLINE.python_archive.name
    archive.write_bytes(content)
    assert failure(tmp_path) == (
        f"{archive}: its MD5 is {md5(content)} and not {md5(PYTHON_ARCHIVE)}; "
        "remove the archive to have it downloaded again"
    )
    assert archive.read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"", b"no archive", PYTHON_ARCHIVE[:-5000], PYTHON_ARCHIVE[:10] + b"\xff" * 9000]
)
def test_an_archive_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes) -> None:
    of = release(python=content)
    (tmp_path / of.python_archive.name).write_bytes(content)
    line = failure(tmp_path, of)
    assert line.startswith(f"{tmp_path / of.python_archive.name}: it cannot be read (")
    assert line.endswith("; remove the archive to have it downloaded again")


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


def test_other_members_of_an_archive_are_never_written_anywhere(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    extra = (
        member("../evil"),
        member(str(tmp_path / "evil")),
        member(f"{PYTHON}/../../evil"),
        member(f"{PYTHON}/link", tarfile.SYMTYPE, str(tmp_path)),
        member(f"{PYTHON}/link/evil"),
        member(f"./{PYTHON}/test_batch"),
    )
    content = archive_of(PYTHON, python_files(), *extra)
    of = release(python=content)
    (data_dir / of.python_archive.name).write_bytes(content)
    assert_holds(cifar10.load(data_dir, release=of))
    assert names_in(tmp_path) == {"data"}
    cached = {path.name for path in cached_files(data_dir)}
    assert names_in(data_dir) == {of.python_archive.name, *cached}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)
def test_a_batch_that_is_no_regular_member_is_missing(tmp_path: Path, kind: bytes) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(python_files()["test_batch"])
    files = python_files()
    del files["test_batch"]
    target = f"{PYTHON}/data_batch_1" if kind == tarfile.LNKTYPE else str(elsewhere)
    content = archive_of(PYTHON, files, member(f"{PYTHON}/test_batch", kind, target))
    of = release(python=content)
    archive = tmp_path / of.python_archive.name
    archive.write_bytes(content)
    assert failure(tmp_path, of) == (
        f"{archive}/test_batch: it is missing; remove the archive to have it downloaded again"
    )


def test_of_a_member_no_more_is_read_than_a_batch_can_hold(tmp_path: Path) -> None:
    content = archive_of(BINARY, binary_files() | {"test_batch.bin": bytes(10**7)})
    of = release(binary=content)
    archive = tmp_path / of.binary_archive.name
    archive.write_bytes(content)
    line = failure(tmp_path, of)
    assert line.startswith(f"{archive}/test_batch.bin: it is longer than a batch can be; ")
