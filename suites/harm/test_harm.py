"""May the filter stand behind the decoder of every stream? No clip may get worse, whatever others gain."""

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.harm import clean_outcome, clip_outcomes, drift_outcome, gain_outcomes, summary
from tinyvmaf.judge.plugin import Judge, Note
from tinyvmaf.judge.standing_in import Ask
from tinyvmaf.measure.harm import HarmFound
from tinyvmaf.model.subject import Subject


def test_no_clip_gets_worse_and_promised_gains_are_there(
    subject: Subject, ask: Ask, found: HarmFound, judge: Judge, note: Note
) -> None:
    """PSNR, VMAF and VMAF NEG of each clip; and what the sidecar promises, on average and not by chance."""
    promised = subject.sidecar.promised
    if promised and subject.training is not None:
        raise CouldNotRunError(
            f"{subject.id} promises a gain and was fitted here: the gain must be measured on sources held out",
            hint="models of the folds are needed, which no recipe of filters makes yet",
        )
    note(summary(subject.id, found))
    judge(*clip_outcomes(ask, found), *gain_outcomes(ask, found, promised))


def test_clean_pictures_come_back(ask: Ask, found: HarmFound, judge: Judge) -> None:
    """References, black and white: where nothing is lost, there is nothing to win."""
    judge(clean_outcome(ask, found))


def test_a_second_application_does_no_harm(ask: Ask, found: HarmFound, judge: Judge) -> None:
    """In a transcoder, and again in a player."""
    judge(drift_outcome(ask, found))
