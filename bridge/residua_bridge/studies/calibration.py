"""How far the verdicts on statistical laws can be trusted: true laws and planted wrong ones, counted."""

from collections.abc import Sequence

from residua_bridge.experiments.calibration.tables import CalibrationTrials
from residua_bridge.experiments.calibration.trials import TRUE_COUNT
from residua_bridge.findings import Section
from residua_bridge.study import By, Study

QUICK = (0, 4, 6, 7, 9, 10, 14, 16, *(TRUE_COUNT + k for k in (1, 11, 16, 27)))
FULL = (*range(20), *range(TRUE_COUNT, TRUE_COUNT + 30))


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the table of what is asked."""
    tables = {table.title: table for section in sections for table in section.tables}
    rows = tables["What is asked of the verdicts"].rows
    passed = sum(bool(row[2]) for row in rows)
    found = "; ".join(f"{row[0]}: {row[1]}" for row in rows)
    return (f"{passed} of {len(rows)} demands are met: {found}.",)


STUDY = Study(
    name="calibration",
    title="How far the verdicts can be trusted: true laws and planted wrong ones",
    question=(
        "A verdict on a statistical law is itself a measurement. How often is a true law called wrong, how often is a wrong one let through, and does the power that is "
        "promised beforehand hold?"
    ),
    claim=(
        "Of repetitions of true laws at least 90 % agree and at most 5 % differ; of wrong laws that lie more than four standard errors off at the allotted budget at least 95 % "
        "are caught, as “differ” or “only at this scale”, and none agrees."
    ),
    refuted_by="Counts outside these bounds; of those that differ, beyond their binomial error.",
    experiments=(
        CalibrationTrials(
            "trials",
            "Trials",
            (
                "A trial asks for the verdict on one law, as residua law does, on ensembles of freshly initialised networks with seeds of their own. The true laws are exact "
                "expectations at finite size (means, mean logarithms, medians, of squared gradients and mean squares) and limits of infinite width, which are judged along a ladder "
                "of widths. The wrong ones are made of them: factors 1 to 5 % off, a wrong exponent, (B−1)/(B−3) for (B−2)/(B−3), n for n − 1, one mean for another, a limit claimed at finite "
                "size, the law of another order of the block, and laws that hold up to some depth only.",
                "A law is judged in looks, each with more networks than the one before. It differs where a difference as large as that seen is too rare under the law, and agrees only once a difference "
                "as large as the resolution would have been seen; the rates of error are shared out over the looks. All trials here have a resolution of 1.5 or 2 %.",
            ),
            By(QUICK, FULL),
        ),
    ),
    conclusion=conclusion,
)
