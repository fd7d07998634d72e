"""The elementary functions of exact series: by what differential equation each goes on from its value at the point."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

import flint
import sympy as sp

from residua_symbolic.series.coefficients.exact_constants import Constants, Polynomial, RefusedError, UndecidedError
from residua_symbolic.series.coefficients.exact_series import Constant, Series, power, rational_value, riccati, turning

KINKS = ("abs", "relu")  # kinks where the argument changes its sign
JUMPS = ("sign", "step")
BROKEN = "a power that is not whole"
HALF = Fraction(1, 2)


class ExactDomain:
    """Constants and series, of one table of constants."""

    def __init__(self, constants: Constants) -> None:
        self._constants = constants
        self._series: Mapping[str, Callable[[Series], Any]] = {
            "exp": self._exp,
            "log": self._log,
            "sqrt": lambda u: self._root(u, self.number(HALF).p, "sqrt"),
            **{name: partial(self._turning, name) for name in ("sin", "cos", "sinh", "cosh")},
            "tan": self._tan,
            "tanh": lambda u: self._bounded("tanh", u, (1, 0, -1)),
            "sigmoid": lambda u: self._bounded("sigmoid", u, (0, 1, -1)),
            "softplus": lambda u: self._integrated("softplus", u, self.function("sigmoid", u)),
            "atan": lambda u: self._integrated("atan", u, self._one / (u * u + self._one)),
            "erf": lambda u: self._integrated("erf", u, self._exp(-(u * u)) * self._slope_of_erf()),
            **{name: partial(self._kinked, name) for name in (*KINKS, *JUMPS)},
        }

    @property
    def _one(self) -> Constant:
        return self.number(1)

    def number(self, value: Any) -> Constant:
        """A rational number."""
        return Constant(self._constants, self._constants.rational(flint.fmpq(*value.as_integer_ratio())))

    def function(self, name: str, x: Any) -> Any:
        """An elementary function. Raises RefusedError where it has no power series."""
        if name in ("pi", "e"):
            return Constant(self._constants, self._constants.value(sp.pi if name == "pi" else sp.E))
        if isinstance(x, Constant):
            return self._of_constant(name, x)
        return self._series[name](_regular(x, name))

    def power(self, x: Any, exponent: Any) -> Any:
        """x to a power that is not a whole number as it is written."""
        if isinstance(exponent, Series):
            return self._exp(exponent * self.function("log", x))
        if exponent.p.is_constant() and rational_value(exponent.p).q == 1:
            return x ** int(rational_value(exponent.p))
        if isinstance(x, Constant):
            return self._constant_power(x, exponent.p)
        name = "sqrt" if exponent.p == self.number(HALF).p else BROKEN
        return self._root(_regular(x, name), exponent.p, name)

    def _of_constant(self, name: str, c: Constant) -> Constant:
        sign = _sign_if_known(c)
        if name in (*KINKS, *JUMPS):
            sign = c.sign()
            values = {"abs": c.p * sign, "relu": c.p * (sign > 0), "sign": sign, "step": int(sign > 0)}
            found = values[name]
            return self.number(found) if isinstance(found, int) else Constant(self._constants, found)
        if name in ("log", "sqrt"):
            sign = c.sign()
        if (name == "log" and sign == 0) or (name in ("log", "sqrt") and sign == -1):
            raise RefusedError(f"{name} of {'zero' if sign == 0 else 'a negative number'}")
        argument = self._constants.rational(0) if sign == 0 else c.p
        return Constant(self._constants, self._constants.function(name, argument))

    def _constant_power(self, c: Constant, exponent: Polynomial, name: str = BROKEN) -> Constant:
        sign = c.sign()
        if sign > 0:
            value = sp.Pow(self._constants.sympy(c.p), self._constants.sympy(exponent))
            return Constant(self._constants, self._constants.value(value))
        if sign == 0 and self._constants.sign(exponent) > 0:
            return self.number(0)
        raise RefusedError(f"{name} of {'zero' if sign == 0 else 'a negative number'}")

    def _exp(self, u: Any) -> Any:
        if isinstance(u, Constant):
            return self._of_constant("exp", u)
        c, h = u.split()
        grown = Series(self._constants, h.parts.exp()) if h.is_rational else riccati(self._one, (0, 1, 0), h)
        return grown * self._of_constant("exp", c)

    def _log(self, u: Series) -> Series:
        order, lead = u.leading()
        if order:
            raise RefusedError("a branch point of log")
        value = self._of_constant("log", Constant(self._constants, lead))
        return (u.derivative() / u).integral(value)

    def _turning(self, name: str, u: Series) -> Series:
        c, h = u.split()
        odd, even = ("sin", "cos") if name in ("sin", "cos") else ("sinh", "cosh")
        sign = -1 if odd == "sin" else 1
        s, k = turning(sign, h)
        at_s, at_k = self._of_constant(odd, c), self._of_constant(even, c)
        if at_s.p.is_zero() and at_k.p.is_one():
            return s if name == odd else k
        return s * at_k + k * at_s if name == odd else k * at_k + s * at_s * self.number(sign)

    def _tan(self, u: Series) -> Series:
        c, _ = u.split()
        if _sign_if_known(self._of_constant("cos", c)) == 0:
            return self._turning("sin", u) / self._turning("cos", u)
        return self._bounded("tan", u, (1, 0, 1))

    def _bounded(self, name: str, u: Series, rates: tuple[int, int, int]) -> Series:
        """tan, tanh and sigmoid: by flint at 0, and by the addition theorem, as long as everything is rational."""
        c, h = u.split()
        start = self._of_constant(name, c)
        if not (h.is_rational and start.p.is_constant()):
            return riccati(start, rates, h)
        if name == "sigmoid":  # 2 sigmoid(z) − 1 = tanh(z/2)
            moved = _moved(start * self.number(2) - self._one, Series(self._constants, (h.parts / 2).tanh()), 1)
            return (moved + self._one) * self.number(HALF)
        if name == "tanh":
            return _moved(start, Series(self._constants, h.parts.tanh()), 1)
        return _moved(start, Series(self._constants, h.parts.tan()), -1)

    def _integrated(self, name: str, u: Series, slope: Series) -> Series:
        c, _ = u.split()
        return (slope * u.derivative()).integral(self._of_constant(name, c))

    def _slope_of_erf(self) -> Constant:
        return Constant(self._constants, self._constants.value(2 / sp.sqrt(sp.pi)))

    def _root(self, u: Series, exponent: Polynomial, name: str) -> Series:
        """u^exponent: analytic where u > 0, and where it is t^order with an even order · exponent."""
        order, lead = u.leading()
        if not order:
            start = self._constant_power(Constant(self._constants, lead), exponent, name)
            return power(u, exponent, start)
        if self._constants.displacements or order % 2 or not exponent.is_constant():
            raise RefusedError(f"a branch point of {name}")
        start = self._constant_power(Constant(self._constants, lead), exponent, name)
        shift = rational_value(exponent) * order
        if shift.q != 1 or shift.p % 2:
            raise RefusedError(f"a kink of {name}" if shift.q == 1 else f"a branch point of {name}")
        inner = u.within(order, u.end)
        found = power(Series(self._constants, inner.parts), exponent, start)
        return Series(self._constants, found.parts, int(shift.p))

    def _kinked(self, name: str, u: Series) -> Any:
        """|u| and the like, where the sign of u does not change; a jump also where it is 0 at the point alone."""
        order, lead = u.leading()
        if order and (name in JUMPS or order % 2 or self._constants.displacements):
            raise RefusedError(f"{name} {'jumps' if name in JUMPS else 'has a kink'}")
        sign = self._constants.sign(lead)
        factors = {"abs": sign, "relu": int(sign > 0)}
        return u * self.number(factors[name]) if name in factors else self.number(sign if name == "sign" else sign > 0)


def _regular(u: Series, name: str) -> Series:
    """From t^0 on. Raises RefusedError where the argument has a pole."""
    try:
        return u.regular()
    except RefusedError as error:
        raise RefusedError(f"{name} of {error}") from error


def _moved(start: Constant, h: Series, sign: int) -> Series:
    """(T + τ) / (1 + sign T τ): the addition theorem of tanh (1) and tan (−1)."""
    if start.p.is_zero():
        return h
    one = Constant(h.constants, h.constants.rational(1))
    return (h + start) / (h * start * Constant(h.constants, h.constants.rational(sign)) + one)


def _sign_if_known(c: Constant) -> int | None:
    try:
        return c.sign()
    except UndecidedError:
        return None
