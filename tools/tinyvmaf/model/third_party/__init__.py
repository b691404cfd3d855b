"""Third-party models, wrapped so that the gates can judge them.

A third-party file has its own names, normalisation and sidecar. `describe_feed` reads from the sidecar and the options
how the model is fed, and guesses nothing. `original.read_original` reads the file. `normalisation.graph_normalises`
says whether its graph does already what the sidecar's numbers describe. `wrap.adopt` adds nodes before and after the
unchanged graph, so that the result keeps the model contract: `features` in the teacher's order to `score`. The gates
judge that adopted file; the contract gate compares its scores with those of `wrap.original_scorer`.
"""

from tinyvmaf.model.third_party.feed import FeedDescription, FeedOptions, describe_feed
from tinyvmaf.model.third_party.sidecars import UndescribedError

__all__ = ["FeedDescription", "FeedOptions", "UndescribedError", "describe_feed"]
