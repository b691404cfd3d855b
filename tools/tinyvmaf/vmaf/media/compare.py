"""Which two videos may be compared."""

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.media.video import Video


def require_comparable(reference: Video, distorted: Video, *, scaled: bool = False) -> None:
    """Refuse a pair that must not be compared. libvmaf would score most of them without a warning.

    Args:
        scaled: the distorted frames will be scaled to the reference's size, so sizes may differ.

    Raises:
        NotComparableError: the pair differs; names every difference.
    """
    ref, dis = reference.geometry, distorted.geometry
    differences = []
    if (ref.width, ref.height) != (dis.width, dis.height) and not scaled:
        differences.append(f"frame size {ref.width}x{ref.height} against {dis.width}x{dis.height}")
    if ref.pix_fmt.chroma_shift != dis.pix_fmt.chroma_shift:
        differences.append(f"chroma layout {ref.pix_fmt.name} against {dis.pix_fmt.name}")
    if ref.pix_fmt.bits != dis.pix_fmt.bits:
        differences.append(f"bit depth {ref.pix_fmt.bits} against {dis.pix_fmt.bits}")
    if None not in (reference.full_range, distorted.full_range) and reference.full_range != distorted.full_range:
        words = {True: "full", False: "limited"}
        differences.append(f"range {words[bool(reference.full_range)]} against {words[bool(distorted.full_range)]}")
    if reference.frames != distorted.frames:
        differences.append(f"frame count {reference.frames} against {distorted.frames}")
    if differences:
        same_size = (ref.width, ref.height) == (dis.width, dis.height)
        raise NotComparableError(
            f"{reference.path} (reference) and {distorted.path} (distorted) differ: {'; '.join(differences)}",
            hint=None if same_size else "scale the distorted input to the reference's size with --scale bicubic",
        )
