"""The bounds of derivatives on which certified remainders rest, proved."""

from dataclasses import dataclass

from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section
from residua_bridge.study import Finding, Settings
from residua_symbolic.series.enclosures.bound_proofs import bound_derivations


@dataclass(frozen=True)
class BoundProofs:
    """A derivation for every elementary function."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Prove each."""
        texts = tuple(proved(d) for d in settings.track(bound_derivations(), self.title))
        return Finding(Section(self.title, self.prose, derivations=texts))
