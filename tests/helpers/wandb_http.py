"""The stand-in for W&B's server as HTTP: requests, uploads, and its outages."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from wandb_ledger import ConflictError

if TYPE_CHECKING:
    from wandb_server import WandbServer


class SharedPortServer(ThreadingHTTPServer):
    """One of several sockets that are bound to its port."""

    allow_reuse_port = True
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    """Passes requests on to a server, and is away when that is."""

    state: WandbServer

    def parse_request(self) -> bool:
        whole = super().parse_request()
        if whole:
            self.state.requests.append(f"{self.command} {self.path}")
        return whole

    def do_GET(self) -> None:
        if not self.away():
            self.reply({}, 404)

    def do_POST(self) -> None:
        body = self.body()
        # A client that gives up leaves its request unfinished.
        if not body or self.away():
            self.close_connection = True
            return
        time.sleep(self.state.latency)
        sent = json.loads(body)
        if not self.state.accepts(self.headers.get("Authorization")):
            self.reply({"errors": [{"message": "invalid API key"}]}, self.state.key_status)
        elif self.path.startswith("/graphql"):
            try:
                self.reply(self.state.answer(sent["query"], sent.get("variables") or {}))
            except ConflictError as conflict:
                self.reply({"data": None, "errors": [{"message": str(conflict)}]}, 409)
        elif self.state.stream_status != 200:
            self.reply({"error": "refused"}, self.state.stream_status)
        else:
            self.reply(self.state.stream(self.path.split("/")[4], sent))

    def do_PUT(self) -> None:
        content = self.body()
        if not self.away():
            name, _, file = self.path.removeprefix("/upload/").partition("/")
            uploads = self.state.runs[name].uploads if name else self.state.uploads
            if not name:
                self.state.takes_artifacts.wait(600)
            uploads[file] = content
            self.reply({})

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def away(self) -> bool:
        """Whether the server is; such a request is dealt with."""
        if self.state.outage == "silent":
            self.state.wait_until_back()
            self.close_connection = True
            return True
        if self.state.outage == "error":
            self.reply({}, 500)
        return self.state.outage is not None

    def reply(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # The client did not wait.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
