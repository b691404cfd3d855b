"""External data that is elsewhere, endless, or counted many times."""

import os
from collections.abc import Sequence
from pathlib import Path

from onnx import TensorProto

from .making import FLOAT, build, maker, node, write


def external(f: Path, location: str, count: int = 1, dims: Sequence[int] = (6, 1), **more: str) -> None:
    m = build([node("Add", ["features", "features"], ["x"])])
    del m.graph.initializer[:]
    for i in range(count):
        t = m.graph.initializer.add(
            name="w" if not i else f"w{i}", data_type=FLOAT, dims=dims, data_location=TensorProto.EXTERNAL
        )
        for key, text in {"location": location, **more}.items():
            t.external_data.add(key=key, value=text)
    write(f, m)


@maker
def external_8000_times(f: Path) -> None:
    (f / "data").write_bytes(bytes(400_000))
    external(f, "data", 8000, (100_000,))


@maker
def external_400_times(f: Path) -> None:
    (f / "data").write_bytes(bytes(400_000))
    external(f, "data", 400, (100_000,))


@maker
def external_dev_zero(f: Path) -> None:
    external(f, "/dev/zero")


@maker
def external_link_to_dev_zero(f: Path) -> None:
    (f / "data").symlink_to("/dev/zero")
    external(f, "data")


@maker
def external_fifo(f: Path) -> None:
    os.mkfifo(f / "data")
    external(f, "data")


@maker
def external_up(f: Path) -> None:
    (f.parent / "data").write_bytes(bytes(24))
    external(f, "../data")


@maker
def external_link_out(f: Path) -> None:
    (f / "data").symlink_to("/etc/passwd")
    external(f, "data")


@maker
def external_overflow(f: Path) -> None:
    (f / "data").write_bytes(bytes(24))
    external(f, "data", offset=str(2**64 - 8), length="24")


@maker
def external_huge_number(f: Path) -> None:
    (f / "data").write_bytes(bytes(24))
    external(f, "data", offset="9" * 5000)


@maker
def external_in_attribute(f: Path) -> None:
    t = TensorProto(name="k", data_type=FLOAT, dims=[6, 1], data_location=TensorProto.EXTERNAL)
    t.external_data.add(key="location", value="/dev/zero")
    write(f, build([node("Constant", [], ["k"], value=t), node("Relu", ["features"], ["x"])]))


@maker
def external_itself(f: Path) -> None:
    external(f, "m.onnx")


@maker
def external_sparse_gigabytes(f: Path) -> None:
    with (f / "data").open("wb") as file:
        file.truncate(2**40)
    external(f, "data")
