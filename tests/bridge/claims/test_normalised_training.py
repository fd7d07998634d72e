"""Contrary evidence for what document 003 says of training, and the words without it."""

from residua_bridge.experiments.normalised_training.nets import BAR

from .planting import Case, Plant, bare, both, cell, committed, record, turned, unproved, verdict

HERE = "normalised-training"
SHARES, DEPENDS, CHANGED = "What a step does", "What one output depends on", "The other samples drawn anew"
TRAINED, BEST, EFFECTS = "Training on shuffled", "Each at its best rate", "What leaving dropout out does"
LEARNED, HOLDS, MEMORY = "What is learned", "What a block holds", "Before and after training"
SHARE, GAP, AFTER = "share that carries over", "without − with dropout", "best path, after"
COUNTED, EXPLICIT = "Entries that one output depends on", "Explicit means"
WORDS = {
    "003-044": "false",
    "003-056": "false",
    "003-057": "true",
    "003-060": "true",
    "003-065": "conditional",
    "003-067": "false",
    "003-068": "conditional",
    "003-069": "true",
    "003-070": "true",
    "003-071": "false",
    "003-083": "conditional",
    "003-085": "undecidable",
}
SAMPLE_ALONE = both(
    *(cell(HERE, DEPENDS, "samples among them", 1, normaliser=f"batch, {kind}") for kind in ("images", "vectors")),
    *(cell(HERE, CHANGED, "largest change", 0.0, normaliser=f"batch, {kind}") for kind in ("images", "vectors")),
)
STAYS = both(*(cell(HERE, LEARNED, f"{name} moved by", 0.0, normaliser="LayerNorm") for name in "γβ"))
CONTRARY: dict[str, tuple[Plant, str]] = {
    "003-044": (
        both(*(cell(HERE, SHARES, name, 0.001, normalisation="none") for name in (SHARE, BAR))),
        "true",
    ),
    "003-056": (SAMPLE_ALONE, "true"),
    "003-057": (cell(HERE, DEPENDS, "channels among them", 3, normaliser="batch, images"), "false"),
    "003-060": (cell(HERE, TRAINED, "shuffled is", "lower"), "false"),
    "003-065": (both(cell(HERE, BEST, "difference", 0.001), cell(HERE, BEST, BAR, 0.01)), "true"),
    "003-067": (cell(HERE, HOLDS, "kept more, over the statistics", 0.9, normaliser="batchnorm"), "true"),
    "003-068": (cell(HERE, EFFECTS, GAP, 0.02, normalisation="batch"), "true"),
    "003-069": (cell(HERE, CHANGED, "largest change", 1e-9, normaliser="layer, images"), "false"),
    "003-070": (cell(HERE, LEARNED, "stored statistics", "running_mean", normaliser="LayerNorm"), "false"),
    "003-071": (STAYS, "true"),
    "003-083": (both(cell(HERE, MEMORY, AFTER, 0.9), cell(HERE, MEMORY, BAR, 0.01)), "true"),
}
OTHERWISE: dict[str, tuple[Plant, str]] = {
    "003-057": (verdict(HERE, EXPLICIT, "differ"), "false"),
    "003-060": (verdict(HERE, "Variance of the means", "differ"), "false"),
    "003-065": (cell(HERE, BEST, "difference", 0.3), "false"),
    "003-068": (cell(HERE, EFFECTS, GAP, -0.1), "false"),
    "003-069": (cell("layernorm-width", "What the other rows", "change of the row's output", 0.1), "false"),
    "003-083": (cell(HERE, MEMORY, AFTER, 0.1, net="LSTM, derived bias"), "false"),
}
MISSING: dict[str, Plant] = {
    "003-044": cell(HERE, SHARES, SHARE, 0.001, normalisation="none"),
    "003-056": unproved(HERE, "One variance over all samples", "together"),
    "003-057": verdict(HERE, COUNTED, "inconclusive"),
    "003-060": unproved(HERE, "A minibatch drawn without replacement", "variance"),
    "003-065": cell(HERE, BEST, BAR, 0.04, net="6 hidden layers, He's initialisation"),
    "003-067": unproved(HERE, "What a normalised block holds", "added for the way back, over the stored statistics"),
    "003-068": cell(HERE, EFFECTS, BAR, 0.5),
    "003-069": cell(HERE, CHANGED, "largest change", 0.0, normaliser="batch, images"),
    "003-070": unproved(HERE, "What a normalised block holds", "batch over layer normalisation"),
    "003-071": cell(HERE, LEARNED, BAR, 9.0, normaliser="LayerNorm"),
    "003-083": verdict(HERE, "Derivative of torch's cell", "differ", explained=False),
}
ALSO_MISSING: dict[str, tuple[Plant, ...]] = {
    "003-044": (unproved(HERE, "What a step on one batch does for the next", "share that carries over"),),
    "003-056": (
        cell(HERE, "The smallest batch", "mean that torch stores", 0.5),
        cell(HERE, "The smallest batch", "mean of the sample", 1.0),
    ),
    "003-065": (both(cell(HERE, BEST, "difference", 0.05), cell(HERE, BEST, BAR, 0.2)),),
    "003-067": (cell(HERE, HOLDS, "kept, times that without", 1.0, normaliser="batchnorm"),),
    "003-071": (cell(HERE, LEARNED, "γ moved by", 0.0, normaliser="BatchNorm"),),
    "003-083": (
        cell(HERE, MEMORY, "right", 0.6),  # nets that have learned nothing show nothing of what is learned
        cell(HERE, MEMORY, "net", "another"),
    ),
}


def planted(claim: str, plant: Plant) -> str:
    """The word with contrary evidence."""
    return record(claim, plant(committed())).verdict


CASES: list[Case] = [
    *turned(CONTRARY),
    *turned(OTHERWISE),
    *bare(MISSING),
    *((claim, plant, "not confirmed") for claim, plants in ALSO_MISSING.items() for plant in plants),
]


def test_what_is_measured_of_a_suggestion_is_told() -> None:
    """003-085 stays undecidable; what is proved of it is only said where it is."""
    bare = unproved(HERE, "A factor and an addend are absorbed")
    assert planted("003-085", bare) == "undecidable"
    assert "Proved" in record("003-085").remark
    assert "Proved" not in record("003-085", bare(committed())).remark
