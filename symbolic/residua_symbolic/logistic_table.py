"""The swell table of Baydin et al. (arXiv:1502.05767, Table 1): iterates of 4 x (1 − x), and their derivatives."""

from dataclasses import dataclass

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step

X = sp.Symbol("x", real=True)


@dataclass(frozen=True)
class Level:
    """l_n in factors, its derivative by the product rule as it comes, and that derivative collected."""

    n: int
    iterate: sp.Expr
    derivative: sp.Expr
    simplified: sp.Expr

    @property
    def coefficients(self) -> tuple[int, ...]:
        """Of the derivative, from the constant on, without what they have in common."""
        return tuple(int(c) // self.factor for c in reversed(sp.Poly(self.simplified, X).all_coeffs()))

    @property
    def factor(self) -> int:
        """What they have in common, with the sign of the constant."""
        polynomial = sp.Poly(self.simplified, X)
        content = int(polynomial.content())
        return content if polynomial.eval(0) > 0 else -content


def level(n: int) -> Level:
    """Row n of the table."""
    iterate: sp.Expr = X
    for _ in range(n - 1):
        iterate = sp.expand(4 * iterate * (1 - iterate))
    number, factors = sp.factor_list(iterate, X)
    signed = []
    for factor, power in factors:
        turned = factor if factor.subs(X, 0) >= 0 else -factor  # 1 − x, not x − 1
        number *= (-1) ** power if turned is not factor else 1
        signed.append((turned, power))
    signed.sort(key=lambda pair: (sp.degree(pair[0], X), len(str(pair[0]))))
    return Level(n, _product(number, signed), _product_rule(number, signed), _collected(iterate))


def _product(number: sp.Expr, factors: list[tuple[sp.Expr, int]]) -> sp.Expr:
    """As it stands: SymPy would multiply 4 (1 − x) out."""
    parts = [sp.Pow(factor, power) for factor, power in factors if power and factor != 1]
    parts = parts if number == 1 and parts else [number, *parts]
    return parts[0] if len(parts) == 1 else sp.Mul(*parts, evaluate=False)


def _product_rule(number: sp.Expr, factors: list[tuple[sp.Expr, int]]) -> sp.Expr:
    """Σ over the factors, numbers collected in front of each term, nothing else done."""
    terms = []
    for k, (factor, power) in enumerate(factors):
        slope = sp.diff(factor, X)
        rest = [*factors[:k], (factor, power - 1), *factors[k + 1 :]]
        if slope.is_number:
            terms.append(_product(number * power * slope, rest))
        else:
            terms.append(_product(number * power, [(slope, 1), *rest]))
    return terms[0] if len(terms) == 1 else sp.Add(*terms, evaluate=False)


def _collected(iterate: sp.Expr) -> sp.Expr:
    content, primitive = sp.Poly(sp.diff(iterate, X), X).primitive()
    if primitive.eval(0) < 0:
        content, primitive = -content, -primitive
    return primitive.as_expr() if content == 1 else sp.Mul(content, primitive.as_expr(), evaluate=False)


def derive_table(levels: int = 4) -> Derivation:
    """Rows 1 … levels, each column proved from the iteration alone."""
    steps = []
    for row in map(level, range(1, levels + 1)):
        name = sp.Function(f"l_{row.n}")(X)
        slope = sp.Derivative(name, X)
        steps += [
            Step(f"l_{row.n}", name, row.iterate, "4 l (1 − l) of the row before, in factors", (_values(row.n),)),
            Step(
                f"slope {row.n}", slope, row.derivative, "product rule on the factors, as it comes", (_slopes(row.n),)
            ),
            Step(
                f"collected {row.n}",
                slope,
                row.simplified,
                "multiplied out, the common factor in front",
                (_slopes(row.n),),
            ),
        ]
    last = steps[-1]
    title = "The table of Baydin et al., derived"
    return Derivation(title, last.left, last.right, ("l_1 = x, l_(n+1) = 4 l_n (1 − l_n)",), tuple(steps))


def _values(n: int) -> Proof:
    return Proof("the iteration in fractions, at more points than the degree", lambda right: _agrees(right, n, 0))


def _slopes(n: int) -> Proof:
    by = "value and slope carried through the iteration in fractions, at more points than the degree"
    return Proof(by, lambda right: _agrees(right, n, 1))


def _agrees(right: sp.Expr, n: int, which: int) -> bool:
    """Polynomials of degree 2^(n−1) that agree at more points than that are equal."""
    points = [sp.Rational(k, 7) for k in range(2 ** (n - 1) + 2)]
    return all(right.subs(X, point) == _carried(point, n)[which] for point in points)


def _carried(at: sp.Rational, n: int) -> tuple[sp.Rational, sp.Rational]:
    value, slope = at, sp.Integer(1)
    for _ in range(n - 1):
        value, slope = 4 * value * (1 - value), 4 * slope * (1 - 2 * value)
    return value, slope
