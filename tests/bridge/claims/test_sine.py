"""Contrary evidence for the claims of document 002 on sin, and the words without it."""

from .planting import Case, Plant, bare, both, cell, committed, record, turned, unproved, verdict

FIT = "sin-fit"
SUMMARY, STOPS, CLOSEST = "The networks together", "Where the stop leaves the error", "Which T_n is closest"
READINGS, VARIANTS, POINTS = "What term 11 means", "Other settings", "Points trained on, and fresh ones"
ABOVE = "with D above 0.000592"
HEIGHT, ERROR = "height of the plateau, $D_{15}$", "D: mean square distance to sin"
WORDS = {
    "002-021": "true",
    "002-022": "conditional",
    "002-023": "false",
    "002-024": "true",
    "002-025": "false",
    "002-026": "true",
    "002-027": "conditional",
    "002-028": "true",
    "002-029": "false",
    "002-030": "conditional",
    "002-031": "true",
    "002-032": "conditional",
    "002-033": "conditional",
    "002-034": "undecidable",
}


def all_closest_to(degree: int) -> Plant:
    """Every network."""
    nowhere = cell(FIT, CLOSEST, "closest for", 0)
    return both(nowhere, cell(FIT, CLOSEST, "closest for", 20, degree_n=degree))


LONGER_IS_WORSE = both(*(cell(FIT, VARIANTS, f"D, {which}", 0.01) for which in ("least", "median", "largest")))
TURNED: dict[str, tuple[Plant, str]] = {  # what is planted, and the word that it makes
    "002-021": (cell(FIT, "How well N pieces can do", "found", 0.2), "false"),
    "002-022": (cell(FIT, "Dropout", "met the stop", 5), "true"),
    "002-023": (cell(FIT, "One mask, two orders", "largest difference", 0.5, rate=0.5), "true"),
    "002-024": (cell(FIT, VARIANTS, "D, least", 0.1, setting="no activations"), "false"),
    "002-025": (cell(FIT, "A stack, and the power of one matrix", "off the power", 1e-17), "true"),
    "002-026": (verdict(FIT, "The same weights for knots and values drawn at random", "differ"), "false"),
    "002-027": (cell(FIT, "The square by N pieces", "found", 0.0, pieces_N=13), "true"),
    "002-028": (
        both(
            cell(FIT, "Pieces by width", "after, least", 9.0, layers=2, width=64),
            cell(FIT, "Pieces by width", "after, median", 10.0, layers=2, width=64),
        ),
        "false",
    ),
    "002-029": (
        both(
            cell(FIT, POINTS, "fresh over trained on, least", 0.9),
            cell(FIT, POINTS, "fresh over trained on, largest", 1.1),
        ),
        "true",
    ),
    "002-030": (
        both(cell(FIT, STOPS, ABOVE, 5), cell(FIT, "Network by network", "D", 6e-4)),
        "true",
    ),
    "002-031": (LONGER_IS_WORSE, "false"),
    "002-032": (all_closest_to(11), "true"),
    "002-033": (
        both(*(cell(FIT, SUMMARY, which, 5.92e-4, quantity=HEIGHT) for which in ("least", "largest"))),
        "true",
    ),
}
OTHERWISE: dict[str, tuple[Plant, str]] = {
    "002-022": (cell(FIT, "Network by network", "D", 1.0), "false"),
    "002-027": (unproved(FIT, "Piecewise-linear functions in the mean square", "law"), "false"),
    "002-030": (cell(FIT, STOPS, ABOVE, 0), "false"),
    "002-032": (all_closest_to(13), "false"),
    "002-033": (unproved(FIT, "When the distance to T_n becomes flat"), "false"),
    "002-034": (all_closest_to(11), "true"),
}
MISSING: dict[str, Plant] = {
    "002-021": unproved(FIT, "Piecewise-linear functions by ReLU", "every piece"),
    "002-023": unproved(FIT, "Dropout before or after ReLU"),
    "002-024": unproved(FIT, "Linear layers without activations"),
    "002-025": unproved(FIT, "Linear layers without activations"),
    "002-026": unproved(FIT, "Piecewise-linear functions by ReLU"),
    "002-027": unproved(FIT, "The square, by N linear pieces"),
    "002-029": cell(FIT, POINTS, "fresh over trained on, least", 1.1),
    "002-031": cell(FIT, VARIANTS, "D, largest", 4e-4, setting="trained on, no stop"),
}


PARTS: list[tuple[str, Plant, str]] = [  # every part of what a word rests on
    ("002-021", verdict(FIT, "A ReLU layer with suitable weights is the best", "differ"), "not confirmed"),
    ("002-023", verdict(FIT, "Linear → Dropout → ReLU and", "differ"), "not confirmed"),
    ("002-024", cell(FIT, VARIANTS, "D, median", 0.3, setting="no activations"), "not confirmed"),
    ("002-025", cell(FIT, "A stack, and the power of one matrix", "off the product", 0.2), "not confirmed"),
    ("002-027", unproved(FIT, "Piecewise-linear functions by ReLU"), "false"),
    (
        "002-029",
        both(TURNED["002-029"][0], cell(FIT, SUMMARY, "largest", 2.0, quantity="fresh over trained on")),
        "not confirmed",
    ),
    ("002-030", cell(FIT, "Network by network", "D", 6e-4), "conditional"),
    ("002-030", cell(FIT, STOPS, ABOVE, 5), "not confirmed"),
    ("002-032", cell(FIT, CLOSEST, "closest for", 10, degree_n=9), "not confirmed"),
    ("002-033", both(TURNED["002-033"][0], OTHERWISE["002-033"][0]), "not confirmed"),
    ("002-033", both(TURNED["002-033"][0], verdict(FIT, "Distance to $T_n$", "differ")), "not confirmed"),
    ("002-033", verdict(FIT, "Past the plateau's start", "agree"), "false"),
    ("002-033", cell(FIT, STOPS, "D, largest", 1e-4), "false"),
    ("002-034", both(all_closest_to(13), cell(FIT, READINGS, "flat within: least", 0.5)), "undecidable"),
]


CASES: list[Case] = [*turned(TURNED), *turned(OTHERWISE), *bare(MISSING), *PARTS]


def test_few_networks_decide_nothing() -> None:
    """7 of 20 closest to T_11: chance would have so few or fewer in 13 of 100 cases, were it every second one."""

    def of(own: int) -> str:
        shares = cell(FIT, CLOSEST, "closest for", own, degree_n=11), cell(FIT, CLOSEST, "closest for", 0, degree_n=13)
        rest = cell(FIT, CLOSEST, "closest for", 20 - own, degree_n=9)
        return record("002-032", both(*shares, rest)(committed())).verdict

    assert [of(0), of(4), of(7), of(20)] == ["conditional", "conditional", "not confirmed", "true"]


def test_the_counts_that_make_what_a_term_is_undecidable() -> None:
    assert record("002-034", all_closest_to(13)(committed())).verdict == "undecidable"
    zeros = both(
        cell(FIT, READINGS, "flat within: least", 0.001, counted_by="coefficient, zeros counted"),
        cell(FIT, READINGS, "flat within: least", 0.1, counted_by="degree"),
    )
    assert record("002-034", zeros(committed())).verdict == "false"


def test_numbers_in_texts_are_those_of_the_tables() -> None:
    """Numbers that occur nowhere else are put into tables, and found again in what is said."""
    marked = both(
        cell(FIT, STOPS, ABOVE, 6666, batch=16),
        cell(FIT, STOPS, "to $T_{11}$", 4444),
        cell(FIT, "Dropout", "D below 0.0005", 7777),
        cell(FIT, SUMMARY, "largest", 3.33e-4, quantity=HEIGHT),
        cell(FIT, SUMMARY, "median", 0.0189, quantity=ERROR),
        cell(FIT, POINTS, "on fresh points, median", 0.123),
    )(committed())
    assert "6666 of 10 with batches of 16" in record("002-030", marked).correction
    assert "4444 of 10 with batches of 64" in record("002-032", marked).correction
    assert record("002-032", marked).correction.endswith("nearest to that of $T_{5}$.")
    assert "7777 of 5 at rate 0.1" in record("002-022", marked).correction
    assert "0.000333" in record("002-033", marked).correction
    assert "0.12" in record("002-029", marked).counterexample


def test_depth_is_told_beyond_chance() -> None:
    surely = cell(FIT, "Deeper against shallower", "chance of less", 0.001)
    assert "not beyond chance" in record("002-031").remark
    assert "not beyond chance" not in record("002-031", surely(committed())).remark
    assert record("002-031", both(LONGER_IS_WORSE, surely)(committed())).verdict == "not confirmed"
