"""Downloads a file over HTTP: afterwards it is complete and checked, or not there."""

from __future__ import annotations

import hashlib
from http.client import HTTPException, HTTPResponse, InvalidURL, responses
from pathlib import Path
from typing import BinaryIO, cast
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit

from pcsearch.pc.data.progress import bar
from pcsearch.system.whole_files import replacing

TIMEOUT = 10.0
"""Seconds to wait for the connection, and for each piece of the answer."""

_CHUNK = 1 << 18


class DownloadFailed(Exception):  # noqa: N818 - it names an outcome, and is always caught
    """A download failed; the message is the reason, on one line."""


def fetch(url: str, path: Path, *, md5: str, limit: int, progress: bool = False) -> None:
    """Download a file; a download that fails changes nothing on the disk.

    Args:
        url: an http or https address; redirections may only lead to such addresses.
        path: the path of the file, in a directory that exists.
        md5: the hex MD5 of the whole file.
        limit: the most bytes to accept.
        progress: whether to show a progress bar on stderr.

    Raises:
        DownloadFailed: with the reason, without the address, which may hold a token.
    """
    _check(url)
    try:
        with _open(url) as response, replacing(path) as file:
            digest = _copy(response, file, path.name, limit, progress)
            if digest != md5:
                raise DownloadFailed(f"its MD5 is {digest} and not {md5}")
    except HTTPError as error:
        error.close()
        # Its own reason may hold the address of a redirection.
        reason = f"HTTP {error.code} {responses.get(error.code, '')}".rstrip()
        moved = ", a redirection that cannot be followed" if 300 <= error.code < 400 else ""
        raise DownloadFailed(reason + moved) from error
    except InvalidURL as error:
        raise DownloadFailed(
            "it leads to an address, or a proxy is set, that is not valid"
        ) from error
    except URLError as error:
        raise DownloadFailed(one_line(error.reason)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadFailed(one_line(error) or type(error).__name__) from error


def one_line(message: object) -> str:
    """The message on one line: a server's message may have line breaks."""
    return " ".join(str(message).split())


def _check(url: str) -> None:
    if any(each <= " " or each == "\x7f" for each in url.strip()):
        raise DownloadFailed("it has a space or a control character; write %20 for a space")
    try:
        parts: SplitResult | None = urlsplit(url)
    except ValueError:
        parts = None
    if not parts or parts.scheme not in ("http", "https") or not parts.hostname:
        raise DownloadFailed("it is no http or https address")
    if "@" in parts.netloc:
        raise DownloadFailed("an address with a user name is not supported")
    try:
        _ = parts.port
    except ValueError:
        raise DownloadFailed("its port is no number from 0 to 65535") from None


def _open(url: str) -> HTTPResponse:
    # urlopen would also follow file: and ftp: addresses.
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPRedirectHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return cast(HTTPResponse, opener.open(url, timeout=TIMEOUT))


def _copy(response: HTTPResponse, file: BinaryIO, name: str, limit: int, progress: bool) -> str:
    """Copy the answer's body and return its hex MD5."""
    expected = response.length
    digest = hashlib.md5(usedforsecurity=False)
    received = 0
    with bar(name, expected, progress, of_bytes=True) as advance:
        while chunk := response.read(_CHUNK):
            received += len(chunk)
            if received > limit:
                raise DownloadFailed(f"it is longer than {limit:,} bytes")
            file.write(chunk)
            digest.update(chunk)
            advance(len(chunk))
    if expected is not None and received < expected:
        raise DownloadFailed(f"it broke off after {received:,} of {expected:,} bytes")
    return digest.hexdigest()
