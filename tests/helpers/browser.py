"""A headless Chromium without a network, driven by the W3C's WebDriver protocol.

It needs Debian's packages ``chromium`` and ``chromium-driver``.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ports import free_port

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    # The plots of parallel coordinates need WebGL, here without a graphics card.
    "--enable-unsafe-swiftshader",
    # Nothing outside can be asked, not even by its address.
    "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """A session of the browser.

    Args:
        url: of the session at the driver.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def open(self, file: Path) -> None:
        _ask("POST", f"{self._url}/url", {"url": file.resolve().as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of a function returns."""
        body = {"script": script, "args": list(arguments)}
        return _ask("POST", f"{self._url}/execute/sync", body)

    def wait(self, expression: str, seconds: float = 60) -> Any:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := self.run(f"return {expression}")):
            assert time.monotonic() < end, f"not true in {seconds} s: {expression}"
            time.sleep(0.1)
        return value

    def click(self, selector: str) -> None:
        _ask("POST", f"{self._element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        _ask("POST", f"{self._element(selector)}/value", {"text": text})

    def press(self, keys: str) -> None:
        """Press keys one after another where the focus is; those of WebDriver, such as a tab."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keys", "actions": actions}]}
        _ask("POST", f"{self._url}/actions", body)

    def drag(self, points: Sequence[tuple[float, float]]) -> None:
        """Press the mouse at the first point of the window, and let it go at the last."""
        moves = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 100}
            for x, y in points
        ]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        actions = [moves[0], down, *moves[1:], up]
        parameters = {"pointerType": "mouse"}
        mouse = {"type": "pointer", "id": "mouse", "parameters": parameters, "actions": actions}
        _ask("POST", f"{self._url}/actions", {"actions": [mouse]})

    def logs(self, kind: str) -> list[dict[str, Any]]:
        """What came since the last call: of ``browser``, the console; of ``performance``, all."""
        logs: list[dict[str, Any]] = _ask("POST", f"{self._url}/se/log", {"type": kind})
        return logs

    def requests(self) -> list[str]:
        """The addresses that pages have asked for since the last call."""
        messages = [json.loads(each["message"])["message"] for each in self.logs("performance")]
        sent = [each for each in messages if each["method"] == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in sent]

    def chromium(self, command: str, **parameters: Any) -> Any:
        """A command of Chromium's own protocol."""
        body = {"cmd": command, "params": parameters}
        return _ask("POST", f"{self._url}/goog/cdp/execute", body)

    def show(self, width: int, height: int, scheme: str) -> None:
        """Make the window so many pixels large, with a light or a dark colour scheme."""
        self.chromium(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.chromium("Emulation.setEmulatedMedia", features=[feature])

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(_ask("GET", f"{self._url}/screenshot"))

    def _element(self, selector: str) -> str:
        body = {"using": "css selector", "value": selector}
        return f"{self._url}/element/{_ask('POST', f'{self._url}/element', body)[ELEMENT]}"


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser with its profile in a folder."""
    driver = shutil.which("chromedriver")
    assert driver is not None, "install Debian's packages chromium and chromium-driver"
    port = free_port()
    process = subprocess.Popen([driver, f"--port={port}", "--silent"], stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _until_ready(url)
        options = {
            "args": [*ARGUMENTS, f"--user-data-dir={folder}"],
            "perfLoggingPrefs": {"enableNetwork": True},
        }
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        body = {"capabilities": {"alwaysMatch": capabilities}}
        session = f"{url}/session/{_ask('POST', f'{url}/session', body)['sessionId']}"
        try:
            browser = Browser(session)
            # Else the page of a new tab would ask for its own parts.
            _ask("POST", f"{session}/url", {"url": "about:blank"})
            browser.requests()
            yield browser
        finally:
            _ask("DELETE", session)
    finally:
        process.terminate()
        process.wait()


def _until_ready(url: str) -> None:
    end = time.monotonic() + 240
    while True:
        try:
            if _ask("GET", f"{url}/status")["ready"]:
                return
        except OSError:
            assert time.monotonic() < end, "chromedriver does not answer"
        time.sleep(0.1)


def _ask(method: str, url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    # A proxy of the environment is not for a driver on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=120) as answer:
            return json.loads(answer.read())["value"]
    except urllib.error.HTTPError as error:
        problem = json.loads(error.read())["value"]
        raise AssertionError(problem["message"]) from None
