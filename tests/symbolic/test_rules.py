"""Every rule refuses what is wrong, and gives what SymPy and numbers give for functions that it has not seen."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp

from residua_symbolic import Derivation, ProofError, Step
from residua_symbolic.first_order import Local, Slope, h, x
from residua_symbolic.rules import RULES, N, c, m, n, t, w, y

from .planted import refuses, refuses_in_place
from .test_printing import problems

every = pytest.mark.parametrize("name", RULES)
f, g, q = (sp.Function(name) for name in "fgq")


def proved(derivation: Derivation) -> list[Step]:
    return [step for step in derivation.steps if step.proofs]


def wrong_versions(right: sp.Expr) -> list[sp.Expr]:
    """Each term dropped or of the other sign, a factor more, something that vanishes with h, functions exchanged."""
    found = [right + 1, 2 * right + h, right + h, right + sp.Symbol("nu") * right]
    terms = sp.Add.make_args(right)
    found += [right - term for term in terms] + [right - 2 * term for term in terms]
    found += [right.replace(f, q), right.replace(g, f), right.xreplace({h: 2 * h}), sp.Integer(0)]
    return [wrong for wrong in found if wrong != right and sp.expand(wrong - right) != 0]


@every
def test_a_rule_proves_itself_and_refuses_what_is_wrong(name: str) -> None:
    derivation = RULES[name]()
    derivation.check()
    assert derivation.formula == derivation.steps[-1].right
    assert len(proved(derivation)) >= 2
    for step in proved(derivation):
        wrong = wrong_versions(step.right)
        assert len(wrong) >= 3
        for right in wrong:
            with pytest.raises(ProofError):
                replace(step, right=right).check()
        refuses_in_place(derivation, step, wrong[0])


@every
def test_both_proofs_of_a_rule_refuse_alone(name: str) -> None:
    step = RULES[name]().steps[-1]
    assert len(step.proofs) == 2
    for wrong in (2 * step.right, step.right + 1):
        refuses(step, wrong)


@pytest.mark.parametrize("name", ["sum", "product", "quotient", "chain"])
def test_something_that_vanishes_with_the_step_is_no_part_of_a_derivative(name: str) -> None:
    step = RULES[name]().steps[-1]
    for small in (h, Local("f").remainder, Local("g").remainder, sp.Symbol("k", real=True)):
        with pytest.raises(ProofError):
            replace(step, right=step.right + small, proofs=step.proofs[:1]).check()


@every
def test_all_is_printed_without_operatorname(name: str) -> None:
    derivation = RULES[name]()
    for text in (derivation.latex(), *(step.latex() for step in derivation.steps)):
        assert not [fault for fault in problems(text) if fault != "two signs"], text


FUNCTIONS = {f: sp.exp, g: lambda e: 2 + sp.sin(e), q: lambda e: e**3 - sp.log(e)}


@pytest.mark.parametrize("name", ["sum", "constant factor", "product", "reciprocal", "quotient"])
def test_arithmetic_against_sympy_on_functions_that_are_no_polynomials(name: str) -> None:
    derivation = RULES[name]()
    whole = derivation.steps[0].right
    true, claimed = sp.diff(put_in(whole), x), put_in(derivation.formula)
    for at in (Fraction(1, 3), Fraction(7, 5)):
        point = {x: sp.Rational(at), c: sp.Rational(5, 3)}
        assert abs(sp.N((true - claimed).subs(point), 40)) < 1e-35


def put_in(e: sp.Expr) -> sp.Expr:
    for function, meaning in FUNCTIONS.items():
        e = e.replace(function, meaning)
    return e.replace(lambda part: isinstance(part, Slope), lambda part: sp.diff(part.args[0], part.args[1][0]))


def at_point(e: sp.Expr, point: dict[sp.Symbol, Any]) -> sp.Expr:
    """Symbols replaced at once, so that derivatives are those at the point."""
    return sp.N(e.xreplace(point), 40)


def test_the_chain_rules_against_sympy() -> None:
    claimed = at_point(put_in(RULES["chain"]().formula).subs(y, put_in(g(x))), {x: sp.Rational(2, 7)})
    assert abs(claimed - at_point(sp.diff(put_in(f(g(x))), x), {x: sp.Rational(2, 7)})) < 1e-35
    z = sp.exp(x) * sp.sin(y) + x * y**2
    inner = {x: put_in(g(t)), y: put_in(q(t))}
    rule = RULES["chain, two variables"]().formula.replace(f, lambda first, second: z)
    claimed = put_in(rule).subs(inner)
    true = sp.diff(z.subs(inner), t)
    assert abs(at_point(claimed - true, {t: sp.Rational(3, 4)})) < 1e-30


def test_linearity_is_for_any_number_of_terms() -> None:
    """By hand for Σ n² wⁿ, N = 1…7: beyond what the proof multiplies out."""
    formula = RULES["linearity"]().formula
    C = sp.Function("C")
    for size in range(1, 8):
        by_rule = formula.xreplace({N: size}).replace(C, lambda number, at: number**2 * at**number).doit()
        assert sp.expand(by_rule - sum(p**3 * w ** (p - 1) for p in range(1, size + 1))) == 0


def test_sums_of_the_wrong_length_are_refused() -> None:
    for name, size in (("linearity", N), ("chain, many variables", m)):
        step = RULES[name]().steps[-1]
        (limits,) = step.right.limits
        for last in (size - 1, size + 1, sp.Integer(3)):
            refuses(step, sp.Sum(step.right.function, (limits[0], 1, last)))
        refuses(step, sp.Sum(step.right.function, (limits[0], 2, size)))


def test_power() -> None:
    for exponent in range(1, 9):
        assert RULES["power"]().formula.xreplace({n: sp.Integer(exponent)}) == sp.diff(x**exponent, x)
