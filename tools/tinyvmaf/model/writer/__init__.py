"""Writes ONNX files that keep the model contract. Normalisation and clip are in the graph; bytes reproducible."""

from tinyvmaf.model.writer.svr import svr_model

__all__ = ["svr_model"]
