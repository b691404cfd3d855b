"""A static proof that an ONNX graph gives the same bits on every engine with IEEE 754 float32.

What engines may do: add the terms of a sum in any order and tree, start from the bias, contract to FMA, use any number
of threads and any batch size; merge neighbouring affine operations (Gemm, MatMul, Add, Sub, Mul by a constant, ...),
combining their constants by additions and multiplications, and by divisions by powers of two; move a multiplication by
a constant through a selection (Clip, Relu, Max, ...); and merge selections.

Why the result is still the same: for each element of each tensor of one row, the proof knows its interval over all
finite inputs, a power of two that divides it, and how many bits it takes (`values`).

- A sum is exact if the partial sums of all subsets of its terms are exact (`terms`). Its interval runs from the sum of
  all negative parts to the sum of all positive parts. Merged operations are sums over the same elementary terms, so the
  interval holds for them too, and an exact later product is exact with each term. Merged coefficients must be normal
  numbers (`span`).
- Between two roundings to integers, engines may apply a scale anywhere: before a matrix product, after it, or merged
  with another scale. So every product of factors of a term must be exact and finite, or normal if the term is rounded
  (`scales`).
- An inexact operation is allowed if it rounds once and engines have nothing to merge it with: its inputs are exact and
  are not sums (`atom`), and only selections, roundings to integers, or the output follow.
- Selections and roundings to integers are exact and monotone, so they also take rounded and infinite values.
- The proof refuses approximated functions, divisions, unknown operators, and operations across the rows of a batch. It
  knows one division: that of integers which is corrected by its remainder (`quotient`).
- A picture has any height and width, so all cells of a channel are known alike (`pictures`), and a sum over a picture
  has as many terms as the largest picture has cells. Convolutions are sums of products (`windows`).

Not covered: engines that compute in less than float32 (bfloat16, TF32, 8 bits), saturate, or multiply matrices by
Strassen's or Winograd's rule, which adds before it multiplies. Convolutions for which engines choose Winograd's rule
are refused. -0 and 0 count as equal. `flush_to_zero_safe` covers engines that flush subnormals to zero. A graph with
float64 inside is proven for 53 bits: `exact_in_float64` then takes the place of `certified`, because some engines
compute float64 in float32.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinyvmaf.errors import ModelError
from tinyvmaf.model.certificate.call import Reduction

__all__ = ["Broken", "ExactnessCertificate", "Reduction", "certify", "certify_file"]


@dataclass(frozen=True)
class Broken:
    """The first operation that the proof does not accept."""

    node: str
    """Its name, or its output's name; empty if the graph is at fault, not a node."""
    op: str
    why: str
    """One sentence, with numbers."""
    hint: str | None
    """What to do instead."""


@dataclass(frozen=True)
class ExactnessCertificate:
    """What was proven about a graph."""

    certified: bool
    """Every engine with IEEE float32 gives the same bits for every finite input."""
    arithmetic: str
    """`float64` if a tensor that the outputs depend on is, else `float32`."""
    exact_in_float64: bool
    """The same for engines with IEEE float64. True for every certified graph."""
    flush_to_zero_safe: bool
    """The proof also holds for engines that flush subnormal numbers to zero."""
    reductions: tuple[Reduction, ...]
    """Sums that were proven exact, in the graph's order."""
    broken: Broken | None
    """Why it is not certified."""
    largest_picture: tuple[int, int] | None = None
    """Of a model that takes pictures: the height and width, or width and height, up to which it was proven."""

    @property
    def accumulator_bits(self) -> int | None:
        """Bits of the largest accumulator; None without sums."""
        return max((reduction.accumulator_bits for reduction in self.reductions), default=None)

    def explain(self) -> str:
        """The result in words; if it is negative, the reason and a hint."""
        if self.certified:
            held = f"; accumulators take {self.accumulator_bits} of 24 bits" if self.reductions else ""
            lines = [f"the same bits on every engine with IEEE float32{held}"]
            if self.largest_picture is not None:
                height, width = self.largest_picture
                lines.append(f"for pictures up to {width}x{height}")
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
    """Prove what can be proven about an ONNX file, given its bytes. Nothing in it runs.

    Raises:
        ModelError: not an ONNX file, or 1,000,000 bytes or more.
    """
    from tinyvmaf.model.certificate.proof import prove  # onnx is slow to import

    return prove(data)


def certify_file(path: Path) -> ExactnessCertificate:
    """`certify` for a file. Reads no more than the largest allowed size.

    Raises:
        ModelError: as for `certify`, or the file cannot be read.
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
