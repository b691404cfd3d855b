"""A model that nobody here made, made fit for the gates: how its inputs are to be fed is read, never guessed.

A third-party file has names, normalisation and a sidecar of its own. `describe` reads what its sidecar and the
options say, `look` looks at the file, and `adopt` puts its graph, unchanged, between the nodes that feed it: one file
that keeps the model contract, `features` in the teacher's order in, `score` out. Every gate judges that file, and the
contract gate holds its scores against those of the original, fed by hand.
"""

from tinyvmaf.model.third_party.feed import FeedDescription, FeedOptions, UndescribedError, describe_feed
from tinyvmaf.model.third_party.original import Original, read_original
from tinyvmaf.model.third_party.wrap import AdoptedModel, adopt, original_scorer

__all__ = [
    "AdoptedModel",
    "FeedDescription",
    "FeedOptions",
    "Original",
    "UndescribedError",
    "adopt",
    "describe_feed",
    "original_scorer",
    "read_original",
]
