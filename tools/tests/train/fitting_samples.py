"""Recipes and a small corpus for the fitting tests."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tinyvmaf.data.corpus import leave_one_source_out
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.train.export_student import any_model
from tinyvmaf.train.fitting.run import Fitted
from tinyvmaf.train.recipes import Mos, Optimiser, Recipe, Validation
from tinyvmaf.train.students import architecture

Array = NDArray[np.float64]
Opinions = dict[str, tuple[float, float]]
TEACHER = "vmaf_v0.6.1"
SOURCES = ("Bikes", "Flower", "Grain")
FOLDS = leave_one_source_out(SOURCES)
ADAM = Optimiser(name="adam", steps=16, batch=8, learning_rate=0.01)
LM = Optimiser(name="levenberg_marquardt", steps=3, batch=20)
MOS = Mos(scale=(0, 100), start="B1", steps=8)


def recipe(name: str = "mlp_small", *, method: Any = "B1", optimiser: Optimiser = ADAM, **more: Any) -> Recipe:
    """A quick recipe, as if read from a file."""
    return Recipe("quick", "0" * 64, "a quick one", TEACHER, method, architecture(name), (0, 1), optimiser, **more)


RECIPES: Mapping[str, Recipe] = {
    "frames": recipe(),
    "dropout": recipe("fr_regressor"),
    "validated": recipe(validation=Validation(every=4, patience=2)),
    "soft": recipe(soft_labels_temperature=25.0),
    "clips": recipe(per="clip", frames=3),
    "attention": recipe("a3", per="clip", frames=3),
    "levenberg": recipe("mlp_small", optimiser=LM),
    "decayed": recipe("mlp_small", optimiser=LM.model_copy(update={"decay": (0.0, 1e-9, 1e-6)})),
    "reweighted": recipe("a4", optimiser=Optimiser(name="least_squares", steps=3)),
    "opinions": recipe(method="B2", mos=MOS, per="clip", frames=3),
    "opinions-validated": recipe(method="B2", mos=MOS, validation=Validation(every=4, patience=2)),
    "opinions-reweighted": recipe("a4", method="B2", mos=MOS, optimiser=Optimiser(name="least_squares", steps=3)),
    "opinions-pooled": recipe(
        "teacher_line",
        method="B2",
        mos=Mos(scale=(0, 100), pooling="fitted"),
        per="clip",
        optimiser=Optimiser(name="least_squares", steps=30),
    ),
    "tuned": recipe(method="B3", mos=MOS),
    "tuned-validated": recipe(method="B3", mos=MOS, validation=Validation(every=4, patience=2)),
    "tuned-from-domain": recipe(method="B3", mos=MOS.model_copy(update={"start": "B1f"}), samples=200),
}


def files(fitted: list[Fitted]) -> list[bytes]:
    students = [one.student for one in fitted]
    return [any_model(s, "m") for s in students]


def changed(data: Dataset, where: Any, **columns: Any) -> Dataset:
    """The dataset with changed values in some rows: numbers, or a function of the old values."""
    table = data.table
    for name, value in columns.items():
        values = table[name].to_numpy().copy()
        values[where] = value(values[where]) if callable(value) else value
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return Dataset(table, data.provenance)
