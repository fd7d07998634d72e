"""Contrary evidence for the claims of document 004 on universal approximation, and the words without it."""

from residua_bridge.experiments.universal.overfit import EVERY, WHOLE
from residua_symbolic.universal.depth_laws import CROSSINGS, PARABOLA
from residua_symbolic.universal.ramp_laws import JUMP, RAMPS, UNBOUNDED
from residua_symbolic.universal.smooth_laws import SMOOTH

from .planting import Case, Plant, both, cell, committed, record, turned, unproved, verdict

HERE = "universal-approximation"
BUILT, BEYOND, CONTEST = "Constructed to a stated error", "A straight line on the whole line", "Constructed against"
EACH, SQUARES, PLANE = "Ten activations", "The parabola to an error", "Two inputs"
RATIOS, GAPS, WON = "Ratios of test errors", "Test less training", "seeds of Adam that beat the construction"
MOST, KINK = "certified: at most", "|x| on [−1, 1]: at least"
WORDS = {
    "004-106": "conditional",
    "004-107": "true",
    "004-109": "true",
    "004-110": "conditional",
    "004-111": "true",
    "004-112": "false",
    "004-114": "conditional",
    "004-115": "conditional",
}
TURNED: dict[str, tuple[Plant, str]] = {  # what is planted, and the word that it makes
    "004-106": (
        both(cell(HERE, BEYOND, "hard sigmoid: error", 0.0), cell(HERE, BEYOND, "at least, proved", 0.0)),
        "true",
    ),
    "004-107": (cell(HERE, BUILT, MOST, 0.2, by="relu", function="abs(x) on [-1, 1]"), "false"),
    "004-109": (cell(HERE, PLANE, MOST, 0.2, by="sigmoid", function="x*y"), "false"),
    "004-110": (both(unproved(HERE, JUMP), cell(HERE, CONTEST, WON, 6)), "true"),
    "004-111": (cell(HERE, BUILT, MOST, 0.2, by="tanh", function="sqrt(x) on [0, 1]"), "false"),
    "004-112": (cell(HERE, EACH, KINK, 0.0), "not confirmed"),
    "004-114": (cell(HERE, SQUARES, "parameters of the deep net", 1), "true"),
    "004-115": (cell(HERE, RATIOS, "ratio", 1.5, test_errors=EVERY), "true"),
}
MORE: tuple[tuple[str, Plant, str], ...] = (
    ("004-106", unproved(HERE, UNBOUNDED), "not confirmed"),
    ("004-106", unproved(HERE, RAMPS, "every piece"), "false"),
    ("004-106", verdict(HERE, "Broken lines by hard sigmoid", "differ"), "false"),
    ("004-107", verdict(HERE, "No error on torch", "differ"), "not confirmed"),
    ("004-109", cell(HERE, BUILT, MOST, 0.2, by="sigmoid", function="sqrt(x) on [0, 1]"), "false"),
    ("004-110", cell(HERE, CONTEST, WON, 6), "not confirmed"),
    ("004-112", verdict(HERE, "No trained polynomial", "differ"), "not confirmed"),
    ("004-112", verdict(HERE, "No error on torch", "differ"), "not confirmed"),
    ("004-112", cell(HERE, BUILT, MOST, 0.2, by="gelu", function="sqrt(x) on [0, 1]"), "not confirmed"),
    ("004-112", unproved(HERE, SMOOTH, "scaled"), "not confirmed"),
    ("004-112", cell(HERE, EACH, KINK, 0.0, activation="cube"), "not confirmed"),
    ("004-114", unproved(HERE, CROSSINGS), "false"),
    ("004-114", unproved(HERE, PARABOLA), "not confirmed"),
    ("004-115", cell(HERE, GAPS, "difference", 0.0, excess=WHOLE), "false"),
    ("004-115", cell(HERE, GAPS, "difference", 0.1, excess=EVERY), "not confirmed"),
)


CASES: list[Case] = [*turned(TURNED), *MORE]


def test_second_order_steps_are_told_as_they_are() -> None:
    assert "in 7 of 8 rows" in record("004-110").conditions
    never = cell(HERE, CONTEST, "then second order: median", 1.0)
    assert "in 0 of 8 rows" in record("004-110", never(committed())).conditions
