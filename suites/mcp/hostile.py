"""Two hundred hostile calls, the same every time, and the files that they try to reach."""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tinyvmaf.files import home

COUNT: Final = 200
_SEED: Final = 26
_FRAME: Final = bytes(96 * 96 * 3 // 2)
_CORPUS: Final = ("a_25fps.yuv", "a_1_96_100.yuv")
_DASH: Final = """\
<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"
     profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="1"><BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>
"""


@dataclass(frozen=True)
class Trap:
    """A root full of links that lead out, and a folder outside that the server must not open."""

    root: Path
    outside: Path

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders outside, to be watched."""
        return (self.outside, self.outside / "ref", self.outside / "dis")


def lay(folder: Path) -> Trap:
    """Write the files. All of those outside are valid: they would be scored, described or checked below a root."""
    trap = Trap(folder / "root", folder / "root-and-more")  # begins like the root, to fool a test of prefixes
    root, outside = trap.root, trap.outside
    for one in (root, root / "folder.yuv", root / "corpus" / "ref", root / "linked" / "dis", *trap.folders):
        one.mkdir(parents=True)
    for path in (root / "fine.yuv", outside / "secret.yuv", outside / "ref" / _CORPUS[0], outside / "dis" / _CORPUS[1]):
        path.write_bytes(_FRAME * 3)
    (outside / "secret.y4m").write_bytes(b"YUV4MPEG2 W96 H96 F25:1 C420\n" + b"".join([b"FRAME\n" + _FRAME] * 3))
    (outside / "secret.mp4").write_bytes(bytes(1000))
    (outside / "corpus.toml").write_text('geometry = "96x96"\n', encoding="utf-8")
    for suffix in ("onnx", "json", "md"):
        shutil.copy(home() / "model" / f"tinyvmaf_nano.{suffix}", outside / f"tinyvmaf_nano.{suffix}")
    for name, to in {
        "out.yuv": outside / "secret.yuv",
        "out.y4m": outside / "secret.y4m",
        "out.mp4": outside / "secret.mp4",
        "out.onnx": outside / "tinyvmaf_nano.onnx",
        "outdir": outside,
        "dangling.yuv": outside / "none.yuv",
        "loop.yuv": root / "loop.yuv",
        "device.yuv": Path("/dev/zero"),
        "half.json": outside / "tinyvmaf_nano.json",
        "corpus/dis": outside / "dis",
        "linked/ref": root / "corpus" / "ref",
        "up": root.parent,
        "linked/corpus.toml": outside / "corpus.toml",
        f"corpus/ref/{_CORPUS[0]}": outside / "secret.yuv",
    }.items():
        (root / name).symlink_to(to)
    shutil.copy(home() / "model" / "tinyvmaf_nano.onnx", root / "half.onnx")
    os.mkfifo(root / "fifo.yuv")
    (root / "empty.yuv").touch()
    (root / "noise.onnx").write_bytes(random.Random(_SEED).randbytes(5000))
    secret = outside / "secret.mp4"
    for name, text in {
        "dash.mp4": _DASH.format(secret=secret),
        "concat.mp4": "ffconcat version 1.0\nfile outdir/secret.mp4\n",
        "hls.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "%s%d%n.jpg": "no picture",
    }.items():
        (root / name).write_text(text, encoding="utf-8")
    return trap


def _paths(trap: Trap) -> list[str]:
    """Crafted paths, each for one mistake that a check could make."""
    outside = str(trap.outside)
    inside = [
        "out.yuv",
        "out.y4m",
        "out.mp4",
        "outdir/secret.yuv",
        "dangling.yuv",
        "loop.yuv",
        "device.yuv",
        "fifo.yuv",
        "folder.yuv",
        "empty.yuv",
        "dash.mp4",
        "concat.mp4",
        "hls.m3u8",
        "%s%d%n.jpg",
        "missing.yuv",
        "up/root-and-more/secret.yuv",
        ".",
    ]
    return [
        *inside,
        *(str(trap.root / name) for name in inside[:5]),
        f"{outside}/secret.yuv",
        f"{outside}/secret.y4m",
        "../root-and-more/secret.yuv",
        "folder.yuv/../../root-and-more/secret.yuv",
        f"{trap.root}-and-more/secret.yuv",
        f"{trap.root}/../root-and-more/secret.yuv",
        "/etc/passwd",
        "/etc/shadow",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "/proc/self/root/etc/passwd",
        "/dev/stdin",
        "/dev/zero",
        "//etc//passwd",
        "~/.ssh/id_rsa",
        "-",
        "-i",
        "--root",
        "-f lavfi",
        "lavfi:testsrc",
        f"file:{outside}/secret.yuv",
        f"concat:{outside}/secret.yuv",
        "pipe:0",
        "http://127.0.0.1:9/x.mp4",
        "subfile,,start,0,end,0,,:/etc/passwd",
        "tcp://127.0.0.1:9",
        "data:,x",
        "fine.yuv\0.mp4",
        "fine.yuv\n/etc/passwd",
        "fine.yuv;touch x",
        "$(touch x)",
        "`touch x`",
        "fine.yuv' -y 'x",
        "a" * 300,
        "a/" * 2000,
        "a" * 5000,
        "",
        " ",
        "..",
        "../" * 50 + "etc/passwd",
        "\u202egpm.yuv",
        "fi\u0301ne.yuv",
        "C:\\Windows\\win.ini",
        "\\\\host\\share\\x.yuv",
        "..\\..\\secret.yuv",
        "CON",
    ]


_MODELS: Final = (
    "out.onnx",
    "half.onnx",
    "noise.onnx",
    "missing.onnx",
    "../root-and-more/tinyvmaf_nano.onnx",
    "up/root-and-more/tinyvmaf_nano.onnx",
    "/etc/passwd",
    "tinyvmaf_nano or latency",
    "not x",
    "-x",
    "",
    "--model=x.onnx",
    "x.onnx --report=/tmp/x",
    "a" * 5000,
    "fifo.yuv/.onnx",
    ".onnx",
    "../a.onnx",
)
_SIZES: Final = (
    "96x96 -y",
    "96x96:yuv420p",
    "-1x-1",
    "1e3x1e3",
    "96x96,scale=9:9",
    "9" * 19,
    "0x0",
    "x",
    "99999x99999",
    "32768x32768",
)
_FORMATS: Final = (
    "yuv420p -y /tmp/x",
    "rgb24",
    "yuv420p:log_path=/tmp/x",
    "'",
    "[0:v]",
    "",
    "gray",
    "YUV420P",
    "a" * 20,
)
_WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    7,
    -1,
    10**400,
    1e308,
    -0.0,
    [],
    {},
    ["fine.yuv"],
    {"path": "fine.yuv"},
    [[[[]]]],
    "[1]",
    "null",
)
_TEACHERS: Final = (
    ["vmaf_v0.6.1'"],
    ["path=/etc/passwd"],
    ["vmaf_v0.6.1"] * 11,
    "vmaf_v0.6.1",
    [7],
    [None],
    ["a" * 101],
)


def calls(trap: Trap) -> list[tuple[str, dict[str, Any]]]:
    """Tool and arguments of each call. Each must be answered with an error."""
    luck = random.Random(_SEED)
    crafted = _paths(trap)

    def path() -> str:
        if luck.random() < 0.5:
            return luck.choice(crafted)
        pieces = (
            "..",
            ".",
            "outdir",
            "up",
            "fine.yuv",
            "ref",
            "root-and-more",
            "secret.yuv",
            "",
            "~",
            "*",
            "%2e%2e",
            "\t",
        )
        return luck.choice(("", "/", f"{trap.root}/")) + "/".join(luck.choices(pieces, k=luck.randrange(1, 8))) + "?"

    fine = {"reference": "fine.yuv", "distorted": "fine.yuv", "size": "96x96", "pix_fmt": "yuv420p"}

    def pair() -> dict[str, Any]:
        found: dict[str, Any] = dict(fine)
        name: str = luck.choice(("reference", "distorted"))
        found[name] = path()
        return found

    makers: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("vmaf_score", pair),
        ("vmaf_score", lambda: fine | {"size": luck.choice(_SIZES)}),
        ("vmaf_score", lambda: fine | {"pix_fmt": luck.choice(_FORMATS)}),
        ("vmaf_score", lambda: fine | {"models": [luck.choice(_MODELS)]}),
        ("vmaf_score", lambda: fine | {"teachers": luck.choice(_TEACHERS)}),
        ("vmaf_score", lambda: fine | {luck.choice(("reference", "distorted")): luck.choice(_WRONG)}),
        ("vmaf_score", lambda: fine | {luck.choice(("log_path", "ffmpeg", "-y", "feature", "__class__")): "/tmp/x"}),
        ("score_without_reference", lambda: {"video": path(), "models": [path()]}),
        ("score_without_reference", lambda: {"video": "fine.yuv", "models": [luck.choice(_MODELS)]}),
        ("worst_frames", pair),
        ("worst_frames", lambda: fine | {"count": luck.choice((0, -1, 10**400, 2001, 1.5, "many", None, []))}),
        ("compare_models", lambda: {"models": [luck.choice(_MODELS)]}),
        ("compare_models", lambda: {"reference": path()}),
        ("describe_model", lambda: {"model": luck.choice((*_MODELS[2:], *_WRONG))}),
        ("check_corpus", lambda: {"data_root": luck.choice(("corpus", "linked", "outdir", "up", "/", "..", path()))}),
        (
            "run_gate",
            lambda: {
                "suite": luck.choice(("golden", "../golden", "-k", "selftest", "mcp", "", 7, ["golden"])),
                "model": luck.choice((*_MODELS[3:5], *_MODELS[7:12])),
            },
        ),
        ("list_models", lambda: {"folder": path()}),
        (luck.choice(("__init__", "vmaf_score\0", "")), dict),
    )
    every = [("vmaf_score", fine | {"reference": one}) for one in crafted]  # each at least once
    more = [(tool, make()) for tool, make in (luck.choice(makers) for _ in range(COUNT - len(every)))]
    return [*every, *more]
