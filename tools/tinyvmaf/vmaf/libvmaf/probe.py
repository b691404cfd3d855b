"""Gets features to 12 decimals out of a log with 6.

libvmaf's log rounds to 6 decimals, and the SVR turns that into errors of up to 2e-4 VMAF points. But libvmaf evaluates
any model. So for each feature it also gets a probe: a model whose score is the feature times a million (a linear
kernel, one support vector at 1, a score slope of 1e-6). The probe's score in the log gives the decimals 7 to 12.
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
    """The model id of the probe with this number."""
    return f"{_PREFIX}{number}"


def probe_json(feature: Feature) -> bytes:
    """The probe of a feature: a VMAF model whose score is the feature times a million, without transform or clip."""
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


def read_probes(table: FrameTable, features: Sequence[Feature]) -> FrameTable:
    """The table with its probe columns moved to `precise`.

    Raises:
        LogError: the column of a probe is missing.
    """
    # Division leaves digits beyond the logged ones; rounding removes them.
    precise = {f.name: np.round(table.column(probe_id(i)) / _SCALE, _DECIMALS) for i, f in enumerate(features)}
    columns = {name: values for name, values in table.columns.items() if not name.startswith(_PREFIX)}
    pooled = {name: values for name, values in table.pooled.items() if not name.startswith(_PREFIX)}
    return replace(table, columns=columns, pooled=pooled, precise=precise)
