"""tinyvmaf: may this small ONNX model stand in for Netflix's VMAF?

The quality gates are pytest suites (`suites/`); this package holds what they need: the real libvmaf
(`tinyvmaf.libvmaf`), the teacher in float64 (`tinyvmaf.teacher`), golden values (`tinyvmaf.golden`), the model
registry (`tinyvmaf.registry`) and the verdict (`tinyvmaf.gates`).
"""

__version__ = "0.1.0"
