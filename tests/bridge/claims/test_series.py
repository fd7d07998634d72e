"""Contrary evidence for every claim of document 000, and the words without it."""

from dataclasses import replace

from .planting import Case, Plant, Reports, bare, both, cell, committed, record, turned, unproved, verdict

TAYLOR, ORDER, PRODUCTS, NET = "residual-taylor", "depth-order", "residual-products", "certified-net"
CARRIED = "Mended with a carried state: Linear(1, 3), L blocks Linear → square → Linear, Linear(3, 1)"
ERRORS, SINE = "Error of the carried state", "sin on [−π, π]"
SUMS, IMPROVES, REFINES = "What the sum is after each block", "every block improves", "approximates, then refines"
OWN, ANEW = "trained, read by the last layer", "trained, read by a layer fitted there"
IS_F = verdict(TAYLOR, "The construction for each of them is f near 0", "agree")
BLOCKS = "How diagonal the matrices are"
TERM_A_BLOCK = cell(ORDER, BLOCKS, "diagonal share", 1.0, network="trained")


def without(report: str, begins: str) -> Plant:
    """A report whose verdicts of this beginning are not there."""

    def planted(reports: Reports) -> Reports:
        sections = (
            replace(s, verdicts=tuple(v for v in s.verdicts if not v.statement.startswith(begins)))
            for s in reports[report]
        )
        return {**reports, report: tuple(sections)}

    return planted


def narrow(value: int) -> Plant:
    """No width frees a coefficient."""
    return both(*(cell(ORDER, "Coefficients within reach", f"w = {w}", value) for w in (1, 2, 3, 4)))


NO_TERMS_BY_WIDTH = verdict(ORDER, "Width m has the first m odd terms", "differ")
SHRINKING = both(
    cell(TAYLOR, "Growth with depth", "read literally: sup of the error", 0.5, f=SINE),
    cell(TAYLOR, "Growth with depth", "read literally: sup of the error", 0.1, f=SINE, L=9),
)
WORDS = {
    "000-001": "true",
    "000-002": "false",
    "000-003": "false",
    "000-004": "conditional",
    "000-005": "true",
    "000-006": "true",
    "000-007": "false",
    "000-008": "undecidable",
    "000-009": "true",
    "000-010": "conditional",
    "000-011": "conditional",
    "000-012": "false",
    "000-013": "false",
    "000-014": "false",
    "000-015": "conditional",
    "000-016": "true",
    "000-017": "false",
    "000-018": "false",
}
TURNED: dict[str, tuple[Plant, str]] = {  # what is planted, and the word that it makes
    "000-001": (cell(ORDER, "One function, many ways", "degree of the rest", 3), "false"),
    "000-002": (both(narrow(5), NO_TERMS_BY_WIDTH), "true"),
    "000-003": (TERM_A_BLOCK, "true"),
    "000-004": (unproved(TAYLOR, CARRIED, "the network"), "false"),
    "000-005": (verdict(NET, "Every measured f − T_n lies in its certified enclosure: GELU", "differ"), "false"),
    "000-006": (cell(TAYLOR, ERRORS, "sup |network − f|", 9.0, f=SINE, n=15), "false"),
    "000-007": (cell(TAYLOR, ERRORS, "mean square of T_n", 2.0, f=SINE, n=0), "true"),
    "000-009": (verdict(TAYLOR, "Carried state, exp: the network is", "differ"), "false"),
    "000-010": (cell(TAYLOR, "Certified floors", "floor against f: at least", 0.0), "true"),
    "000-011": (IS_F, "true"),
    "000-012": (IS_F, "true"),
    "000-013": (both(IS_F, SHRINKING), "true"),
    "000-014": (cell(ORDER, SUMS, IMPROVES, "8 of 8", sums_of=OWN), "true"),
    "000-015": (
        both(
            cell(TAYLOR, ERRORS, "sup |network − f|", 0.01, f="tanh on [−π, π]", n=15),
            cell("sin-fit", "Deeper against shallower", "chance of less", 0.001),
        ),
        "true",
    ),
    "000-016": (cell(PRODUCTS, "What the skip does", "vanishing is", "more frequent", blocks=16), "false"),
    "000-017": (
        both(cell(ORDER, SUMS, REFINES, "8 of 8", sums_of=OWN), cell(ORDER, SUMS, REFINES, "8 of 8", sums_of=ANEW)),
        "true",
    ),
    "000-018": (both(TERM_A_BLOCK, narrow(5), NO_TERMS_BY_WIDTH), "true"),
}
MISSING: dict[str, Plant] = {
    "000-001": unproved(TAYLOR, "The sum of the residual blocks"),
    "000-003": unproved(ORDER, "Degree by depth and width"),
    "000-005": unproved(TAYLOR, "Taylor's formula with its remainder"),
    "000-007": unproved("sin-fit", "Mean square error of the Taylor polynomials of sin"),
    "000-010": unproved(TAYLOR, "Behind T_3 of sin", "floor against sin"),
    "000-011": unproved(TAYLOR, "The sum of the residual blocks"),
    "000-012": unproved(TAYLOR, "The same with every block fed x", "begun with x"),
    "000-013": unproved(TAYLOR, "The construction read literally", "order 1 against f"),
    "000-016": unproved("residual-growth", "Unnormalised, ReLU → Linear"),
    "000-017": cell(ORDER, SUMS, REFINES, "0 of 1", sums_of="Taylor sums"),
    "000-018": unproved(ORDER, "Teeth: the number of pieces", "L blocks"),
}
OTHERWISE: dict[str, tuple[Plant, str]] = {
    "000-011": (unproved(TAYLOR, CARRIED, "the network"), "false"),
    "000-015": (verdict(ORDER, "square, depth 3, width 4: trained", "differ"), "false"),
    "000-017": (cell(ORDER, SUMS, REFINES, "8 of 8", sums_of=OWN), "conditional"),
}


NO_LAW = unproved(ORDER, "Degree by depth and width")
NO_FOLD = cell(TAYLOR, "Certified floors", "floor against f: at least", 0.0)
UNFAIR = cell(ORDER, SUMS, REFINES, "0 of 1", sums_of="Taylor sums")
PARTS: list[tuple[str, Plant, str]] = [  # every part of what a word rests on
    ("000-001", verdict(ORDER, "Coefficients by block: exact polynomials", "differ"), "not confirmed"),
    ("000-002", NO_TERMS_BY_WIDTH, "not confirmed"),
    ("000-002", narrow(5), "not confirmed"),
    ("000-002", NO_LAW, "not confirmed"),
    ("000-002", verdict(ORDER, "Coefficients within reach", "differ"), "not confirmed"),
    ("000-002", both(narrow(5), NO_TERMS_BY_WIDTH, NO_LAW), "not confirmed"),
    ("000-004", both(IS_F, NO_FOLD), "true"),
    ("000-005", without(NET, "Every measured f − T_n lies"), "not confirmed"),
    ("000-006", cell(TAYLOR, ERRORS, "certified bound of |T_n − f|", 0.5, f=SINE, n=15), "not confirmed"),
    ("000-007", both(TURNED["000-007"][0], MISSING["000-007"]), "not confirmed"),
    ("000-007", cell(TAYLOR, ERRORS, "mean square of T_n", 1.0, f=SINE), "not confirmed"),
    ("000-009", unproved(TAYLOR, "The sum of the residual blocks"), "not confirmed"),
    ("000-009", without(TAYLOR, ""), "not confirmed"),
    ("000-010", cell(TAYLOR, "Certified floors", "floor against f: at least", 0.1, injective="yes"), "false"),
    ("000-010", unproved(TAYLOR, "The best block behind a state"), "false"),
    ("000-011", both(IS_F, unproved(TAYLOR, "The sum of the residual blocks")), "not confirmed"),
    ("000-012", verdict(TAYLOR, "Smallest counterexamples", "differ"), "not confirmed"),
    ("000-013", SHRINKING, "not confirmed"),
    ("000-013", IS_F, "not confirmed"),
    ("000-013", MISSING["000-012"], "not confirmed"),
    ("000-014", both(TURNED["000-014"][0], NO_LAW), "not confirmed"),
    ("000-015", cell(TAYLOR, ERRORS, "sup |network − f|", 0.01, f="tanh on [−π, π]", n=15), "not confirmed"),
    ("000-015", cell("sin-fit", "Deeper against shallower", "chance of less", 0.001), "conditional"),
    ("000-016", verdict(PRODUCTS, "Gradient norms: residual Linear → ReLU, He", "differ"), "not confirmed"),
    (
        "000-016",
        cell("residual-growth", "Gradients through", "typical norm", "vanishing", block="x + (Linear)"),
        "false",
    ),
    ("000-017", both(TURNED["000-017"][0], UNFAIR), "not confirmed"),
    ("000-018", TERM_A_BLOCK, "not confirmed"),
    ("000-018", narrow(5), "not confirmed"),
    ("000-018", NO_TERMS_BY_WIDTH, "not confirmed"),
    ("000-018", NO_LAW, "not confirmed"),
    ("000-018", both(narrow(5), NO_TERMS_BY_WIDTH), "not confirmed"),
    ("000-018", both(TERM_A_BLOCK, NO_TERMS_BY_WIDTH), "not confirmed"),
    ("000-018", both(TERM_A_BLOCK, narrow(5)), "not confirmed"),
]


CASES: list[Case] = [*turned(TURNED), *turned(OTHERWISE), *bare(MISSING), *PARTS]


def test_numbers_in_texts_are_those_of_the_tables() -> None:
    """Numbers that occur nowhere else are put into tables, and found again in what is said."""
    marked = both(
        cell(TAYLOR, "Certified floors", "floor against f: at least", 0.4321, state="$T_{3}$ of sin on [−π, π]"),
        cell(ORDER, BLOCKS, "diagonal share", 0.2345, network="trained", target="sin"),
        cell(TAYLOR, ERRORS, "mean square of T_n", 7.65, f=SINE, n=1),
        cell(ORDER, SUMS, IMPROVES, "3 of 8", sums_of=OWN),
    )(committed())
    assert "0.4321" in record("000-004", marked).counterexample
    assert "0.4321" in record("000-010", marked).counterexample
    assert "23.4" in record("000-003", marked).correction or "23.5" in record("000-003", marked).correction
    assert "7.65" in record("000-007", marked).counterexample
    assert "Of 16 trained networks 6 improve" in record("000-014", marked).correction
