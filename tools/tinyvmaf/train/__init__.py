"""Make candidates: students, recipes, fitting, export to ONNX, packaging."""
