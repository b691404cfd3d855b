"""FFmpeg with the libvmaf filter: found, run, and ended."""

from tinyvmaf.vmaf.ffmpeg.find import ENV, FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.ffmpeg.process import file_url, read_output, run, tail
from tinyvmaf.vmaf.ffmpeg.stop import Stop, end_all

__all__ = ["ENV", "FFmpeg", "Stop", "end_all", "file_url", "find_ffmpeg", "read_output", "run", "tail"]
