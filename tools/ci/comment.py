"""Puts a gate's summary on a pull request: one comment, known by a mark, that each run edits.

    python tools/ci/comment.py FOLDER

FOLDER holds `summary.md` and `number`, the pull request's. Both may come from a run of the pull request's own code, so
nothing in them is trusted: the number is digits and names an open pull request of this repository whose head is
$HEAD_SHA; the text is short, plain, and leads nowhere. Status 0: it stands; 1: one sentence on stderr says why.

Environment: GITHUB_API_URL, GITHUB_REPOSITORY, GH_TOKEN, HEAD_SHA, COMMENT_NAME. Standard library only.
"""

import json
import os
import re
import sys
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

LIMIT: Final = 65_536
"""The characters that GitHub takes in a comment."""
NAMES: Final = r"[A-Za-z0-9._-]{1,40}"
"""Names of a comment: a pull request has one of each."""
_DECIDES: Final = "What may merge is decided by the check itself."
_AUTHOR: Final = "github-actions[bot]"
_PAGES: Final = 30
"""Comments are read in pages of 100; a pull request with more than 3,000 gets a new one."""
_TAGS: Final = r"</?(?:details|summary|b|pre)>|<br>"
_MARKUP: Final = re.compile(rf"({_TAGS})|<", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?!(?:lt|gt|amp|quot);)")
# Mentions, issues, links and images, also where a backslash stands between: an invisible space parts the two.
_LINKING: Final = re.compile(
    r"@|\b[gG](?=[hH]\\*-)|#(?=\\*\d)|:(?=\\*/)|\b[wW]{3}(?=\\*\.)|\](?=\s*\\*[\[(:])|!(?=\\*\[)"
)
_UNLINKED: Final = "\u200b"


class RefusedError(Exception):
    """What came with the run is not what may be shown; the message is one sentence."""


def safe(text: str) -> str:
    """A summary as Markdown of text, tables and folded parts: no link, picture, mention or other HTML."""
    kept = "".join(
        sign for sign in text if sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )
    kept = _ENTITY.sub("&amp;", kept)
    kept = _MARKUP.sub(lambda found: found[1] or "&lt;", kept)
    return _LINKING.sub(lambda found: found[0] + _UNLINKED, kept)


def read(folder: Path, name: str, most: int) -> str:
    """A regular file of at most `most` bytes, as UTF-8; raises RefusedError."""
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise RefusedError(f"{name} is not there, or not a file")
    if path.stat().st_size > most:
        raise RefusedError(f"{name} has more than {most:,} bytes")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RefusedError(f"{name} is not UTF-8") from None


def mark(name: str) -> str:
    """What the comment begins with, which nobody sees; raises RefusedError."""
    if not re.fullmatch(NAMES, name):
        raise RefusedError("COMMENT_NAME is not 1 to 40 letters, digits, dots, dashes and underscores")
    return f"<!-- tinyvmaf gate: {name} -->"


def body(folder: Path, head: str, name: str) -> str:
    """The comment's text."""
    intro = f"{mark(name)}\n_Written by the code of this pull request, at {head[:12]}. {_DECIDES}_"
    text = f"{intro}\n\n{safe(read(folder, 'summary.md', 4 * LIMIT))}"
    if len(text) > LIMIT:
        raise RefusedError(f"summary.md makes a comment of more than {LIMIT:,} characters")
    return text


class GitHub:
    """The few calls of GitHub's interface that are needed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._url = f"{environment['GITHUB_API_URL']}/repos/{environment['GITHUB_REPOSITORY']}"
        self._token = environment["GH_TOKEN"]

    def call(self, method: str, path: str, data: object = None) -> Any:
        """The answer's JSON; raises RefusedError for any other answer."""
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Accept": "application/vnd.github+json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ValueError) as error:
            raise RefusedError(f"GitHub did not answer {method} {path}: {error}") from None

    def check(self, number: int, head: str, repository: str) -> None:
        """Raise RefusedError unless it is an open pull request to this repository whose head was judged."""
        pull = self.call("GET", f"/pulls/{number}")
        if pull["state"] != "open" or pull["base"]["repo"]["full_name"] != repository:
            raise RefusedError(f"pull request {number} is not open here")
        if pull["head"]["sha"] != head:
            raise RefusedError(f"pull request {number} is not at {head[:12]}, which was judged")

    def standing(self, number: int, mark: str) -> int | None:
        """Id of the comment that earlier runs wrote."""
        for page in range(1, _PAGES + 1):
            comments = self.call("GET", f"/issues/{number}/comments?per_page=100&page={page}")
            for comment in comments:
                if comment["user"]["login"] == _AUTHOR and comment["body"].startswith(mark):
                    return int(comment["id"])
            if len(comments) < 100:
                break
        return None


def comment(folder: Path, environment: Mapping[str, str]) -> str:
    """Write or edit the comment; returns what was done."""
    head = environment["HEAD_SHA"]
    if not re.fullmatch(r"[0-9a-f]{40}", head):
        raise RefusedError("HEAD_SHA is not a commit")
    found = re.fullmatch(r"([1-9][0-9]{0,9})\n?", read(folder, "number", 16), re.ASCII)
    if found is None:
        raise RefusedError("number is not the number of a pull request")
    name = environment.get("COMMENT_NAME", "tinyvmaf")
    text, github, number = body(folder, head, name), GitHub(environment), int(found[1])
    github.check(number, head, environment["GITHUB_REPOSITORY"])
    standing = github.standing(number, mark(name))
    if standing is None:
        github.call("POST", f"/issues/{number}/comments", {"body": text})
        return f"commented on pull request {number}"
    github.call("PATCH", f"/issues/comments/{standing}", {"body": text})
    return f"edited the comment on pull request {number}"


def main() -> int:
    """Status 0 if the comment stands."""
    try:
        print(comment(Path(sys.argv[1]), os.environ))
    except RefusedError as refused:
        print(f"no comment: {refused}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
