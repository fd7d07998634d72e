"""Which claims of documents 000 and 003 the study of residual growth decides: words computed from its sections."""

from collections.abc import Sequence

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged, claims_section
from residua_bridge.experiments.initialised import EXPLODING, VANISHING
from residua_bridge.findings import Section

PLAIN, PRE, POST = "Without a norm", "Pre-norm", "Post-norm"
DEPTH, PATHS = "Where the gradients go", "Which paths carry the gradient"
TITLE = "Claims"
GRADIENTS = "Gradients through"


def ratios(e: Evidence) -> dict[str, str]:
    """By block: the word for the typical norm of the gradient at the input of the deep network."""
    blocks, words = e.column(GRADIENTS, "block"), e.column(GRADIENTS, "typical norm")
    return {str(block): str(word) for block, word in zip(blocks, words, strict=True)}


def laws(e: Evidence) -> dict[str, float]:
    """By block: the law of the whole ratio."""
    pairs = zip(e.column(GRADIENTS, "block"), e.column(GRADIENTS, "law, n → ∞"), strict=True)
    return {str(block): float(value) for block, value in pairs}


def vanishing(e: Evidence) -> list[str]:
    """The blocks through which the gradient of a typical network vanishes, and whose law is below 1 too."""
    known = laws(e)
    return [block for block, word in ratios(e).items() if word == "vanishing" and known[block] < 1]


def judged_blocks(e: Evidence) -> bool:
    """Whether every law and every planted mistake of the three orders came out as expected."""
    return all(e.agree(title) for title in (PLAIN, PRE, POST))


def _vanishing(e: Evidence) -> tuple[Judged, ...]:
    gone = vanishing(e)
    return (
        Judged(
            judged_blocks(e) and bool(gone),
            "conditional",
            "at initialisation, where the skip is not normalised behind its addition: every block then multiplies the "
            "expected squared gradient by 1 + odds, above 1 (the law). Normalised behind the addition it can vanish; "
            f"through {_depth(e)} blocks it does with: {'; '.join(gone) or 'none'}",
        ),
    )


def _both(e: Evidence) -> tuple[Judged, ...]:
    exploding = [block for block, word in ratios(e).items() if word == "exploding"]
    bare = [block for block in exploding if "Norm" not in block]
    return (
        Judged(
            judged_blocks(e) and bool(bare),
            "false",
            "of exploding gradients, for a skip alone: the 1 in the derivative makes the expected squared gradient "
            "grow as (1 + G)^L at every gain G of the branch, and not only above 1 as it does without. Through "
            f"{_depth(e)} blocks at gain 1 explode: {'; '.join(exploding) or 'none'}. Of vanishing see 000-016. "
            "For pre-norm the line is not decided here: the same networks without the skip are not run",
        ),
    )


def _solve(e: Evidence) -> tuple[Judged, ...]:
    between = [block for block, word in ratios(e).items() if word == "between"]
    return (
        Judged(
            judged_blocks(e) and 0 < len(between) < len(ratios(e)),
            "undecidable",
            "as history; what the skip does to gradients depends on the block, and at initialisation both problems "
            f"are absent through {_depth(e)} blocks (the norm of a typical network stays between {VANISHING:g} and "
            f"{EXPLODING:g}) of: {'; '.join(between)}",
        ),
    )


def _depth(e: Evidence) -> str:
    return next(
        t.title.removeprefix(GRADIENTS).split()[0]
        for s in e.sections
        for t in s.tables
        if t.title.startswith(GRADIENTS)
    )


def _normalisation(e: Evidence) -> tuple[Judged, ...]:
    known = laws(e)
    grows = [block for block, value in known.items() if block.startswith("LayerNorm(") and value > 2]
    falls = [block for block, value in known.items() if block.startswith("RMSNorm(") and value < 0.5]
    return (
        Judged(
            judged_blocks(e) and bool(grows) and bool(falls),
            "conditional",
            "in the branch it turns exponential growth into a power of the depth, or a constant; behind the addition "
            f"it does not: the expected squared gradient grows exponentially with {'; '.join(grows)}, and falls "
            f"exponentially with {'; '.join(falls)}",
        ),
    )


CLAIMS = (
    Claim(
        "000-008",
        "Residual networks were introduced to solve vanishing and exploding gradients",
        _solve,
        f"{DEPTH}; {PLAIN}",
    ),
    Claim("000-016", "Residual connections alleviate vanishing gradients", _vanishing, f"{DEPTH}; {PRE}; {POST}"),
    Claim(
        "003-082",
        "Normalisation thereby mitigates both vanishing and exploding gradients (with residual connections)",
        _normalisation,
        f"{PLAIN}; {PRE}; {POST}",
    ),
    Claim(
        "003-084",
        "A residual connection adds 1 to the derivative and so makes both problems rarer",
        _both,
        f"{PLAIN}; {DEPTH}",
    ),
)


def claims(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The table of claims."""
    prose = (
        "Lines of the documents that these laws bear on, at initialisation; the words are computed from the verdicts "
        "and tables above. The study of residual products meets 003-084 over a ladder of gains, with and without the "
        "skip, kind by kind: the word here is the one for a skip alone, by its law.",
    )
    return (claims_section(TITLE, prose, CLAIMS, sections),)
