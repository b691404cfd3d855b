"""Inference engines, one file each."""

from tinyvmaf.engines.onnxruntime_cpu import OnnxRuntimeCpu

__all__ = ["OnnxRuntimeCpu"]
