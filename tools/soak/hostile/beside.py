"""What lies beside a model, or in its place: sidecars, cards, pipes, devices, folders."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinyvmaf.files import home

from .making import FEATURES, build, maker, node, write


def nano(f: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    model = home() / "model"
    shutil.copy(model / "tinyvmaf_nano.onnx", f / "m.onnx")
    shutil.copy(model / "tinyvmaf_nano.md", f / "m.md")
    content = json.loads((model / "tinyvmaf_nano.json").read_bytes())
    change(content)
    (f / "m.json").write_text(json.dumps(content))


@maker
def sidecar_of_another_model(f: Path) -> None:
    nano(f)
    shutil.copy(home() / "model/tinyvmaf_tiny.onnx", f / "m.onnx")


@maker
def sidecar_of_another_same_interface(f: Path) -> None:
    nano(f)
    write(f, build([node("Relu", ["features"], ["x"])]), None)


@maker
def plain_sidecar_with_a_wrong_hash(f: Path) -> None:
    write(f, build([node("Relu", ["features"], ["x"])]), {"features": FEATURES, "sha256": "0" * 64})


@maker
def sidecar_with_a_hash_of_another_kind(f: Path) -> None:
    nano(f, lambda c: c.update(sha256=5))


@maker
def sidecar_without_a_hash(f: Path) -> None:
    nano(f, lambda c: c.pop("sha256"))


@maker
def sidecar_without_an_id(f: Path) -> None:
    nano(f, lambda c: c.pop("id"))


@maker
def sidecar_of_no_schema(f: Path) -> None:
    nano(f, lambda c: c.pop("schema"))
    shutil.copy(home() / "model/tinyvmaf_tiny.onnx", f / "m.onnx")


@maker
def sidecar_of_an_unknown_kind(f: Path) -> None:
    nano(f, lambda c: c.update(kind="nothing"))


@maker
def sidecar_id_is_a_path(f: Path) -> None:
    nano(f, lambda c: c.update(id="../../etc/passwd"))


@maker
def sidecar_huge(f: Path) -> None:
    nano(f)
    with (f / "m.json").open("wb") as file:
        file.truncate(2**40)


@maker
def sidecar_of_900_kb(f: Path) -> None:
    nano(f, lambda c: c.update(measured={f"k{i}": float(i) for i in range(40_000)}))


@maker
def sidecar_deep(f: Path) -> None:
    nano(f)
    (f / "m.json").write_bytes(b"[" * 400_000)


@maker
def sidecar_deep_inside(f: Path) -> None:
    write(
        f,
        build([node("Relu", ["features"], ["x"])]),
        b'{"features": ' + json.dumps(FEATURES).encode() + b', "a": ' + b'{"b": ' * 5000 + b"1" + b"}" * 5001,
    )


@maker
def sidecar_fifo(f: Path) -> None:
    nano(f)
    (f / "m.json").unlink()
    os.mkfifo(f / "m.json")


@maker
def sidecar_folder(f: Path) -> None:
    nano(f)
    (f / "m.json").unlink()
    (f / "m.json").mkdir()


@maker
def sidecar_dev_zero(f: Path) -> None:
    nano(f)
    (f / "m.json").unlink()
    (f / "m.json").symlink_to("/dev/zero")


@maker
def sidecar_dangling(f: Path) -> None:
    nano(f)
    (f / "m.json").unlink()
    (f / "m.json").symlink_to("nowhere")


@maker
def sidecar_not_utf8(f: Path) -> None:
    nano(f)
    (f / "m.json").write_bytes(b'{"schema": 1, "id": "\xff\xfe"}')


@maker
def sidecar_utf16(f: Path) -> None:
    nano(f)
    (f / "m.json").write_bytes((f / "m.json").read_text().encode("utf-16"))


@maker
def sidecar_numbers(f: Path) -> None:
    nano(f)
    (f / "m.json").write_bytes(b'{"schema": 1, "id": "m", "kind": "regressor", "bytes": ' + b"9" * 100_000 + b"}")


@maker
def sidecar_nan(f: Path) -> None:
    write(
        f,
        build([node("Relu", ["features"], ["x"])]),
        b'{"features": '
        + json.dumps(FEATURES).encode()
        + b', "input_mean": [NaN, 0, 0, 0, 0, 0], "input_std": [1, 1, 1, 1, 1, Infinity]}',
    )


@maker
def card_fifo(f: Path) -> None:
    nano(f)
    (f / "m.md").unlink()
    os.mkfifo(f / "m.md")


@maker
def card_huge(f: Path) -> None:
    nano(f)
    with (f / "m.md").open("wb") as file:
        file.truncate(2**36)


@maker
def model_fifo(f: Path) -> None:
    os.mkfifo(f / "m.onnx")
    nano_sidecar(f)


def nano_sidecar(f: Path) -> None:
    shutil.copy(home() / "model/tinyvmaf_nano.json", f / "m.json")


@maker
def model_folder(f: Path) -> None:
    (f / "m.onnx").mkdir()


@maker
def model_dev_zero(f: Path) -> None:
    (f / "m.onnx").symlink_to("/dev/zero")
    nano_sidecar(f)


@maker
def model_socket(f: Path) -> None:
    here = Path.cwd()
    os.chdir(f)  # the name of a socket has at most 100 bytes
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("m.onnx")
    os.chdir(here)


@maker
def model_link_to_itself(f: Path) -> None:
    (f / "m.onnx").symlink_to("m.onnx")


@maker
def model_empty(f: Path) -> None:
    write(f, b"")


@maker
def model_sparse_terabyte(f: Path) -> None:
    with (f / "m.onnx").open("wb") as file:
        file.truncate(2**40)


@maker
def model_zeros(f: Path) -> None:
    write(f, bytes(999_999))
