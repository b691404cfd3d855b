"""Requests of HTTP that must not be answered, or are not in order: foreign names, pages, tokens, bodies, halves."""

import socket
import struct
from contextlib import suppress
from random import Random
from typing import Final

from .servers import Http, SilentError

_BODY: Final = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
_BYTES: Final = 400
_READ_S: Final = 20.0


def _hosts(server: Http) -> list[str]:
    own, port = server.name, server.port
    names = [
        f"{own}.evil.example",
        f"evil.example:{port}",
        f"{own}.",
        f"{own}@evil.example",
        f"evil.example@{own}",
        f" {own}x",
    ]
    names += [
        f"{own}:{port}.evil.example",
        f"{own}:{port}:{port}",
        f"{own}:",
        f"{own}:x",
        f"{own}:999999",
        f"{own},evil.example",
    ]
    names += [
        "evil.example",
        "2130706433",
        "0x7f.0.0.1",
        "017700000001",
        "127.0.0.3",
        "[::ffff:127.0.0.1]",
        "[::1",
        "",
        "*",
        "[]",
    ]
    return [*names, "localhost.evil.example", "localhost\t.evil", "l\u00f6calhost", "127.0.0.1#evil", "127.0.0.1/evil"]


_ORIGINS: Final = (
    "http://evil.example",
    "null",
    "",
    "http://localhost:3000",
    "file://",
    "http://127.0.0.1",
    "*",
    "http://[::1]",
)


def foreign(server: Http, chance: Random) -> tuple[str, bytes]:
    """A request to which only a refusal is an answer, and what is foreign about it."""
    headers = {"Host": server.name} | server.headers | server.session
    target, extra, kind = "/mcp", "", chance.choice(("host", "host", "origin", "origin", "twice", "target", "token"))
    if kind == "host":
        headers["Host"] = chance.choice(_hosts(server))
    elif kind == "origin":
        headers["Origin"] = chance.choice((*_ORIGINS, f"http://{server.name}:{server.port}"))
    elif kind == "twice":
        extra = chance.choice(
            (f"Host: {server.name}\r\n", "Host: evil.example\r\n", "Origin: null\r\nOrigin: null\r\n")
        )
    elif kind == "target":  # what a proxy is asked: the name in the target counts for some servers
        target, headers["Host"] = f"http://{server.name}:{server.port}/mcp", "evil.example"
    elif server.headers:
        wrong = (
            "",
            "Bearer ",
            "Bearer x",
            "Basic x",
            server.headers["Authorization"] + "x",
            server.headers["Authorization"][7:],
        )
        headers["Authorization"] = chance.choice(wrong)
    else:
        headers["Host"], headers["X-Forwarded-Host"] = "evil.example", server.name
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    method = chance.choice(("POST", "POST", "GET", "DELETE", "OPTIONS", "PUT"))
    head = f"{method} {target} HTTP/1.1\r\n{lines}{extra}Accept: application/json, text/event-stream\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\nConnection: close\r\n\r\n"
    return kind, head.encode("utf-8") + _BODY


def status(server: Http, data: bytes) -> int:
    """What is answered to these bytes; 0: the connection is closed without an answer."""
    with server.connected() as one:
        one.settimeout(_READ_S)
        with suppress(ConnectionError):
            one.sendall(data)
        found = b""
        with suppress(ConnectionError):
            while len(found) < 12 and (more := one.recv(_BYTES)):
                found += more
    return int(found[9:12]) if found.startswith(b"HTTP/1.") else 0


def odd(server: Http, chance: Random, held: list[socket.socket]) -> str:
    """A request that is slow, half, huge or no HTTP at all. Some connections stay open, in `held`."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (server.headers | server.session).items())
    head = f"POST /mcp HTTP/1.1\r\nHost: {server.name}\r\n{lines}Content-Type: application/json\r\n"
    kind = chance.choice(
        ("slow", "half", "reset", "huge", "large", "chunks", "smuggled", "headers", "no HTTP", "pipeline")
    )
    one = server.connected()
    one.settimeout(_READ_S)
    with suppress(ConnectionError, TimeoutError):
        if kind == "slow":
            for at in range(chance.randrange(1, 30)):
                one.sendall(head.encode()[at : at + 1])
            held.append(one)
        elif kind == "half":
            one.sendall(f"{head}Content-Length: 100\r\n\r\n".encode() + _BODY[: chance.randrange(30)])
            one.shutdown(socket.SHUT_WR)
            one.recv(_BYTES)
        elif kind == "reset":
            one.sendall(f"{head}Content-Length: {len(_BODY)}\r\n\r\n".encode() + _BODY)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif kind == "huge":
            one.sendall(
                f"{head}Content-Length: {chance.choice((10**9, 2**63, 10**30))}\r\n\r\n".encode() + bytes(10_000)
            )
            held.append(one)
        elif kind == "large":
            _large(one, head, chance.choice((5, 30)))
        elif kind == "chunks":
            size = chance.choice((b"ffffffffffffffff", b"-1", b"0x5", b"5;" + b"x" * 70_000, b"\0", b"7fffffff"))
            one.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + size + b"\r\n" + _BODY)
            held.append(one)
        elif kind == "smuggled":
            inner = b"0\r\n\r\nPOST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n"
            one.sendall(f"{head}Content-Length: {len(inner)}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + inner)
            one.recv(_BYTES)
        elif kind == "headers":
            one.sendall(
                head.encode()
                + chance.choice((b"X: " + b"y" * 200_000, b"X: y\r\n" * 20_000, b"X\0: \r\n\r\n", b": \r\n\r\n"))
            )
        elif kind == "pipeline":
            one.sendall((f"{head}Content-Length: {len(_BODY)}\r\n\r\n".encode() + _BODY) * 50)
        else:
            hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
            one.sendall(
                chance.choice(
                    (hello, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\r\n", chance.randbytes(500), b"\r\n" * 5000)
                )
            )
    while len(held) > 60:
        held.pop(0).close()
    if one not in held:
        one.close()
    return kind


def _large(one: socket.socket, head: str, megabytes: int) -> None:
    """A body that really comes."""
    one.sendall(f"{head}Content-Length: {megabytes << 20}\r\n\r\n".encode())
    for _ in range(megabytes):
        one.sendall(b" " * (1 << 20))
    if not one.recv(_BYTES):
        raise SilentError("no answer to a large body")
