"""Features to 12 decimals out of a log that prints 6.

libvmaf's log rounds to 6 decimals, and the SVR's slope turns that into errors of up to 2e-4 VMAF points. But libvmaf
also evaluates any model that it is given. So beside the models that were asked for it gets, for each feature, a
model whose score is that feature times a million: a linear kernel, one support vector at 1, and a score slope of
1e-6. Its score, logged with 6 decimals, has the feature's decimals 7 to 12.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tinyvmaf.vmaf.features import Feature
from tinyvmaf.vmaf.libvmaf.log import FrameTable

_SCALE: Final = 1e6
_DECIMALS: Final = 12
_PREFIX: Final = "tinyvmaf_probe_"
_LINEAR: Final = "svm_type nu_svr\nkernel_type linear\nnr_class 2\ntotal_sv 1\nrho 0\nSV\n1 1:1\n"


def probe_id(number: int) -> str:
    """The id of the model that probes the feature of that number."""
    return f"{_PREFIX}{number}"


def probe_json(feature: Feature) -> bytes:
    """A VMAF model whose score is the feature times a million, neither transformed nor clipped."""
    model = {
        "model_type": "LIBSVMNUSVR",
        "model": _LINEAR,
        "norm_type": "linear_rescale",
        "slopes": [1.0 / _SCALE, 1.0],
        "intercepts": [0.0, 0.0],
        "feature_names": [feature.model_name],
        "feature_opts_dicts": [dict(feature.options)],
    }
    return json.dumps({"param_dict": {}, "model_dict": model}).encode()


def take_probes(table: FrameTable, features: Sequence[Feature]) -> FrameTable:
    """The table with the probes' columns turned into precise features.

    Raises:
        LogError: a probe's column is missing.
    """
    # Dividing leaves a digit beyond those that were logged; rounding makes the value the one that is written down.
    precise = {f.name: np.round(table.column(probe_id(i)) / _SCALE, _DECIMALS) for i, f in enumerate(features)}
    columns = {name: values for name, values in table.columns.items() if not name.startswith(_PREFIX)}
    pooled = {name: values for name, values in table.pooled.items() if not name.startswith(_PREFIX)}
    return replace(table, columns=columns, pooled=pooled, precise=precise)
