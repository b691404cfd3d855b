"""Proves that a model stays within so many points of its teacher at every row of the domain (docs/proof.md).

Branch and bound over boxes of feature rows. On a box, the teacher (`gaussians`) and the model (`network`) are each a
polynomial of degree four with a proven error. Their difference is a polynomial too, and its coefficients bound it. A
box whose bound is too large is split. `reading` reads a graph as `layers`; `curves` replaces activations by
polynomials; `branching` goes through the boxes; `proving` runs it on several processors.
"""

from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.reading import read_network

__all__ = ["NoProofError", "read_network"]
