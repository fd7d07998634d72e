"""What a judge found on a claim, and the word that follows from it: one rule for all claims."""

from dataclasses import dataclass
from typing import Literal, get_args

Word = Literal["true", "conditional", "false", "undecidable", "not confirmed"]
WORDS: tuple[Word, ...] = get_args(Word)
DECIDED: tuple[Word, ...] = ("true", "conditional", "false", "undecidable")


@dataclass(frozen=True)
class Ruling:
    """What the evidence shows on a claim.

    `holds`: that it holds as written, in the document's own setting. `fails`: a case in that setting in which it does
    not. `within`: that it holds under `condition`, which the document does not state. `open`: why neither mathematics
    nor an experiment of this kind can decide it. The other texts are what is to be said with the word: what is right
    instead, the smallest case in which the claim fails, and anything else.
    """

    holds: bool
    fails: bool
    within: bool = False
    condition: str = ""
    correction: str = ""
    counterexample: str = ""
    remark: str = ""
    open: str = ""

    @property
    def word(self) -> Word:
        """`true`, `conditional`, `false` or `undecidable`; evidence that is missing, or contradicts itself, confirms
        nothing."""
        if self.holds and not self.fails:
            return "true"
        if self.fails and not self.holds:
            return "conditional" if self.within else "false"
        return "undecidable" if self.open and not self.holds else "not confirmed"
