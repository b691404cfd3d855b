"""The comment on a pull request, against a server that answers as GitHub does."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from ci.comment import LIMIT, mark, safe
from ci.lock import ROOT

HEAD = "5fce1c74e1c5f8f2a2a9d1b0a4c37c3f4e2b1a09"
REPOSITORY = "someone/tinyvmaf"
MARK = mark("tinyvmaf")


class FakeHub(ThreadingHTTPServer):
    """One repository with one pull request, number 7, and its comments."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pull = {"state": "open", "base": {"repo": {"full_name": REPOSITORY}}, "head": {"sha": HEAD}}
        self.comments: list[dict[str, Any]] = []
        self.tokens: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def answer(self) -> None:
        hub, path = self.server, self.path.removeprefix(f"/repos/{REPOSITORY}")
        hub.tokens.add(self.headers["Authorization"])
        data = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        found: Any = None
        if (self.command, path) == ("GET", "/pulls/7"):
            found = hub.pull
        elif self.command == "GET" and path.startswith("/issues/7/comments?per_page=100&page="):
            page = int(path.rsplit("=")[-1])
            found = hub.comments[100 * page - 100 : 100 * page]
        elif (self.command, path) == ("POST", "/issues/7/comments"):
            found = {"id": len(hub.comments) + 1, "user": {"login": "github-actions[bot]"}, **data}
            hub.comments.append(found)
        elif self.command == "PATCH" and path.startswith("/issues/comments/"):
            found = next(one for one in hub.comments if one["id"] == int(path.rsplit("/", 1)[1]))
            found.update(data)
        text = json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = answer  # noqa: N815


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "number").write_text("7\n", encoding="utf-8")
    (tmp_path / "summary.md").write_text("## ✅ VERDICT: PASS\n", encoding="utf-8")
    return tmp_path


def run(hub: FakeHub, folder: Path, head: str = HEAD) -> subprocess.CompletedProcess[str]:
    environment = {
        "GITHUB_API_URL": f"http://127.0.0.1:{hub.server_port}",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GH_TOKEN": "t0ken",
        "HEAD_SHA": head,
    }
    command = [sys.executable, "-I", str(ROOT / "tools/ci/comment.py"), str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_one_comment_is_written_and_then_edited(hub: FakeHub, folder: Path) -> None:
    somebody = {"user": {"login": "somebody"}, "body": f"{MARK}\nnot ours"}
    hub.comments = [{"id": number, **somebody} for number in range(1, 251)]
    assert run(hub, folder).stdout == "commented on pull request 7\n"
    (folder / "summary.md").write_text("## ❌ VERDICT: FAIL\n", encoding="utf-8")
    assert run(hub, folder).stdout == "edited the comment on pull request 7\n"
    ours = [one["body"] for one in hub.comments if one["user"]["login"] == "github-actions[bot]"]
    assert ours == [
        f"{MARK}\n_Written by the code of this pull request, at 5fce1c74e1c5. "
        "What may merge is decided by the check itself._\n\n## ❌ VERDICT: FAIL\n"
    ]
    assert hub.tokens == {"Bearer t0ken"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("number", b"7; curl evil", "number is not the number of a pull request"),
        ("number", b"../8\n", "number is not the number of a pull request"),
        ("number", "\u0667\n".encode(), "number is not the number of a pull request"),
        ("number", b"-7\n", "number is not the number of a pull request"),
        ("number", b"7" * 17, "number has more than 16 bytes"),
        ("number", b"8\n", "GitHub did not answer GET /pulls/8: HTTP Error 404: Not Found"),
        ("number", None, "number is not there, or not a file"),
        ("summary.md", b"x" * (LIMIT + 1), "summary.md makes a comment of more than 65,536 characters"),
        ("summary.md", b"x" * (4 * LIMIT + 1), "summary.md has more than 262,144 bytes"),
        ("summary.md", b"\xff", "summary.md is not UTF-8"),
    ],
)
def test_what_does_not_fit_is_refused(
    hub: FakeHub, folder: Path, name: str, content: bytes | None, sentence: str
) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    done = run(hub, folder)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"no comment: {sentence}\n")
    assert not hub.comments


def test_a_link_to_another_file_is_not_followed(hub: FakeHub, folder: Path) -> None:
    (folder / "summary.md").unlink()
    (folder / "summary.md").symlink_to(ROOT / "README.md")
    assert run(hub, folder).stderr == "no comment: summary.md is not there, or not a file\n"


@pytest.mark.parametrize("wrong", ["closed", "another repository", "another head"])
def test_only_the_pull_request_that_was_judged_is_told(hub: FakeHub, folder: Path, wrong: str) -> None:
    if wrong == "closed":
        hub.pull["state"] = "closed"
    elif wrong == "another repository":
        hub.pull["base"] = {"repo": {"full_name": "someone/else"}}
    done = run(hub, folder, "0" * 40 if wrong == "another head" else HEAD)
    assert done.returncode == 1
    assert done.stderr.startswith("no comment: pull request 7 is not ")
    assert not hub.comments


HOSTILE = [
    "[click](https://evil.example)",
    "[click] (https://evil.example)",
    "[click]\\(https://evil.example)",
    "[click][1]\n\n[1]: https://evil.example",
    "![pixel](https://evil.example/p.png)",
    "<img src=https://evil.example/p.png>",
    "<IMG SRC=x onerror=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<details open onclick=x>",
    "<https://evil.example>",
    "https://evil.example and www.evil.example",
    "https\\://evil.example, https:\\/\\/evil.example, www\\.evil.example",
    "&#104;ttps&#58;//evil.example &commat;team &#64;team",
    "@team \\@team a@b.example",
    "#12 \\#12 GH-12 gh\\-12",
    "<!-- tinyvmaf gate -->",
    "<script>x</script><style>*{display:none}</style>",
    "\u202etxet\u2066 \x1b[31m \x00",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_summary_leads_nowhere(text: str) -> None:
    made = safe(text)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(made)
    for tag in ("<a", "<img", "<script", "<style", "<!--", "<details open"):
        assert tag not in html.lower()
    for joined in (
        "@t",
        "@b",
        "#1",
        "GH-1",
        "://",
        ":\\/",
        "www.",
        "www\\.",
        "](",
        "][",
        "]:",
        "\x1b",
        "\u202e",
        "&#",
        "&comm",
    ):
        assert joined not in made, made


def test_the_tools_own_summary_stays_readable() -> None:
    text = (
        "## ❌ VERDICT: FAIL\n\n| model | golden |\n| --- | --- |\n| tinyvmaf\\_nano | ✓ pass |\n\n### What failed\n\n"
        "<details><summary><b>nano: a</b><br>d &lt; 3 &amp; more</summary>\n\n"
        "<pre>\n 1 | &lt;= 3\n</pre>\n\n</details>\n"
    )
    assert safe(text) == text
