"""The server over HTTP: who may ask it, how many sessions there are, and the end of a call whose client has gone."""

import errno
import hmac
import ipaddress
import json
import re
import secrets
import socket
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio

from tinyvmaf.errors import TinyvmafError

SESSION_SECONDS: Final = 900.0
"""A session of an older client without any request for so long is ended."""
MAX_SESSIONS: Final = 256
"""Open sessions; a further one is refused with status 503. One takes about 40 kB."""
MAX_BODY: Final = 1 << 18
"""Bytes of a request: many times the largest call. To say what is wrong with a megabyte of brackets takes seconds."""
_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?")
_SHORTEST_TOKEN, _LONGEST_TOKEN = 16, 4096
_Message = MutableMapping[str, Any]


@dataclass(frozen=True)
class Address:
    """Where the server listens, and who may ask it."""

    host: str
    port: int
    allowed_hosts: frozenset[str] = frozenset()
    """Names besides its own under which clients may ask for it: what a request's `Host` says, without the port."""
    allowed_origins: frozenset[str] = frozenset()
    """Web pages that may ask, such as `https://tool.example`; none by default."""
    token: str | None = field(default=None, repr=False)
    """What a client must send as `Authorization: Bearer TOKEN`; None only on the loopback."""

    @property
    def hosts(self) -> frozenset[str]:
        """Every name that a request's `Host` may have."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        own = set(_LOCAL) if is_loopback(self.host) or host in ("0.0.0.0", "[::]") else set[str]()
        return frozenset(one.lower() for one in {host, *own, *self.allowed_hosts})


def plain(host: str) -> str:
    """The address as four numbers, where it is a short form such as 127.1."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address, or every address of the name."""
    try:
        return ipaddress.ip_address(plain(host)).is_loopback
    except ValueError:
        pass
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)


def require_free(host: str, port: int) -> None:
    """Hold that this process may listen there.

    Raises:
        TinyvmafError: the port is in use, or the address is not one of this machine.
    """
    try:
        family, kind, number, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, number) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            probe.listen()
    except OSError as error:
        hint = "choose another port" if error.errno == errno.EADDRINUSE else "name an address of this machine"
        raise TinyvmafError(f"{host}:{port}: {error.strerror}", hint=hint) from error


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def read_token(path: Path) -> str:
    """The token in a file.

    Raises:
        TinyvmafError: the file cannot be read, others can read it, or its content is no token.
    """
    try:
        if not path.is_file():
            raise TinyvmafError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
        if path.stat().st_mode & 0o077:
            raise TinyvmafError(f"{path}: other users can read the token", hint=f"chmod 600 {path}")
        with path.open(encoding="utf-8") as file:
            token = file.read(_LONGEST_TOKEN + 2).strip()
    except (OSError, ValueError) as error:
        raise TinyvmafError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not (re.fullmatch(r"[!-~]+", token) and _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN):
        text = f"{path}: a token is {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} ASCII characters without spaces"
        raise TinyvmafError(text, hint="openssl rand -hex 32 makes one")
    return token


class Guard:
    """An ASGI application in front of the SDK's: lets through whoever may ask, and ends calls of clients that left."""

    def __init__(self, app: Any, address: Address) -> None:
        self._app, self._address, self._hosts = app, address, address.hosts

    async def __call__(self, scope: _Message, receive: Any, send: Any) -> None:
        """Handle a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            if (refused := self._refused(scope["headers"])) is not None:
                await _answer(send, *refused)
            elif scope["method"] == "POST":
                await self._watched(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        # A websocket is not answered, which uvicorn turns into an error.

    def _refused(self, headers: Collection[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        def every(name: bytes) -> list[str]:
            return [value.decode("latin-1") for key, value in headers if key == name]

        hosts, origins = every(b"host"), every(b"origin")
        host = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        if host is None or host[1] not in self._hosts:
            return 421, "this server does not go by that name: tinyvmaf mcp --allow-host NAME"
        if not self._address.allowed_origins.issuperset(origins):
            return 403, "no web page may ask: tinyvmaf mcp --allow-origin ORIGIN"
        if self._address.token is not None:
            expected = f"Bearer {self._address.token}"
            sent = every(b"authorization")
            if len(sent) != 1 or not hmac.compare_digest(sent[0].encode("latin-1"), expected.encode()):
                return 401, "Authorization: Bearer TOKEN is missing or wrong"
        return None

    async def _watched(self, scope: _Message, receive: Any, send: Any) -> None:
        """Serve a POST. If its client leaves before the answer, cancel the call: the SDK goes on with it."""
        body, gone, answered = bytearray(), False, False

        async def reads() -> _Message:
            nonlocal gone
            message: _Message = await receive()
            body.extend(message.get("body", b""))
            gone = gone or message["type"] == "http.disconnect"
            return message

        async def sends(message: _Message) -> None:
            nonlocal answered
            await send(message)
            answered = answered or (message["type"] == "http.response.body" and not message.get("more_body", False))

        await self._app(scope, reads, sends)
        if gone and not answered:
            await self._cancel(scope, bytes(body))

    async def _cancel(self, scope: _Message, body: bytes) -> None:
        """Send what an older client sends that cancels a call. One without a session needs none."""
        try:
            asked = json.loads(body)
        except ValueError:
            return
        if not isinstance(asked, dict) or "id" not in asked or b"mcp-session-id" not in dict(scope["headers"]):
            return
        params = {"requestId": asked["id"], "reason": "the client has gone"}
        text = json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).encode()
        headers = [one for one in scope["headers"] if one[0] not in (b"content-length", b"transfer-encoding")]
        messages = [{"type": "http.request", "body": text, "more_body": False}]

        async def reads() -> _Message:
            if messages:
                return messages.pop()
            await anyio.sleep_forever()
            raise AssertionError

        async def drops(message: _Message) -> None:
            del message

        length = (b"content-length", str(len(text)).encode())
        await self._app({**scope, "headers": [*headers, length]}, reads, drops)


async def _answer(send: Any, status: int, text: str) -> None:
    body = f"{text}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    headers += [(b"www-authenticate", b"Bearer")] if status == 401 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve_http(server: Any, address: Address) -> None:
    """Serve until the process is ended."""
    import uvicorn  # imported here: stdio needs none
    from mcp.server.transport_security import TransportSecuritySettings

    app = server.streamable_http_app(
        host=address.host,
        session_idle_timeout=SESSION_SECONDS,
        max_sessions=MAX_SESSIONS,
        max_request_body_size=MAX_BODY,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # `Guard` does it
    )
    config = uvicorn.Config(
        Guard(app, address), host=address.host, port=address.port, log_level="warning", ws="none", lifespan="on"
    )
    anyio.run(uvicorn.Server(config).serve)
