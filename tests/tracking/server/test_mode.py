import os
import re
import shlex
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

import pytest
from ports import keeper
from wandb_server import KEY, Handler, WandbServer

from pcsearch.errors import PcsearchError
from pcsearch.tracking.server import mode as wandb_mode
from pcsearch.tracking.server.mode import require_server, resolve, sync_command
from pcsearch.tracking.wandb_internals import BRIEF_REQUESTS


@pytest.fixture
def server(asked_server: WandbServer) -> WandbServer:
    """The server, without a key for it."""
    return asked_server


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    return KEY


def test_without_a_key_auto_is_offline_and_says_how_to_turn_it_on(server: WandbServer) -> None:
    mode = resolve("auto")
    assert mode.mode == "offline"
    assert mode.reason == "W&B: offline (no API key is configured; wandb login turns it on)"
    assert not server.operations


def test_without_a_key_online_is_refused_in_one_line() -> None:
    with pytest.raises(PcsearchError) as refused:
        resolve("online")
    assert str(refused.value) == (
        "--wandb online needs an API key; run wandb login or use --wandb offline"
    )


@pytest.mark.parametrize("requested", ["auto", "online"])
def test_a_key_in_the_environment_goes_online_after_asking_the_server_once(
    requested: wandb_mode.Requested, server: WandbServer, key: str
) -> None:
    mode = resolve(requested)
    assert mode.mode == "online"
    assert mode.reason == f"W&B: online (127.0.0.1:{server.port})"
    assert key not in mode.reason
    assert server.count("Viewer") == 1


def test_a_key_in_netrc_goes_online(server: WandbServer, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1:{server.port} login user password {KEY}\n")
    assert resolve("auto").mode == "online"


def test_a_key_in_netrc_for_another_server_is_no_key(server: WandbServer, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine api.wandb.ai login user password {KEY}\n")
    assert "no API key" in resolve("auto").reason
    assert not server.operations


def test_the_server_of_wandbs_settings_file_is_the_one_asked(
    server: WandbServer, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_BASE_URL")
    folder = tmp_path / "wandb-config"
    folder.mkdir()
    (folder / "settings").write_text(f"[default]\nbase_url = {server.url}\n")
    mode = resolve("auto")
    assert mode.mode == "online"
    assert server.count("Viewer") == 1
    assert key not in mode.reason


def test_auto_is_offline_when_nothing_listens_at_the_server(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with keeper() as closed:
        port = closed.getsockname()[1]
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")
        mode = resolve("auto")
    assert mode.mode == "offline"
    assert f"cannot reach 127.0.0.1:{port}: " in mode.reason
    assert "refused" in mode.reason
    assert key not in mode.reason


def test_online_is_refused_in_one_line_when_the_server_cannot_be_reached(
    server: WandbServer, key: str
) -> None:
    server.go_away("error")
    with pytest.raises(PcsearchError) as refused:
        resolve("online")
    assert str(refused.value) == (
        f"--wandb online cannot reach 127.0.0.1:{server.port}: HTTP status 500; use --wandb offline"
    )
    assert key not in str(refused.value)


@pytest.mark.usefixtures("key", "server")
def test_a_server_that_has_nothing_at_its_bare_address_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Handler, "do_GET", lambda request: request.reply({}, 501))
    assert resolve("online").mode == "online"


def test_a_server_that_is_not_wandbs_is_told_with_what_to_check(
    key: str, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(request: Handler) -> None:
        request.body()
        request.send_response(404)
        request.send_header("Content-Length", "0")
        request.end_headers()

    monkeypatch.setattr(Handler, "do_POST", nothing)
    assert resolve("auto").reason == (
        f"W&B: offline (cannot use 127.0.0.1:{server.port}: HTTP status 404; "
        "is WANDB_BASE_URL right?)"
    )
    assert key not in resolve("auto").reason


class Greeting(BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(10_000)
        self.request.sendall(b"SSH-2.0-OpenSSH\r\n")


def test_a_server_of_something_else_is_told_with_what_to_check(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TCPServer(("127.0.0.1", 0), Greeting) as other:
        threading.Thread(target=other.handle_request).start()
        port = other.server_address[1]
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")
        reason = resolve("auto").reason
    assert reason == (
        f"W&B: offline (cannot reach 127.0.0.1:{port}: it does not speak HTTP; "
        "is WANDB_BASE_URL right?)"
    )
    assert key not in reason


def test_a_server_that_does_not_answer_costs_no_more_than_the_time_of_the_probe(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.server_port}")
    monkeypatch.setattr(wandb_mode, "PROBE_SECONDS", 0.3)
    start = time.monotonic()
    mode = resolve("auto")
    silent.server_close()
    assert mode.mode == "offline"
    assert key not in mode.reason
    assert time.monotonic() - start < 240


@pytest.mark.parametrize("key_status", [401, 403])
def test_a_key_that_the_server_does_not_accept_is_offline_or_refused(
    key_status: int, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "9" * 40
    server.key_status = key_status
    monkeypatch.setenv("WANDB_API_KEY", wrong)
    mode = resolve("auto")
    assert mode.mode == "offline"
    assert mode.reason == (
        "W&B: offline (the server does not accept the API key that is configured; "
        "wandb login replaces it)"
    )
    for refuse, option in ((resolve, "online"), (require_server, "--create-only")):
        with pytest.raises(PcsearchError) as refused:
            refuse(option)  # type: ignore[operator]
        assert "needs an API key that the server accepts; run wandb login" in str(refused.value)
        assert wrong not in str(refused.value)


def test_a_server_that_stops_answering_after_the_probe_costs_seconds(
    server: WandbServer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any) -> dict[str, Any]:
        server.go_away("silent")
        server.wait_until_back()
        return {}

    monkeypatch.setattr(server, "answer", silent)
    monkeypatch.setitem(BRIEF_REQUESTS, "x_graphql_timeout_seconds", 1)
    start = time.monotonic()
    mode = resolve("auto")
    assert time.monotonic() - start < 300
    told = rf"W&B: offline \(cannot use 127\.0\.0\.1:{server.port}: no answer in \d+ s\)"
    assert re.fullmatch(told, mode.reason)
    assert key not in mode.reason


def test_a_name_that_takes_for_ever_to_look_up_costs_no_more_either(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    released = threading.Event()
    monkeypatch.setattr(wandb_mode, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(wandb_mode, "_failure", lambda _: released.wait(600))
    start = time.monotonic()
    mode = resolve("auto")
    released.set()
    assert mode.reason == "W&B: offline (cannot reach wandb.example.org: no answer in 0.2 s)"
    assert key not in mode.reason
    assert time.monotonic() - start < 300


def test_credentials_in_the_address_of_the_server_stay_out_of_the_reason(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://user:hidden@127.0.0.1:9")
    mode = resolve("auto")
    assert mode.mode == "offline"
    assert "hidden" not in mode.reason
    assert key not in mode.reason


@pytest.mark.usefixtures("key")
def test_a_server_whose_address_has_credentials_is_reached(
    server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", server.url.replace("//", "//user:hidden@"))
    mode = resolve("auto")
    assert mode.reason == f"W&B: online (127.0.0.1:{server.port})"


@pytest.mark.usefixtures("server")
def test_a_key_of_the_wrong_form_is_told_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "tooshort")
    mode = resolve("auto")
    assert mode.mode == "offline"
    assert "not valid" in mode.reason
    assert "tooshort" not in mode.reason
    with pytest.raises(PcsearchError, match="needs a valid API key; run wandb login") as refused:
        resolve("online")
    assert "tooshort" not in str(refused.value)


def test_settings_that_wandb_refuses_are_offline_and_not_a_traceback(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "not an address")
    mode = resolve("auto")
    assert mode.mode == "offline"
    assert "settings" in mode.reason
    assert key not in mode.reason


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("setting", "mode"),
    [("offline", "offline"), ("dryrun", "offline"), ("disabled", "disabled"), ("online", "online")],
)
def test_auto_follows_the_environments_wandb_mode(
    setting: str, mode: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", setting)
    resolved = resolve("auto")
    assert resolved.mode == mode
    assert setting in resolved.reason
    assert key not in resolved.reason


@pytest.mark.usefixtures("server")
def test_what_is_asked_for_goes_before_the_environment(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert resolve("online").mode == "online"
    assert resolve("offline").mode == "offline"
    assert key not in resolve("offline").reason


def test_disabled_and_offline_import_no_wandb() -> None:
    program = (
        "import sys; from pcsearch.tracking.server.mode import resolve;"
        "resolve('disabled'); resolve('offline'); sys.exit('wandb' in sys.modules)"
    )
    root = Path(wandb_mode.__file__).parents[3]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


def test_the_sync_command_survives_a_shell_and_names_the_runs(tmp_path: Path) -> None:
    directory = tmp_path / "it's; my $HOME"
    run = directory / "wandb" / "offline-run-20250101_000000-abc"
    run.mkdir(parents=True)
    (run / "run-abc.wandb").write_bytes(b"")
    command = sync_command(directory)
    assert shlex.split(command) == ["wandb", "sync", "--include-online", str(directory / "wandb")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = subprocess.run(
        ["/bin/sh", "-c", f"{command} --dry-run"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Would sync 1 run(s)" in shown.stderr + shown.stdout


def test_the_sync_command_leaves_out_what_was_uploaded_before(tmp_path: Path) -> None:
    for name in ("20250101_000000-abc", "20250101_000001-abc"):
        run = tmp_path / "wandb" / f"offline-run-{name}"
        run.mkdir(parents=True)
        (run / "run-abc.wandb").write_bytes(b"")
    (run / "run-abc.wandb.synced").touch()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = subprocess.run(
        ["/bin/sh", "-c", f"{sync_command(tmp_path)} --dry-run"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Would sync 1 run(s)" in shown.stderr + shown.stdout
