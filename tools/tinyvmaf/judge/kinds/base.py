"""What a kind of model is. To add one: a class with all of this, and an entry point in group `tinyvmaf.kinds`.

```toml
[project.entry-points."tinyvmaf.kinds"]
upscaler = "my_package.kinds:UPSCALER"
```

The sidecar of a model names its kind. Nothing outside of a kind looks at that name: whoever needs to know asks the
kind. `regressor` and `teacher` are the shipped examples of rows, `no_reference` and `filter` of pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.engine_agreement import Arrays, Inputs, PictureInputs
from tinyvmaf.model.card import CardSummary
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:  # slow to import
    from tinyvmaf.data.dataset import Dataset
    from tinyvmaf.data.pictures import PictureSet

Truth = Callable[[Arrays], NDArray[np.float64]]
"""The right answers `[N]` to N items, in VMAF points."""


OF_PICTURES: Final = (
    "contract.pictures_of_any_size_are_taken",
    "contract.extreme_pictures_give_what_is_in_range",
    "contract.pictures_do_not_depend_on_their_batch",
    "contract.a_large_picture_takes_little_memory",
    "backends.pictures_are_of_every_group",
    "backends.pictures_agree_with_the_reference",
    "backends.settings_and_batches_change_no_picture",
    "backends.pictures_give_the_same_in_a_second_run",
    "backends.two_independent_engines_ran_pictures",
    "golden.pictures_give_what_is_recorded",
    "latency.graph_for_pictures_has_not_grown",
    "latency.pictures_are_fast_enough",
    "latency.this_machine_can_time_pictures",
)
"""Tests that hand pictures to a model."""
OF_SCORES: Final = ("contract.the_score_of_a_tiled_or_padded_picture_stays",)
"""Tests of a score of one picture."""
OF_FILTERS: Final = (
    "harm.no_clip_gets_worse_and_promised_gains_are_there",
    "harm.clean_pictures_come_back",
    "harm.a_second_application_does_no_harm",
)
"""Tests of a filter."""
OF_INTERVALS: Final = ("contract.the_stddev_is_finite_and_not_negative", "loso.the_interval_is_the_teachers")
"""Tests of a second output."""
ONLY_BY_NAME: Final = frozenset({*OF_PICTURES, *OF_SCORES, *OF_FILTERS, *OF_INTERVALS})
"""Tests that fit some kinds only. A kind asks them by their full names; no other pattern does."""


@dataclass(frozen=True)
class Material:
    """What a kind makes inputs and truth from."""

    corpus: "Dataset"
    """Rows of a corpus: features and scores. Where its clips are on disk stands in its provenance."""
    teacher: Callable[[str], Teacher]
    """Teachers by id; raises `TeacherError` for one that the libvmaf here lacks."""
    pictures: "Callable[[], PictureSet] | None" = None
    """Frames of the corpus, which are built where the store lacks them; None: this run does without."""


class Kind(Protocol):
    """What models of one sort take and give, what is true of them, and which gates are asked of them."""

    @property
    def name(self) -> str:
        """As sidecars call it: lower case and underscores."""

    @property
    def summary(self) -> str:
        """One sentence for people, in lists and reports."""

    @property
    def takes(self) -> str:
        """The graph's inputs in words: name, dtype, shape, meaning of each axis."""

    @property
    def gives(self) -> str:
        """The graph's outputs in words."""

    @property
    def card(self) -> CardSummary:
        """What the cards of its models show: inputs, outputs, and what each measured value means."""

    @property
    def asked(self) -> tuple[str, ...]:
        """The tests of the suites that are asked of a registered model, as patterns of `fnmatch`.

        A test is called `SUITE.NAME`, without `test_`, as `golden.golden_scores`; `!` in front of a pattern takes tests
        away. The last pattern that matches a test decides. Asking nothing is a fault: it must not pass.
        """

    @property
    def asked_of_strangers(self) -> tuple[str, ...]:
        """The same, of a file that is not registered, whose sidecar may name any kind to be asked less.

        All of `contract` is asked of it as well; a test of it that cannot apply is taken away by its full name. What
        a kind of another package does not ask is NOT CHECKED.
        """

    @property
    def raced_against(self) -> tuple[str, ...]:
        """What bounds its time: names of `measure.latency`, `FLOOR`, `TEACHER`, `BASELINE` and `LIBVMAF`.

        Rows know the first three, pictures all but `TEACHER`. Against libvmaf, a picture is also held to its frames a
        second.
        """

    def file_faults(self, file: Path) -> list[str]:
        """Everything in which the file breaks the contract of the kind, by looking: nothing of the model runs."""

    def truth(self, subject: Subject, material: Material) -> Truth | None:
        """What its scores are compared with; None if nothing is known to be right."""

    def engine_inputs(self, subject: Subject, material: Material) -> Inputs | PictureInputs:
        """What every engine has to give the same scores on: usual, extreme and adversarial inputs, in groups.

        Raises:
            ModelError: it takes something that does not exist.
        """

    def latency_inputs(self, subject: Subject, material: Material) -> Arrays:
        """What it is timed on: of rows real ones, at least as many as the largest batch, in random order; of pictures
        some of 1080p.

        Raises:
            ModelError: it takes something that does not exist.
            TinyvmafError: there are too few.
        """
