"""MCP over HTTP: who gets an answer at which address, and what a client leaves behind."""

import http.client
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx2
import psutil
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tinyvmaf.app.cli import main
from tinyvmaf.app.mcp_server.http import MAX_BODY, MAX_SESSIONS, Address, is_loopback, plain, read_token
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import Stop
from tinyvmaf.vmaf.media.y4m import open_y4m

from .test_mcp_cli import LIMIT_S, SERVER, await_port, ended, free_port

ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})
ORIGINS = ("http://evil.example", "http://localhost:3000", "http://127.0.0.1", "null", "")


@contextmanager
def serving(root: Path, host: str, *options: str) -> Iterator[tuple[int, "subprocess.Popen[str]", list[str]]]:
    """The port, the process, and the lines on its stderr until it listens."""
    port = free_port()
    command = [*SERVER, "--root", str(root), "--http", f"{host}:{port}", *options]
    with ended(subprocess.Popen(command, stderr=subprocess.PIPE, text=True)) as process:
        lines = list[str]()
        assert process.stderr is not None
        reader = threading.Thread(target=lines.extend, args=(process.stderr,), daemon=True)
        reader.start()
        await_port(port, plain(host).replace("0.0.0.0", "127.0.0.1"))
        yield port, process, lines


def asked(where: tuple[str, int], headers: dict[str, str], body: str = INITIALIZE, method: str = "POST") -> int:
    connection = http.client.HTTPConnection(*where, timeout=LIMIT_S)
    connection.request(method, "/mcp", body, ACCEPT | headers)
    status = connection.getresponse().status
    connection.close()
    return status


def hosts_are_checked(where: tuple[str, int], own: str, token: dict[str, str]) -> None:
    port = where[1]
    for host in (own, f"{own}:{port}", own.upper()):
        assert asked(where, token | {"Host": host}) == 200, host
    for host in (
        "evil.example",
        f"evil.example:{port}",
        f"{own}.evil.example",
        f"{own}:{port}.evil.example",
        "",
        "[::",
    ):
        assert asked(where, token | {"Host": host}) in (400, 421), host
        assert asked(where, token | {"Host": host}, "", "GET") in (400, 421), host
    for origin in ORIGINS:
        assert asked(where, token | {"Host": own, "Origin": origin}) == 403, origin


@pytest.mark.parametrize("bind", ["127.0.0.2", "127.1"])
def test_only_its_own_names_and_no_web_page_on_the_loopback(bind: str, tmp_path: Path) -> None:
    with serving(tmp_path, bind) as (port, _, lines):
        where = (plain(bind), port)
        hosts_are_checked(where, where[0], {})
        hosts_are_checked(where, "localhost", {})
        assert asked(where, {}, INITIALIZE + " " * (MAX_BODY - len(INITIALIZE))) == 200
        assert asked(where, {}, INITIALIZE + " " * MAX_BODY) == 413
        assert lines == []


def test_whoever_reaches_it_from_elsewhere_needs_the_token(tmp_path: Path) -> None:
    with serving(tmp_path, "0.0.0.0", "--allow-host", "vmaf.example") as (port, _, lines):
        where = ("127.0.0.1", port)
        header = lines[1].strip()
        token = header.removeprefix("Authorization: Bearer ")
        assert len(token) >= 43
        good = {"Authorization": f"Bearer {token}"}
        hosts_are_checked(where, "vmaf.example", good)
        for wrong in (
            {},
            {"Authorization": "Bearer "},
            {"Authorization": f"Bearer {token}x"},
            {"Authorization": token},
        ):
            assert asked(where, wrong) == 401

        async def lists() -> int:
            async with httpx2.AsyncClient(headers=good) as known:
                transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=known)
                async with Client(transport) as client:
                    return len((await client.list_tools()).tools)

        assert anyio.run(lists) == 10
        assert not any(token in line for line in lines[2:])


def seconds_of_ffmpegs(server: int) -> list[float]:
    """Seconds of CPU of each that runs."""
    found = []
    for one in psutil.Process(server).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found += [one.cpu_times().user] if "ffmpeg" in one.name() else []
    return found


def awaited(what: Any) -> bool:
    end = time.monotonic() + LIMIT_S
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(what())


def test_a_call_ends_with_its_client_and_sessions_are_limited(tmp_path: Path) -> None:
    with (tmp_path / "long.yuv").open("wb") as file:
        file.truncate(1920 * 1080 * 3 // 2 * 900)
    pair = {"reference": "long.yuv", "distorted": "long.yuv", "size": "1920x1080", "pix_fmt": "yuv420p"}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "vmaf_score", "arguments": pair}}
    with serving(tmp_path, "127.0.0.1") as (port, process, _):
        first = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        first.request("POST", "/mcp", INITIALIZE, ACCEPT)
        answer = first.getresponse()
        session = {"mcp-session-id": str(answer.headers["mcp-session-id"]), "mcp-protocol-version": "2025-06-18"}
        answer.read()
        ready = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert asked(("127.0.0.1", port), session, ready) == 202
        first.request("POST", "/mcp", json.dumps(call), ACCEPT | session)
        assert awaited(lambda: max(seconds_of_ffmpegs(process.pid), default=0.0) > 0.5)
        left = time.monotonic()
        assert first.sock is not None
        first.sock.shutdown(socket.SHUT_RDWR)
        first.close()
        assert awaited(lambda: not seconds_of_ffmpegs(process.pid))
        assert time.monotonic() - left < 10
        statuses = [asked(("127.0.0.1", port), {}) for _ in range(MAX_SESSIONS)]
        assert (set(statuses[:-1]), statuses[-1]) == ({200}, 503)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("no-such-host.invalid", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


def test_the_names_of_a_server() -> None:
    assert Address("192.0.2.1", 80, frozenset({"VMAF.example"})).hosts == {"192.0.2.1", "vmaf.example"}
    assert Address("::", 80).hosts == {"[::]", "localhost", "127.0.0.1", "[::1]"}
    assert "secret" not in repr(Address("::", 80, token="secret"))


@pytest.mark.parametrize(
    ("content", "mode", "wrong"),
    [
        ("x" * 15, 0o600, "16 to 4096 ASCII characters"),
        ("x" * 5000, 0o600, "16 to 4096 ASCII characters"),
        ("with a space in it", 0o600, "16 to 4096 ASCII characters"),
        ("ü" * 20, 0o600, "16 to 4096 ASCII characters"),
        ("x" * 20, 0o644, "other users can read the token"),
    ],
)
def test_a_file_that_is_no_token(content: str, mode: int, wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(TinyvmafError, match=wrong):
        read_token(path)


def test_a_token_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("0123456789abcdef\n", encoding="utf-8")
    path.chmod(0o600)
    assert read_token(path) == "0123456789abcdef"
    with pytest.raises(TinyvmafError, match="no such file"):
        read_token(tmp_path / "none")
    with pytest.raises(TinyvmafError, match="not a regular file"):
        read_token(tmp_path)


def test_options_of_http_need_http(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--allow-host", "x"]) == 1
    assert "need --http [HOST:]PORT" in capsys.readouterr().err


def test_counting_the_frames_of_a_file_ends_with_its_call(tmp_path: Path) -> None:
    path = tmp_path / "tiny.y4m"
    path.write_bytes(b"YUV4MPEG2 W1 H1 Cmono\n" + b"FRAME\n\x00" * 10_000)
    stop = Stop()
    with path.open("rb") as file, stop.watching():
        assert open_y4m(path, file, path.stat().st_size).frames == 10_000
        stop.stop()
        file.seek(0)
        with pytest.raises(TinyvmafError, match="cancelled"):
            open_y4m(path, file, path.stat().st_size)
