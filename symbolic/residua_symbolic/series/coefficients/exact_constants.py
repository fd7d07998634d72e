"""Real constants, exactly: polynomials over the rationals in generators such as sin(1), √2 and π.

A constant that is not rational becomes a generator, with the relations that are cheap to know (cos² = 1 − sin²,
√2² = 2, b · b⁻¹ = 1), by which every polynomial is reduced. Equality to zero is therefore seen at once where these
relations give it, refuted by Arb, and otherwise asked of SymPy; where none of them knows, nobody is told anything.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flint
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.expressions.conversion import FUNCTIONS, from_sympy
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import Graph

Polynomial = Any  # flint.fmpq_mpoly
ORDER = "lex"  # the newest generator first, so that its highest power leads every relation that it was made with
PRECISIONS = (128, 512, 2048)  # bits that Arb gets to tell a constant from zero
FACTORED_TO = 1000  # the prime factors of a radicand that are looked for
SPLIT = 4  # exponents with more terms are not split into a product of exponentials
ASKED = 12  # SymPy is not asked about functions of constants with more terms: it would take seconds to no avail
LARGEST = 5000  # terms of a constant: SymPy takes a second to hold as many


class RefusedError(Exception):
    """What has no value or no power series; the message is the beginning of a sentence that ends in "at x = 0"."""


class UndecidedError(RefusedError):
    """A constant of which it is not known whether it is zero."""


class TooLongError(RefusedError):
    """A constant that is a sum of too many terms to be of use."""


class Constants:
    """Polynomials in constants, and, as the last generators, in displacements, which are free."""

    def __init__(self, displacements: Sequence[str] = ()) -> None:
        self._free = [f"d{k}" for k in range(len(displacements))]
        self._values: list[sp.Expr] = []  # of the generators, newest first; as are the relations
        self._relations: list[Polynomial] = []
        self._roots: dict[str, tuple[int, Polynomial]] = {}  # name: degree and radicand
        self._squares: dict[str, Polynomial] = {}  # name: the square, of cos and cosh
        self._known: dict[sp.Expr, Polynomial] = {}
        self._exponentials: dict[sp.Expr, tuple[int, sp.Expr]] = {}
        self._powers: dict[tuple[sp.Expr, int], sp.Expr] = {}
        self._balls: dict[tuple[sp.Expr, int], Any] = {}
        self._context = flint.fmpq_mpoly_ctx.get(self._free, ORDER)

    @property
    def displacements(self) -> list[Polynomial]:
        """The free generators."""
        return list(self._context.gens()[len(self._values) :])

    def rational(self, q: Any) -> Polynomial:
        """A rational number (int or fmpq)."""
        return self._context.constant(q)

    def lifted(self, p: Polynomial) -> Polynomial:
        """A polynomial made before some of the generators, beside those made since."""
        return p if p.context() is self._context else p.project_to_context(self._context)

    def reduced(self, p: Polynomial) -> Polynomial:
        """The remainder by the relations."""
        if p.is_constant():
            return p
        p = self.lifted(p)
        before = None
        while p != before:
            before = p
            for relation in self._relations:
                p = divmod(p, relation)[1]
        if self._values and len(p) > LARGEST and max(map(len, self.by_displacement(p).values())) > LARGEST:
            raise TooLongError(f"an exact coefficient has more than {LARGEST} terms")
        return p

    def product(self, a: Polynomial, b: Polynomial) -> Polynomial:
        """a b."""
        return self.reduced(self.lifted(a) * self.lifted(b))

    def power(self, p: Polynomial, exponent: int) -> Polynomial:
        """p^exponent, exponent ≥ 0."""
        result = self.rational(1)
        for bit in bin(exponent)[2:]:
            result = self.product(result, result)
            result = self.product(result, p) if bit == "1" else result
        return result

    def _generator(self, value: sp.Expr, relation: Callable[[Polynomial], Polynomial] | None = None) -> Polynomial:
        """A new one, which `relation` makes a polynomial that is zero."""
        if value.has(sp.I, sp.nan, sp.zoo, sp.oo):
            raise RefusedError(f"{value}, which is not a real number,")
        self._values.insert(0, value)
        names = [*(f"g{len(self._values) - k}" for k in range(len(self._values))), *self._free]
        self._context = flint.fmpq_mpoly_ctx.get(names, ORDER)
        self._relations = [self.lifted(r) for r in self._relations]
        made = self._context.gens()[0]
        if relation is not None:
            self._relations.insert(0, self.lifted(relation(made)))
        return made

    def value(self, e: sp.Expr) -> Polynomial:
        """The polynomial of a constant in SymPy. Raises RefusedError for what is no finite real number."""
        if e not in self._known:
            self._known[e] = self._made(e)
        return self.lifted(self._known[e])

    def _made(self, e: sp.Expr) -> Polynomial:
        if e.is_Rational and e.is_finite:
            return self.rational(flint.fmpq(int(e.p), int(e.q)))
        if e.is_Add:
            return self._sum(e)
        if e.is_Mul:
            result = self.rational(1)
            for a in e.args:
                result = self.product(result, self.value(a))
            return result
        if e is sp.E or isinstance(e, sp.exp):
            return self.exponential(self.value(sp.Integer(1) if e is sp.E else e.args[0]))
        if e.is_Pow and e.exp.is_Rational:
            return self._rational_power(e.base, int(e.exp.p), int(e.exp.q))
        if isinstance(e, sp.cos | sp.cosh):
            sign, other = (-1, sp.sin) if isinstance(e, sp.cos) else (1, sp.sinh)
            s = self.value(other(e.args[0], evaluate=False))
            square = 1 + sign * self.product(s, s)
            made = self._generator(e, lambda c: c * c - self.lifted(square))
            self._squares[str(made)] = square
            return made
        return self._generator(e)

    def _sum(self, e: sp.Expr) -> Polynomial:
        total = self.rational(0)
        for a in e.args:
            found = self.value(a)
            total = self.lifted(total) + found
        return total

    def _rational_power(self, base: sp.Expr, p: int, q: int) -> Polynomial:
        if q == 1:
            found = self.power(self.value(base), abs(p))
            return self.reciprocal(found) if p < 0 else found
        factors = sp.factorint(base, limit=FACTORED_TO) if base.is_Integer and base > 1 else {base: 1}
        root = self.rational(1)
        for factor, times in factors.items():
            root = self.product(root, self.power(self._root(sp.sympify(factor), q), times))
        root = self.power(root, abs(p))
        return self.reciprocal(root) if p < 0 else root

    def _root(self, base: sp.Expr, degree: int) -> Polynomial:
        value = sp.Pow(base, sp.Rational(1, degree))
        if value not in self._known:
            if not (value.is_Pow and value.base == base):
                return self.value(value)
            radicand = self.value(base)
            made = self._known[value] = self._generator(value, lambda g: g**degree - self.lifted(radicand))
            self._roots[str(made)] = degree, radicand
        return self.lifted(self._known[value])

    def exponential(self, p: Polynomial) -> Polynomial:
        """e^p: a product over the terms of p, that of each a power of one generator."""
        if len(p) > SPLIT:
            return self.atom(sp.exp(self.sympy(p), evaluate=False))
        result = self.rational(1)
        terms = [(self._monomial(monomial), number(q)) for monomial, q in self.lifted(p).terms()]
        for monomial, q in terms:  # which may make generators, and with them another context
            result = self.product(result, self._one_exponential(monomial, q))
        return result

    def _one_exponential(self, m: sp.Expr, q: sp.Rational) -> Polynomial:
        whole = sp.exp(q * m)
        if not (whole is sp.E or isinstance(whole, sp.exp)):
            return self.value(whole)
        known = self._exponentials.get(m)
        if known is None or known[0] % int(q.q):
            known = self._exponentials[m] = int(q.q), sp.exp(m / q.q)
        degree, base = known
        exponent = int(q.p) * (degree // int(q.q))
        found = self.power(self.atom(base), abs(exponent))
        return self.reciprocal(found) if exponent < 0 else found

    def atom(self, e: sp.Expr) -> Polynomial:
        """The generator of this value, taken as it is."""
        if e not in self._known:
            self._known[e] = self._generator(e)
        return self.lifted(self._known[e])

    def function(self, name: str, p: Polynomial) -> Polynomial:
        """What SymPy says is the value of an elementary function."""
        if name == "exp":
            return self.exponential(p)
        function = FUNCTIONS.get(name, sp.sqrt)
        argument = self.sympy(p)
        if hasattr(function, "definition"):
            return self.value(function.definition(argument))
        return self.value(function(argument) if len(p) <= ASKED else function(argument, evaluate=False))

    def reciprocal(self, p: Polynomial) -> Polynomial:
        """1/p of a constant that is not zero: rational denominators where these are roots, else a generator."""
        p = self.lifted(self.reduced(p))
        if p.is_constant():
            return self.rational(1 / p.leading_coefficient())
        if len(p) == 1:
            ((monomial, q),) = p.terms()
            result = self.rational(1 / q)
            for name, k in zip(p.context().names(), monomial, strict=True):
                if k:
                    result = self.product(result, self.power(self._of_generator(name), int(k)))
            return result
        conjugate = self._conjugate(p)
        if conjugate is not None and self._is_not_zero(conjugate):
            return self.product(conjugate, self.reciprocal(self.product(p, conjugate)))
        scale = p.leading_coefficient()
        monic = p * (1 / scale)
        return self._inverse(monic, 1 / self.sympy(monic)) * (1 / scale)

    def _of_generator(self, name: str) -> Polynomial:
        """1/g."""
        g = self._context.gen(self._context.variable_to_index(name))
        if name in self._roots:
            degree, radicand = self._roots[name]
            return self.product(self.power(g, degree - 1), self.reciprocal(radicand))
        inverse = self._inverse(g, 1 / self.sympy(g))
        if name in self._squares:  # g⁻¹ g² = g, which the other two relations do not reduce
            square = self.lifted(self._squares.pop(name))
            self._relations.insert(0, self.lifted(inverse) * square - self.lifted(g))
        return inverse

    def _inverse(self, p: Polynomial, value: sp.Expr) -> Polynomial:
        if value not in self._known:
            self._known[value] = self._generator(value, lambda r: r * self.lifted(p) - 1)
        return self.lifted(self._known[value])

    def _conjugate(self, p: Polynomial) -> Polynomial | None:
        """a − b g of a + b g, g a square root; None where none occurs."""
        for place, degree in enumerate(p.degrees()):
            name = self._context.names()[place]
            if degree and self._roots.get(name, (0,))[0] == 2:
                g = self._context.gen(place)
                return self.lifted(p).compose(*(-x if x == g else x for x in self._context.gens()))
        return None

    def _is_not_zero(self, p: Polynomial) -> bool:
        try:
            return self.sign(p) != 0
        except UndecidedError:
            return False

    def sign(self, p: Polynomial) -> int:
        """1, 0 or −1 of a constant. Raises UndecidedError."""
        p = self.reduced(p)
        if p.is_constant():
            q = p.leading_coefficient() if not p.is_zero() else 0
            return (q > 0) - (q < 0)
        for bits in PRECISIONS:
            ball = self._ball(p, bits)
            if not ball.is_finite():
                continue
            if ball > 0 or ball < 0:
                return 1 if ball > 0 else -1
        value = self.sympy(p)
        if value.is_zero or sp.expand(value, trig=True) == 0 or Constants().value(_by_exp_sin_cos(value)).is_zero():
            return 0
        raise UndecidedError(f"it cannot be told whether {value!s:.60} is zero")

    def _ball(self, p: Polynomial, bits: int) -> Any:
        with balls.precision(bits):
            total = flint.arb(0)
            for monomial, q in p.terms():
                term = flint.arb(q)
                for value, k in zip(self._values, monomial, strict=False):
                    term = term * self._generator_ball(value, bits) ** int(k) if k else term
                total += term
            return total

    def _generator_ball(self, value: sp.Expr, bits: int) -> Any:
        if (value, bits) not in self._balls:
            (self._balls[value, bits],) = evaluate([from_sympy(Graph(), value)], {}, balls.BallDomain())
        return self._balls[value, bits]

    def pruned(self, p: Polynomial) -> Polynomial:
        """p without the monomials in the displacements whose constants are zero. Raises UndecidedError."""
        kept = self.rational(0)
        for monomial, constant in self.by_displacement(p).items():
            if self.sign(constant):
                kept = self.lifted(kept) + self._context.from_dict(
                    {(*m[: len(self._values)], *monomial): q for m, q in constant.terms()}
                )
        return kept

    def by_displacement(self, p: Polynomial) -> dict[tuple[int, ...], Polynomial]:
        """The constant before every monomial in the displacements."""
        p = self.lifted(p)
        count = len(self._values)
        found: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
        for monomial, q in p.terms():
            rest = (*monomial[:count], *(0 for _ in self._free))
            found.setdefault(tuple(map(int, monomial[count:])), {})[rest] = q
        return {exponents: self._context.from_dict(terms) for exponents, terms in found.items()}

    def _monomial(self, exponents: Sequence[int]) -> sp.Expr:
        return sp.Mul(*(self._power(v, int(k)) for v, k in zip(self._values, exponents, strict=False) if k))

    def _power(self, value: sp.Expr, exponent: int) -> sp.Expr:
        """Kept, because SymPy asks for the signs of bases."""
        if (value, exponent) not in self._powers:
            self._powers[value, exponent] = value**exponent
        return self._powers[value, exponent]

    def sympy(self, p: Polynomial) -> sp.Expr:
        """The constant in SymPy."""
        p = self.lifted(p)
        return sp.Add(*(number(q) * self._monomial(monomial) for monomial, q in p.terms()))


def _by_exp_sin_cos(e: sp.Expr) -> sp.Expr:
    """The same constant without functions that are quotients and sums of exp, sin and cos."""
    e = e.replace(sp.tan, lambda a: sp.sin(a) / sp.cos(a)).replace(sp.tanh, lambda a: sp.sinh(a) / sp.cosh(a))
    e = e.replace(sp.sinh, lambda a: (sp.exp(a) - sp.exp(-a)) / 2)
    return e.replace(sp.cosh, lambda a: (sp.exp(a) + sp.exp(-a)) / 2)


def number(q: Any) -> sp.Rational:
    """A rational number of flint's, in SymPy."""
    return sp.Rational(int(q.p), int(q.q))


def exact(at: object) -> sp.Expr:
    """A constant given as a number or in SymPy, floats at their exact values.

    Raises ResiduaError for anything else, and for what is not finite.
    """
    try:
        e = at if isinstance(at, sp.Expr) else sp.Rational(at)
        if e.is_Rational and e.is_finite:
            return e
        e = e.xreplace({f: sp.Rational(f) for f in e.atoms(sp.Float)})
    except (TypeError, ValueError):
        raise ResiduaError(f"expected a point, got {at!r:.40}") from None
    if e.free_symbols or e.has(sp.nan) or e.is_finite is False or e.is_real is False:
        raise ResiduaError(f"expected a real number as the point, got {at!s:.40}")
    return e
