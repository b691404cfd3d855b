#!/bin/sh
# Every shipped model on this machine's GPU, against ONNX Runtime on its CPU: ULP, and rows a second. See on_gpu.py.
# Nothing is downloaded. Wheels in on_gpu_wheels/ beside this file are installed there first:
#   pip download -c constraints.txt -d tools/benchmarks/on_gpu_wheels onnxruntime-gpu onnx pyarrow pydantic blake3 imageio-ffmpeg
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
if [ -d "$here/on_gpu_wheels" ]; then
    "$python" -m pip install --quiet --no-index --find-links "$here/on_gpu_wheels" --no-deps \
        --upgrade --target "$here/on_gpu_wheels/site" "$here"/on_gpu_wheels/*.whl
fi
export PYTHONPATH="$here/..:$here/on_gpu_wheels/site${PYTHONPATH:+:$PYTHONPATH}" TINYVMAF_HOME="$here/../.."
exec "$python" "$here/on_gpu.py" "$@"
