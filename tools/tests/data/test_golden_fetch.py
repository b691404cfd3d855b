"""Fetching from a real HTTP server: only the published content is kept."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyvmaf.data.golden.fetch import fetch
from tinyvmaf.data.golden.published import PublishedFile
from tinyvmaf.errors import GoldenError
from tinyvmaf.vmaf.patterns import git_blob_id

CONTENT = bytes(range(256)) * 1000
FILE = PublishedFile("clip.yuv", "natural", len(CONTENT), git_blob_id(CONTENT))


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT, also in ranges; the first folder of the path chooses a fault."""

    requests: list[tuple[str, str | None]]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        way = self.path.split("/")[1]
        wanted = self.headers.get("Range")
        self.server.requests.append((way, wanted))
        if way == "gone":
            self.send_error(404)
            return
        body = {"wrong": CONTENT[::-1], "long": CONTENT + b"x" * 99999, "short": CONTENT[:-5]}.get(way, CONTENT)
        start = int(wanted[6:-1]) if wanted and way not in ("noranges", "wrong") else 0
        self.send_response(206 if start else 200)
        if start:
            told = start + 1 if way == "otherrange" else start
            self.send_header("Content-Range", f"bytes {told}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if way == "cut" and not start:
            self.wfile.write(body[:100_000])
            self.close_connection = True
            return
        self.wfile.write(body[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join(10)


@pytest.fixture
def url(server: Server) -> str:
    server.requests.clear()
    return f"http://127.0.0.1:{server.server_address[1]}"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(url: str, server: Server, tmp_path: Path) -> None:
    seen: list[int] = []
    assert fetch(FILE, f"{url}/good", tmp_path, on_bytes=seen.append)
    assert (tmp_path / "clip.yuv").read_bytes() == CONTENT
    assert seen[0] == 0
    assert seen[-1] == len(CONTENT)
    assert seen == sorted(seen)
    assert not fetch(FILE, f"{url}/good", tmp_path)
    assert len(server.requests) == 1


def test_a_truncated_body_is_continued(url: str, server: Server, tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match=r"/cut/clip\.yuv: (.|\n)*run it again to continue"):
        fetch(FILE, f"{url}/cut", tmp_path)
    assert names(tmp_path) == ["clip.yuv.part"]
    assert fetch(FILE, f"{url}/cut", tmp_path)
    assert server.requests[-1] == ("cut", "bytes=100000-")
    assert names(tmp_path) == ["clip.yuv"]
    assert (tmp_path / "clip.yuv").read_bytes() == CONTENT


def test_without_ranges_the_file_is_fetched_from_the_start(url: str, tmp_path: Path) -> None:
    (tmp_path / "clip.yuv.part").write_bytes(CONTENT[:1234])
    assert fetch(FILE, f"{url}/noranges", tmp_path)


def test_a_server_that_sends_another_range_is_an_error(url: str, tmp_path: Path) -> None:
    (tmp_path / "clip.yuv.part").write_bytes(CONTENT[:1234])
    with pytest.raises(GoldenError, match="another range"):
        fetch(FILE, f"{url}/otherrange", tmp_path)


def test_a_part_with_wrong_content_is_deleted(url: str, tmp_path: Path) -> None:
    (tmp_path / "clip.yuv.part").write_bytes(b"x" * 1234)
    with pytest.raises(GoldenError, match="nothing was kept"):
        fetch(FILE, f"{url}/good", tmp_path)
    assert not names(tmp_path)
    assert fetch(FILE, f"{url}/good", tmp_path)


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 5])
def test_a_part_that_is_whole_or_too_long_is_not_continued(size: int, url: str, tmp_path: Path) -> None:
    (tmp_path / "clip.yuv.part").write_bytes(bytes(size))
    assert fetch(FILE, f"{url}/good", tmp_path)


@pytest.mark.parametrize(
    ("way", "message", "kept"),
    [
        ("wrong", "git blob id .*, not .*; nothing was kept", []),
        ("long", "more than 256000 bytes", []),
        ("short", "ended after 255995 of 256000 bytes", ["clip.yuv.part"]),
        ("gone", "HTTP status 404", []),
    ],
)
def test_other_content_than_the_published_is_not_kept(
    way: str, message: str, kept: list[str], url: str, tmp_path: Path
) -> None:
    with pytest.raises(GoldenError, match=message):
        fetch(FILE, f"{url}/{way}", tmp_path)
    assert names(tmp_path) == kept


def test_an_existing_file_with_wrong_content_is_replaced(url: str, tmp_path: Path) -> None:
    (tmp_path / "clip.yuv").write_bytes(b"something else")
    assert fetch(FILE, f"{url}/good", tmp_path)
    assert (tmp_path / "clip.yuv").read_bytes() == CONTENT


def test_a_source_may_be_a_folder(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.mkdir()
    (source / "clip.yuv").write_bytes(CONTENT)
    assert fetch(FILE, str(source), target)
    (source / "clip.yuv").write_bytes(CONTENT[:-1])
    with pytest.raises(GoldenError, match="ended after 255999"):
        fetch(FILE, str(source), tmp_path / "c")


@pytest.mark.parametrize("source", ["http://127.0.0.1:9", "none/such", "gopher://x", "http://"])
def test_an_unreachable_source_is_an_error(source: str, tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match=r"clip\.yuv"):
        fetch(FILE, source, tmp_path)
    assert not names(tmp_path)
