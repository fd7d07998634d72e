"""Document 003, (1.2)–(1.5): which of the printed statistics torch's layers use."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from residua_bridge.experiments.standardising.sides import UNIT, set_beside
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Floats
from residua_symbolic import Derivation
from residua_symbolic.standardising.as_printed import FORMULAS, rounding, standardised

FORMS = "Six formulas against torch"
BATCH, LAYER = "batch norm", "layer norm"
EPS = 1e-5
NUMBERS = 6
SIZES = (1e-3, 1e-2, 1.0)  # deviations below, about and above √ε
STATEMENT = {formula: f"torch by {formula}" for formula in FORMULAS}


@dataclass(frozen=True)
class PrintedStatistics:
    """x̂ of small samples in ball arithmetic by each formula, and in torch by both layers."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]

    def run(self, settings: Settings) -> Finding:
        """Evaluate, compare."""
        random = np.random.default_rng(0)
        x = np.array([size * random.normal(1, 1, NUMBERS) for size in SIZES])
        seen = {
            BATCH: functional.batch_norm(torch.tensor(x.T.copy()), None, None, training=True, eps=EPS).numpy().T,
            LAYER: functional.layer_norm(torch.tensor(x), (NUMBERS,), eps=EPS).numpy(),
        }
        measured = np.concatenate(list(seen.values()))
        both = np.concatenate([x, x])
        bars = np.array([rounding(row, EPS, UNIT) for row in both])
        by = {formula: _values(both, formula) for formula in settings.track(FORMULAS, self.title)}
        right = by[FORMULAS[0]]
        found, rows = [], []
        for formula, values in by.items():
            is_right = formula == FORMULAS[0]
            d = set_beside(
                "x̂ of six numbers",
                values,
                measured,
                bars,
                exact=None if is_right else right,
                rows=len(both),
                numbers=NUMBERS,
                eps=str(EPS),
            )
            found.append(d)
            off = {
                name: [float(abs(values[k] - row).max()) for k, row in enumerate(part)] for name, part in seen.items()
            }
            rows += [
                (formula, layer, size, off[layer][k], float(bars[k].max()))
                for layer in seen
                for k, size in enumerate(SIZES)
            ]
        columns = ("formula", "layer", "deviation of x", "largest difference", "bar")
        caption = (
            f"Differences of x̂ in torch (float64, ε = {EPS:g}) from each formula, evaluated in ball arithmetic at "
            f"the same floats; {NUMBERS} numbers a sample. Bar: what rounding may do."
        )
        texts = [
            as_text(d, STATEMENT[formula], "agree" if formula == FORMULAS[0] else "differ")
            for formula, d in zip(by, found, strict=True)
        ]
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(Table(FORMS, columns, tuple(rows), caption),),
            verdicts=tuple(texts),
        )
        return Finding(section, tuple(found))


def _values(samples: Floats, formula: str) -> Floats:
    return np.array([[float(e.mid()) for e in standardised(row.tolist(), EPS, formula)] for row in samples])
