"""Every registered model that takes pictures reproduces its own record on pictures that are made anew."""

import numpy as np

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.outcomes import compare
from tinyvmaf.judge.plugin import Judge, NotChecked
from tinyvmaf.model.golden_pictures import given_for_pictures
from tinyvmaf.model.golden_records import HINT, load_record
from tinyvmaf.model.subject import Subject


def test_pictures_give_what_is_recorded(
    model: str, subject: Subject, bounds: Bounds, judge: Judge, not_checked: NotChecked
) -> None:
    """Each score at places=4; of a filter, mean and standard deviation of each quarter of each picture."""
    if subject.file and not subject.registered:
        not_checked(f"{model}: its own record on pictures: only registered models have one")
    with model_failed(model):
        given = given_for_pictures(subject)
    recorded = load_record(model, subject.outputs[0])
    if set(recorded) != set(given) or any(len(recorded[name]) != len(values) for name, values in given.items()):
        raise CouldNotRunError(f"the record of {model} is of other pictures", hint=HINT)
    each = [f"{name}, {i}" for name, values in given.items() for i in range(len(values))]
    gate = bounds.for_subject("golden.record", subject)
    first, second = (np.concatenate([of[name] for name in given]) for of in (recorded, given))
    judge(compare(gate, f"{model} on pictures", each, first, second, reproduce=f"tox -e golden -- -k '{model}'"))
