"""Contrary evidence for what document 004 says of sigmoids, hard sigmoids and ReLUs."""

from residua_bridge.experiments.minimax.ramps import CURVE as RAMP_CURVE
from residua_bridge.experiments.minimax.ramps import LEAST, MOST, RAMPS, WORDS
from residua_bridge.experiments.minimax.sigmoids import ALIKE, SIGMOIDS
from residua_bridge.experiments.minimax.sigmoids import CURVE as SIGMOID_CURVE
from residua_bridge.experiments.minimax.sigmoids import LEAST as NO_NEARER
from residua_symbolic.minimax.ramp_laws import NEAREST, UNITS
from residua_symbolic.minimax.sigmoid_laws import RIVALS, SCALES

from .planting import Case, Plant, both, cell, committed, record, unproved, verdict

REPORT = "minimax"
FREE = WORDS["free"]


def as_near_as_one_likes(table: str, least: str, most: str, ends: str) -> Plant:
    """A certified error of 0."""
    return both(*(cell(REPORT, table, column, 0.0, **{ends: FREE}) for column in (least, most)))


TURNED: dict[str, tuple[tuple[Plant, str], ...]] = {  # what is planted, and the word that it makes
    "004-108": (
        (as_near_as_one_likes(SIGMOIDS, NO_NEARER, "reached", "values_far_out"), "true"),
        (cell(REPORT, SIGMOIDS, "reached", 0.5, values_far_out=FREE), "false"),
        (cell(REPORT, SIGMOIDS, "reached", 0.01, values_far_out=FREE), "not confirmed"),
        (verdict(REPORT, SIGMOID_CURVE, "differ"), "not confirmed"),
        (unproved(REPORT, RIVALS, "twice a derivative"), "not confirmed"),
        (unproved(REPORT, SCALES, "a wider ramp"), "not confirmed"),
        (verdict(REPORT, ALIKE, "differ"), "not confirmed"),
    ),
    "004-113": (
        (as_near_as_one_likes(RAMPS, LEAST, MOST, "ends"), "true"),
        (cell(REPORT, RAMPS, MOST, 0.5, ends=FREE), "false"),
        (cell(REPORT, RAMPS, MOST, 0.01, ends=FREE), "not confirmed"),
        (verdict(REPORT, RAMP_CURVE, "differ"), "not confirmed"),
        (unproved(REPORT, UNITS, "beyond"), "not confirmed"),
        (unproved(REPORT, NEAREST, "stretches"), "not confirmed"),
    ),
}


WORDS = dict.fromkeys(TURNED, "conditional")
CASES: list[Case] = [(claim, plant, word) for claim, plants in TURNED.items() for plant, word in plants]


def test_numbers_of_the_texts_come_from_the_tables() -> None:
    altered = cell(REPORT, SIGMOIDS, NO_NEARER, 0.0123456, values_far_out=FREE)(committed())
    assert "0.012345 " in record("004-108", altered).counterexample


def test_bounds_are_rounded_to_the_safe_side() -> None:
    """0.0410969: no two ReLUs are off by less than 0.041096, and two are off by less than 0.0411."""
    found = record("004-113")
    assert "below 0.041096 " in found.counterexample
    assert "below 0.0291" in found.counterexample
    assert found.conditions.startswith("up to 0.0411 ")
