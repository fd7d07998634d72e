"""Contrary evidence for the claims of document 003 on products of Jacobians, normalisation, skips and saturation."""

from .planting import Case, Plant, bare, both, cell, committed, record, turned, unproved, verdict

NORMALISED, LAYER, BATCH = "normalization", "layernorm-width", "batchnorm-explosion"
PLAIN, GROWTH, PRODUCTS, DIGITS = "plain-nets", "residual-growth", "residual-products", "digits"
SIGNALS, GAINS, BENEFIT = "Through many layers", "Learned gains", "Where batch normalisation helps"
FOUR, BY_VARIANCE, SKIPS = "(1.8), four matrices", "With and without", "What the skip does"
GROW, VANISH = "gradients grow: Linear → BatchNorm → ReLU", "gradients vanish: Linear → LayerNorm → sigmoid"
AFTER = "log10 of the gains, after"
SAYS = ("Linear → BatchNorm: what (1.11) says", "Linear → BatchNorm → ReLU: what (1.11) says")
ONE_ELEVEN = {NORMALISED: "(1.11)", DIGITS: "(1.11)", LAYER: "linear, LayerNorm: what (1.11) says"}
RARER = both(*(cell(PRODUCTS, SKIPS, f"{what} is", "rarer") for what in ("vanishing", "exploding")))


def signals(norm: str, difference: float, activation: str) -> Plant:
    """What becomes of gradient and difference with this activation."""
    return both(
        cell(PLAIN, SIGNALS, "typical norm", norm, activation=activation),
        cell(PLAIN, SIGNALS, "relative difference of two outputs", difference, activation=activation),
    )


ALL_GONE = both(*(signals("vanishing", 1e-9, name) for name in ("relu", "tanh")))
AGREED = both(
    *(verdict(report, begins, "agree") for report, begins in ONE_ELEVEN.items()),
    *(verdict(BATCH, begins, "agree") for begins in SAYS),
)
HELPED = both(
    cell(BATCH, BY_VARIANCE, "measured: it", "helps", measured_it="hurts"),
    cell(BATCH, "Small batches", "ratio of means", 1.0, B=2),
)

WORDS = {
    "003-075": "conditional",
    "003-076": "true",
    "003-077": "true",
    "003-078": "true",
    "003-079": "false",
    "003-080": "false",
    "003-081": "false",
    "003-082": "conditional",
    "003-084": "conditional",
    "003-086": "conditional",
}
TURNED: dict[str, tuple[Plant, str]] = {
    "003-075": (cell(PLAIN, SIGNALS, "typical norm", "vanishing", typical_norm="between"), "true"),
    "003-076": (verdict(NORMALISED, FOUR, "differ"), "false"),
    "003-077": (verdict(NORMALISED, FOUR, "differ"), "false"),
    "003-078": (cell(NORMALISED, "Layer by layer", "output differs by", 1.0, kind="batchnorm"), "false"),
    "003-079": (verdict(NORMALISED, "(1.10):", "agree"), "true"),
    "003-080": (AGREED, "true"),
    "003-081": (cell(DIGITS, GAINS, AFTER, -0.2, network=GROW), "true"),
    "003-082": (HELPED, "true"),
    "003-084": (RARER, "true"),
    "003-086": (ALL_GONE, "true"),
}
OTHERWISE: dict[str, tuple[str, Plant, str]] = {
    "large weights that do not explode": (
        "003-075",
        cell(PLAIN, SIGNALS, "typical norm", "between", activation="identity", variance_times_n=2.0),
        "false",
    ),
    "one formula right and another wrong": ("003-080", verdict(DIGITS, "(1.11)", "agree"), "not confirmed"),
    "gains that shrink where gradients vanish": ("003-081", cell(DIGITS, GAINS, AFTER, -0.2, network=VANISH), "false"),
    "no gain moved": ("003-081", cell(DIGITS, GAINS, AFTER, 0.0), "not confirmed"),
    "nobody helped": ("003-082", cell(BATCH, BY_VARIANCE, "measured: it", "hurts"), "false"),
    "small weights not helped": (
        "003-082",
        both(*(cell(BATCH, BY_VARIANCE, name, "hurts", v=0.5) for name in ("the law says", "measured: it"))),
        "false",
    ),
    "layer normalisation without its limit": ("003-082", verdict(LAYER, "linear, LayerNorm: 1 as", "differ"), "false"),
    "small branches that explode": (
        "003-084",
        cell(PRODUCTS, SKIPS, "exploding is", "more frequent", differs_in="the skip and the factor 1/√L"),
        "false",
    ),
    "a sigmoid that lets through": ("003-086", signals("between", 1.0, "sigmoid"), "false"),
}
MISSING = {
    "003-076": unproved(NORMALISED, "Jacobian of linear", "matrix form"),
    "003-077": unproved(NORMALISED, "Jacobian of layers 0 to 3", "chain rule"),
    "003-079": unproved(NORMALISED, "Jacobian of layernorm with constant statistics", "dropped"),
    "003-080": unproved(BATCH, "Squared gradients through Linear → BatchNorm, L times", "(1.11) instead"),
    "003-084": unproved(GROWTH, "Unnormalised, ReLU → Linear", "one block, backward"),
    "003-086": verdict(PLAIN, "tanh, variance 1.5/n: as", "differ"),
}


CASES: list[Case] = [
    *turned(TURNED),
    *OTHERWISE.values(),
    *bare(MISSING),
    ("003-075", unproved(BATCH, BENEFIT, "a plain layer"), "false"),
]


def test_a_transposed_matrix_must_be_noticed() -> None:
    unseen = cell(NORMALISED, "Faults", "found at", "nowhere", fault="weight transposed")
    assert record("003-076", unseen(committed())).verdict == "not confirmed"


def test_a_formula_without_its_proof_is_not_printed() -> None:
    bare = unproved(NORMALISED, "Jacobian of layernorm", "matrix form")(committed())
    assert "diag" in record("003-079").correction
    assert "diag" not in record("003-079", bare).correction
    assert record("003-079", bare).verdict == "not confirmed"
    assert "sqrt" in record("003-079").remark
    unknown = unproved(LAYER, "Error of (1.10) for layernorm alone", "relative error")(committed())
    assert "sqrt" not in record("003-079", unknown).remark


def test_numbers_in_texts_are_those_of_the_tables() -> None:
    marked = both(
        cell(PLAIN, SIGNALS, "geometric mean", 0.4321, activation="identity", variance_times_n=1.0),
        cell(BATCH, "Which variances batch normalisation hurts", "hurts from v =", 1.2345, B=32),
        cell(DIGITS, GAINS, AFTER, 0.1, network=GROW),
        cell(GROWTH, "Gradients through", "law, n → ∞", 3.1e33, block="x + (Linear)"),
        cell(LAYER, "Popular laws", "predicted", 2.3456, law="003, (1.11)"),
    )(committed())
    assert "0.43" in record("003-075", marked).counterexample
    assert "1.23" in record("003-082", marked).conditions
    assert "2.35" in record("003-080", marked).correction
    assert "25.9 %" in record("003-081", marked).counterexample
    assert "3.1 \\cdot 10^{33}" in record("003-084", marked).counterexample
