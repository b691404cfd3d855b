"""Copies or downloads the natural golden files, and keeps only what is the published content."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, Final

from tinyvmaf.data.golden.published import PublishedFile
from tinyvmaf.errors import GoldenError

DEFAULT_SOURCE: Final = "https://raw.githubusercontent.com/Netflix/vmaf_resource/master/python/test/resource/yuv"
_CHUNK: Final = 1 << 16
_TIMEOUT_S: Final = 30.0


def fetch(
    file: PublishedFile,
    source: str,
    folder: Path,
    *,
    on_bytes: Callable[[int], None] | None = None,
) -> bool:
    """Bring one published file into `folder` under its name.

    The content is hashed while it comes in, into `<name>.part`; only the published content gets the name. What came
    in before a connection broke is kept in the part and continued from next time; content that is wrong is deleted.

    Args:
        source: an http(s) or file URL, or a folder, that holds the file under its name.
        on_bytes: called with the number of bytes that are there.

    Returns:
        False if the file was there already.

    Raises:
        GoldenError: not at the source, the connection broke, or the content is not the published one.
    """
    report = on_bytes or (lambda _: None)
    target, part = folder / file.name, folder / f"{file.name}.part"
    if target.is_file() and _digest(target, file).hexdigest() == file.blob:
        report(file.bytes)
        return False
    folder.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.is_file() else 0
    if have >= file.bytes:  # a whole part that did not become the file is not worth continuing
        have = 0
    where = f"{source.rstrip('/')}/{file.name}"
    try:
        with _open(source, file.name, have) as (stream, offset):
            size, blob = _receive(stream, part, offset, file, report)
    except urllib.error.HTTPError as error:
        raise GoldenError(f"{where}: HTTP status {error.code} {error.reason}") from error
    except (
        OSError,
        HTTPException,
        ValueError,
    ) as error:  # URLError and timeouts are OSErrors; ValueError: no URL
        raise GoldenError(f"{where}: {error}", hint="run it again to continue") from error
    if size < file.bytes:
        raise GoldenError(
            f"{where}: ended after {size} of {file.bytes} bytes", hint="run it again to continue from there"
        )
    if size > file.bytes or blob != file.blob:
        part.unlink()
        what = (
            f"longer than the {file.bytes} bytes" if size > file.bytes else f"git blob id {blob}, not the {file.blob}"
        )
        raise GoldenError(f"{where}: {what} that was published; nothing was kept")
    part.replace(target)
    return True


@contextmanager
def _open(source: str, name: str, have: int) -> Iterator[tuple[BinaryIO, int]]:
    """The bytes from `have` on, or from 0 where the source cannot do that; with the offset they begin at."""
    if "://" not in source:
        with Path(source, name).open("rb") as stream:
            stream.seek(have)
            yield stream, have
        return
    request = urllib.request.Request(f"{source.rstrip('/')}/{name}")
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        # 206 is the rest; anything else is the whole file.
        continued = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not continued:
            raise OSError("the server answered with another range than was asked for")
        yield response, have if continued else 0


def _receive(
    stream: BinaryIO, part: Path, offset: int, file: PublishedFile, on_bytes: Callable[[int], None]
) -> tuple[int, str]:
    """Append to the part and hash on the way; gives the size reached and the blob id of it all."""
    with part.open("r+b" if offset else "wb") as out:
        out.truncate(offset)
        digest = _digest(part, file)
        out.seek(offset)
        done = offset
        on_bytes(done)
        # One byte more than the file has is enough to know that it is another.
        while done <= file.bytes and (chunk := stream.read(min(_CHUNK, file.bytes + 1 - done))):
            out.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done)
    return done, digest.hexdigest()


def _digest(path: Path, file: PublishedFile) -> "hashlib._Hash":
    """The state of git's blob hash after what is in `path`, for a file of the published size."""
    digest = hashlib.sha1(b"blob %d\0" % file.bytes)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest
