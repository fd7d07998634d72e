"""Contrary evidence for the claims of document 003 on ε, smoothness, rates and small batches."""

from .planting import Case, Plant, bare, both, cell, committed, record, turned, unproved, verdict

INVARIANCE, SPECTRA, LAWS = "invariance", "normalization", "batchnorm-explosion"
EPSILON, SMOOTH, SMALL = "What ε leaves of the invariance", "Where the objective is less smooth", "Small batches"
EQUALITY = "Gradients before and after batch normalisation"
SCALE = "Scale invariance under batch normalisation"
BEHIND, NORMAL = "Gain and shift behind the normaliser", "Rates with normalisation"

WORDS = {
    "003-059": "false",
    "003-061": "conditional",
    "003-062": "false",
    "003-063": "undecidable",
    "003-064": "conditional",
    "003-066": "true",
}
TURNED: dict[str, tuple[Plant, str]] = {
    "003-059": (cell(INVARIANCE, EPSILON, "measured", 0.0), "true"),
    "003-061": (
        both(
            cell(INVARIANCE, SMOOTH, "less smooth", 0),
            cell(INVARIANCE, SMOOTH, "by the condition s < γ√κ", 0),
        ),
        "true",
    ),
    "003-062": (verdict(INVARIANCE, f"{EQUALITY}: the equality", "differ"), "true"),
    "003-064": (cell(INVARIANCE, BEHIND, "after 12 steps", 0.1), "true"),
    "003-066": (cell(LAWS, SMALL, "ratio of means", 0.5, B=4), "false"),
}
OTHERWISE: dict[str, tuple[str, Plant, str]] = {
    "an ε that is felt at large sizes only": (
        "003-059",
        cell(INVARIANCE, EPSILON, "measured", 0.0, ε=1e-5),
        "conditional",
    ),
    "features that are less smooth at every scale": (
        "003-061",
        cell(INVARIANCE, SMOOTH, "less smooth", 48),
        "not confirmed",
    ),
    "less smooth at every scale, as the condition says": (
        "003-061",
        both(
            cell(INVARIANCE, SMOOTH, "less smooth", 48),
            cell(INVARIANCE, SMOOTH, "by the condition s < γ√κ", 48),
        ),
        "false",
    ),
    "a normalised model that diverges": ("003-064", cell(INVARIANCE, NORMAL, "loss at the end", 1e9), "false"),
    "a plain model that bears every rate": (
        "003-064",
        cell(INVARIANCE, "Rates without normalisation", "measured", 0.5),
        "false",
    ),
    "a batch of two that passes a gradient": (
        "003-066",
        cell(LAWS, SMALL, "ratio of means", 1.0, B=2),
        "not confirmed",
    ),
    "small batches that train better": (
        "003-066",
        cell("normalised-training", "Accuracy by size of the batch", "batch is", "higher", B=2),
        "false",
    ),
    "a law that is not met": (
        "003-066",
        verdict(LAWS, "Linear → BatchNorm: the law at finite batch", "differ"),
        "not confirmed",
    ),
}
MISSING = {
    "003-059": unproved(INVARIANCE, SCALE, "Euler"),
    "003-061": unproved(INVARIANCE, EQUALITY, "squared"),
    "003-062": unproved(INVARIANCE, EQUALITY, "squared"),
    "003-064": unproved(INVARIANCE, "Rates without normalisation", "bound"),
    "003-066": unproved(LAWS, "Squared gradients through Linear → BatchNorm, L times", "inner layer"),
}


CASES: list[Case] = [*turned(TURNED), *OTHERWISE.values(), *bare(MISSING)]


def test_what_is_said_of_optima_needs_its_proof() -> None:
    bare = unproved(INVARIANCE, SCALE, "Hessian")(committed())
    assert "every ray" in record("003-063").remark
    assert "every ray" not in record("003-063", bare).remark
    assert record("003-063", bare).verdict == "undecidable"
