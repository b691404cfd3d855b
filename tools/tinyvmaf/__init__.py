"""May this small ONNX model stand in for Netflix's VMAF?

The quality gates are pytest suites in `suites/`. This package holds what they need, in seven wings; each imports only
from those before it: `vmaf`, `data`, `model`, `train`, `measure`, `judge`, `app`. docs/architecture.md shows the way
through them. pytest leaves it as it is, and its asserts are its own: PYTEST_DONT_REWRITE.
"""

__version__ = "0.2.0"
