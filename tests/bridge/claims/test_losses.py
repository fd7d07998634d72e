"""Contrary evidence for every claim of document 002 on losses and labels."""

from .planting import Case, Plant, bare, both, cell, committed, record, turned, unproved, verdict

LOSSES = "losses"
LENGTHS, GRADIENTS = "Expected lengths of codes", "Both gradients, and when they differ"
EQUAL, ENTROPY = "Both losses have the same gradient in every parameter", "$H(P_i) = \\log$ perplexity"
SPLIT = "$H(P, Q) = H(P) + D(P"
DISTANCE = "Is the mean square error a distance?"
MAP, SMALL = "a map: class 2 for certain", "0, 1, 3 on a line"
USELESS = "independent of the class"
GAP = {"what": "cross entropy − divergence"}

WORDS = {
    **{f"002-{n:03}": "true" for n in (19, 35, 36, 38, 40)},
    **{f"002-{n:03}": "false" for n in (20, 37, 41)},
    "002-039": "undecidable",
}
CONTRARY: dict[str, tuple[Plant, str]] = {
    "002-019": (cell(LOSSES, "One input, three classes", "right", 0.5, labels=MAP), "false"),
    "002-020": (cell(LOSSES, "Three meanings of independent", "Bayes", "$3/4$", indicators=USELESS), "true"),
    "002-035": (cell(LOSSES, "Codes made for Q", "above H(P, Q)", 1.5, source="P = Q"), "false"),
    "002-036": (verdict(LOSSES, EQUAL, "differ"), "false"),
    "002-037": (cell(LOSSES, "Entropies of all points' neighbours", "off by, nats", 0.3, points=SMALL), "true"),
    "002-038": (verdict(LOSSES, SPLIT, "differ"), "false"),
    "002-040": (cell(LOSSES, "Trained decoders", "decoder − source", -0.5, seed=1), "false"),
    "002-041": (
        both(
            cell(LOSSES, "Three numbers", "from 0 to 2", 2.0, loss="mean square error"),
            cell(LOSSES, "Continuous outputs", "absolute: error", 1.5),
        ),
        "true",
    ),
}
UNPROVED = {
    "002-019": unproved(LOSSES, "The most probable class"),
    "002-020": unproved(LOSSES, "Indicators that are independent of the class"),
    "002-035": unproved(LOSSES, LENGTHS, "expected length"),
    "002-036": unproved(LOSSES, GRADIENTS, "labels are given"),
    "002-037": unproved(LOSSES, "The entropy of one point's neighbours", "it falls with β"),
    "002-038": unproved(LOSSES, "Cross entropy is entropy plus divergence"),
    "002-039": unproved(LOSSES, "The divergence is never negative", "slope"),
    "002-040": unproved(LOSSES, "A decoder's loss and its floor", "over contexts"),
    "002-041": unproved(LOSSES, DISTANCE, "the detour is shorter"),
}
ALSO: dict[str, tuple[str, Plant, str]] = {
    "messages longer than H(P, Q)": ("002-035", cell(LOSSES, "Messages", "bits a symbol", 2.9, symbols=1000), "false"),
    "messages shorter than H(P, Q)": ("002-035", cell(LOSSES, "Messages", "bits a symbol", 2.0, symbols=1000), "false"),
    "labels that take other bits": ("002-035", verdict(LOSSES, "Bits of 449", "differ"), "not confirmed"),
    "losses that drift apart": ("002-036", cell(LOSSES, "Two trainings", "last step", 0.4), "false"),
    "a gap that moves": ("002-037", cell(LOSSES, "Two embeddings", "last", 8.0, **GAP), "true"),
    "one entropy that is off": ("002-037", verdict(LOSSES, ENTROPY, "differ"), "not confirmed"),
    "a decoder that learns nothing": ("002-040", cell(LOSSES, "Trained decoders", "decoder − source", 0.5), "false"),
    "a floor that depends on names": (
        "002-040",
        cell(LOSSES, "Two numberings", "least cross entropy", 2.0, numbers_of_the_tokens="shuffled"),
        "false",
    ),
    "a number net that is better": (
        "002-019",
        cell(LOSSES, "Digits", "accuracy on unseen digits", 0.2, output_and_loss="ten probabilities, cross entropy"),
        "false",
    ),
    "indicators that are enough one by one": (
        "002-020",
        cell(LOSSES, "Three meanings", "naive Bayes", "$1$", indicators="each independent of the class, not together"),
        "not confirmed",
    ),
    "products that are wrong": (
        "002-020",
        unproved(LOSSES, "Indicators that are independent within each class"),
        "not confirmed",
    ),
    "an example of another entropy": (
        "002-037",
        cell(LOSSES, "Entropies of all points' neighbours", "largest H(P_i)", 1.0, points=SMALL),
        "not confirmed",
    ),
    "embeddings that part": (
        "002-037",
        cell(LOSSES, "Two embeddings", "last", 0.1, what="largest difference of the embeddings"),
        "not confirmed",
    ),
    "no better a choice where labels are noisy": (
        "002-019",
        cell(LOSSES, "One input, three classes", "right, rounded", 0.6, labels="noisy labels"),
        "not confirmed",
    ),
    "a likelihood that is another": ("002-041", unproved(LOSSES, "Mean square error as a likelihood"), "not confirmed"),
    "a root that is no distance": (
        "002-041",
        unproved(LOSSES, DISTANCE, "the root obeys the triangle inequality"),
        "not confirmed",
    ),
    "no better loss": ("002-041", cell(LOSSES, "Continuous outputs", "absolute: error", 1.5), "not confirmed"),
    "squares no worse, detours no shorter": (
        "002-041",
        cell(LOSSES, "Three numbers", "from 0 to 2", 2.0, loss="mean square error"),
        "not confirmed",
    ),
}


CASES: list[Case] = [*turned(CONTRARY), *ALSO.values(), *bare(UNPROVED)]


def test_texts_hold_no_typed_results() -> None:
    """A number of the report that is changed changes the text."""
    plant = cell(LOSSES, "Two numberings", "least mean square error of the number", 123.456)
    assert "123.456" in record("002-040", plant(committed())).remark
    plant = cell(LOSSES, "Continuous outputs", "squares: error", 777.0)
    assert record("002-041", plant(committed())).correction != record("002-041").correction
