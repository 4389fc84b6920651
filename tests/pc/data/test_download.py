"""CIFAR-10 that is downloaded."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from cifar10_files import (
    BATCHES,
    BINARY_ARCHIVE,
    OFFLINE,
    PYTHON_ARCHIVE,
    PYTHON_NAME,
    SIZE,
    Server,
    assert_holds,
    batches,
    failure,
    md5,
    names_in,
    release,
)

from pcsearch.pc.data import download
from pcsearch.pc.data.cifar import CIFAR10
from pcsearch.pc.data.published import load


def test_a_download_gives_the_images_and_leaves_the_archive(tmp_path: Path, server: Server) -> None:
    of = release(server.url)
    server.offer(PYTHON_NAME, PYTHON_ARCHIVE)
    data_dir = tmp_path / "not" / "yet" / "there"
    assert_holds(load(of, data_dir))
    assert (data_dir / PYTHON_NAME).read_bytes() == PYTHON_ARCHIVE
    assert server.requests == [f"/{PYTHON_NAME}"]


def test_an_address_in_the_environment_replaces_the_published_one(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.offer("mirror/anything?key=1", PYTHON_ARCHIVE)
    monkeypatch.setenv(CIFAR10.url_variable, f"{server.url}mirror/anything?key=1")
    assert_holds(load(OFFLINE, tmp_path))


def test_what_a_killed_download_left_is_overwritten(tmp_path: Path, server: Server) -> None:
    of = release(server.url)
    server.offer(PYTHON_NAME, PYTHON_ARCHIVE)
    (tmp_path / f".{PYTHON_NAME}.tmp").write_bytes(b"x" * 2 * len(PYTHON_ARCHIVE))
    assert_holds(load(of, tmp_path))
    assert not list(tmp_path.glob(".*.tmp"))


def test_the_progress_bar_is_on_stderr_and_only_where_asked_for(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    of = release(server.url)
    server.offer(PYTHON_NAME, PYTHON_ARCHIVE)
    load(of, tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")
    load(of, tmp_path / "bar", progress=True)
    shown = capsys.readouterr()
    assert PYTHON_NAME in shown.err
    assert shown.out == ""


def _not_found(server: Server) -> str:
    return server.url


def _wrong_content(server: Server) -> str:
    server.offer(PYTHON_NAME, BINARY_ARCHIVE)
    return server.url


def _broken_off(server: Server) -> str:
    server.offer(PYTHON_NAME, PYTHON_ARCHIVE[:5000], len(PYTHON_ARCHIVE))
    return server.url


def _too_long(server: Server) -> str:
    server.offer(PYTHON_NAME, bytes(12 * 3073 * SIZE + 2**20 + 1))
    return server.url


def _silent(server: Server) -> str:
    server.answers[f"/{PYTHON_NAME}"] = lambda _: time.sleep(1)
    return server.url


def _moved(server: Server, target: str) -> str:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.end_headers()

    server.answers[f"/{PYTHON_NAME}"] = answer
    return server.url


def _moved_to_a_file(server: Server) -> str:
    return _moved(server, Path(__file__).as_uri())


def _moved_to_ftp(server: Server) -> str:
    return _moved(server, "ftp://127.0.0.1/archive")


def _moved_to_an_address_without_sense(server: Server) -> str:
    return _moved(server, "http://127.0.0.1:my-secret/archive")


def _no_http(server: Server) -> str:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0\r\nsecond line\r\n\r\n")

    server.answers[f"/{PYTHON_NAME}"] = answer
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
        (_moved_to_a_file, "failed: HTTP 302 Found, a redirection that cannot be followed; "),
        (
            _moved_to_an_address_without_sense,
            "failed: it leads to an address, or a proxy is set, that",
        ),
        (_moved_to_ftp, "unknown url type: ftp"),
        (_no_http, "SSH-2.0"),
        (_unreachable, "refused"),
        (lambda _: "ftp://127.0.0.1/", "it is no http or https address"),
        (lambda _: Path(__file__).as_uri() + "/", "it is no http or https address"),
        (lambda _: "http://[/", "it is no http or https address"),
        (lambda _: "http://127.0.0.1:port/", "its port is no number"),
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
    assert PYTHON_NAME in line
    assert reason in line
    assert "dataset: digits" in line
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://me:secret@127.0.0.1/archive", "a user name is not supported"),
        ("http://127.0.0.1:9/an archive?token=secret", "a space or a control character"),
        ("http://127.0.0.1:9/\x7f?token=secret", "a space or a control character"),
        ("http://127.0.0.1:secret/archive", "its port is no number"),
        ("http://127.0.0.1:70000/archive?token=secret", "its port is no number from 0 to 65535"),
        ("file:///secret", "it is no http or https address"),
    ],
)
def test_a_password_in_an_address_stays_out_of_the_message(
    address: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CIFAR10.url_variable, address)
    line = failure(tmp_path)
    assert CIFAR10.url_variable in line
    assert reason in line
    assert "secret" not in line


def test_a_data_dir_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = failure(tmp_path / "file" / "data")
    assert line.startswith(f"{tmp_path / 'file' / 'data'}: ")
    assert "Not a directory" in line


def test_two_processes_at_once_download_once(tmp_path: Path, server: Server) -> None:
    of = release(server.url)
    server.offer(PYTHON_NAME, PYTHON_ARCHIVE)
    both_started = threading.Event()
    offered = server.answers[f"/{PYTHON_NAME}"]

    def answer_when_both_started(handler: BaseHTTPRequestHandler) -> None:
        both_started.wait(60)
        offered(handler)

    server.answers[f"/{PYTHON_NAME}"] = answer_when_both_started
    program = (
        "import hashlib, json, pathlib, sys\n"
        "from pcsearch.pc.data.cifar import cifar10\n"
        "from pcsearch.pc.data.published import Archive, load\n"
        "python, binary, url, size = json.loads(sys.argv[2])\n"
        "print('ready', flush=True)\n"
        "of = cifar10(Archive(*python), Archive(*binary), url=url, size=size)\n"
        "training, test = load(of, pathlib.Path(sys.argv[1]))\n"
        "print(hashlib.sha256(training.pixels.numpy().tobytes()).hexdigest(), len(test.labels))\n"
    )
    described = json.dumps([*(form.archive for form in of.forms), of.url, SIZE])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), described],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(download.__file__).parents[3],
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    both_started.set()
    printed = [process.communicate(timeout=240)[0].split() for process in processes]

    pixels = np.concatenate([batches()[name][0] for name in BATCHES[:5]])
    assert printed == [[hashlib.sha256(pixels.tobytes()).hexdigest(), str(SIZE)]] * 2
    assert server.requests == [f"/{PYTHON_NAME}"]
