"""`tinyvmaf mcp` as a process: both transports, signals, and what is missing."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from mcp import Client

from tinyvmaf.app.cli import main

SERVER = [sys.executable, "-m", "tinyvmaf", "mcp"]
LIMIT_S = 30.0


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """The process; it is killed at the end of the block."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_two_clients_of_one_server_score_at_once_over_http(clip: Any, tmp_path: Path) -> None:
    """--http without a host listens on loopback; a request that names another host is refused."""
    clip("r.yuv")
    clip("d.yuv", noise=9)
    port = free_port()
    command = [*SERVER, "--root", str(tmp_path), "--http", str(port)]
    arguments = {"reference": "r.yuv", "distorted": "d.yuv", "size": "128x96", "pix_fmt": "yuv420p"}
    scores: list[float] = []

    async def score() -> None:
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            answer = await client.call_tool("vmaf_score", arguments)
            assert not answer.is_error, answer.content
            scores.append(answer.structured_content["teachers"][0]["pooled"]["mean"])

    async def both() -> None:
        async with anyio.create_task_group() as clients:
            clients.start_soon(score)
            clients.start_soon(score)

    with ended(subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True)) as process:
        await_port(port)
        anyio.run(both)
        assert len(scores) == 2
        assert scores[0] == scores[1]
        connections = [one for one in psutil.Process(process.pid).net_connections() if one.status == "LISTEN"]
        assert [one.laddr.ip for one in connections] == ["127.0.0.1"]
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as one:
            one.sendall(
                b"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n"
                b"Content-Type: application/json\r\nConnection: close\r\n\r\n{}"
            )
            assert b" 421 " in one.recv(100)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 128 + signal.SIGTERM


def await_port(port: int, host: str = "127.0.0.1") -> None:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"no server on port {port}")


@pytest.mark.usefixtures("sigint_is_heeded")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_server_and_ffmpeg_in_the_middle_of_a_call(number: signal.Signals, tmp_path: Path) -> None:
    """Even if the client keeps its end open."""
    with (tmp_path / "long.yuv").open("wb") as file:
        file.truncate(1920 * 1080 * 3 // 2 * 600)
    pair = {"reference": "long.yuv", "distorted": "long.yuv", "size": "1920x1080", "pix_fmt": "yuv420p"}
    asked = {"name": "vmaf_score", "arguments": pair, "_meta": {"progressToken": 1}}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    command, environment = [*SERVER, "--root", str(tmp_path)], os.environ | {"TMPDIR": str(tmp_path)}
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with ended(subprocess.Popen(command, env=environment, text=True, **pipes)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number_of, (method, params) in enumerate(
            [("initialize", hello), ("notifications/initialized", None), ("tools/call", asked)]
        ):
            message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
            message |= {} if params is None else {"params": params, "id": number_of}
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
        assert '"serverInfo"' in process.stdout.readline()
        assert '"notifications/progress"' in process.stdout.readline()
        (ffmpeg,) = [one for one in psutil.Process(process.pid).children(recursive=True) if "ffmpeg" in one.name()]
        process.send_signal(number)
        assert process.wait(LIMIT_S) == 128 + number
        assert not ffmpeg.is_running()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert {path.name for path in tmp_path.iterdir()} <= {"long.yuv", "cache"}, "cache is the store's"


def test_broken_messages_do_not_end_the_server() -> None:
    """It answers every valid message between them and prints nothing else."""
    junk = ["no json", "", "{}", "[]", '{"jsonrpc": "2.0"}', "[" * 10_000, "\x00", '{"id": 1e400}', "9" * 5000]
    wanted, answered = [70 + number for number in range(len(junk))], list[int]()
    pipes: Any = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with ended(subprocess.Popen(SERVER, stderr=subprocess.DEVNULL, text=True, **pipes)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Timer(LIMIT_S, process.kill)
        late.start()
        for one, number in zip(junk, wanted, strict=True):
            process.stdin.write(f"{one}\n{json.dumps({'jsonrpc': '2.0', 'id': number, 'method': 'ping'})}\n")
        process.stdin.flush()
        while len(answered) < len(wanted) and (line := process.stdout.readline()):
            if (number := json.loads(line).get("id")) is not None:
                answered.append(number)
        late.cancel()
    assert sorted(answered) == wanted


@pytest.mark.parametrize("address", ["", "host", "host:", "1:2:x", "host:70000", "host:-1", "host:٣"])
def test_a_wrong_address_is_wrong_use(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["mcp", "--http", address])
    assert raised.value.code == 2
    assert "is not [HOST:]PORT, such as 8000" in capsys.readouterr().err


def test_without_the_sdk_it_says_what_to_install(tmp_path: Path) -> None:
    """Every other command works without it."""
    blind = "import sys; sys.modules['mcp'] = None; sys.meta_path.insert(0, type('B', (), {'find_spec': staticmethod("
    blind += "lambda name, *_: None)})); import importlib.util as u; u.find_spec = lambda name, _f=u.find_spec: "
    blind += "None if name == 'mcp' else _f(name); from tinyvmaf.app.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", blind, "mcp"], capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "tinyvmaf: the MCP SDK is not installed\n  hint: in a checkout: pip install -c constraints.txt -e '.[mcp]'\n"
    )


def test_a_missing_root_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    handler = signal.getsignal(signal.SIGINT)
    try:
        assert main(["mcp", "--root", str(tmp_path / "none")]) == 1
    finally:
        signal.signal(signal.SIGINT, handler)
    out, err = capfd.readouterr()
    assert out == ""
    assert "none: not a folder" in err


def test_a_port_in_use_is_said_before_a_token_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["mcp", "--http", f"0.0.0.0:{port}"]) == 1
    err = capsys.readouterr().err
    assert f"tinyvmaf: 0.0.0.0:{port}: Address already in use\n  hint: choose another port" in err
    assert "Bearer" not in err
    assert main(["mcp", "--http", "192.0.2.1:8000"]) == 1
    assert "name an address of this machine" in capsys.readouterr().err
