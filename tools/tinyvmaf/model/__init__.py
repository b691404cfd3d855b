"""One ONNX file and what is claimed of it: contract, certificate, engines, registry, third-party models, writer."""
