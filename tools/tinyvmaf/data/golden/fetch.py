"""Copies or downloads the natural golden files, and keeps only the published content."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, Final

from tinyvmaf.data.golden.published import PublishedFile
from tinyvmaf.errors import GoldenError, MachineError
from tinyvmaf.machine import FULL

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
    """Copy or download one published file into `folder`.

    The content goes to `<name>.part` and is hashed on the way; the part is renamed only if it is the published content.
    After a broken connection the next call continues the part. Wrong content is deleted.

    Args:
        source: the folder that holds the file: a path, or an http(s) or file URL.
        on_bytes: called with the number of bytes received so far.

    Returns:
        True if the file was fetched; False if it was already there.

    Raises:
        GoldenError: the source lacks the file, the connection broke, or the content is not the published one.
    """
    report = on_bytes or (lambda _: None)
    target, part = folder / file.name, folder / f"{file.name}.part"
    if target.is_file() and _digest(target, file).hexdigest() == file.blob:
        report(file.bytes)
        return False
    folder.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.is_file() else 0
    if have >= file.bytes:  # such a part was not renamed, so it is wrong: start again
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
    ) as error:  # URLError and timeouts are OSErrors; ValueError: not a URL
        if isinstance(error, OSError) and error.errno in FULL:
            raise MachineError(f"{part}: {error.strerror}", hint="make room, then run it again to continue") from error
        raise GoldenError(f"{where}: {error}", hint="run it again to continue") from error
    if size < file.bytes:
        raise GoldenError(
            f"{where}: ended after {size} of {file.bytes} bytes", hint="run it again to continue from there"
        )
    if size > file.bytes or blob != file.blob:
        part.unlink()
        what = f"more than {file.bytes} bytes" if size > file.bytes else f"git blob id {blob}, not {file.blob}"
        raise GoldenError(f"{where}: not the published content: {what}; nothing was kept")
    part.replace(target)
    return True


@contextmanager
def _open(source: str, name: str, have: int) -> Iterator[tuple[BinaryIO, int]]:
    """A stream that starts at byte `have`, or at 0 if the server cannot do that; and the offset where it starts."""
    if "://" not in source:
        with Path(source, name).open("rb") as stream:
            stream.seek(have)
            yield stream, have
        return
    request = urllib.request.Request(f"{source.rstrip('/')}/{name}")
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        # Status 206 is the rest of the file; any other is the whole file.
        continued = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not continued:
            raise OSError("the server sent another range than the requested one")
        yield response, have if continued else 0


def _receive(
    stream: BinaryIO, part: Path, offset: int, file: PublishedFile, on_bytes: Callable[[int], None]
) -> tuple[int, str]:
    """Append the stream to the part; return the part's size and blob id."""
    with part.open("r+b" if offset else "wb") as out:
        out.truncate(offset)
        digest = _digest(part, file)
        out.seek(offset)
        done = offset
        on_bytes(done)
        # One byte too many is enough to see that this is another file.
        while done <= file.bytes and (chunk := stream.read(min(_CHUNK, file.bytes + 1 - done))):
            out.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done)
    return done, digest.hexdigest()


def _digest(path: Path, file: PublishedFile) -> "hashlib._Hash":
    """git's blob hash of a file of the published size, updated with the content of `path` so far."""
    digest = hashlib.sha1(b"blob %d\0" % file.bytes)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest
