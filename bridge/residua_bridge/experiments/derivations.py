"""Derivations shown step by step, each proved in this run."""

from collections.abc import Callable
from dataclasses import dataclass

from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section
from residua_bridge.study import Finding, Settings
from residua_symbolic import Derivation


@dataclass(frozen=True)
class Derivations:
    """Show these derivations; each is given as a function, so that naming a study derives nothing."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]

    def run(self, settings: Settings) -> Finding:
        """Derive and prove."""
        texts = tuple(proved(make()) for make in settings.track(self.derive, self.title))
        return Finding(Section(self.title, self.prose, derivations=texts))
