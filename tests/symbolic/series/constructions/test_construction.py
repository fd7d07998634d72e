from collections.abc import Callable
from dataclasses import replace

import pytest
import sympy as sp

from residua_symbolic import Derivation, ProofError
from residua_symbolic.series.constructions import construction, folds

from ...test_printing import problems

DERIVATIONS: dict[str, Callable[[], Derivation]] = {
    f.__name__: f
    for f in (
        construction.telescoped,
        construction.taylor_formula,
        construction.read_literally,
        construction.fed_the_input,
        construction.first_block_corrected,
        construction.carried_state,
        construction.matched_order_by_order,
        construction.reversion,
        folds.two_points,
        folds.best_block,
        folds.fold_of_sine,
        folds.fold_of_exp,
        folds.fold_of_tanh,
    )
}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_step_proves_itself_and_refuses_what_is_wrong(name: str) -> None:
    derivation = DERIVATIONS[name]()
    derivation.check()
    proved = [step for step in derivation.steps if step.proofs]
    assert proved
    for step in proved:
        polynomial = step.right.removeO() if isinstance(step.right, sp.Expr) else step.right
        order = step.right.getO() or 0
        for wrong in (polynomial + sp.Rational(1, 100), 2 * polynomial + sp.Symbol("x", real=True), -polynomial - 1):
            with pytest.raises(ProofError):
                replace(step, right=wrong + order).check()


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_statement_prints(name: str) -> None:
    derivation = DERIVATIONS[name]()
    for text in (derivation.latex(), *(step.latex() for step in derivation.steps)):
        assert not [fault for fault in problems(text) if fault != "two signs"], text


@pytest.mark.parametrize("name", ["read_literally", "first_block_corrected", "matched_order_by_order", "reversion"])
def test_a_statement_about_more_orders_than_are_proved_is_refused(name: str) -> None:
    """Without its O(…), or with a weaker one, a series is another statement."""
    for step in DERIVATIONS[name]().steps:
        if step.proofs and step.right.getO() is not None:
            for wrong in (step.right.removeO(), step.right + sp.O(next(iter(step.right.getO().free_symbols)) ** 2)):
                with pytest.raises(ProofError):
                    replace(step, right=wrong).check()


def test_one_wrong_coefficient_of_the_literal_series_is_refused() -> None:
    x, c = construction.x, construction.c
    (step,) = [s for s in construction.read_literally().steps if s.name == "all blocks"]
    for wrong in (c[2] * c[3] * x**4, c[2] * x**2, c[1] * x, x):
        with pytest.raises(ProofError):
            replace(step, right=step.right + wrong).check()


def test_wrong_statements_of_the_right_shape_are_refused() -> None:
    """The smaller of the two errors, the other point of the ellipse, the other root, another beginning, f at the wrong
    end: each differs from what is printed by a sign or a name only."""
    z, low, high = sp.symbols("z m M", real=True)
    b = sp.Symbol("b", positive=True)
    formula = construction.taylor_formula().steps[1].right
    (integral,) = formula.atoms(sp.Integral)
    wrong = (
        (folds.best_block, "sup norm", (high - low) / 2 - sp.Abs(z - (low + high) / 2)),
        (folds.fold_of_tanh, "the point with the state of b", (-sp.sqrt(12 - 3 * b**2) - b) / 2),
        (folds.fold_of_sine, "where it is largest", (9 - 3 * sp.sqrt(13)) / 4),
        (construction.fed_the_input, "begun with f(0)", sp.IndexedBase("c")[0]),
        (construction.fed_the_input, "begun with x", construction.x),
        (construction.taylor_formula, "Taylor's formula", formula.xreplace({construction.a: construction.t})),
        (construction.taylor_formula, "Taylor's formula", formula - 2 * integral),
        (construction.taylor_formula, "Taylor's formula", formula - integral),
    )
    for make, name, right in wrong:
        (step,) = [s for s in make().steps if s.name == name]
        step.check()
        with pytest.raises(ProofError):
            replace(step, right=right).check()
