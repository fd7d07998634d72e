"""What is said beside the numbers: the derivation with its proofs, the assumptions, and what finite sizes change."""

import math
from collections.abc import Iterable, Mapping

import sympy as sp

from residua_network import Network
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.moments.moments import LayerMoments
from residua_symbolic.moments.propagation.laws import Known, Law
from residua_symbolic.moments.propagation.walk import Place

ROUNDING = 1e-9  # relative: a few hundred operations, and curves that agree with their integral to 1e-9


def said_of(net: Network, init: str | float, batch: int | None) -> tuple[str, ...]:
    """The assumptions that depend on the net and on how it begins."""
    said = []
    first = net.layers[0]
    if not any(len(shape) == 2 for shape in first.shapes.values()):
        said.append(
            "the first layer acts on the input itself: its entries are taken for standard normal, as those of "
            "isotropic rows of mean square 1 are where they are many"
        )
    if init == "torch":
        said.append(
            "uniform weights are taken for Gaussian ones of the same variance, as are uniform biases of "
            "variance 1/(3 n_in): exact in the second moments of what a Linear gives"
        )
    if net.couples_rows:
        said.append(
            "batch statistics: exact at this batch"
            if batch is not None
            else "batch statistics of infinitely many rows: terms of order 1/B are left out"
        )
        said.append(f"rows of the input are orthogonal: their overlaps, of order 1/√{net.sizes[0]}, are left out")
    if any(layer.kind == "dropout" for layer in net.layers):
        said.append("dropout is the identity")
    return tuple(said)


def finite_size(net: Network, place: Place, batch: int | None) -> str:
    """The order of what is left out at a layer of a net that has no law at every width."""
    widths = [size for size in net.sizes if size > 1] or [1]
    words = f"infinite width; corrections of order 1/n, n = {min(widths)} at the narrowest"
    if net.couples_rows:
        words += "; exact in the batch" if batch is not None else "; infinite batch, corrections of order 1/B"
    return words


def derive(
    layers: tuple[LayerMoments, ...], laws: Mapping[str, Law], total: float, assumptions: tuple[str, ...]
) -> Derivation:
    """The laws of all layers as steps, each proved at the moments that reach it; the ratio of the net is a product."""
    steps = [step for layer in layers for at in layer.walk() for step in _steps(at, laws[at.name])]
    symbols = [_symbol("R", layer.name) for layer in layers]
    values = {symbol: layer.gradient_ratio for symbol, layer in zip(symbols, layers, strict=True)}
    formula = sp.Mul(*symbols)
    whole = Proof("the ratios multiplied", lambda right: _close(right, values, total))
    steps.append(Step("whole net", sp.Symbol("R"), formula, "each ratio begins where the one below it ends", (whole,)))
    return Derivation("Squared gradient at initialisation", sp.Symbol("R"), formula, assumptions, tuple(steps))


def _symbol(letter: str, name: str) -> sp.Symbol:
    return sp.Symbol(f"{letter}_{name.replace('.branch', '').replace('.', ',')}", positive=True)


def _steps(layer: LayerMoments, law: Law) -> Iterable[Step]:
    given = ", ".join(f"{symbol} = {float(value):.6g}" for symbol, value in law.at.items() if _uses(law, symbol))
    for letter, right, value in (("q", law.forward, layer.forward), ("R", law.ratio, layer.gradient_ratio)):
        left = _symbol(letter, layer.name)
        if math.isnan(value):  # no gradient gets here
            continue
        if right is None:
            reason = f"{layer.layer}: an integral, relative error {layer.error:.1e}; no closed form, no machine proof"
            yield Step(f"{letter} {layer.name}", left, sp.Float(value), reason)
        else:
            by = Proof("the law, with the moments that reach the layer put in", _meets(law.at, value, layer.error))
            yield Step(f"{letter} {layer.name}", left, right, f"{layer.layer} at {given}", (by,))


def _uses(law: Law, symbol: sp.Symbol) -> bool:
    return any(e is not None and e.has(symbol) for e in (law.forward, law.ratio))


def _meets(known: Known, value: float, error: float):  # type: ignore[no-untyped-def]
    return lambda right: _close(right, known, value, error)


def _close(right: sp.Expr, known: Known, value: float, error: float = 0.0) -> bool:
    found = float(right.subs(dict(known)))
    return math.isclose(found, value, rel_tol=ROUNDING + 2 * error, abs_tol=ROUNDING)
