"""The referee of certified remainders: plain mpmath on the source, sharing nothing with either side.

A source is a tree of tuples: ("x",), ("y",), ("number", Fraction), (operation, arguments...). The text that residua
reads is written from it. The referee evaluates it with mpmath, and its Taylor coefficients by the recurrences of power
series over mpmath's numbers (Knuth, The Art of Computer Programming 2, 4.7), networks in loops over plain lists.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from mpmath import mp

from residua_network import Activation, BatchNorm, Layer, LayerNorm, Linear, Residual, RMSNorm

Tree = tuple[Any, ...]
Series = list[Any]  # coefficients c_0, c_1, ... of mpmath; all of one length

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}


class UndefinedError(ArithmeticError):
    """A point at which the function has no real value, or no derivatives."""


def text_of(tree: Tree) -> str:
    """The expression as it would be typed, all in brackets."""
    head, *rest = tree
    if head == "number":
        return f"({rest[0].numerator}/{rest[0].denominator})" if rest[0].denominator != 1 else f"({rest[0].numerator})"
    if head in INFIX:
        return f"({text_of(rest[0])}{INFIX[head]}{text_of(rest[1])})"
    if head == "neg":
        return f"(-{text_of(rest[0])})"
    return f"{head}({text_of(rest[0])})" if rest else str(head)


def number(value: Fraction | float) -> Any:
    """Exactly, up to the working precision."""
    p, q = value.as_integer_ratio()
    return mp.mpf(p) / q


def of_tree(tree: Tree, values: Mapping[str, Series]) -> Series:
    """The power series of an expression, from those of its variables; of length 1, its value."""
    head, *rest = tree
    if head in values:
        return values[head]
    length = len(next(iter(values.values())))
    if head == "number":
        return _constant(number(rest[0]), length)
    if head == "pow" and rest[1][0] == "number":
        return power(of_tree(rest[0], values), rest[1][1])
    return OPERATIONS[head](*(of_tree(argument, values) for argument in rest))


def of_layers(layers: Sequence[Layer], weights: Mapping[str, Any], place: str, rows: list[list[Series]]) -> Any:
    """The rows that a chain of layers makes of rows of series; `weights` lists by name."""
    for k, layer in enumerate(layers):
        rows = _layer(layer, weights, f"{place}{k}.", rows)
    return rows


def _layer(layer: Layer, weights: Mapping[str, Any], place: str, rows: list[list[Series]]) -> list[list[Series]]:
    def own(name: str, otherwise: float, length: int) -> Any:
        return weights.get(place + name, [[mp.mpf(otherwise)]] * length)

    if isinstance(layer, Linear):
        bias, matrix = own("bias", 0, layer.outputs), weights[place + "weight"]
        return [
            [_total([mul(_long(w, row), x) for w, x in zip(line, row, strict=True)], _long(b, row))
             for line, b in zip(matrix, bias, strict=True)]
            for row in rows
        ]  # fmt: skip
    if isinstance(layer, Activation):
        return [[ACTIVATIONS[layer.name](x) for x in row] for row in rows]
    if isinstance(layer, Residual):
        inner = of_layers(layer.layers, weights, f"{place}branch.", rows)
        scale = number(layer.scale)
        return [
            [add(x, [scale * c for c in y]) for x, y in zip(*pair, strict=True)]
            for pair in zip(rows, inner, strict=True)
        ]
    if isinstance(layer, LayerNorm | RMSNorm | BatchNorm):
        gain, shift = own("weight", 1, layer.size), own("bias", 0, layer.size)
        normal = _normalised(layer, weights, place, rows)
        return [
            [add(mul(_long(g, row), x), _long(b, row)) for g, b, x in zip(gain, shift, row, strict=True)]
            for row in normal
        ]
    return rows  # dropout


def _normalised(layer: Any, weights: Mapping[str, Any], place: str, rows: list[list[Series]]) -> list[list[Series]]:
    eps = number(layer.eps)
    if isinstance(layer, RMSNorm):
        return [_scaled(row, row, eps) for row in rows]
    if isinstance(layer, LayerNorm):
        return [_scaled(_centred(row), _centred(row), eps) for row in rows]
    columns = list(map(list, zip(*rows, strict=True)))
    if layer.statistics == "batch":
        return list(map(list, zip(*(_scaled(_centred(c), _centred(c), eps) for c in columns), strict=True)))
    means, variances = weights[place + "running_mean"], weights[place + "running_var"]
    return [
        [div(sub(x, _long(m, row)), power(add(_long(v, row), _constant(eps, len(x))), Fraction(1, 2)))
         for x, m, v in zip(row, means, variances, strict=True)]
        for row in rows
    ]  # fmt: skip


def _scaled(row: list[Series], of: list[Series], eps: Any) -> list[Series]:
    """row / √(mean(of²) + ε)."""
    mean = [c / len(of) for c in _total([mul(x, x) for x in of], _constant(mp.mpf(0), len(of[0])))]
    root = power(add(mean, _constant(eps, len(mean))), Fraction(1, 2))
    return [div(x, root) for x in row]


def _centred(row: list[Series]) -> list[Series]:
    mean = [c / len(row) for c in _total(row, _constant(mp.mpf(0), len(row[0])))]
    return [sub(x, mean) for x in row]


def _long(coefficients: Series, like: list[Series]) -> Series:
    """A parameter's series, filled with zeros to the length of the others."""
    return [*coefficients, *([mp.mpf(0)] * (len(like[0]) - len(coefficients)))][: len(like[0])]


def _total(terms: list[Series], start: Series) -> Series:
    for term in terms:
        start = add(start, term)
    return start


def _constant(value: Any, length: int) -> Series:
    return [value] + [mp.mpf(0)] * (length - 1)


def add(f: Series, g: Series) -> Series:
    """f + g."""
    return [a + b for a, b in zip(f, g, strict=True)]


def sub(f: Series, g: Series) -> Series:
    """f − g."""
    return [a - b for a, b in zip(f, g, strict=True)]


def mul(f: Series, g: Series) -> Series:
    """f g."""
    return [mp.fsum(f[j] * g[k - j] for j in range(k + 1)) for k in range(len(f))]


def div(f: Series, g: Series) -> Series:
    """f / g."""
    if g[0] == 0:
        raise UndefinedError("division by zero")
    q: Series = []
    for k, c in enumerate(f):
        q.append((c - mp.fsum(q[j] * g[k - j] for j in range(k))) / g[0])
    return q


def _integral(rate: Series, g: Series, at: Any) -> Series:
    """y with y' = rate g' and y(0) = at."""
    product = mul(rate, [*(k * g[k] for k in range(1, len(g))), mp.mpf(0)])
    return [at] + [product[k] / (k + 1) for k in range(len(g) - 1)]


def exp(g: Series) -> Series:
    """k y_k = Σ j g_j y_{k−j}."""
    y = [mp.exp(g[0])]
    for k in range(1, len(g)):
        y.append(mp.fsum(j * g[j] * y[k - j] for j in range(1, k + 1)) / k)
    return y


def log(g: Series) -> Series:
    """The integral of g'/g."""
    if g[0] <= 0:
        raise UndefinedError("logarithm")
    return _integral(div(_constant(mp.mpf(1), len(g)), g), g, mp.log(g[0]))


def power(g: Series, exponent: Fraction) -> Series:
    """g^a: g y' = a g' y; whole powers by multiplication."""
    if exponent.denominator == 1:
        y = _constant(mp.mpf(1), len(g))
        for _ in range(abs(exponent.numerator)):
            y = mul(y, g)
        return y if exponent >= 0 else div(_constant(mp.mpf(1), len(g)), y)
    if g[0] < 0 or (g[0] == 0 and (exponent < 0 or len(g) > 1)):
        raise UndefinedError("power")
    a = number(exponent)
    y = [g[0] ** a]
    for k in range(1, len(g)):
        y.append(mp.fsum((a * j - (k - j)) * g[j] * y[k - j] for j in range(1, k + 1)) / (k * g[0]))
    return y


def sin_cos(g: Series) -> tuple[Series, Series]:
    """Both together: s' = c g', c' = −s g'."""
    s, c = [mp.sin(g[0])], [mp.cos(g[0])]
    for k in range(1, len(g)):
        s_k = mp.fsum(j * g[j] * c[k - j] for j in range(1, k + 1)) / k
        c.append(-mp.fsum(j * g[j] * s[k - j] for j in range(1, k + 1)) / k)
        s.append(s_k)
    return s, c


def _neg(g: Series) -> Series:
    return [-c for c in g]


def _half(g: Series) -> Series:
    return [c / 2 for c in g]


def _atan(g: Series) -> Series:
    return _integral(div(_constant(mp.mpf(1), len(g)), add(_constant(mp.mpf(1), len(g)), mul(g, g))), g, mp.atan(g[0]))


def _erf(g: Series) -> Series:
    return _integral([2 * c / mp.sqrt(mp.pi) for c in exp(_neg(mul(g, g)))], g, mp.erf(g[0]))


def _sigmoid(g: Series) -> Series:
    one = _constant(mp.mpf(1), len(g))
    return div(one, add(one, exp(_neg(g))))


def _tanh(g: Series) -> Series:
    one = _constant(mp.mpf(1), len(g))
    return sub([2 * c for c in _sigmoid([2 * c for c in g])], one)


def _gelu(g: Series) -> Series:
    one = _constant(mp.mpf(1), len(g))
    return _half(mul(g, add(one, _erf([c / mp.sqrt(2) for c in g]))))


def _sign(g: Series) -> Any:
    if g[0] == 0 and len(g) > 1 and any(g):
        raise UndefinedError("kink")
    return mp.sign(g[0])


def _times(factor: Any, g: Series) -> Series:
    return [factor * c for c in g]


OPERATIONS: dict[str, Callable[..., Series]] = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "div": div,
    "neg": _neg,
    "pow": lambda f, g: exp(mul(g, log(f))),
    "exp": exp,
    "log": log,
    "sqrt": lambda g: power(g, Fraction(1, 2)),
    "sin": lambda g: sin_cos(g)[0],
    "cos": lambda g: sin_cos(g)[1],
    "tan": lambda g: div(*sin_cos(g)),
    "sinh": lambda g: _half(sub(exp(g), exp(_neg(g)))),
    "cosh": lambda g: _half(add(exp(g), exp(_neg(g)))),
    "tanh": _tanh,
    "atan": _atan,
    "erf": _erf,
    "sigmoid": _sigmoid,
    "softplus": lambda g: log(add(_constant(mp.mpf(1), len(g)), exp(g))),
    "gelu": _gelu,
    "silu": lambda g: mul(g, _sigmoid(g)),
    "abs": lambda g: _times(_sign(g), g),
    "relu": lambda g: _times((_sign(g) + 1) / 2, g),
    "sign": lambda g: _constant(_sign(g), len(g)),
    "step": lambda g: _constant(mp.mpf(1 if _sign(g) > 0 else 0), len(g)),
}
ACTIVATIONS: dict[str, Callable[[Series], Series]] = {
    "identity": lambda g: g,
    "square": lambda g: mul(g, g),
    "cube": lambda g: mul(g, mul(g, g)),
    **{name: OPERATIONS[name] for name in ("relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "sin")},
}
