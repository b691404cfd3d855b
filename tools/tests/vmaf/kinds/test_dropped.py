"""An encoder dropped frames: by timestamps, each that is left meets itself, at any rate, in any container."""

import random
import subprocess
from pathlib import Path

import pytest

from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media.options import PairOptions

from ...effort import tries

RATES = ("24000/1001", "25", "30000/1001", "60000/1001", "60", "120", "12.5")
FRAMES = 24
LOSSLESS = ("-c:v", "libx264", "-qp", "0", "-preset", "ultrafast")


@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(tries(1, 60)))
def test_each_frame_that_is_left_is_compared_with_itself(number: int, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """A PSNR of 60 means identical frames, and no two frames of the source are."""
    chance = random.Random(f"dropped {number}")
    rate = chance.choice(RATES)
    reference = tmp_path / f"source.{chance.choice(('mkv', 'mp4', 'ts', 'mov', 'nut'))}"
    distorted = tmp_path / f"left.{chance.choice(('mkv', 'mp4', 'ts', 'flv', 'mov'))}"
    dropped = chance.sample(range(1, FRAMES - 1), chance.choice((0, 1, 3, 6)))
    start = chance.choice(("0", "37.013"))
    source = f"testsrc2=s=128x96:r={rate},noise=alls=12:allf=t:all_seed=3"
    kept = "*".join(f"not(eq(n\\,{frame}))" for frame in dropped) or "1"
    base = [str(ffmpeg.path), "-v", "error", "-nostdin", "-y"]
    made = ["-f", "lavfi", "-i", source, "-frames:v", str(FRAMES), "-pix_fmt", "yuv420p", *LOSSLESS, str(reference)]
    left = ["-i", str(reference), "-vf", f"select='{kept}'", "-fps_mode", "passthrough", "-enc_time_base", "demux"]
    for arguments in (made, [*left, *LOSSLESS, "-output_ts_offset", start, str(distorted)]):
        subprocess.run([*base, *arguments], check=True, timeout=60)
    table = score_pair(
        reference, distorted, options=PairOptions(sync="pts"), models=[], features=["psnr"], threads=1, ffmpeg=ffmpeg
    )
    assert len(table) == FRAMES - len(dropped)
    assert table.column("psnr_y").min() == 60.0, f"{rate}, {reference.suffix}, {distorted.suffix}, dropped {dropped}"
