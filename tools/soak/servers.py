"""`tinyvmaf mcp` in a process of its own, over stdio or HTTP, spoken to byte by byte, without a client library."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol

import psutil

from tinyvmaf.app.mcp_server.http import plain

HELLO: Final = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
READY: Final = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LIMIT_S: Final = 40.0
"""For any answer."""
ACCEPT: Final = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class SilentError(Exception):
    """The server does not answer any more."""


def request(method: str, params: dict[str, Any] | None = None, number: Any = None) -> dict[str, Any]:
    """A message of JSON-RPC."""
    number = uuid.uuid4().hex if number is None else number
    return {"jsonrpc": "2.0", "id": number, "method": method} | ({} if params is None else {"params": params})


class Server(Protocol):
    """A server that runs."""

    mark: str
    process: "subprocess.Popen[bytes]"

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request that is in order."""

    def ask_all(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers to requests that are sent at once, or over one connection."""

    def throw(self, data: bytes) -> None:
        """Send something that need not be in order, and await what the server says of it, if anything."""

    def close(self) -> None:
        """End it."""


def _started(options: list[str], mark: str, **pipes: Any) -> "subprocess.Popen[bytes]":
    # Its log says what it was sent: nothing to read, and a full pipe would stop it.
    return subprocess.Popen(
        [sys.executable, "-m", "tinyvmaf", "mcp", *options], env=os.environ | {"TINYVMAF_MCP_MARK": mark}, **pipes
    )


def memory_mb(server: Server) -> float:
    """What its process takes."""
    return float(psutil.Process(server.process.pid).memory_info().rss / 1e6)


class Stdio:
    """Over stdin and stdout."""

    def __init__(self, root: Path) -> None:
        self.mark = uuid.uuid4().hex
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = _started(["--root", str(root)], self.mark, **pipes)
        self._lines = SimpleQueue[bytes]()
        threading.Thread(target=self._read, daemon=True).start()
        self.ask(request("initialize", HELLO))
        self.throw(json.dumps(READY).encode())

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def throw(self, data: bytes) -> None:
        """Send lines."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(data + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise SilentError(f"the server ended with {self.process.wait(LIMIT_S)}") from error

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer."""
        return self.ask_all([message])[0]

    def ask_all(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Other answers that come between are dropped; each must be JSON."""
        self.throw(b"\n".join(json.dumps(message).encode() for message in messages))
        wanted, found = {str(message["id"]) for message in messages}, dict[str, dict[str, Any]]()
        end = time.monotonic() + LIMIT_S
        while wanted - found.keys():
            try:
                line = self._lines.get(timeout=max(0.01, end - time.monotonic()))
            except Empty:
                raise SilentError(f"no answer to {messages[0]['method']} in {LIMIT_S:.0f} s") from None
            if not line:
                raise SilentError(f"the server ended with {self.process.wait(LIMIT_S)}")
            answer: dict[str, Any] = json.loads(line)
            found[str(answer.get("id"))] = answer
        return [found[str(message["id"])] for message in messages]

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


class Http:
    """Over HTTP, bound to an address."""

    def __init__(self, root: Path, bind: str) -> None:
        self.mark = uuid.uuid4().hex
        self.host = {"0.0.0.0": "127.0.0.1"}.get(bind, plain(bind))
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        with socket.socket(family) as one:
            one.bind((self.host.replace("localhost", "127.0.0.1"), 0))
            self.port = int(one.getsockname()[1])
        self.bind, self.name = bind, f"[{self.host}]" if ":" in self.host else self.host
        token_file = root.parent / "token"
        options = ["--root", str(root), "--http", f"[{bind}]:{self.port}" if ":" in bind else f"{bind}:{self.port}"]
        self.headers = dict[str, str]()
        if bind == "0.0.0.0":
            token = uuid.uuid4().hex
            token_file.touch(0o600)
            token_file.write_text(token)
            options += ["--token-file", str(token_file)]
            self.headers = {"Authorization": f"Bearer {token}"}
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        self.process = _started(options, self.mark, **pipes)
        self._await()
        status, headers, _ = self.post(json.dumps(request("initialize", HELLO)).encode())
        if status != 200:
            raise SilentError(f"initialize at {bind}: {status}")
        self.session = {"mcp-session-id": headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
        self.throw(json.dumps(READY).encode())

    def _await(self) -> None:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(OSError):
                self.connected().close()
                return
            time.sleep(0.05)
        raise SilentError(f"the server does not listen at {self.bind}: {self.process.poll()}")

    def connected(self) -> socket.socket:
        """A connection."""
        return socket.create_connection((self.host, self.port), timeout=LIMIT_S)

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT_S)
        try:
            connection.request("POST", "/mcp", body, ACCEPT | self.headers | (headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except TimeoutError:
            raise SilentError(f"no answer at {self.bind} in {LIMIT_S:.0f} s") from None
        finally:
            connection.close()

    def throw(self, data: bytes) -> None:
        """Post it."""
        with suppress(http.client.HTTPException, ConnectionError):
            self.post(data, self.session)

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer."""
        status, _, body = self.post(json.dumps(message).encode(), self.session)
        return self._answer(message, status, body)

    def ask_all(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers, over one connection."""
        connection, found = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT_S), []
        try:
            for message in messages:
                connection.request("POST", "/mcp", json.dumps(message), ACCEPT | self.headers | self.session)
                answer = connection.getresponse()
                found.append(self._answer(message, answer.status, answer.read()))
        finally:
            connection.close()
        return found

    def _answer(self, message: dict[str, Any], status: int, body: bytes) -> dict[str, Any]:
        """It is an event of a stream."""
        for line in body.splitlines():
            if line.startswith(b"data: {"):
                answer: dict[str, Any] = json.loads(line[6:])
                if answer.get("id") == message["id"]:
                    return answer
        raise SilentError(f"status {status} at {self.bind}: {body[:300]!r}")

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


BINDS: Final = ("127.0.0.1", "::1", "127.0.0.2", "0.0.0.0", "localhost")
