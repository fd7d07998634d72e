"""Texts, programs and SymPy expressions evaluated as simply as can be, each from itself, in mpmath's numbers."""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import mpmath as mp
import sympy as sp

from residua_network.program import Program

NOISE = mp.mpf(10) ** -30  # what is smaller may be zero but for rounding: no divisor, and no sign, is taken from it
LARGEST = 10**4  # argument of exp: mpmath has no overflow, and would compute for hours


class UndefinedError(ValueError):
    """No real value here, or one too large to compute."""


def _exp(z: Any) -> Any:
    if abs(z) > LARGEST:
        raise UndefinedError
    return mp.exp(z)


def _real(function: Callable[[Any], Any], least: int) -> Callable[[Any], Any]:
    """`function` where its argument is above (`least` 1) or not below (0) zero."""

    def applied(z: Any) -> Any:
        if z < 0 or (least and z == 0):
            raise UndefinedError
        return function(z)

    return applied


def _pow(base: Any, exponent: Any) -> Any:
    if exponent == int(exponent) and abs(exponent) <= LARGEST:
        return (base if exponent >= 0 else _clear(base)) ** int(exponent)
    if base <= 0:
        raise UndefinedError
    return _exp(exponent * mp.log(base))


def _div(a: Any, b: Any) -> Any:
    return a / _clear(b)


def _clear(z: Any) -> Any:
    if abs(z) < NOISE:
        raise UndefinedError
    return z


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _div,
    "neg": lambda a: -a,
    "pow": _pow,
    "pi": lambda: +mp.pi,
    "e": lambda: +mp.e,
    "exp": _exp,
    "log": _real(mp.log, 1),
    "sqrt": _real(mp.sqrt, 0),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": lambda z: _div(mp.sin(z), mp.cos(z)),
    "sinh": lambda z: (_exp(z) - _exp(-z)) / 2,
    "cosh": lambda z: (_exp(z) + _exp(-z)) / 2,
    "tanh": lambda z: 1 - 2 / (_exp(2 * z) + 1),
    "atan": mp.atan,
    "erf": lambda z: mp.erf(z) if abs(z) < LARGEST else mp.sign(z),
    "abs": abs,
    "sign": lambda z: mp.sign(z and _clear(z)),
    "relu": lambda z: max(z, mp.mpf(0)),
    "step": lambda z: mp.mpf((z and _clear(z)) > 0),
    "sigmoid": lambda z: 1 / (1 + _exp(-z)),
    "softplus": lambda z: mp.log(1 + _exp(z)),
}


IN_TEXTS: Mapping[str, Callable[[Any], Any]] = {
    "ln": FUNCTIONS["log"],
    "silu": lambda z: z / (1 + _exp(-z)),
    "gelu": lambda z: z * FUNCTIONS["erf"](z / mp.sqrt(2)) / 2 + z / 2,
}
BINARY = {"+": (1, "add"), "-": (1, "sub"), "*": (2, "mul"), "/": (2, "div"), "**": (4, "pow")}
SIGN = 3  # binds a sign more loosely than a power: -x^2 is -(x^2)


class OfText:
    """The value of a text by precedence climbing: tokens from left to right, no tree and no program."""

    def __init__(self, text: str, inputs: Mapping[str, Any]) -> None:
        found = re.findall(r"[0-9.]+(?:[eE][+-]?[0-9]+)?|\w+|\*\*|\S", text.replace("^", "**"))
        self.tokens, self.inputs = [*found, ""][::-1], inputs

    def value(self, least: int = 1) -> Any:
        """The value up to the next operator that binds less than `least`. Raises UndefinedError."""
        left = self.operand()
        while BINARY.get(self.tokens[-1], (0, ""))[0] >= least:
            binding, function = BINARY[self.tokens.pop()]
            left = FUNCTIONS[function](left, self.value(SIGN if function == "pow" else binding + 1))
        return left

    def operand(self) -> Any:
        token = self.tokens.pop()
        if token in ("+", "-"):
            return self.value(SIGN) * (1 if token == "+" else -1)
        if token == "(":
            found = self.value()
            self.tokens.pop()
            return found
        if token in self.inputs:
            return self.inputs[token]
        if token in ("pi", "E"):
            return FUNCTIONS[token.lower()]()
        if self.tokens[-1] == "(":
            return {**FUNCTIONS, **IN_TEXTS}[token](self.operand())
        return mp.mpf(token)


def of_program(program: Program, inputs: Mapping[str, Any]) -> Any:
    """The value of the program's output. Raises UndefinedError."""
    values = dict(inputs)

    def term(argument: str | Fraction) -> Any:
        return values[argument] if isinstance(argument, str) else mp.mpf(argument.numerator) / argument.denominator

    for one in program.operations:
        values[one.name] = FUNCTIONS[one.function](*map(term, one.arguments))
    return term(program.outputs[0])


def of_sympy(expression: sp.Expr, inputs: Mapping[str, Any]) -> Any:
    """The value of the expression, from its tree. Raises UndefinedError."""
    if expression.is_Symbol:
        return inputs[expression.name]
    if expression.is_Rational:
        return mp.mpf(int(expression.p)) / int(expression.q)
    if expression in (sp.pi, sp.E):
        return +mp.pi if expression is sp.pi else +mp.e
    arguments = [of_sympy(argument, inputs) for argument in expression.args]
    if expression.is_Add:
        return mp.fsum(arguments)
    if expression.is_Mul:
        return mp.fprod(arguments)
    return FUNCTIONS[expression.func.__name__.lower()](*arguments)
