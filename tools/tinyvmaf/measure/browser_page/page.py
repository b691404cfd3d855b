"""Writes the page."""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment
from markupsafe import Markup

from tinyvmaf.errors import ModelError, TeacherError
from tinyvmaf.files import sha256
from tinyvmaf.measure.charts import INK, SOURCES
from tinyvmaf.measure.charts.pages import environment
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.wasm import CAPACITY, wasm_module
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.domain import teacher_domain as limits
from tinyvmaf.vmaf.features import Feature
from tinyvmaf.vmaf.teacher import Teacher

_PACKAGE: Final = "tinyvmaf.measure.browser_page"
SCRIPTS: Final = ("rows.js", "page.js")
"""In `templates`; the first needs no document."""


def can_be_shown(model: Subject) -> bool:
    """Whether a model is proven exact and has only operators that can be written as WebAssembly."""
    try:
        wasm_module(model.data)
    except ModelError:
        return False
    return True


def browser_page(models: Iterable[tuple[Subject, Teacher]]) -> str:
    """The page, with each model and its teacher in this order. The same models give the same text.

    Raises:
        ModelError: a model cannot be written as WebAssembly; names it.
    """
    script = "".join(_text(name) for name in SCRIPTS)
    return (
        _environment()
        .get_template("page.html")
        .render(
            data=[model_data(model, teacher) for model, teacher in models],
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            ink=INK,
            colours=SOURCES,
        )
    )


def model_data(model: Subject, teacher: Teacher) -> dict[str, Any]:
    """What the page's script knows of a model, as JSON values."""
    try:
        wasm = wasm_module(model.data)
    except ModelError as error:
        raise ModelError(f"{model.id}: {error.message}", hint=error.hint) from error
    by_name = {feature.name: feature for feature in teacher.features}
    features = [by_name[name] for name in model.features]
    return {
        "id": model.id,
        "sha256": sha256(model.data),
        "bytes": len(model.data),
        "teacher": teacher.id,
        "features": [{"name": one.name, "column": one.column} for one in features],
        "domain": _domain(features),
        "outputs": list(wasm.outputs),
        "capacity": CAPACITY,
        "wasm": base64.b64encode(wasm.data).decode(),
    }


def _domain(features: list[Feature]) -> dict[str, Any] | None:
    """The limits of `Domain.excess`, for the script; None where a feature's are not known.

    The names that begin with `_` stay as they are: the code of the domain is a part of every recorded proof.
    """
    try:
        low, high = Domain(tuple(features)).bounds()
    except TeacherError:
        return None
    each = zip(features, low.tolist(), high.tolist(), strict=True)
    return {
        "features": [
            {"base": one.base, "low": least, "high": most, "amplifies": not limits._no_gain(one)}
            for one, least, most in each
        ],
        "vif": [*limits._VIF],
        "drop": [*limits.VIF_DROP.values()],
        "admEnd": limits.ADM_END,
        "vifEnd": limits.VIF_END,
        "amplified": limits._AMPLIFIED,
        "below": limits.ADM_BELOW,
        "above": limits.ADM_ABOVE,
        "slope": limits.ADM_SLOPE,
    }


@cache
def _environment() -> Environment:
    return environment(_PACKAGE)


def _text(name: str) -> str:
    return resources.files(_PACKAGE).joinpath(f"templates/{name}").read_text(encoding="utf-8")
