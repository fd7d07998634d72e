"""Matrix formulas of a network evaluated densely, one row of x at a time: slow, simple, and of no project code.

`letters_of` runs the network by hand and keeps what formulas name, under the tagged letters (`gamma__3`, `W__3,1`);
`dense` multiplies a formula out over them.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from residua_network import Layer

from .activations import FUNCTIONS

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
) -> tuple[Floats, Letters]:
    """Output at one point x of shape (inputs,), and every letter."""
    letters: Letters = {}
    for position, layer in enumerate(layers, first):
        place, here = f"{prefix}{position}", f"{tag}{position}"
        own = {name: weights[f"{place}.{name}"] for name in layer.shapes}
        x, found = RULES[layer.kind](layer, x, own, weights, place, here)
        letters |= {f"{name}__{here}" if "__" not in name else name: value for name, value in found.items()}
    return x, letters


def _linear(layer: Any, x: Floats, own: Mapping[str, Floats], *_: Any) -> tuple[Floats, Letters]:
    return own["weight"] @ x + own.get("bias", 0.0), {"W": own["weight"]}


def _activation(layer: Any, x: Floats, *_: Any) -> tuple[Floats, Letters]:
    return FUNCTIONS[layer.name](x), {"x": x}


def _dropout(layer: Any, x: Floats, *_: Any) -> tuple[Floats, Letters]:
    return x, {}


def _normalised(layer: Any, centred: Floats, own: Mapping[str, Floats]) -> tuple[Floats, Letters]:
    s = float(np.sqrt(np.square(centred).mean() + layer.eps))
    gamma = own.get("weight", np.ones_like(centred))
    return gamma * centred / s + own.get("bias", 0.0), {"s": s, "xhat": centred / s, "gamma": gamma}


def _layernorm(layer: Any, x: Floats, own: Mapping[str, Floats], *_: Any) -> tuple[Floats, Letters]:
    return _normalised(layer, x - x.mean(), own)


def _rmsnorm(layer: Any, x: Floats, own: Mapping[str, Floats], *_: Any) -> tuple[Floats, Letters]:
    return _normalised(layer, x, own)


def _residual(
    layer: Any, x: Floats, own: Mapping[str, Floats], weights: Mapping[str, Floats], place: str, here: str
) -> tuple[Floats, Letters]:
    inner, letters = letters_of(layer.layers, x, weights, f"{place}.branch.", f"{here},")
    return x + layer.scale * inner, {**letters, "alpha": layer.scale}


RULES: dict[str, Callable[..., tuple[Floats, Letters]]] = {
    "linear": _linear,
    "activation": _activation,
    "dropout": _dropout,
    "layernorm": _layernorm,
    "rmsnorm": _rmsnorm,
    "residual": _residual,
}


def dense(m: Any, letters: Mapping[str, Any], l: int | None = None) -> Floats:
    """The matrix, entry by entry; `l` is the value of the index where a product over it is being written out."""
    if isinstance(m, sp.Identity):
        return np.eye(int(m.shape[0]))
    if isinstance(m, sp.ZeroMatrix):
        return np.zeros([int(size) for size in m.shape])
    if isinstance(m, sp.OneMatrix):
        return np.ones([int(size) for size in m.shape])
    if isinstance(m, sp.MatrixSymbol):
        return np.asarray(letters[_at(m.name, l)], dtype=np.float64).reshape([int(size) for size in m.shape])
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
        written_out = np.eye(int(body.shape[0]))
        for index in range(int(first), int(last) + 1):
            written_out = dense(body, letters, index) @ written_out
        return written_out
    raise TypeError(f"no matrix: {m!r}")


@cache
def _compiled(function: sp.Lambda) -> Callable[[Any], Any]:
    compiled: Callable[[Any], Any] = sp.lambdify(function.variables[0], function.expr, modules=[OWN, "scipy", "numpy"])
    return compiled


def _any(e: Any, letters: Mapping[str, Any], l: int | None) -> Any:
    return dense(e, letters, l) if e.is_Matrix else _scalar(e, letters, l)


def _scalar(e: sp.Expr, letters: Mapping[str, Any], l: int | None) -> float:
    return float(e.xreplace({s: sp.Float(letters[_at(s.name, l)], 30) for s in e.free_symbols}))


def _at(name: str, l: int | None) -> str:
    """`W__2*l+1,0` at l = 3 is `W__7,0`."""
    if l is None:
        return name

    def number(found: "re.Match[str]") -> str:
        slope, offset = int(found["slope"] or 1), int(found["offset"] or 0)
        return f"__{slope * l + offset}"

    return re.sub(r"__(?:(?P<slope>\d+)\*)?l(?:\+(?P<offset>\d+))?(?=,|$)", number, name)
