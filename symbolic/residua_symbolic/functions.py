"""The elementary functions that activations are written in, as SymPy objects, and the ten activations themselves.

SymPy has tanh, sin, exp and erf. relu, sigmoid and softplus are added here as functions of their own, because their
definitions (a case distinction; quotients and logarithms of exp) neither print nor evaluate well. Each states its
definition and its derivative, and `derivative_holds` proves the one from the other.
"""

from collections.abc import Callable
from typing import Any

import sympy as sp


class Elementary(sp.Function):
    """A function of one variable with a definition in SymPy's own functions."""

    nargs = 1
    tex = ""

    @staticmethod
    def definition(z: sp.Expr) -> sp.Expr:
        """What the name stands for."""
        raise TypeError("an elementary function states its definition")

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return rf"\mathrm{{{self.tex}}}{power}\left({printer._print(self.args[0])}\right)"


class step(Elementary):  # noqa: N801  # functions are lower case in SymPy
    """1 for z > 0, else 0: the derivative of relu, with the value 0 at 0 that torch uses."""

    tex = "step"

    @staticmethod
    def definition(z: sp.Expr) -> sp.Expr:
        return sp.Piecewise((1, z > 0), (0, True))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Integer(0)  # off the kink, where alone the second derivative exists


class relu(Elementary):  # noqa: N801
    """max(0, z)."""

    tex = "relu"

    @staticmethod
    def definition(z: sp.Expr) -> sp.Expr:
        return sp.Piecewise((z, z > 0), (0, True))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return step(self.args[0])


class sigmoid(Elementary):  # noqa: N801
    """1 / (1 + exp(−z))."""

    tex = "sigmoid"

    @staticmethod
    def definition(z: sp.Expr) -> sp.Expr:
        return 1 / (1 + sp.exp(-z))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0]) * (1 - sigmoid(self.args[0]))


class softplus(Elementary):  # noqa: N801
    """log(1 + exp(z))."""

    tex = "softplus"

    @staticmethod
    def definition(z: sp.Expr) -> sp.Expr:
        return sp.log(1 + sp.exp(z))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0])


class phi_prime(sp.Function):  # noqa: N801
    """Derivative of the function that stands for any differentiable activation."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\varphi'\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


class phi(sp.Function):  # noqa: N801
    """Any differentiable activation."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return phi_prime(self.args[0])

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\varphi\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


ACTIVATIONS: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "identity": lambda z: z,
    "relu": relu,
    "tanh": sp.tanh,
    "sigmoid": sigmoid,
    "gelu": lambda z: z * (1 + sp.erf(z / sp.sqrt(2))) / 2,  # Hendrycks, Gimpel 2016 (arXiv:1606.08415), sec. 2
    "silu": lambda z: z * sigmoid(z),
    "softplus": softplus,
    "sin": sp.sin,
    "square": lambda z: z**2,
    "cube": lambda z: z**3,
    "phi": phi,
}


def derivative_holds(function: type[Elementary]) -> bool:
    """Whether the stated derivative is that of the definition: a rational identity once E = exp(z) has a name."""
    z, E = sp.Symbol("z", real=True), sp.Symbol("E", positive=True)
    from_definition = function.definition(z).diff(z)
    stated = function(z).diff(z).replace(lambda e: isinstance(e, Elementary), lambda e: e.definition(e.args[0]))
    if from_definition == stated:  # the cases of relu
        return True
    return bool(sp.cancel((from_definition - stated).subs(sp.exp(-z), 1 / E).subs(sp.exp(z), E)) == 0)
