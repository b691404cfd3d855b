"""Changes a message of JSON-RPC: its values, its form, its bytes."""

import json
from random import Random
from typing import Any, Final

_ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 2**53, -(2**63), 2**64, 10**400, 1e308, -0.0, 0.5, float("nan"), float("inf")),
    *("", "\0", "\ud800", "\u202e", "a" * 10_000, "null", "[1]", "{}", "%s%n", "\r\n", "__proto__", "../" * 40),
    *([], {}, [[]], {"": {}}, [None] * 1000, {"$ref": "#"}, {"jsonrpc": "2.0"}),
)
_METHODS: Final = (
    *("initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read", "prompts/list"),
    *("completion/complete", "logging/setLevel", "roots/list", "sampling/createMessage", "elicitation/create", ""),
    *("notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/x", "\0"),
    *("tasks/list", "tasks/cancel", "rpc.discover", "server/discover", "tools/call\n", "x" * 5000, "prompts/get"),
)
_DEEP: Final = 12
_NAMES: Final = ("_meta", "cursor", "task", "x", "id", "method", "params", "arguments")
_JUNK: Final = (
    *(b"", b"{", b"[]", b"[[]]", b"null", b"\xff\xfe{}", b"\x00", b"9" * 5000, b'"', b"[" * 100_000, b'{"a":' * 50_000),
    *(b'{"jsonrpc":"2.0"}', b'{"id":1e400}', b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', b"{}" * 5000),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to each value of a message that is not too deep in it, itself left out."""
    if len(path) > _DEEP:
        return []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, below in pairs for place in ((*path, key), *_places(below, (*path, key)))]


def changed(message: dict[str, Any], chance: Random) -> dict[str, Any]:
    """The message with some values replaced, gone, or added."""
    found: dict[str, Any] = json.loads(json.dumps(message))
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        places = _places(found)
        if not places:
            break
        *path, key = chance.choice(places)
        holder: Any = found
        for one in path:
            holder = holder[one]
        way = chance.randrange(6)
        if way == 0:
            del holder[key]
        elif way == 1 and isinstance(holder, dict):
            holder[chance.choice(_NAMES)] = chance.choice(_ODD)
        elif way == 2:
            holder[key] = [holder[key]] * chance.choice((1, 2, 100))
        elif way == 3:
            deep: Any = holder[key]
            for _ in range(chance.choice((5, 60, 150))):
                deep = chance.choice(({"a": deep}, [deep]))
            holder[key] = deep
        else:
            holder[key] = chance.choice(_ODD)
    if chance.random() < 0.15:
        found["method"] = chance.choice(_METHODS)
    return found


def encoded(message: dict[str, Any], chance: Random) -> tuple[str, bytes]:
    """The kind of change, and the bytes of the changed message. Over stdio it must be one line: there is no newline."""
    kind = chance.choice(("as it is", "values", "values", "values", "bytes", "batch", "junk"))
    if kind == "as it is":
        return kind, json.dumps(message).encode()
    if kind == "junk":
        return kind, chance.choice(_JUNK)
    if kind == "batch":
        return kind, json.dumps([changed(message, chance) for _ in range(chance.choice((1, 2, 50)))]).encode()
    data = bytearray(json.dumps(changed(message, chance) if kind == "values" else message).encode())
    if kind == "bytes":
        for _ in range(chance.choice((1, 3, 20))):
            at = chance.randrange(len(data))
            if chance.random() < 0.5:
                data[at] = chance.choice(b'\0\x1b"\\{}[],:0e-\xff\xc0 ')
            else:
                del data[at : at + chance.choice((1, 5, 50))]
            if not data:
                break
    return kind, bytes(data).replace(b"\n", b" ")
