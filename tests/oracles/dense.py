"""Matrix formulas of a network evaluated densely: slow, simple, and of no project code.

`letters_of` runs the network by hand on a batch and keeps for every row what formulas name, under the tagged letters
(`gamma__3`, `W__3,1`); `dense` multiplies a formula out over the letters of one row, or over those of the whole batch
where the formula acts on that; `multiplied_out` does the one or the other, as the formula asks for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from residua_network import Layer

from .activations import FUNCTIONS
from .batches import spread, stacked

Floats = NDArray[np.float64]
Letters = dict[str, Any]
OWN = {
    "step": lambda z: np.where(z > 0, 1.0, 0.0),
    "sigmoid": FUNCTIONS["sigmoid"],
    "relu": FUNCTIONS["relu"],
    "softplus": FUNCTIONS["softplus"],
}


def letters_of(
    layers: tuple[Layer, ...], x: Floats, weights: Mapping[str, Floats], prefix: str = "", tag: str = "", first: int = 0
) -> tuple[Floats, list[Letters]]:
    """Output at the points x of shape (batch, inputs), and every letter of every row."""
    letters: list[Letters] = [{} for _ in x]
    for position, layer in enumerate(layers, first):
        place, here = f"{prefix}{position}", f"{tag}{position}"
        own = {name: weights[f"{place}.{name}"] for name in layer.shapes}
        if layer.kind == "residual":
            x, found = _residual(layer, x, weights, place, here)
        elif layer.kind == "batchnorm":
            x, found = _batchnorm(layer, x, own)
        else:
            answers = [RULES[layer.kind](layer, row, own) for row in x]
            x, found = np.array([y for y, _ in answers]), [of_row for _, of_row in answers]
        for kept, of_row in zip(letters, found, strict=True):
            kept |= {name if "__" in name else f"{name}__{here}": value for name, value in of_row.items()}
    return x, letters


def _linear(layer: Any, x: Floats, own: Mapping[str, Floats]) -> tuple[Floats, Letters]:
    return own["weight"] @ x + own.get("bias", 0.0), {"W": own["weight"]}


def _activation(layer: Any, x: Floats, own: Mapping[str, Floats]) -> tuple[Floats, Letters]:
    return FUNCTIONS[layer.name](x), {"x": x}


def _dropout(layer: Any, x: Floats, own: Mapping[str, Floats]) -> tuple[Floats, Letters]:
    return x, {}


def _normalised(layer: Any, centred: Floats, own: Mapping[str, Floats]) -> tuple[Floats, Letters]:
    s = float(np.sqrt(np.square(centred).mean() + layer.eps))
    gamma = own.get("weight", np.ones_like(centred))
    return gamma * centred / s + own.get("bias", 0.0), {"s": s, "xhat": centred / s, "gamma": gamma}


def _layernorm(layer: Any, x: Floats, own: Mapping[str, Floats]) -> tuple[Floats, Letters]:
    return _normalised(layer, x - x.mean(), own)


def _rmsnorm(layer: Any, x: Floats, own: Mapping[str, Floats]) -> tuple[Floats, Letters]:
    return _normalised(layer, x, own)


RULES: dict[str, Callable[..., tuple[Floats, Letters]]] = {
    "linear": _linear,
    "activation": _activation,
    "dropout": _dropout,
    "layernorm": _layernorm,
    "rmsnorm": _rmsnorm,
}


def _batchnorm(layer: Any, x: Floats, own: Mapping[str, Floats]) -> tuple[Floats, list[Letters]]:
    batch = layer.statistics == "batch"
    mean, variance = (x.mean(axis=0), x.var(axis=0)) if batch else (own["running_mean"], own["running_var"])
    s, gamma = np.sqrt(variance + layer.eps), own.get("weight", np.ones(layer.size))
    xhat = (x - mean) / s
    return gamma * xhat + own.get("bias", 0.0), [{"s": s, "xhat": row, "gamma": gamma} for row in xhat]


def _residual(
    layer: Any, x: Floats, weights: Mapping[str, Floats], place: str, here: str
) -> tuple[Floats, list[Letters]]:
    inner, letters = letters_of(layer.layers, x, weights, f"{place}.branch.", f"{here},")
    return x + layer.scale * inner, [{**of_row, "alpha": layer.scale} for of_row in letters]


def multiplied_out(formula: Any, letters: Sequence[Letters]) -> Floats:
    """(batch, m, n), or (batch, m, batch, n) for a formula that acts on the stacked batch: one whose size has B."""
    if not any(sp.sympify(size).free_symbols for size in formula.shape):
        return np.array([dense(formula, of_row) for of_row in letters])
    matrix, rows = dense(formula, of_the_batch(letters)), len(letters)
    return matrix.reshape(rows, len(matrix) // rows, rows, -1)


def of_the_batch(letters: Sequence[Letters]) -> Letters:
    """The letters of a formula that acts on the stacked batch: parameters of any row, and the rows."""
    return {**letters[0], "rows": letters, "B": len(letters)}


def _of_feature(letters: Mapping[str, Any], q: int) -> Letters:
    """What a formula on the rows of one feature names: gamma[q] as `gamma`, column q of xhat as `xhat:i`."""
    rows = letters["rows"]
    own = {name: value[q] for name, value in rows[0].items() if np.ndim(value) == 1 and len(value) > q}
    columns = {f"{name}:i": np.array([of_row[name][q] for of_row in rows]) for name in own}
    return {**own, **columns, "B": len(rows)}


def dense(m: Any, letters: Mapping[str, Any], l: int | None = None) -> Floats:
    """The matrix, entry by entry; `l` is the value of the index where a product over it is being written out."""
    if isinstance(m, sp.Identity):
        return np.eye(_shape(m, letters)[0])
    if isinstance(m, sp.ZeroMatrix):
        return np.zeros(_shape(m, letters))
    if isinstance(m, sp.OneMatrix):
        return np.ones(_shape(m, letters))
    if isinstance(m, sp.MatrixSymbol):
        return np.asarray(letters[_at(m.name, l)], dtype=np.float64).reshape(_shape(m, letters))
    if isinstance(m, sp.Transpose):
        return dense(m.arg, letters, l).T
    if isinstance(m, sp.DiagMatrix):
        return np.diag(dense(m.args[0], letters, l)[:, 0])
    if isinstance(m, ElementwiseApplyFunction):
        return np.asarray(_compiled(m.function)(dense(m.expr, letters, l)), dtype=np.float64)
    if isinstance(m, sp.HadamardProduct):
        return np.asarray(np.prod([dense(a, letters, l) for a in m.args], axis=0))
    if isinstance(m, sp.MatAdd):
        return np.asarray(sum(dense(a, letters, l) for a in m.args))
    if isinstance(m, sp.MatMul):
        product: Any = 1.0
        for a in m.args:
            product = (
                product @ dense(a, letters, l) if np.ndim(product) and a.is_Matrix else product * _any(a, letters, l)
            )
        return np.asarray(product)
    if type(m).__name__ == "ProductOver":
        body, first, last = m.args
        written_out = np.eye(_shape(body, letters)[0])
        for index in range(int(first), int(last) + 1):
            written_out = dense(body, letters, index) @ written_out
        return written_out
    if type(m).__name__ == "EachRow":
        return np.asarray(stacked(np.array([dense(m.args[0], of_row, l) for of_row in letters["rows"]])))
    if type(m).__name__ == "EachFeature":
        blocks = [dense(m.args[0], _of_feature(letters, q), l) for q in range(int(m.args[1]))]
        whole = spread(np.array(blocks)).transpose(1, 0, 3, 2)
        return np.asarray(whole.reshape(_shape(m, letters)))
    raise TypeError(f"no matrix: {m!r}")


@cache
def _compiled(function: sp.Lambda) -> Callable[[Any], Any]:
    compiled: Callable[[Any], Any] = sp.lambdify(function.variables[0], function.expr, modules=[OWN, "scipy", "numpy"])
    return compiled


def _any(e: Any, letters: Mapping[str, Any], l: int | None) -> Any:
    return dense(e, letters, l) if e.is_Matrix else _scalar(e, letters, l)


def _scalar(e: sp.Expr, letters: Mapping[str, Any], l: int | None) -> float:
    """gamma[i] of the feature at hand has its value under the name alone."""
    e = e.xreplace({a: sp.Symbol(a.base.label.name) for a in e.atoms(sp.Indexed)})
    return float(e.xreplace({s: sp.Float(letters[_at(s.name, l)], 30) for s in e.free_symbols}))


def _shape(m: Any, letters: Mapping[str, Any]) -> tuple[int, ...]:
    """Sizes as numbers, letters among them put in."""
    return tuple(int(_scalar(sp.sympify(size), letters, None)) for size in m.shape)


def _at(name: str, l: int | None) -> str:
    """`W__2*l+1,0` at l = 3 is `W__7,0`."""
    if l is None:
        return name

    def number(found: "re.Match[str]") -> str:
        slope, offset = int(found["slope"] or 1), int(found["offset"] or 0)
        return f"__{slope * l + offset}"

    return re.sub(r"__(?:(?P<slope>\d+)\*)?l(?:\+(?P<offset>\d+))?(?=[,:]|$)", number, name)
