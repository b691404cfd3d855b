"""A static proof that an ONNX graph gives the same bits on every engine that computes float32 as IEEE 754 says.

What an engine may do: add the terms of a sum in any order and tree, start from the bias, contract to FMA, use any
number of threads and any batch; merge neighbouring affine operations (Gemm, MatMul, Add, Sub, Mul by a constant, ...),
combining their constants by additions and multiplications, and by divisions by powers of two; move a multiplication by
a constant through a selection (Clip, Relu, Max, ...); and merge selections.

Why the result is the same nevertheless. For each element of each tensor, of one row, the proof knows an interval over
all finite inputs, a power of two of which it is a multiple, and how many bits it takes (`values`).

- A sum is exact if every partial sum of every subset of its terms is (`terms`). Its interval runs from the sum of all
  negative parts to that of all positive ones, never less: so it holds for what any merging makes of it, which is a sum
  over the same elementary terms. The exactness of a later product then covers the product with each of them. The
  coefficients that are merged have to be normal numbers (`span`).
- Between two roundings to integers a scale may be anywhere: before a matrix product, after it, or merged with another
  one there. So whatever any of the factors of a term make has to be exact and finite, too, or normal if the term is
  rounded (`scales`).
- An operation that is not exact is allowed if it rounds once and no engine has anything to merge it with: what it
  takes is exact and no sum (`atom`), and only selections, roundings to integers, or the output follow.
- Selections and roundings to integers are exact and monotone, so they take rounded and infinite values too.
- Approximated functions, divisions, and whatever is not known here, are refused; so is whatever lets rows meet.

Not covered: engines that compute in less than float32 (bfloat16, TF32, 8 bits), saturate, or multiply matrices by
Strassen's or Winograd's rule, which adds before it multiplies. -0 and 0 count as equal. Engines that flush subnormals
to zero are: `flush_to_zero_safe` says that they give the same, too. float64 inside a graph is held against 53 bits:
`exact_in_float64` then takes the place of `certified`, since there are engines that compute float64 in float32.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinyvmaf.errors import ModelError
from tinyvmaf.model.certificate.call import Reduction

__all__ = ["Broken", "ExactnessCertificate", "Reduction", "certify", "certify_file"]


@dataclass(frozen=True)
class Broken:
    """The first operation at which the proof ends."""

    node: str
    """Its name, or its output's; empty if it is not a node but the graph."""
    op: str
    why: str
    """One sentence, with numbers."""
    hint: str | None
    """What to do instead."""


@dataclass(frozen=True)
class ExactnessCertificate:
    """What was proven of a graph."""

    certified: bool
    """Every engine with IEEE float32 gives the same bits for every finite input."""
    arithmetic: str
    """`float64` if a tensor that the outputs depend on is, else `float32`."""
    exact_in_float64: bool
    """The same for engines that compute float64 as IEEE float64; true of all that are certified."""
    flush_to_zero_safe: bool
    """And for engines that flush subnormal numbers to zero."""
    reductions: tuple[Reduction, ...]
    """Sums that were proven exact, in the graph's order."""
    broken: Broken | None
    """Why it is not certified."""

    @property
    def accumulator_bits(self) -> int | None:
        """Bits of the largest accumulator; None if nothing is added."""
        return max((reduction.accumulator_bits for reduction in self.reductions), default=None)

    def explain(self) -> str:
        """The verdict in words: why not, and what to do."""
        if self.certified:
            held = f"; accumulators take {self.accumulator_bits} of 24 bits" if self.reductions else ""
            lines = [f"the same bits on every engine with IEEE float32{held}"]
        else:
            assert self.broken is not None
            at = f"{self.broken.op} {self.broken.node!r}: " if self.broken.op else ""
            lines = [f"{at}{self.broken.why}"]
            lines += [f"hint: {self.broken.hint}"] if self.broken.hint else []
        if not self.certified and self.exact_in_float64:
            held = f"; accumulators take {self.accumulator_bits} of 53 bits" if self.reductions else ""
            lines.append(f"the same bits on every engine with IEEE float64{held}")
        if (self.certified or self.exact_in_float64) and not self.flush_to_zero_safe:
            lines.append("not if the engine flushes subnormal numbers to zero")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"accumulator_bits": self.accumulator_bits}


def certify(data: bytes) -> ExactnessCertificate:
    """Prove what can be proven of the bytes of any ONNX file. Nothing of it runs.

    Raises:
        ModelError: not an ONNX file, or one of 1,000,000 bytes and more.
    """
    from tinyvmaf.model.certificate.proof import prove  # onnx is slow to import

    return prove(data)


def certify_file(path: Path) -> ExactnessCertificate:
    """`certify` for a file, no more of which is read than the largest that is looked at.

    Raises:
        ModelError: also if it cannot be read.
    """
    from tinyvmaf.model.contract import LARGEST

    try:
        if not path.is_file():
            raise ModelError(f"{path}: no such file" if not path.exists() else f"{path}: not a regular file")
        with path.open("rb") as file:
            return certify(file.read(LARGEST))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except ModelError as error:
        raise (
            error if error.message.startswith(str(path)) else ModelError(f"{path}: {error.message}", hint=error.hint)
        ) from error
